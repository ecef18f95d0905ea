/*
 * Writes posts into the outbox:
 *
 *      OUTBOX/BATCH/.incoming-PIPELINE-STAGE/      being written; a dead one's is removed by the
 * next try OUTBOX/BATCH/NAME-STAGE/                    there by one rename
 *
 * Names come from a person's spec and are made harmless for a file system; when two pipelines then
 * look the same, or two batches of one name meet, the later one's id is added. Which post is whose
 * is decided by post.json alone.
 */
#include "pipeline/stage/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"

enum { NAME_MAX_BYTES = 100, POST_MAX_BYTES = 1 << 20 };

/* What no file system and no shell stumbles over; UTF-8 letters stay. */
static char *safe_name(const char *text)
{
	char *name = xstrndup(text, strnlen(text, NAME_MAX_BYTES));
	size_t len = strlen(name);

	/* not in the middle of a UTF-8 sequence */
	while (len && len == NAME_MAX_BYTES && ((unsigned char)text[len] & 0xc0) == 0x80)
		name[--len] = '\0';
	for (char *at = name; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("/\\:*?\"<>|'`$&;", *at))
			*at = '-';
	if (name[0] == '.' || name[0] == '-')
		name[0] = '_';
	if (name[0])
		return name;
	free(name);
	return xstrdup("_");
}

static bool disk_error(struct err *err, const char *what, const char *path)
{
	err_errno(err, ERR_RETRY, "%s %s", what, path);
	if (err->kind == ERR_OPERATOR)
		err_context(err, "the outbox cannot be written; free space, or give it to the user "
				 "of reeld, or set `outbox:` to another folder");
	return false;
}

static bool text_equals(const json_t *post, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(post, name));

	return text && !strcmp(text, wanted);
}

/* Is the post in this folder the one of our pipeline and stage? */
static bool is_ours(const char *folder, const struct outbox_post *post)
{
	DEFER(freep) char *path = xasprintf("%s/post.json", folder);
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(json_freep) json_t *there = NULL;
	struct err err = { 0 };

	return file_read(path, POST_MAX_BYTES, &text, &err) &&
	       json_parse(text.data, text.len, path, &there, &err) &&
	       text_equals(there, "pipeline", post->pipeline) &&
	       text_equals(there, "stage", post->stage);
}

/* Where our post is or will be. */
static char *choose_folder(const char *batch, const struct outbox_post *post, bool *out_was_there)
{
	DEFER(freep) char *name = safe_name(post->pipeline_name);
	DEFER(freep) char *stage = safe_name(post->stage);
	DEFER(freep) char *id = safe_name(post->pipeline);
	char *folder = xasprintf("%s/%s-%s", batch, name, stage);

	*out_was_there = is_ours(folder, post);
	if (*out_was_there || access(folder, F_OK) < 0)
		return folder;
	free(folder);
	folder = xasprintf("%s/%s-%s-%s", batch, name, stage, id);
	*out_was_there = is_ours(folder, post);
	return folder;
}

static bool copy_piece(int from, int to, ssize_t *got)
{
	char piece[64 << 10];
	struct err ignored;

	*got = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
	if (*got >= 0)
		return true;
	if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return false;
	*got = read(from, piece, sizeof(piece));
	return *got >= 0 && file_write_all(to, piece, (size_t)*got, &ignored);
}

static bool copy_media(const char *from_path, const char *to_path, struct err *err)
{
	DEFER(file_closep) int from = open(from_path, O_RDONLY | O_CLOEXEC);
	DEFER(file_closep) int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t got = 1;

	if (from < 0)
		return err_errno(err, ERR_RETRY, "%s", from_path);
	if (to < 0)
		return disk_error(err, "create", to_path);
	while (got > 0)
		if (!copy_piece(from, to, &got))
			return disk_error(err, "copy to", to_path);
	return fsync(to) == 0 || disk_error(err, "sync", to_path);
}

/* A copy and not a hard link, although that costs space: a person may edit what lies in the outbox,
 * and must not edit the store by it. Where the file system can, the copy shares its blocks. */
static bool put_media(const char *folder, const struct outbox_post *post, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s/%s", folder, post->file_name);

	return copy_media(post->media_path, path, err);
}

static bool put_text(const char *folder, const char *name, const char *text, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s/%s", folder, name);
	DEFER(freep) char *line = xasprintf("%s\n", text);

	if (file_write_atomic(path, line, strlen(line), 0644, err))
		return true;
	return err_context(err, "the outbox cannot be written");
}

static bool put_description(const char *folder, const struct outbox_post *post, struct err *err)
{
	DEFER(json_freep) json_t *all = json_deep_copy(post->description);
	char *text;
	bool ok;

	json_object_set_new(all, "pipeline", json_string(post->pipeline));
	json_object_set_new(all, "stage", json_string(post->stage));
	json_object_set_new(all, "caption", json_string(post->caption));
	json_object_set_new(all, "file", json_string(post->file_name));
	text = json_show(all);
	ok = put_text(folder, "post.json", text, err);
	free(text);
	return ok;
}

static void remove_incoming(const char *folder, const struct outbox_post *post)
{
	const char *const names[] = { post->file_name, "caption.txt", "post.json" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		DEFER(freep) char *path = xasprintf("%s/%s", folder, names[i]);

		(void)unlink(path); /* most are not there */
	}
	(void)rmdir(folder); /* what keeps it alive is seen by mkdir */
}

static bool sync_folder(const char *path, struct err *err)
{
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0) || disk_error(err, "sync", path);
}

static bool fill_and_show(const char *incoming, const char *folder, const char *batch,
			  const struct outbox_post *post, struct err *err)
{
	if (mkdir(incoming, 0755) < 0)
		return disk_error(err, "create", incoming);
	if (!put_media(incoming, post, err) ||
	    !put_text(incoming, "caption.txt", post->caption, err) ||
	    !put_description(incoming, post, err) || !sync_folder(incoming, err))
		return false;
	if (rename(incoming, folder) < 0)
		return disk_error(err, "rename to", folder);
	return sync_folder(batch, err);
}

bool outbox_put(const char *outbox, const struct outbox_post *post, char **out_path,
		bool *out_was_there, struct err *err)
{
	DEFER(freep) char *batch_name = safe_name(post->batch_name);
	DEFER(freep) char *batch = xasprintf("%s/%s", outbox, batch_name);
	DEFER(freep) char *id = safe_name(post->pipeline);
	DEFER(freep) char *stage = safe_name(post->stage);
	DEFER(freep) char *incoming = xasprintf("%s/.incoming-%s-%s", batch, id, stage);
	DEFER(freep) char *folder = NULL;
	bool was_there;

	if (!file_make_dirs(batch, 0755, err))
		return err_context(err, "the outbox cannot be written");
	folder = choose_folder(batch, post, &was_there);
	if (!was_there) {
		remove_incoming(incoming, post); /* of an attempt that died */
		if (!fill_and_show(incoming, folder, batch, post, err)) {
			remove_incoming(incoming, post);
			return false;
		}
	}
	*out_was_there = was_there;
	*out_path = TAKE(folder);
	return true;
}
