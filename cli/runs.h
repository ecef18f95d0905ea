/*
 * What `reel run` remembers of a spec: the last batch it made of it on a farm.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/session.h"

struct run_memory {
	char *batch; /* NULL: never run here */
	uint64_t fingerprint;
};

/* spec: canonical path. A memory that cannot be read is none, and says so as a note. */
void runs_recall(const struct session *session, const char *spec, struct run_memory *out);
void run_memory_done(struct run_memory *memory);

bool runs_remember(const struct session *session, const char *spec, const char *batch,
		   uint64_t fingerprint, struct err *err) MUST_CHECK;
