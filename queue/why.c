/*
 * "Why does this not run?": one sentence that names what a stage, a pipeline or a batch waits for,
 * and until when.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "queue/calls.h"

struct why {
	struct queue_client *client;
	struct queue_batch batch;
	struct queue_pipeline pipeline;
	struct queue_lane *lanes;
	struct queue_host *hosts;
	size_t lane_count, host_count;
};

static void why_done(struct why *why)
{
	queue_batch_done(&why->batch);
	queue_pipeline_done(&why->pipeline);
	for (size_t i = 0; i < why->lane_count; i++)
		queue_lane_done(&why->lanes[i]);
	for (size_t i = 0; i < why->host_count; i++)
		queue_host_done(&why->hosts[i]);
	free(why->lanes);
	free(why->hosts);
}

static const char *clock_text(int64_t at_us, char out[32])
{
	time_t seconds = (time_t)(at_us / 1000000);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(out, 32, "%H:%M:%S", &tm))
		(void)snprintf(out, 32, "%" PRId64, at_us);
	return out;
}

/* The names of the stages it waits for. */
static char *waits_for(const struct why *why, const struct queue_stage *stage)
{
	DEFER(buf_done) struct buf out = { 0 };
	uint32_t mask = stage->inputs | stage->needs;

	for (size_t i = 0; i < why->pipeline.stage_count; i++) {
		const struct queue_stage *other = &why->pipeline.stages[i];
		if (!(mask & (1u << i)) || queue_state_is_final(other->state))
			continue;
		buf_printf(&out, "%s%s (%s)", out.len ? ", " : "", other->id,
			   queue_state_name(other->state));
	}
	if (!out.len)
		return xstrdup("its turn");
	return buf_take(&out);
}

static bool is_closed(const struct queue_lane *lane)
{
	return lane->is_paused || lane->is_cordoned;
}

static char *closed_sentence(const struct queue_lane *lane)
{
	char when[32];

	if (lane->is_paused)
		return xasprintf("lane %s is paused%s%s; resume it: reel lanes resume %s",
				 lane->name, lane->reason ? ": " : "",
				 lane->reason ? lane->reason : "", lane->name);
	if (lane->probe_at)
		return xasprintf("lane %s is cordoned because of %s; one stage tries again at %s",
				 lane->name, lane->reason ? lane->reason : "failures",
				 clock_text(lane->probe_at, when));
	return xasprintf("lane %s is cordoned%s%s", lane->name, lane->reason ? ": " : "",
			 lane->reason ? lane->reason : "");
}

static char *lane_sentence(const struct why *why, const struct queue_lane *lane)
{
	size_t alive = 0;

	for (size_t i = 0; i < why->host_count; i++)
		alive += !why->hosts[i].is_lapsed;
	if (!alive)
		return xasprintf(
			"it is ready, but no host runs reeld for this farm; no host serves lane %s",
			lane->name);
	if (is_closed(lane))
		return closed_sentence(lane);
	if (lane->limit && lane->running >= lane->limit)
		return xasprintf("lane %s has %" PRId64 " of %" PRId64 " in use", lane->name,
				 lane->running, lane->limit);
	if (lane->rate > 0)
		return xasprintf("lane %s starts %.3g a second; %" PRId64 " wait in it", lane->name,
				 lane->rate, lane->ready);
	return xasprintf("it is ready; %" PRId64 " wait in lane %s, %" PRId64
			 " run there: the hosts' slots are in use",
			 lane->ready, lane->name, lane->running);
}

/* When the bucket holds a token again, from the lane's own record. */
static bool token_at(struct why *why, const struct queue_lane *lane, int64_t *out)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	struct err err;

	redis_args_text(&args, "HMGET");
	client_key(why->client, &args, "lane:%s", lane->name);
	redis_args_text(&args, "tokens");
	redis_args_text(&args, "stamp");
	if (!client_call(why->client, &args, &reply, &err))
		return false;
	double tokens = redis_number(redis_item(reply, 0));
	int64_t stamp = redis_int(redis_item(reply, 1));
	if (!stamp || tokens >= 1)
		return false;
	*out = stamp + (int64_t)((1 - tokens) / lane->rate * 1e6);
	return true;
}

static char *ready_sentence(struct why *why, const struct queue_stage *stage)
{
	const struct queue_lane *lane = NULL;
	const char *name = stage->state == QUEUE_PREPARING ? "cpu" : stage->lane;
	int64_t at;
	char when[32];

	if (why->batch.is_paused)
		return xasprintf("batch %s is paused", why->batch.id);
	for (size_t i = 0; i < why->lane_count && !lane; i++)
		lane = strcmp(why->lanes[i].name, name) ? NULL : &why->lanes[i];
	if (!lane)
		return xasprintf("it is ready; no host serves lane %s", name);
	if (lane->rate > 0 && !lane->is_paused && !lane->is_cordoned &&
	    (!lane->limit || lane->running < lane->limit) && token_at(why, lane, &at))
		return xasprintf("lane %s starts %.3g a second; it has a token at %s", lane->name,
				 lane->rate, clock_text(at, when));
	return lane_sentence(why, lane);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static char *blocked_sentence(struct why *why, const struct queue_stage *stage)
{
	if (!why->pipeline.is_admitted)
		return xasprintf(
			"its pipeline is not admitted yet: the batch's max_parallel is reached; "
			"%" PRId64 " wait",
			why->batch.waiting);
	DEFER(freep) char *names = waits_for(why, stage);
	return xasprintf("waits for %s", names);
}

static char *stage_sentence(struct why *why, const struct queue_stage *stage)
{
	char when[32];

	switch (stage->state) {
	case QUEUE_BLOCKED: return blocked_sentence(why, stage);
	case QUEUE_PREPARING:
		return stage->started_at > stage->ended_at
			       ? xasprintf("it is being prepared on %s",
					   or_else(stage->host, "a host"))
			       : ready_sentence(why, stage);
	case QUEUE_READY: return ready_sentence(why, stage);
	case QUEUE_RUNNING:
		return xasprintf("it runs on %s since %s%s%s", or_else(stage->host, "a host"),
				 clock_text(stage->started_at, when), stage->step ? ": " : "",
				 or_else(stage->step, ""));
	case QUEUE_BACKOFF:
		return xasprintf("tries again at %s, attempt %" PRId64
				 "; the last ended with %s: %s",
				 clock_text(stage->due_at, when), stage->attempts + 1,
				 verdict_info(stage->last_class)->name,
				 or_else(stage->message, "no message"));
	case QUEUE_HELD: return xasprintf("held: %s", or_else(stage->message, "for a person"));
	case QUEUE_CANCELLING:
		return xasprintf("it was told to stop; %s has not said yet that it did",
				 or_else(stage->host, "its host"));
	case QUEUE_DONE: return xasprintf("done at %s", clock_text(stage->ended_at, when));
	case QUEUE_FAILED: return xasprintf("failed: %s", or_else(stage->message, "no message"));
	case QUEUE_SKIPPED: return xasprintf("skipped: %s", or_else(stage->message, "no message"));
	case QUEUE_CANCELLED:
		return xasprintf("cancelled: %s", or_else(stage->message, "by a person"));
	case QUEUE_STATES: break;
	}
	return xstrdup("its state is unknown");
}

/* The stage that says most about its pipeline: one that is stuck before one that runs before one
 * that waits. */
static const struct queue_stage *telling_stage(const struct queue_pipeline *pipeline)
{
	static const enum queue_state order[] = { QUEUE_HELD,	 QUEUE_BACKOFF,	  QUEUE_CANCELLING,
						  QUEUE_READY,	 QUEUE_PREPARING, QUEUE_RUNNING,
						  QUEUE_FAILED,	 QUEUE_BLOCKED,	  QUEUE_CANCELLED,
						  QUEUE_SKIPPED, QUEUE_DONE };

	for (size_t o = 0; o < ARRAY_LEN(order); o++) {
		for (size_t i = 0; i < pipeline->stage_count; i++) {
			if (pipeline->stages[i].state == order[o])
				return &pipeline->stages[i];
		}
	}
	return &pipeline->stages[0];
}

static char *pipeline_sentence(struct why *why)
{
	const struct queue_stage *stage = telling_stage(&why->pipeline);
	DEFER(freep) char *text = stage_sentence(why, stage);

	if (!why->pipeline.is_admitted && why->pipeline.end == QUEUE_END_NONE)
		return xstrdup(text);
	if (why->pipeline.end != QUEUE_END_NONE && stage->state != QUEUE_FAILED)
		return xstrdup(queue_end_name(why->pipeline.end));
	return xasprintf("%s: %s", stage->id, text);
}

/* How many of the batch's stages wait in each lane, in the order of why->lanes. */
static bool count_waiting(struct why *why, int64_t *out, struct err *err)
{
	for (size_t i = 0; i < why->lane_count; i++) {
		DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		redis_args_text(&args, "LLEN");
		client_key(why->client, &args, "q:%s:%s", why->lanes[i].name, why->batch.id);
		if (!client_call(why->client, &args, &reply, err))
			return false;
		out[i] = redis_int(reply);
	}
	return true;
}

/* Names the closed lanes when all that is ready waits in them; else nothing: while a lane that is
 * open has some of it, the batch goes on. */
static bool closed_lanes(struct why *why, struct buf *out, struct err *err)
{
	const struct queue_batch *batch = &why->batch;
	DEFER(freep) int64_t *waiting = xcalloc(why->lane_count + 1, sizeof(*waiting));

	if (batch->end != QUEUE_END_NONE || batch->is_paused || batch->is_cancelling)
		return true;
	if (!count_waiting(why, waiting, err))
		return false;
	for (size_t i = 0; i < why->lane_count; i++) {
		if (waiting[i] && !is_closed(&why->lanes[i]))
			return true;
	}
	for (size_t i = 0; i < why->lane_count; i++) {
		if (!waiting[i])
			continue;
		DEFER(freep) char *text = closed_sentence(&why->lanes[i]);
		buf_printf(out, "%s%s", out->len ? "; " : "all that is ready waits: ", text);
	}
	if (out->len)
		buf_puts(out, ". ");
	return true;
}

static char *batch_sentence(const struct queue_batch *batch)
{
	const int64_t *n = batch->stages;

	if (batch->end != QUEUE_END_NONE)
		return xasprintf("%s: %" PRId64 " of %" PRId64 " pipelines done, %" PRId64
				 " failed, %" PRId64 " cancelled",
				 queue_end_name(batch->end), batch->done, batch->total,
				 batch->failed, batch->cancelled);
	return xasprintf("%s%" PRId64 " of %" PRId64 " pipelines done; stages: %" PRId64
			 " running, %" PRId64 " ready, %" PRId64 " waiting to try again, %" PRId64
			 " held, %" PRId64 " blocked; %" PRId64 " pipelines not admitted yet",
			 batch->is_cancelling ? "being cancelled; "
			 : batch->is_paused   ? "paused; "
					      : "",
			 batch->done, batch->total, n[QUEUE_RUNNING] + n[QUEUE_CANCELLING],
			 n[QUEUE_READY] + n[QUEUE_PREPARING], n[QUEUE_BACKOFF], n[QUEUE_HELD],
			 n[QUEUE_BLOCKED], batch->waiting);
}

static bool load(struct why *why, const char *id, const char *kind, struct err *err)
{
	const char *dash = strchr(id, '-');
	DEFER(freep) char *batch = xstrndup(id, dash ? (size_t)(dash - id) : strlen(id));

	if (!queue_batch_get(why->client, batch, &why->batch, err))
		return false;
	if (!queue_lanes(why->client, &why->lanes, &why->lane_count, err))
		return false;
	if (!strcmp(kind, "batch"))
		return true;
	return queue_pipeline_get(why->client, id, &why->pipeline, err) &&
	       queue_hosts(why->client, &why->hosts, &why->host_count, err);
}

static bool batch_answer(struct why *why, char **out, struct err *err)
{
	DEFER(buf_done) struct buf closed = { 0 };
	DEFER(freep) char *text = batch_sentence(&why->batch);

	if (!closed_lanes(why, &closed, err))
		return false;
	*out = xasprintf("%s%s", closed.len ? closed.data : "", text);
	return true;
}

bool queue_why(struct queue_client *client, const char *target, char **out, struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(freep) char *id = NULL;
	DEFER(why_done) struct why why = { .client = client };

	if (!queue_resolve(client, target, &id, err) || !client_target(id, &at, err) ||
	    !load(&why, at.id, at.kind, err))
		return false;
	if (!strcmp(at.kind, "batch"))
		return batch_answer(&why, out, err);
	if (!strcmp(at.kind, "pipeline")) {
		*out = pipeline_sentence(&why);
		return true;
	}
	for (size_t i = 0; i < why.pipeline.stage_count; i++) {
		if (!strcmp(why.pipeline.stages[i].id, at.stage))
			*out = stage_sentence(&why, &why.pipeline.stages[i]);
	}
	return true;
}
