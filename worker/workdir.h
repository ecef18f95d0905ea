/*
 * Folders for attempts: STATE_DIR/work/PID-XXXXXX/TAG, one level a parent, one an attempt. A parent
 * holds a lock on its level while it lives; what nobody holds was left by the dead and is removed
 * when the next one starts.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct workdir {
	char *path;
	int lock_fd; /* -1 when not open */
};

bool workdir_open(struct workdir *workdir, const char *state_dir, struct err *err) MUST_CHECK;
void workdir_done(struct workdir *workdir); /* removes it with all that is in it */

/* A new empty folder. Caller frees. */
bool workdir_make(const struct workdir *workdir, uint64_t tag, char **out_path,
		  struct err *err) MUST_CHECK;

/* Removes a folder and what is in it. Links are removed, not followed; what cannot be removed
 * stays.
 */
void workdir_remove(const char *path);
