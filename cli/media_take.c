/*
 * The client never opens a file of unknown origin with libav: reel-worker --check-media does.
 */
#include "cli/media_take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "cli/program.h"

/* More than any clip a platform takes (YouTube: 256 GB), less than a disk by mistake. */
static const int64_t MEDIA_MAX_BYTES = 64ll << 30;

/* The last line a worker wrote is its reason. */
static const char *last_line(struct buf *text)
{
	char *line;

	while (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	line = text->len ? strrchr(text->data, '\n') : NULL;
	line = text->len ? (line ? line + 1 : text->data) : NULL;
	if (!line)
		return "";
	return strncmp(line, "reel-worker: ", 13) ? line : line + 13;
}

static const char *skip_name(const char *line, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(line, name, len) && !strncmp(line + len, ": ", 2) ? line + len + 2 : line;
}

/* The worker names the file by path or by its last part; the reader gets the path, once. */
static const char *reason_of(struct buf *errors, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *reason =
		skip_name(skip_name(last_line(errors), path), slash ? slash + 1 : path);

	return *reason ? reason : "not a picture, clip or sound";
}

bool media_check_file(const char *path, struct err *err)
{
	DEFER(freep) char *worker = program_sibling("reel-worker");
	const char *const argv[] = { worker, "--check-media", path, NULL };
	DEFER(buf_done) struct buf out = { 0 };
	DEFER(buf_done) struct buf errors = { 0 };
	struct stat at;
	int status;

	if (stat(path, &at) < 0)
		return err_errno(err, ERR_REJECT, "%s", path);
	if (!S_ISREG(at.st_mode))
		return err_set(err, ERR_REJECT, "%s: not a file", path);
	if (!worker)
		return err_set(err, ERR_OPERATOR,
			       "reel-worker is neither beside reel nor on PATH: is it installed?");
	if (!program_run(argv, &out, &errors, &status, err))
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_REJECT, "%s: looking at it ended by signal %d", path,
			       WTERMSIG(status));
	return err_set(err, ERR_REJECT, "%s: %s", path, reason_of(&errors, path));
}

static bool open_store(struct media_taker *taker, struct err *err)
{
	return taker->store || store_open(taker->config->store, &taker->store, err);
}

static bool take_file(struct media_taker *taker, const char *path, char *out_id, struct err *err)
{
	struct store_item item;

	if (!media_check_file(path, err))
		return false;
	if (!taker->is_storing) {
		snprintf(out_id, STORE_ID_BYTES, "m_%020d", 0);
		return true;
	}
	if (!open_store(taker, err) || !store_add(taker->store, path, MEDIA_MAX_BYTES, &item, err))
		return false;
	snprintf(out_id, STORE_ID_BYTES, "%s", item.id);
	return true;
}

static bool take_id(struct media_taker *taker, const char *id, char *out_id, struct err *err)
{
	struct store_item item;

	if (!open_store(taker, err) || !store_find(taker->store, id, &item, err))
		return false;
	snprintf(out_id, STORE_ID_BYTES, "%s", item.id);
	return true;
}

static void remember(struct media_taker *taker, const char *path, const char *id)
{
	taker->taken = xrealloc(taker->taken, (taker->count + 1) * sizeof(*taker->taken));
	taker->taken[taker->count].path = xstrdup(path);
	snprintf(taker->taken[taker->count++].id, STORE_ID_BYTES, "%s", id);
}

bool media_take(struct media_taker *taker, const char *path, char *out_id, struct err *err)
{
	for (size_t i = 0; i < taker->count; i++)
		if (!strcmp(taker->taken[i].path, path)) {
			memcpy(out_id, taker->taken[i].id, STORE_ID_BYTES);
			return true;
		}
	if (strncmp(path, "m_", 2) ? !take_file(taker, path, out_id, err)
				   : !take_id(taker, path, out_id, err))
		return false;
	remember(taker, path, out_id);
	return true;
}

void media_taker_done(struct media_taker *taker)
{
	for (size_t i = 0; i < taker->count; i++)
		free(taker->taken[i].path);
	free(taker->taken);
	store_freep(&taker->store);
	taker->taken = NULL;
	taker->count = 0;
}
