/*
 * Work folders and their removal. The lock and not the pid in the name says who lives: pids are
 * used again. A child inherits the lock's description and gives it up with all its other
 * descriptors.
 */
#include "worker/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"

enum { DEPTH_MAX = 32 };

static void folder_closep(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static void remove_at(int parent, const char *name, unsigned depth)
{
	DEFER(folder_closep) DIR *folder = NULL;
	struct dirent *entry;
	int fd;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT || depth > DEPTH_MAX)
		return;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	folder = fd < 0 ? NULL : fdopendir(fd);
	while (folder && (entry = readdir(folder)))
		if (!is_dots(entry->d_name))
			remove_at(dirfd(folder), entry->d_name, depth + 1);
	(void)unlinkat(parent, name, AT_REMOVEDIR); /* swept at the next start when it stays */
}

void workdir_remove(const char *path)
{
	remove_at(AT_FDCWD, path, 0);
}

static int lock_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		file_closep(&fd);
	return fd;
}

static void sweep(const char *root)
{
	DEFER(folder_closep) DIR *folder = opendir(root);
	struct dirent *entry;
	unsigned removed = 0;

	while (folder && (entry = readdir(folder))) {
		DEFER(file_closep) int lock = -1;

		if (is_dots(entry->d_name))
			continue;
		lock = lock_folder(dirfd(folder), entry->d_name);
		if (lock < 0)
			continue; /* somebody is at work there */
		remove_at(dirfd(folder), entry->d_name, 0);
		removed++;
	}
	if (removed)
		log_info("work folders of dead workers removed count=%u", removed);
}

/* Between mkdir and lock another parent's sweep may take the folder for a dead one's: then it is
 * gone and we make the next. */
static bool make_locked(struct workdir *workdir, const char *root, struct err *err)
{
	for (int attempt = 0; attempt < 16; attempt++) {
		DEFER(freep) char *path = xasprintf("%s/%d-XXXXXX", root, (int)getpid());
		struct stat at;
		int fd;

		if (!mkdtemp(path))
			return err_errno(err, ERR_OPERATOR, "%s", path);
		fd = lock_folder(AT_FDCWD, path);
		if (fd >= 0 && stat(path, &at) == 0) {
			workdir->path = TAKE(path);
			workdir->lock_fd = fd;
			return true;
		}
		file_closep(&fd);
	}
	return err_set(err, ERR_RETRY, "%s: could not lock a work folder", root);
}

bool workdir_open(struct workdir *workdir, const char *state_dir, struct err *err)
{
	DEFER(freep) char *root = xasprintf("%s/work", state_dir);

	*workdir = (struct workdir){ .lock_fd = -1 };
	if (!file_make_dirs(root, 0755, err))
		return err_context(err, "work folder");
	sweep(root);
	if (!make_locked(workdir, root, err))
		return err_context(err, "work folder");
	return true;
}

void workdir_done(struct workdir *workdir)
{
	if (workdir->path)
		workdir_remove(workdir->path);
	freep(&workdir->path);
	file_closep(&workdir->lock_fd);
}

bool workdir_make(const struct workdir *workdir, uint64_t tag, char **out_path, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s/%llu", workdir->path, (unsigned long long)tag);

	if (mkdir(path, 0700) < 0)
		return err_errno(err, ERR_OPERATOR, "work folder %s", path);
	*out_path = TAKE(path);
	return true;
}
