/*
 * Everything that is not an ending or a claim: the heartbeat and what its answer asks for. None of
 * it is urgent by more than seconds, all of it can be said twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue/broker_parts.h"

/* ---- heartbeat */

static void put_progress(void *context, struct attempt *attempt)
{
	struct broker *broker = context;

	if (!attempt->is_progress_new || attempt->is_ended || attempt->is_revoked)
		return;
	attempt->is_progress_new = false;
	attempt->had_progress = true;
	redis_args_printf(&broker->args, "%.*s.%u", (int)attempt->pipeline_len, attempt->stage,
			  attempt->index);
	redis_args_printf(&broker->args, "%d %s", attempt->permille, attempt->step);
}

static void put_dropped(struct broker *broker)
{
	const char *at = broker->dropped.data;
	const char *end = at ? at + broker->dropped.len : at;

	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		redis_args_copy(&broker->args, at, (size_t)(line - at));
		redis_args_text(&broker->args, "");
		at = line + 1;
	}
	buf_clear(&broker->dropped);
}

bool upkeep_beat(struct broker *broker)
{
	if (!broker->is_beat_due)
		return false;
	broker->is_beat_due = false;
	redis_args_script(&broker->args, SCRIPT_BEAT, broker->farm_prefix);
	redis_args_text(&broker->args, broker->host);
	redis_args_text(&broker->args, broker->instance);
	redis_args_text(&broker->args, broker->version);
	redis_args_text(&broker->args, link_run_id(broker->link));
	redis_args_int(&broker->args, broker->lease_ms);
	redis_args_int(&broker->args, (int64_t)broker->attempts.ours);
	redis_args_int(&broker->args, broker->attempts.sum);
	redis_args_text(&broker->args, "");
	put_dropped(broker);
	attempts_each(&broker->attempts, put_progress, broker);
	broker_call(broker, CALL_BEAT);
	return true;
}

static struct broker_suspect *suspect(struct broker *broker, const char *name)
{
	for (size_t i = 0; i < broker->suspect_count; i++) {
		if (!strcmp(broker->suspects[i].name, name))
			return &broker->suspects[i];
	}
	broker->suspects =
		xrealloc(broker->suspects, (broker->suspect_count + 1) * sizeof(*broker->suspects));
	broker->suspects[broker->suspect_count] = (struct broker_suspect){
		.name = xstrdup(name),
		.since_us = clock_monotonic_us(),
	};
	return &broker->suspects[broker->suspect_count++];
}

static void drop_suspect(struct broker *broker, size_t i)
{
	free(broker->suspects[i].name);
	broker->suspects[i] = broker->suspects[--broker->suspect_count];
}

/* Reaped only when seen lapsed at two of our own beats half a lease apart by our own clock. */
static void note_lapsed(struct broker *broker, const redisReply *reply, size_t first)
{
	int64_t now = clock_monotonic_us();

	for (size_t i = 0; i < broker->suspect_count; i++)
		broker->suspects[i].is_seen = false;
	for (size_t i = first; i < reply->elements; i++) {
		struct broker_suspect *at = suspect(broker, redis_text(reply->element[i]));
		at->is_seen = true;
		at->is_to_reap = now - at->since_us >= broker->lease_ms * 500;
	}
	for (size_t i = broker->suspect_count; i-- > 0;) {
		if (!broker->suspects[i].is_seen)
			drop_suspect(broker, i);
	}
}

static void replace(char **text, const redisReply *with)
{
	free(*text);
	*text = redis_text(with)[0] ? xstrdup(redis_text(with)) : NULL;
}

/* A wake counter that moved without a message: one is on its way, or messages do not arrive. */
static void note_wake(struct broker *broker, int64_t seq)
{
	if (seq == broker->wake_seq) {
		broker->missed_wakes = 0;
		return;
	}
	broker->wake_seq = seq;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		broker->wants[kind] = true;
	if (++broker->missed_wakes >= 5) {
		broker->missed_wakes = 0;
		link_drop(broker->link, 0,
			  "Redis at %s: its messages do not arrive; connecting anew",
			  link_address(broker->link)->shown);
	}
}

static void read_beat(struct broker *broker, const redisReply *reply)
{
	enum { FIRST_LAPSED = 8 };

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < FIRST_LAPSED)
		return;
	broker_wait_at_most(broker, redis_int(reply->element[1]));
	if (redis_int(reply->element[2]) && broker->is_up) {
		log_warn("queue what=\"Redis and this host differ about what it runs; comparing\"");
		broker->is_compare_due = true;
	}
	broker->stats.ready = redis_int(reply->element[3]);
	broker->stats.delayed = redis_int(reply->element[4]);
	/* Whatever became of the message: what is ready is looked at once a beat, where slots are
	 * free. */
	for (int kind = 0; broker->stats.ready > 0 && kind < BROKER_KINDS; kind++)
		broker->wants[kind] = true;
	replace(&broker->sweep, reply->element[5]);
	replace(&broker->expire, reply->element[6]);
	if (redis_text(reply->element[7])[0])
		log_warn(
			"queue host=%s what=\"another reeld used this host name within the lease: if it still "
			"runs, give one of them another name (host:)\"",
			broker->host);
	note_lapsed(broker, reply, FIRST_LAPSED);
	note_wake(broker, redis_int(reply->element[0]));
}

/* ---- comparison */

static void put_member(void *context, struct attempt *attempt)
{
	struct broker *broker = context;
	char member[400];

	if (!attempt->is_revoked)
		redis_args_copy(&broker->args, member,
				attempt_member(attempt, member, sizeof(member)));
}

bool upkeep_compare(struct broker *broker)
{
	if (!broker->is_compare_due)
		return false;
	broker->is_compare_due = false;
	redis_args_script(&broker->args, SCRIPT_COMPARE, broker->farm_prefix);
	redis_args_text(&broker->args, broker->host);
	attempts_each(&broker->attempts, put_member, broker);
	broker_call(broker, CALL_COMPARE);
	return true;
}

struct member_search {
	const char *member;
	struct attempt *found;
};

static void match_member(void *context, struct attempt *attempt)
{
	struct member_search *search = context;
	char member[400];

	(void)attempt_member(attempt, member, sizeof(member));
	if (!strcmp(member, search->member))
		search->found = attempt;
}

static void read_compare(struct broker *broker, const redisReply *reply)
{
	if (redis_int(redis_item(reply, 0)) > 0)
		broker->is_compare_due = true;
	for (size_t i = 1; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		const char *text = redis_text(reply->element[i]);
		bool is_cancel = !strncmp(text, "c:", 2);
		struct member_search search = { .member = is_cancel ? text + 2 : text };
		attempts_each(&broker->attempts, match_member, &search);
		/* An ended one says its ending anyway, and is told that it came too late. */
		if (search.found)
			broker_revoke(broker, search.found, is_cancel);
	}
}

/* ---- lanes */

void broker_set_lane(struct broker *broker, const char *lane, int64_t limit, double rate,
		     int64_t burst)
{
	struct broker_lane *at = NULL;

	for (size_t i = 0; i < broker->lane_count && !at; i++)
		at = strcmp(broker->lanes[i].name, lane) ? NULL : &broker->lanes[i];
	if (!at) {
		broker->lanes =
			xrealloc(broker->lanes, (broker->lane_count + 1) * sizeof(*broker->lanes));
		at = &broker->lanes[broker->lane_count++];
		*at = (struct broker_lane){ .name = xstrdup(lane) };
	}
	at->limit = limit;
	at->rate = rate;
	at->burst = burst;
	at->is_sent = false;
	broker_kick(broker);
}

bool upkeep_lanes(struct broker *broker)
{
	for (size_t i = 0; i < broker->lane_count; i++) {
		struct broker_lane *lane = &broker->lanes[i];
		if (lane->is_sent)
			continue;
		lane->is_sent = true;
		redis_args_lane_limits(&broker->args, broker->farm_prefix, lane->name, lane->limit,
				       lane->rate, lane->burst);
		broker_call(broker, CALL_LANE);
		return true;
	}
	return false;
}

/* ---- chores: reap, sweep, expire */

static bool call_for(struct broker *broker, enum broker_call call, enum script script,
		     const char *first, const char *second)
{
	redis_args_script(&broker->args, script, broker->farm_prefix);
	redis_args_text(&broker->args, first);
	if (second)
		redis_args_text(&broker->args, second);
	broker_call(broker, call);
	return true;
}

static bool reap(struct broker *broker)
{
	for (size_t i = 0; i < broker->suspect_count; i++) {
		if (!broker->suspects[i].is_to_reap)
			continue;
		free(broker->reaping);
		broker->reaping = xstrdup(broker->suspects[i].name);
		redis_args_script(&broker->args, SCRIPT_REAP, broker->farm_prefix);
		redis_args_text(&broker->args, broker->reaping);
		redis_args_int(&broker->args, broker->lease_ms);
		broker_call(broker, CALL_REAP);
		return true;
	}
	return false;
}

bool upkeep_chores(struct broker *broker)
{
	if (reap(broker))
		return true;
	if (broker->sweep)
		return call_for(broker, CALL_SWEEP, SCRIPT_CANCEL, "sweep", broker->sweep);
	if (broker->expire)
		return call_for(broker, CALL_EXPIRE, SCRIPT_EXPIRE, broker->expire, NULL);
	return false;
}

static void read_reap(struct broker *broker, int64_t left)
{
	if (left > 0)
		return; /* the next call goes on */
	if (left == 0)
		log_warn("queue host=%s what=\"it went silent; its stages are ready again\"",
			 broker->reaping);
	for (size_t i = broker->suspect_count; i-- > 0;) {
		if (!strcmp(broker->suspects[i].name, broker->reaping))
			drop_suspect(broker, i);
	}
}

bool upkeep_depart(struct broker *broker)
{
	if (broker->is_departed)
		return false;
	return call_for(broker, CALL_DEPART, SCRIPT_DEPART, broker->host, broker->instance);
}

/* ---- answers */

void upkeep_read(struct broker *broker, enum broker_call call, const redisReply *reply)
{
	switch (call) {
	case CALL_BEAT: read_beat(broker, reply); break;
	case CALL_COMPARE: read_compare(broker, reply); break;
	case CALL_REAP: read_reap(broker, redis_int(reply)); break;
	case CALL_SWEEP:
		if (redis_int(redis_item(reply, 2)) == 0)
			replace(&broker->sweep, NULL);
		break;
	case CALL_EXPIRE:
		if (redis_int(reply) == 0)
			replace(&broker->expire, NULL);
		break;
	case CALL_DEPART: broker->is_departed = redis_int(reply) <= 0; break;
	case CALL_LANE:
	case CALL_TURN:
	case CALL_NONE: break;
	}
}

void upkeep_lost(struct broker *broker)
{
	/* What was asked for by an older answer is asked for again by the next. */
	replace(&broker->sweep, NULL);
	replace(&broker->expire, NULL);
	while (broker->suspect_count)
		drop_suspect(broker, broker->suspect_count - 1);
}

void upkeep_done(struct broker *broker)
{
	upkeep_lost(broker);
	free(broker->suspects);
	free(broker->reaping);
	for (size_t i = 0; i < broker->lane_count; i++)
		free(broker->lanes[i].name);
	free(broker->lanes);
}
