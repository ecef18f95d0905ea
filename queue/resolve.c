/*
 * Unique prefixes of ids: of a batch among the sealed ones, of a stage among its pipeline's. A
 * pipeline's number is a number, not a prefix.
 */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "queue/calls.h"

static bool find_batch(struct queue_client *client, const char *prefix, char **out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_text(&args, "ZRANGEBYLEX");
	client_key(client, &args, "ids");
	redis_args_printf(&args, "[%s", prefix);
	redis_args_printf(&args, "[%s\xff", prefix);
	redis_args_text(&args, "LIMIT");
	redis_args_text(&args, "0");
	redis_args_text(&args, "3");
	if (!client_call(client, &args, &reply, err))
		return false;
	if (reply->elements == 0)
		return err_set(err, ERR_REJECT,
			       "%s: no batch begins like that; `reel ls` shows them", prefix);
	const char *first = redis_text(reply->element[0]);
	if (reply->elements > 1 && strcmp(first, prefix))
		return err_set(err, ERR_REJECT,
			       "%s: more than one batch begins like that: %s, %s%s", prefix, first,
			       redis_text(reply->element[1]), reply->elements > 2 ? ", ..." : "");
	*out = xstrdup(first);
	return true;
}

static bool find_stage(const struct queue_pipeline *pipeline, const char *prefix, const char **out,
		       struct err *err)
{
	struct nearest nearest;
	const char *found = NULL;
	size_t matches = 0;

	nearest_init(&nearest, prefix);
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const char *id = pipeline->stages[i].id;
		nearest_offer(&nearest, id);
		if (strncmp(id, prefix, strlen(prefix)))
			continue;
		matches = strcmp(id, prefix) ? matches + 1 : 1;
		found = id;
		if (!strcmp(id, prefix))
			break;
	}
	if (matches == 0)
		return err_set(err, ERR_REJECT, "%s: it has no stage \"%s\"%s", pipeline->id,
			       prefix, nearest_hint(&nearest));
	if (matches > 1)
		return err_set(err, ERR_REJECT, "%s: more than one stage begins with \"%s\"",
			       pipeline->id, prefix);
	*out = found;
	return true;
}

bool queue_resolve(struct queue_client *client, const char *prefix, char **out, struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(queue_pipeline_done) struct queue_pipeline pipeline = { 0 };
	DEFER(freep) char *batch = NULL;
	DEFER(freep) char *id = NULL;
	const char *stage = NULL;

	if (!client_target(prefix, &at, err))
		return false;
	const char *dash = strchr(at.id, '-');
	DEFER(freep) char *head = xstrndup(at.id, dash ? (size_t)(dash - at.id) : strlen(at.id));
	if (!find_batch(client, head, &batch, err))
		return false;
	if (!dash) {
		*out = TAKE(batch);
		return true;
	}
	id = xasprintf("%s%s", batch, dash);
	if (!queue_pipeline_get(client, id, &pipeline, err))
		return false;
	if (!at.stage[0]) {
		*out = TAKE(id);
		return true;
	}
	if (!find_stage(&pipeline, at.stage, &stage, err))
		return false;
	*out = xasprintf("%s/%s", id, stage);
	return true;
}
