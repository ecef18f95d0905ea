/*
 * Submitting a batch: pipelines are packed as they come, sent in chunks of QUEUE_CHUNK (or of a few
 * MiB), sealed with the last. Every call says the token and the index it starts at, so that a call
 * whose answer was lost is said again, by this process or by another with the same token.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "queue/calls.h"
#include "queue/record.h"

enum { CHUNK_BYTES = 4 << 20, TRIES = 3, SPEC_MAX = 1 << 20 };
enum { HEAD_ARGS = 4 + 4 };

struct queue_submit {
	struct queue_client *client;
	struct queue_batch_spec batch; /* texts owned by `arena` */
	struct arena arena;
	struct redis_args args; /* the chunk: head, then pipelines */
	char id[IDS_BATCH_LENGTH * 2 + 1];
	size_t added, in_chunk, chunk_bytes;
};

static void chunk_begin(struct queue_submit *submit)
{
	struct redis_args *args = &submit->args;
	const struct queue_batch_spec *batch = &submit->batch;

	redis_args_script(args, SCRIPT_SUBMIT, client_prefix(submit->client));
	redis_args_text(args, submit->id);
	redis_args_text(args, batch->token);
	redis_args_text(args, "0");
	redis_args_int(args, (int64_t)submit->added + 1);
	redis_args_text(args, batch->name);
	redis_args_text(args, batch->labels);
	redis_args_text(args, batch->spec);
	redis_args_text(args, batch->origin);
	redis_args_int(args, batch->priority);
	redis_args_int(args, batch->max_parallel);
	redis_args_int(args, batch->retention_ms);
	redis_args_int(args, (int64_t)batch->pipeline_count);
	submit->in_chunk = submit->chunk_bytes = 0;
}

/* 40 bits of one hash can belong to two tokens; then the second gets 80. */
static void use_longer_id(struct queue_submit *submit)
{
	char other[IDS_BATCH_LENGTH + 1];
	char *salted = arena_printf(&submit->arena, "%s#2", submit->batch.token);

	ids_batch(salted, other);
	memcpy(submit->id + IDS_BATCH_LENGTH, other, sizeof(other));
}

static bool call_patiently(struct queue_submit *submit, redisReply **out, struct err *err)
{
	for (int tries = 1;; tries++) {
		if (client_call(submit->client, &submit->args, out, err))
			return true;
		if (err->kind != ERR_RETRY || tries == TRIES)
			return false;
	}
}

static bool chunk_send(struct queue_submit *submit, bool is_seal, struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	submit->args.argv[HEAD_ARGS - 2] = is_seal ? "1" : "0";
	if (!call_patiently(submit, &reply, err))
		return false;
	const char *word = redis_text(redis_item(reply, 0));
	if (!strcmp(word, "clash") && strlen(submit->id) == IDS_BATCH_LENGTH) {
		use_longer_id(submit);
		submit->args.argv[HEAD_ARGS - 4] = submit->id;
		submit->args.lens[HEAD_ARGS - 4] = strlen(submit->id);
		redis_reply_freep(&reply);
		if (!call_patiently(submit, &reply, err))
			return false;
		word = redis_text(redis_item(reply, 0));
	}
	if (!strcmp(word, "clash"))
		return err_set(err, ERR_REJECT,
			       "batch id %s belongs to another submission; submit with a new token",
			       submit->id);
	if (!strcmp(word, "missing"))
		return err_set(
			err, ERR_REJECT,
			"batch %s: %zu pipelines were promised, %lld came; add the rest, then seal",
			submit->id, submit->batch.pipeline_count,
			(long long)redis_int(redis_item(reply, 2)));
	return true;
}

static bool look_up(struct queue_submit *submit, bool *out_known, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_text(&args, "HGET");
	client_key(submit->client, &args, "b:%s", submit->id);
	redis_args_text(&args, "token");
	if (!client_call(submit->client, &args, &reply, err))
		return false;
	bool exists = reply->type == REDIS_REPLY_STRING;
	if (exists && strcmp(reply->str, submit->batch.token) &&
	    strlen(submit->id) == IDS_BATCH_LENGTH) {
		use_longer_id(submit);
		return look_up(submit, out_known, err);
	}
	*out_known = exists && !strcmp(reply->str, submit->batch.token);
	return true;
}

static bool check_batch(const struct queue_batch_spec *batch, struct err *err)
{
	if (!batch->token || !batch->token[0])
		return err_set(err, ERR_REJECT, "a batch needs a token");
	if (batch->pipeline_count == 0 || batch->pipeline_count > QUEUE_MAX_PIPELINES)
		return err_set(err, ERR_REJECT, "a batch has 1 to %d pipelines, this one %zu",
			       QUEUE_MAX_PIPELINES, batch->pipeline_count);
	if (batch->spec && strlen(batch->spec) > SPEC_MAX)
		return err_set(err, ERR_REJECT, "the spec's text is larger than 1 MiB");
	if (batch->max_parallel < 0 || batch->retention_ms < 0)
		return err_set(err, ERR_REJECT, "max_parallel and retention cannot be negative");
	return true;
}

static const char *keep(struct queue_submit *submit, const char *text, const char *otherwise)
{
	return arena_strdup(&submit->arena, text ? text : otherwise);
}

bool queue_submit_begin(struct queue_client *client, const struct queue_batch_spec *batch,
			struct queue_submit **out, bool *out_known, struct err *err)
{
	DEFER(queue_submit_freep) struct queue_submit *submit = NULL;
	bool is_known = false;

	if (!check_batch(batch, err))
		return false;
	submit = xcalloc(1, sizeof(*submit));
	submit->client = client;
	submit->batch = *batch;
	submit->batch.token = keep(submit, batch->token, "");
	submit->batch.name = keep(submit, batch->name, "");
	submit->batch.labels = keep(submit, batch->labels, "{}");
	submit->batch.spec = keep(submit, batch->spec, "");
	submit->batch.origin = keep(submit, batch->origin, "");
	ids_batch(batch->token, submit->id);
	if (out_known && !look_up(submit, &is_known, err))
		return false;
	chunk_begin(submit);
	if (out_known)
		*out_known = is_known;
	*out = TAKE(submit);
	return true;
}

static void add_counted(struct queue_submit *submit, const void *data, size_t len)
{
	redis_args_copy(&submit->args, data, len);
	submit->chunk_bytes += len;
}

bool queue_submit_add(struct queue_submit *submit, const struct queue_pipeline_spec *pipeline,
		      struct err *err)
{
	DEFER(buf_done) struct buf x = { 0 };
	DEFER(buf_done) struct buf y = { 0 };

	if (submit->added == submit->batch.pipeline_count)
		return err_set(err, ERR_REJECT, "batch %s: more than the %zu pipelines it promised",
			       submit->id, submit->batch.pipeline_count);
	if (!plan_encode(pipeline, &x, &y, err))
		return err_context(err, "pipeline %zu", submit->added + 1);
	if (submit->in_chunk == QUEUE_CHUNK || submit->chunk_bytes > CHUNK_BYTES) {
		if (!chunk_send(submit, false, err))
			return false;
		chunk_begin(submit);
	}
	const char *name = pipeline->name ? pipeline->name : "";
	const char *context = pipeline->context ? pipeline->context : "{}";
	add_counted(submit, name, strlen(name));
	add_counted(submit, context, strlen(context));
	add_counted(submit, x.data, x.len);
	add_counted(submit, y.data, y.len);
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const char *definition = pipeline->stages[i].definition;
		definition = definition ? definition : "{}";
		add_counted(submit, definition, strlen(definition));
	}
	submit->added++;
	submit->in_chunk++;
	return true;
}

bool queue_submit_seal(struct queue_submit *submit, char **out_batch_id, struct err *err)
{
	if (!chunk_send(submit, true, err))
		return false;
	*out_batch_id = xstrdup(submit->id);
	return true;
}

void queue_submit_freep(struct queue_submit **submit)
{
	if (!*submit)
		return;
	redis_args_done(&(*submit)->args);
	arena_done(&(*submit)->arena);
	free(*submit);
	*submit = NULL;
}
