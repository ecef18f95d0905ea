/*
 * The directory backend:
 *
 *      ROOT/tmp/XXXXXX.mp4                     being written, by anyone
 *      ROOT/sha256/ab/cd/abcd…(64 digits)      finished, read-only by convention, never changed
 *
 * A file enters sha256/ by one rename of a synced file, so whoever can see it sees all of it, and
 * after a power cut it is there or not. There is no index: the folders are it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/macros.h"
#include "pipeline/store/backend.h"

enum { ID_DIGITS = 20, FOLDER_MODE = 0755, FILE_MODE = 0644 };

struct dir {
	char *root, *tmp, *objects;
	const char *folders[3];
};

static void dir_close(void *state)
{
	struct dir *dir = state;

	free(dir->root);
	free(dir->tmp);
	free(dir->objects);
	free(dir);
}

static void dir_closep(struct dir **dir)
{
	if (*dir)
		dir_close(*dir);
}

static void folder_closep(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool folder_prepare(const char *path, struct err *err)
{
	struct stat at;

	if (!file_make_dirs(path, FOLDER_MODE, err))
		return false;
	if (stat(path, &at) < 0)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	if (!S_ISDIR(at.st_mode))
		return err_set(err, ERR_OPERATOR, "%s is a file; a folder is needed there", path);
	if (access(path, R_OK | W_OK | X_OK) == 0)
		return true;
	err_errno(err, ERR_OPERATOR,
		  "%s cannot be written by user %u; give it to that user (chown), mount it "
		  "read-write, or set `store:` to another folder",
		  path, (unsigned)geteuid());
	err->kind = ERR_OPERATOR;
	return false;
}

static bool dir_open(const char *location, void **out, struct err *err)
{
	DEFER(dir_closep) struct dir *dir = NULL;

	if (location[0] != '/')
		return err_set(err, ERR_REJECT, "'%s' is not an absolute path", location);
	dir = xcalloc(1, sizeof(*dir));
	dir->root = xstrdup(location);
	for (size_t len = strlen(dir->root); len > 1 && dir->root[len - 1] == '/'; len--)
		dir->root[len - 1] = '\0';
	dir->tmp = xasprintf("%s/tmp", dir->root);
	dir->objects = xasprintf("%s/sha256", dir->root);
	dir->folders[0] = dir->tmp;
	dir->folders[1] = dir->objects;
	if (!folder_prepare(dir->root, err) || !folder_prepare(dir->tmp, err) ||
	    !folder_prepare(dir->objects, err))
		return false;
	*out = TAKE(dir);
	return true;
}

static const char *const *dir_folders(const void *state)
{
	const struct dir *dir = state;

	return dir->folders;
}

/* Where an error of this disk is not passing trouble, it says what a person can do about it. */
static bool disk_error(struct err *err, const char *what, const char *path)
{
	int code = errno;

	err_errno(err, ERR_RETRY, "%s %s", what, path);
	if (code == ENOSPC || code == EDQUOT)
		err_context(err, "the media store is full; free space or run `reel gc`");
	else if (code == EROFS)
		err_context(err, "the media store is read-only; remount it read-write");
	else if (code == EACCES || code == EPERM)
		err_context(err, "the media store does not belong to user %u; chown it",
			    (unsigned)geteuid());
	return false;
}

static bool sync_folder(const char *path, struct err *err)
{
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return disk_error(err, "sync", path);
	return true;
}

static bool dir_create(void *state, const char *suffix, char **out_path, struct err *err)
{
	struct dir *dir = state;
	DEFER(freep) char *path = xasprintf("%s/XXXXXX%s", dir->tmp, suffix);
	DEFER(file_closep) int fd = mkostemps(path, (int)strlen(suffix), O_CLOEXEC);

	if (fd < 0)
		return disk_error(err, "create", path);
	*out_path = TAKE(path);
	return true;
}

static void dir_abandon(void *state, const char *path)
{
	(void)state;
	(void)unlink(path); /* already gone is as good; anything else is swept after a day */
}

static char *object_path(const struct dir *dir, const char *sha256)
{
	return xasprintf("%s/%.2s/%.2s/%s", dir->objects, sha256, sha256 + 2, sha256);
}

static bool make_synced_folder(const char *parent, const char *path, struct err *err)
{
	if (mkdir(path, FOLDER_MODE) == 0)
		return sync_folder(parent, err);
	if (errno == EEXIST)
		return true;
	return disk_error(err, "create", path);
}

/* sha256/ab/cd for a hash; both levels are on disk when it returns. */
static bool make_shard(const struct dir *dir, const char *sha256, char **out, struct err *err)
{
	DEFER(freep) char *upper = xasprintf("%s/%.2s", dir->objects, sha256);
	DEFER(freep) char *lower = xasprintf("%s/%.2s", upper, sha256 + 2);

	if (!make_synced_folder(dir->objects, upper, err) || !make_synced_folder(upper, lower, err))
		return false;
	*out = TAKE(lower);
	return true;
}

/* The short id, unless another file of this shard begins with the same digits. */
static void choose_id(const char *shard, struct store_item *item)
{
	DEFER(folder_closep) DIR *folder = opendir(shard);
	struct dirent *entry;

	snprintf(item->id, sizeof(item->id), "m_%.*s", ID_DIGITS, item->sha256);
	while (folder && (entry = readdir(folder)))
		if (!strncmp(entry->d_name, item->sha256, ID_DIGITS) &&
		    strcmp(entry->d_name, item->sha256) != 0)
			snprintf(item->id, sizeof(item->id), "m_%s", item->sha256);
}

static bool item_stat(const char *path, struct store_item *item)
{
	struct stat at;

	if (stat(path, &at) < 0 || !S_ISREG(at.st_mode))
		return false;
	item->bytes = at.st_size;
	item->stored_at_s = at.st_mtime;
	return true;
}

/* Puts the synced file `path` where its hash belongs. The same bytes may be there already: they are
 * kept and their time is refreshed; a file of another size under this name is damage and is
 * replaced. */
static bool place(const char *path, const char *object, const char *shard, int64_t bytes,
		  struct err *err)
{
	struct store_item there;

	if (item_stat(object, &there) && there.bytes == bytes &&
	    utimensat(AT_FDCWD, object, NULL, 0) == 0) {
		(void)unlink(path); /* a leftover in tmp/ is swept after a day */
		return true;
	}
	if (rename(path, object) < 0)
		return disk_error(err, "rename into", object);
	return sync_folder(shard, err);
}

static bool commit_open_file(struct dir *dir, const char *path, int fd, struct store_item *out,
			     struct err *err)
{
	DEFER(freep) char *shard = NULL;
	DEFER(freep) char *object = NULL;
	struct store_item item = { 0 };

	if (!store_hash_file(fd, item.sha256, &item.bytes, err))
		return err_context(err, "%s", path);
	if (fchmod(fd, FILE_MODE) < 0 || fsync(fd) < 0)
		return disk_error(err, "sync", path);
	object = object_path(dir, item.sha256);
	if (!make_shard(dir, item.sha256, &shard, err) ||
	    !place(path, object, shard, item.bytes, err))
		return false;
	if (!item_stat(object, &item))
		return disk_error(err, "read back", object);
	choose_id(shard, &item);
	*out = item;
	return true;
}

static bool dir_commit(void *state, const char *path, struct store_item *out, struct err *err)
{
	DEFER(file_closep) int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return disk_error(err, "open", path);
	return commit_open_file(state, path, fd, out, err);
}

static bool copy_by_hand(int from, int to, const char *temporary, int64_t limit, struct err *err)
{
	DEFER(freep) char *piece = xmalloc(256 << 10);
	int64_t copied = 0;
	ssize_t got;

	while ((got = read(from, piece, 256 << 10)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_RETRY, "read");
		if (!file_write_all(to, piece, (size_t)got, err))
			return disk_error(err, "copy into", temporary);
		copied += got;
		if (copied > limit)
			return true; /* the caller sees that it is too much */
	}
	return true;
}

/* Shares the blocks where the file system can, else lets the kernel copy, else copies. */
static bool copy_file(int from, int to, const char *temporary, int64_t limit, struct err *err)
{
	int64_t copied = 0;
	ssize_t more;

	if (ioctl(to, FICLONE, from) == 0)
		return true;
	errno = 0;
	while (copied <= limit && (more = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
		copied += more;
	if (copied > limit || (copied > 0 && more == 0))
		return true;
	if (copied > 0 || errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return disk_error(err, "copy into", temporary);
	return copy_by_hand(from, to, temporary, limit,
			    err); /* not between these two file systems */
}

static bool open_source(const char *path, int64_t max_bytes, int *out, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat at;

	if (fd < 0 || fstat(fd, &at) < 0) {
		err_errno(err, ERR_REJECT, "%s", path);
		if (err->kind == ERR_OPERATOR)
			err->kind = ERR_REJECT; /* the user's file, not our disk */
		return false;
	}
	if (!S_ISREG(at.st_mode))
		return err_set(err, ERR_REJECT, "%s: not a file", path);
	if (at.st_size == 0)
		return err_set(err, ERR_REJECT, "%s: the file is empty", path);
	if (at.st_size > max_bytes)
		return err_set(err, ERR_REJECT, "%s: %lld bytes, more than the limit of %lld", path,
			       (long long)at.st_size, (long long)max_bytes);
	*out = fd;
	fd = -1;
	return true;
}

static bool fill_and_commit(struct dir *dir, int source, const char *temporary, int64_t max_bytes,
			    struct store_item *out, struct err *err)
{
	DEFER(file_closep) int fd = open(temporary, O_RDWR | O_CLOEXEC);
	struct stat at;

	if (fd < 0)
		return disk_error(err, "open", temporary);
	if (!copy_file(source, fd, temporary, max_bytes, err))
		return false;
	if (fstat(fd, &at) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return disk_error(err, "read back", temporary);
	if (at.st_size > max_bytes)
		return err_set(err, ERR_REJECT, "it grew over the limit of %lld bytes",
			       (long long)max_bytes);
	return commit_open_file(dir, temporary, fd, out, err);
}

static bool dir_add(void *state, const char *path, int64_t max_bytes, struct store_item *out,
		    struct err *err)
{
	DEFER(file_closep) int source = -1;
	DEFER(freep) char *temporary = NULL;

	if (!open_source(path, max_bytes, &source, err) || !dir_create(state, "", &temporary, err))
		return false;
	if (fill_and_commit(state, source, temporary, max_bytes, out, err))
		return true;
	dir_abandon(state, temporary);
	return err_context(err, "%s", path);
}

struct walk {
	const struct dir *dir;
	const char *hex;
	bool (*visit)(void *context, const struct store_item *item);
	void *context;
};

static bool is_hex_name(const char *name, size_t digits)
{
	return strlen(name) == digits && strspn(name, "0123456789abcdef") == digits;
}

/* Do the wanted digits from `offset` on agree with the name of a folder or file there? */
static bool name_fits(const struct walk *walk, const char *name, size_t offset)
{
	size_t wanted = strlen(walk->hex), len = strlen(name);

	if (wanted <= offset)
		return true;
	wanted -= offset;
	return !strncmp(walk->hex + offset, name, wanted < len ? wanted : len);
}

/* False: the visitor wants no more. A folder that cannot be read (any more) has nothing to show. */
static bool walk_shard(const struct walk *walk, const char *shard)
{
	DEFER(folder_closep) DIR *folder = opendir(shard);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct store_item item = { 0 };
		DEFER(freep) char *path = NULL;

		if (!is_hex_name(entry->d_name, STORE_HEX_BYTES - 1) ||
		    !name_fits(walk, entry->d_name, 0))
			continue;
		path = xasprintf("%s/%s", shard, entry->d_name);
		memcpy(item.sha256, entry->d_name, STORE_HEX_BYTES);
		if (!item_stat(path, &item))
			continue;
		choose_id(shard, &item);
		if (!walk->visit(walk->context, &item))
			return false;
	}
	return true;
}

static bool walk_level(const struct walk *walk, const char *path, size_t level)
{
	DEFER(folder_closep) DIR *folder = NULL;
	struct dirent *entry;

	if (level == 2)
		return walk_shard(walk, path);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		DEFER(freep) char *below = NULL;

		if (!is_hex_name(entry->d_name, 2) || !name_fits(walk, entry->d_name, level * 2))
			continue;
		below = xasprintf("%s/%s", path, entry->d_name);
		if (!walk_level(walk, below, level + 1))
			return false;
	}
	return true;
}

static bool dir_each(void *state, const char *hex,
		     bool (*visit)(void *context, const struct store_item *item), void *context,
		     struct err *err)
{
	struct dir *dir = state;
	struct walk walk = { .dir = dir, .hex = hex, .visit = visit, .context = context };

	if (access(dir->objects, R_OK | X_OK) < 0)
		return disk_error(err, "read", dir->objects);
	(void)walk_level(&walk, dir->objects, 0); /* false only says that the visitor stopped */
	return true;
}

static bool dir_path(void *state, const struct store_item *item, char **out_path, struct err *err)
{
	struct dir *dir = state;
	DEFER(freep) char *path = object_path(dir, item->sha256);

	if (access(path, R_OK) < 0)
		return err_set(err, ERR_REJECT, "media %s is gone from the store (%s)", item->id,
			       path);
	*out_path = TAKE(path);
	return true;
}

static bool dir_remove(void *state, const struct store_item *item, struct err *err)
{
	struct dir *dir = state;
	DEFER(freep) char *path = object_path(dir, item->sha256);

	if (unlink(path) < 0 && errno != ENOENT)
		return disk_error(err, "remove", path);
	return true;
}

static bool dir_sweep(void *state, int64_t older_than_s, struct err *err)
{
	struct dir *dir = state;
	DEFER(folder_closep) DIR *folder = opendir(dir->tmp);
	struct dirent *entry;
	struct stat at;

	if (!folder)
		return disk_error(err, "read", dir->tmp);
	while ((entry = readdir(folder))) {
		if (fstatat(dirfd(folder), entry->d_name, &at, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(at.st_mode) || at.st_mtime >= older_than_s)
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0) < 0 && errno != ENOENT)
			return disk_error(err, "remove", entry->d_name);
	}
	return true;
}

const struct store_backend store_dir = {
	.scheme = "dir",
	.open = dir_open,
	.close = dir_close,
	.folders = dir_folders,
	.create = dir_create,
	.commit = dir_commit,
	.abandon = dir_abandon,
	.add = dir_add,
	.each = dir_each,
	.path = dir_path,
	.remove = dir_remove,
	.sweep = dir_sweep,
};
