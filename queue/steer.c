/*
 * Steering from outside: each call is one script, or one script said again until it has gone
 * through all of a batch.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/verdict.h"
#include "queue/calls.h"

static bool unknown(const char *target, struct err *err)
{
	return err_set(err, ERR_REJECT,
		       "%s: no such batch, pipeline or stage; `reel ls` shows them", target);
}

bool queue_cancel(struct queue_client *client, const char *target, int64_t *out_stages,
		  struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(redis_args_done) struct redis_args args = { 0 };
	int64_t stages = 0, more = 1;

	if (!client_target(target, &at, err))
		return false;
	const char *what = at.kind;
	while (more) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		redis_args_script(&args, SCRIPT_CANCEL, client_prefix(client));
		redis_args_text(&args, what);
		redis_args_text(&args, at.id);
		redis_args_text(&args, at.stage);
		if (!client_call(client, &args, &reply, err))
			return false;
		const char *word = redis_text(redis_item(reply, 0));
		if (!strcmp(word, "waiting"))
			return err_set(err, ERR_REJECT,
				       "%s: its pipeline was not admitted yet; cancel the pipeline",
				       target);
		if (strcmp(word, "ok"))
			return unknown(target, err);
		stages += redis_int(redis_item(reply, 1));
		more = redis_int(redis_item(reply, 2));
		what = more ? "sweep" : what;
	}
	if (out_stages)
		*out_stages = stages;
	return true;
}

static bool retry_word(const char *word, const char *target, struct err *err)
{
	if (!strcmp(word, "ok"))
		return true;
	if (!strcmp(word, "busy"))
		return err_set(err, ERR_RETRY,
			       "%s: it is still being cancelled; try again in a moment", target);
	if (!strcmp(word, "not"))
		return err_set(
			err, ERR_REJECT,
			"%s: nothing there failed. What was skipped comes back with the stage it "
			"waited for; what is done stays done",
			target);
	return unknown(target, err);
}

bool queue_retry(struct queue_client *client, const char *target, bool failed_only,
		 int64_t *out_stages, struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(redis_args_done) struct redis_args args = { 0 };
	int64_t stages = 0, from = 1;

	if (!client_target(target, &at, err))
		return false;
	while (from) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		redis_args_script(&args, SCRIPT_RETRY, client_prefix(client));
		redis_args_text(&args, at.kind);
		redis_args_text(&args, at.id);
		if (strcmp(at.kind, "batch"))
			redis_args_text(&args, at.stage);
		else
			redis_args_int(&args, from);
		redis_args_text(&args, failed_only ? "1" : "0");
		if (!client_call(client, &args, &reply, err))
			return false;
		if (!retry_word(redis_text(redis_item(reply, 0)), target, err))
			return false;
		stages += redis_int(redis_item(reply, 1));
		from = redis_int(redis_item(reply, 2));
	}
	if (out_stages)
		*out_stages = stages;
	return true;
}

bool queue_release(struct queue_client *client, const char *target, int64_t *out_stages,
		   struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(redis_args_done) struct redis_args args = { 0 };
	int64_t stages = 0, from = 1;
	bool asks = false;

	if (!client_target(target, &at, err))
		return false;
	while (from) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		redis_args_script(&args, SCRIPT_RELEASE, client_prefix(client));
		redis_args_text(&args, at.kind);
		redis_args_text(&args, at.id);
		if (strcmp(at.kind, "batch"))
			redis_args_text(&args, at.stage);
		else
			redis_args_int(&args, from);
		if (!client_call(client, &args, &reply, err))
			return false;
		const char *word = redis_text(redis_item(reply, 0));
		if (!strcmp(word, "unknown"))
			return unknown(target, err);
		asks = asks || !strcmp(word, "approval");
		stages += redis_int(redis_item(reply, 1));
		from = redis_int(redis_item(reply, 2));
	}
	if (!stages && asks)
		return err_set(err, ERR_REJECT, "%s: it waits for approval; use reel approve",
			       target);
	if (!stages)
		return err_set(err, ERR_REJECT, "%s: nothing there is held", target);
	if (out_stages)
		*out_stages = stages;
	return true;
}

bool queue_approve(struct queue_client *client, const char *stage, bool yes, const char *who,
		   const char *note, struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(redis_args_done) struct redis_args args = { 0 };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!client_target(stage, &at, err))
		return false;
	if (strcmp(at.kind, "stage"))
		return err_set(err, ERR_REJECT, "%s: expected a stage, like k3f9x2m4-17/review",
			       stage);
	redis_args_script(&args, SCRIPT_APPROVE, client_prefix(client));
	redis_args_text(&args, at.id);
	redis_args_text(&args, at.stage);
	redis_args_text(&args, yes ? "1" : "0");
	redis_args_text(&args, who);
	redis_args_text(&args, note);
	redis_args_int(&args, VERDICT_REJECTED);
	if (!client_call(client, &args, &reply, err))
		return false;
	const char *word = redis_text(reply);
	if (!strcmp(word, "unknown"))
		return unknown(stage, err);
	if (strcmp(word, "ok"))
		return err_set(err, ERR_REJECT, "%s: it does not wait for approval, it is %s",
			       stage, word);
	return true;
}

bool queue_batch_pause(struct queue_client *client, const char *batch, bool paused, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { 0 };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_script(&args, SCRIPT_PAUSE, client_prefix(client));
	redis_args_text(&args, batch);
	redis_args_text(&args, paused ? "1" : "0");
	if (!client_call(client, &args, &reply, err))
		return false;
	return strcmp(redis_text(reply), "ok") ? unknown(batch, err) : true;
}

static bool lane_call(struct queue_client *client, const char *what, const char *lane,
		      const char *reason, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { 0 };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_script(&args, SCRIPT_LANE, client_prefix(client));
	redis_args_text(&args, what);
	redis_args_text(&args, lane);
	redis_args_text(&args, reason);
	if (!client_call(client, &args, &reply, err))
		return false;
	if (strcmp(redis_text(reply), "ok"))
		return err_set(err, ERR_REJECT, "%s: no such lane; `reel lanes` shows them", lane);
	return true;
}

bool queue_lane_pause(struct queue_client *client, const char *lane, bool paused, struct err *err)
{
	return lane_call(client, paused ? "pause" : "resume", lane,
			 paused ? "paused by a person" : "", err);
}

bool queue_lane_cordon(struct queue_client *client, const char *lane, bool cordoned,
		       const char *reason, struct err *err)
{
	return lane_call(client, cordoned ? "cordon" : "open", lane, reason, err);
}

static bool is_rate(double rate)
{
	return rate == QUEUE_KEEP || (isfinite(rate) && rate >= 0);
}

bool queue_lane_limits(struct queue_client *client, const char *lane, int64_t limit, double rate,
		       int64_t burst, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { 0 };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!lane[0] || limit < QUEUE_KEEP || burst < QUEUE_KEEP || !is_rate(rate))
		return err_set(err, ERR_REJECT, "lane %s: limits cannot be negative", lane);
	if (limit == QUEUE_KEEP && rate == QUEUE_KEEP && burst == QUEUE_KEEP)
		return err_set(err, ERR_REJECT, "lane %s: nothing to change is named", lane);
	redis_args_lane_limits(&args, client_prefix(client), lane, limit, rate, burst);
	return client_call(client, &args, &reply, err);
}

bool queue_fact(struct queue_client *client, const struct queue_fact *fact,
		enum queue_fact_level *out_level, struct err *err)
{
	DEFER(client_target_done) struct client_target at = { 0 };
	DEFER(redis_args_done) struct redis_args args = { 0 };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!client_target(fact->stage, &at, err))
		return false;
	if (strcmp(at.kind, "stage"))
		return err_set(err, ERR_REJECT, "%s: expected a stage, like k3f9x2m4-17/draft",
			       fact->stage);
	if (fact->level < QUEUE_FACT_INTENT || fact->level > QUEUE_FACT_SETTLED)
		return err_set(err, ERR_REJECT, "%s: a fact of no known level (%d)", fact->stage,
			       (int)fact->level);
	redis_args_script(&args, SCRIPT_FACT, client_prefix(client));
	redis_args_text(&args, at.id);
	redis_args_text(&args, at.stage);
	redis_args_int(&args, fact->epoch);
	redis_args_int(&args, fact->seq);
	redis_args_int(&args, fact->level);
	redis_args_text(&args, fact->payload);
	if (!client_call(client, &args, &reply, err))
		return false;
	if (!strcmp(redis_text(redis_item(reply, 0)), "unknown"))
		return unknown(fact->stage, err);
	if (out_level)
		*out_level = (enum queue_fact_level)redis_int(redis_item(reply, 1));
	return true;
}
