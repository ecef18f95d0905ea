/*
 * Small file helpers over plain POSIX calls. Nothing is cached.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

void file_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool file_read(const char *path, size_t limit, struct buf *out, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t before = out->len;
	struct stat at;

	if (fd < 0 || fstat(fd, &at) < 0)
		return err_errno(err, ERR_REJECT, "%s", path);
	if (!S_ISREG(at.st_mode))
		return err_set(err, ERR_REJECT, "%s: not a file", path);
	for (;;) {
		ssize_t got;

		buf_reserve(out, 65536);
		got = read(fd, out->data + out->len, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_REJECT, "%s", path);
		if (got == 0)
			return true;
		out->len += (size_t)got;
		out->data[out->len] = '\0';
		if (out->len - before > limit)
			return err_set(err, ERR_REJECT, "%s: larger than %zu bytes", path, limit);
	}
}

bool file_write_all(int fd, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len) {
		ssize_t put = write(fd, at, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(err, ERR_RETRY, "write");
		at += put;
		len -= (size_t)put;
	}
	return true;
}

static bool sync_folder_of(const char *path, struct err *err)
{
	DEFER(freep) char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	DEFER(file_closep) int fd = -1;

	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, ERR_RETRY, "%s", folder);
	return true;
}

static bool write_synced(int fd, const void *data, size_t len, mode_t mode, struct err *err)
{
	if (!file_write_all(fd, data, len, err))
		return false;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_errno(err, ERR_RETRY, "fsync");
	return true;
}

bool file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	DEFER(freep) char *temporary = xasprintf("%s.XXXXXX", path);
	DEFER(file_closep) int fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, ERR_REJECT, "%s", path);
	if (!write_synced(fd, data, len, mode, err)) {
		unlink(temporary);
		return err_context(err, "%s", path);
	}
	if (rename(temporary, path) < 0) {
		err_errno(err, ERR_REJECT, "%s", path);
		unlink(temporary);
		return false;
	}
	return sync_folder_of(path, err);
}

static bool make_folder(const char *path, mode_t mode, struct err *err)
{
	struct stat at;

	if (mkdir(path, mode) == 0)
		return true;
	if (errno != EEXIST)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	if (stat(path, &at) == 0 && S_ISDIR(at.st_mode))
		return true;
	return err_set(err, ERR_OPERATOR, "%s: is a file, a folder is needed there", path);
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	DEFER(freep) char *copy = xstrdup(path);

	for (char *at = copy + 1; *copy; at++) {
		if (*at && *at != '/')
			continue;
		char kept = *at;

		*at = '\0';
		if (!make_folder(copy, mode, err))
			return false;
		if (!kept)
			break;
		*at = kept;
	}
	return true;
}
