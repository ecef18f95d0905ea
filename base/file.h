/*
 * Files: whole reads with a limit, writes that appear complete or not at all, folders with parents.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file; more than `limit` bytes, a folder or a device is ERR_REJECT. Errors name
 * the path. */
bool file_read(const char *path, size_t limit, struct buf *out, struct err *err) MUST_CHECK;

/* Writes path.XXXXXX beside it, fsyncs file and folder, renames. On failure nothing of it is left.
 */
bool file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
		       struct err *err) MUST_CHECK;

/* mkdir -p; existing folders are fine. */
bool file_make_dirs(const char *path, mode_t mode, struct err *err) MUST_CHECK;

/* All of data, over short writes and EINTR. */
bool file_write_all(int fd, const void *data, size_t len, struct err *err) MUST_CHECK;

void file_closep(int *fd); /* close for DEFER; -1 is absent */
