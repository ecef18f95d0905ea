/*
 * The spool and the submit. The entry is locked while it is used, so that two submits of one spec
 * at the same time are two batches, one after the other.
 */
#include "cli/send.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ids.h"
#include "cli/fingerprint.h"

struct spool {
	char *path;
	int fd;
	char token[IDS_NONCE_LENGTH + 1];
};

static void spool_done(struct spool *spool)
{
	file_closep(&spool->fd);
	free(spool->path);
}

static char *spool_path(const struct session *session, const struct expansion *expansion)
{
	uint64_t key = expansion->fingerprint;
	char text[FINGERPRINT_TEXT];

	key = fingerprint_add(key, session->url, strlen(session->url) + 1);
	key = fingerprint_add(key, session->config->farm, strlen(session->config->farm) + 1);
	key = fingerprint_add(key, expansion->path, strlen(expansion->path));
	fingerprint_text(key, text);
	return xasprintf("%s/spool/%s", session->config->state_dir, text);
}

/* Opens and locks the entry that has the name now: while we waited for the lock its owner may have
 * removed it. */
static bool spool_lock(struct spool *spool, struct err *err)
{
	for (;;) {
		struct stat at;

		spool->fd = open(spool->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (spool->fd < 0)
			return err_errno(err, ERR_OPERATOR, "%s", spool->path);
		while (flock(spool->fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return err_errno(err, ERR_OPERATOR, "%s", spool->path);
		if (!fstat(spool->fd, &at) && at.st_nlink > 0)
			return true;
		file_closep(&spool->fd);
	}
}

static bool sync_folder(const char *path, struct err *err)
{
	DEFER(freep) char *copy = xstrdup(path);
	DEFER(file_closep) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	return true;
}

/* A whole token in the entry is taken over; anything else is what a crash left of one that was
 * never used. */
static bool spool_token(struct spool *spool, struct err *err)
{
	ssize_t got = pread(spool->fd, spool->token, IDS_NONCE_LENGTH, 0);

	spool->token[IDS_NONCE_LENGTH] = '\0';
	if (got == IDS_NONCE_LENGTH && strlen(spool->token) == IDS_NONCE_LENGTH)
		return true;
	ids_nonce(spool->token);
	if (ftruncate(spool->fd, 0) < 0 ||
	    pwrite(spool->fd, spool->token, IDS_NONCE_LENGTH, 0) != IDS_NONCE_LENGTH ||
	    fsync(spool->fd) < 0)
		return err_errno(err, ERR_OPERATOR, "%s", spool->path);
	return sync_folder(spool->path, err);
}

static bool spool_open(const struct session *session, const struct expansion *expansion,
		       struct spool *spool, struct err *err)
{
	DEFER(freep) char *folder = xasprintf("%s/spool", session->config->state_dir);

	*spool = (struct spool){ .path = spool_path(session, expansion), .fd = -1 };
	return file_make_dirs(folder, 0700, err) && spool_lock(spool, err) &&
	       spool_token(spool, err);
}

bool send_is_pending(const struct session *session, const struct expansion *expansion)
{
	DEFER(freep) char *path = spool_path(session, expansion);
	struct stat at;

	return !stat(path, &at) && at.st_size == IDS_NONCE_LENGTH;
}

static void copy_stage(const struct spec_stage *from, struct queue_stage_spec *to)
{
	*to = (struct queue_stage_spec){
		.id = from->id,
		.type = from->type,
		.lane = from->lane,
		.definition = from->definition,
		.inputs = from->inputs,
		.needs = from->needs,
		.needs_prepare = from->needs_prepare,
		.retry = { from->max_attempts, from->base_ms, from->max_ms, from->factor },
		.attempt_ms = from->attempt_ms,
		.queue_ms = from->queue_ms,
		.total_ms = from->total_ms,
	};
}

static bool add_pipeline(struct queue_submit *submit, const struct spec_pipeline *from,
			 struct err *err)
{
	struct queue_stage_spec stages[QUEUE_MAX_STAGES];
	const struct queue_pipeline_spec to = { from->name, from->context, stages,
						from->stage_count };

	if (from->stage_count > QUEUE_MAX_STAGES)
		return err_set(err, ERR_REJECT, "%s: %zu stages; at most %d fit", from->name,
			       from->stage_count, QUEUE_MAX_STAGES);
	for (size_t i = 0; i < from->stage_count; i++)
		copy_stage(&from->stages[i], &stages[i]);
	return queue_submit_add(submit, &to, err);
}

static enum queue_priority priority_of(const char *name)
{
	for (int i = 0; name && i < QUEUE_PRIORITIES; i++)
		if (!strcmp(name, queue_priority_name((enum queue_priority)i)))
			return (enum queue_priority)i;
	return QUEUE_NORMAL;
}

static bool submit_all(struct session *session, const struct expansion *expansion,
		       const char *token, char **out_id, struct err *err)
{
	const struct spec_batch *from = &expansion->batch;
	const struct queue_batch_spec batch = {
		.token = token,
		.name = from->name,
		.labels = from->labels,
		.spec = expansion->text.data,
		.origin = *expansion->path == '/' ? expansion->path : "",
		.priority = priority_of(from->priority),
		.max_parallel = from->max_parallel,
		.retention_ms = session->config->retention_ms,
		.pipeline_count = from->pipeline_count,
	};
	DEFER(queue_submit_freep) struct queue_submit *submit = NULL;
	bool is_known;

	if (!queue_submit_begin(session->client, &batch, &submit, &is_known, err))
		return false;
	/* Known: sealed already, or begun by a client that died; the same adds complete it. */
	for (size_t i = 0; i < from->pipeline_count; i++)
		if (!add_pipeline(submit, &from->pipelines[i], err))
			return false;
	return queue_submit_seal(submit, out_id, err);
}

bool send_batch(struct session *session, const struct expansion *expansion,
		bool (*confirm)(void *context, const char *batch_id, struct err *err),
		void *context, char **out_id, struct err *err)
{
	DEFER(spool_done) struct spool spool = { 0 };
	DEFER(freep) char *id = NULL;

	if (!spool_open(session, expansion, &spool, err))
		return err_context(err, "spool");
	if (!submit_all(session, expansion, spool.token, &id, err)) {
		/* Refused for good: nothing of it runs, a corrected spec is another batch. */
		if (err->kind == ERR_REJECT)
			unlink(spool.path);
		return false;
	}
	if (confirm && !confirm(context, id, err))
		return false;
	unlink(spool.path);
	*out_id = TAKE(id);
	return true;
}
