/*
 * The supervisor's end of the queue. One call is in flight at a time, so that what Redis and this
 * host believe can be compared whenever none is; what happens meanwhile is gathered into the next.
 * pump() looks at the state of the world and says the most urgent thing; every event only sets a
 * flag and kicks it.
 *
 *      link down --up--> beat, repeat a lost turn, compare --> up: turns, beats, chores
 *          ^                                                    |
 *          +------------------------- lost ---------------------+
 *
 * While the link is down attempts go on and endings gather; a turn whose answer was lost is said
 * again, its claim under the same nonce.
 */
#include "queue/broker.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue/broker_parts.h"

enum { CLAIM_MAX = 128, HEARTBEAT_MS = 2000, LEASE_MS = 15000, POISON_KILLS = 3 };

enum broker_kind broker_kind_of_lane(const char *lane)
{
	if (!strcmp(lane, "cpu"))
		return BROKER_MEDIA;
	return strncmp(lane, "gpu:", 4) ? BROKER_REMOTE : BROKER_GPU;
}

static void timer_in(struct event *timer, int64_t us)
{
	const struct timeval after = { us / 1000000, us % 1000000 };
	event_add(timer, &after);
}

size_t broker_free_slots(const struct broker *broker, enum broker_kind kind)
{
	size_t running = broker->attempts.running[kind];

	if (broker->is_stopping || running >= broker->slots[kind])
		return 0;
	return broker->slots[kind] - running;
}

/* ---- what to say next */

static bool stop_if_done(struct broker *broker)
{
	void (*stopped)(void *context) = broker->stopped;

	if (!broker->is_stopping || !stopped || !broker->is_departed)
		return false;
	broker->stopped = NULL;
	evtimer_del(broker->stop_timer);
	stopped(broker->stopped_context);
	return true;
}

static void came_up(struct broker *broker)
{
	broker->is_up = true;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		broker->wants[kind] = true;
	broker->handler->connection(broker->context, true, "connected");
	broker_kick(broker);
}

static void pump(struct broker *broker)
{
	if (stop_if_done(broker) || !broker->is_linked || broker->call != CALL_NONE)
		return;
	if (upkeep_beat(broker))
		return;
	if (!broker->is_up) {
		/* The lost turn first: its claim's answer must be known before both sides compare.
		 */
		if (broker->is_nonce_open)
			turn_send(broker);
		else if (!upkeep_compare(broker))
			came_up(broker);
		return;
	}
	if (upkeep_compare(broker) || upkeep_lanes(broker))
		return;
	if (turn_is_due(broker)) {
		turn_send(broker);
		return;
	}
	if (broker->is_stopping && upkeep_depart(broker))
		return;
	(void)upkeep_chores(broker);
}

static void on_pump(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	pump(context);
}

void broker_kick(struct broker *broker)
{
	/* An active event runs after the callbacks already waiting in this turn of the loop, so
	 * that endings that came together leave together. */
	event_active(broker->pump_event, EV_TIMEOUT, 1);
}

void broker_call(struct broker *broker, enum broker_call call)
{
	broker->call = call;
	broker->stats.calls++;
	link_call(broker->link, &broker->args);
}

void broker_wait(struct broker *broker, int64_t delay_us)
{
	broker->due_us = 0;
	evtimer_del(broker->due_timer);
	broker_wait_at_most(broker, delay_us);
}

void broker_wait_at_most(struct broker *broker, int64_t delay_us)
{
	int64_t at = clock_boot_us() + delay_us;

	if (delay_us < 0 || (broker->due_us && broker->due_us <= at))
		return;
	broker->due_us = at;
	timer_in(broker->due_timer, delay_us < 1000 ? 1000 : delay_us);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
	struct broker *broker = context;

	(void)fd;
	(void)what;
	broker->is_due = true;
	broker->due_us = 0;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		broker->wants[kind] = true;
	broker_kick(broker);
}

static void on_beat(evutil_socket_t fd, short what, void *context)
{
	struct broker *broker = context;

	(void)fd;
	(void)what;
	broker->is_beat_due = true;
	broker_kick(broker);
}

static void on_stop_limit(evutil_socket_t fd, short what, void *context)
{
	struct broker *broker = context;

	(void)fd;
	(void)what;
	if (broker->ending_count || broker->sent)
		log_warn(
			"queue stop=late unsent=%zu what=\"endings Redis did not take; their stages run again\"",
			broker->ending_count);
	broker->is_departed = true;
	(void)stop_if_done(broker);
}

/* ---- the link's news */

static void on_up(void *context)
{
	struct broker *broker = context;

	broker->is_linked = true;
	broker->is_beat_due = broker->is_compare_due = true;
	broker->missed_wakes = 0;
	for (size_t i = 0; i < broker->lane_count; i++)
		broker->lanes[i].is_sent = false;
	broker_kick(broker);
}

static void on_down(void *context, const char *why)
{
	struct broker *broker = context;

	broker->is_linked = broker->is_up = false;
	if (broker->call == CALL_TURN)
		turn_lost(broker);
	upkeep_lost(broker);
	broker->call = CALL_NONE;
	broker_wait(broker, -1);
	broker->handler->connection(broker->context, false, why);
	broker_kick(broker);
}

static void on_wake(struct broker *broker, const char *text)
{
	static const char letters[BROKER_KINDS] = {
		[BROKER_MEDIA] = 'm', [BROKER_REMOTE] = 'r', [BROKER_GPU] = 'g'
	};
	int64_t seq = strtoll(text, NULL, 10);
	const char *kinds = strchr(text, ' ');

	if (seq > broker->wake_seq)
		broker->wake_seq = seq;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++) {
		if (!kinds || strchr(kinds, letters[kind]))
			broker->wants[kind] = true;
	}
}

static void on_cancel_line(struct broker *broker, const char *line, size_t len)
{
	char stage[512];
	long long epoch;
	char copy[600];

	if (len >= sizeof(copy))
		return;
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (sscanf(copy, "cancel %511s %lld", stage, &epoch) != 2)
		return;
	struct attempt *attempt = attempts_find(&broker->attempts, stage, epoch);
	if (attempt)
		broker_revoke(broker, attempt, true);
	else
		broker->is_compare_due = true; /* its claim's answer is still on its way */
}

static void on_message(void *context, const char *channel, const char *text)
{
	struct broker *broker = context;

	if (strcmp(channel, broker->host_channel)) {
		on_wake(broker, text);
	} else {
		while (*text) {
			size_t len = strcspn(text, "\n");
			on_cancel_line(broker, text, len);
			text += len + (text[len] == '\n');
		}
	}
	/* Not kicked but at once: between a submit and its first claim nothing else is to wait for.
	 */
	pump(broker);
}

static void on_reply(void *context, redisReply *reply)
{
	struct broker *broker = context;
	enum broker_call call = broker->call;

	if (reply->type == REDIS_REPLY_ERROR) {
		struct err err;
		(void)redis_error(&err, link_address(broker->link), reply->str);
		link_drop(broker->link, err.kind == ERR_OPERATOR ? 5000 : 0, "%s", err.text);
		return;
	}
	broker->call = CALL_NONE;
	if (call != CALL_TURN) {
		upkeep_read(broker, call, reply);
	} else if (!turn_read(broker, reply)) {
		broker->call = CALL_TURN;
		link_drop(broker->link, 5000, "Redis at %s: an answer that cannot be understood",
			  link_address(broker->link)->shown);
		return;
	}
	broker_kick(broker);
}

static const struct link_handler link_events = { on_up, on_down, on_message, on_reply };

/* ---- attempts */

void broker_release(struct broker *broker, struct attempt *attempt)
{
	if (attempt->had_progress && !attempt->is_revoked)
		buf_printf(&broker->dropped, "%.*s.%u\n", (int)attempt->pipeline_len,
			   attempt->stage, attempt->index);
	attempts_remove(&broker->attempts, attempt);
}

void broker_revoke(struct broker *broker, struct attempt *attempt, bool is_cancel)
{
	if (attempt->is_ended || attempt->is_revoked || (is_cancel && attempt->is_cancelled))
		return;
	if (is_cancel)
		attempt->is_cancelled = true;
	else
		attempts_revoke(&broker->attempts, attempt);
	broker->handler->revoke(broker->context, attempt->stage, attempt->epoch, is_cancel);
}

static void end_attempt(struct broker *broker, struct attempt *attempt)
{
	attempts_end(&broker->attempts, attempt);
	broker->wants[attempt->kind] = true;
	if (attempt->is_revoked) {
		broker_release(broker, attempt);
	} else {
		*broker->endings_tail = attempt;
		broker->endings_tail = &attempt->next_ending;
		broker->ending_count++;
	}
	broker_kick(broker);
}

static struct attempt *in_hand(struct broker *broker, const char *stage, int64_t epoch,
			       const char *what)
{
	struct attempt *attempt = attempts_find(&broker->attempts, stage, epoch);

	if (attempt && !attempt->is_ended)
		return attempt;
	log_warn("queue stage=%s epoch=%lld what=\"%s of an attempt that is not in hand\"", stage,
		 (long long)epoch, what);
	return NULL;
}

void broker_finish(struct broker *broker, const struct broker_ending *ending)
{
	struct attempt *attempt = in_hand(broker, ending->stage, ending->epoch, "ending");

	if (!attempt)
		return;
	attempt->class = ending->class;
	attempt->is_kill = ending->is_kill;
	attempt->after_ms = ending->after_ms;
	attempt->message = ending->message ? xstrdup(ending->message) : NULL;
	attempt->result = ending->result ? xstrdup(ending->result) : NULL;
	end_attempt(broker, attempt);
}

void broker_return(struct broker *broker, const char *stage, int64_t epoch)
{
	struct attempt *attempt = in_hand(broker, stage, epoch, "return");

	if (!attempt)
		return;
	attempt->is_return = true;
	end_attempt(broker, attempt);
}

void broker_progress(struct broker *broker, const char *stage, int64_t epoch, const char *step,
		     int permille)
{
	struct attempt *attempt = attempts_find(&broker->attempts, stage, epoch);

	if (!attempt || attempt->is_ended)
		return;
	attempt->is_progress_new = true;
	attempt->permille = permille;
	if (step)
		(void)snprintf(attempt->step, sizeof(attempt->step), "%s", step); /* cut is fine */
}

void broker_set_slots(struct broker *broker, enum broker_kind kind, size_t slots)
{
	if (slots > broker->slots[kind])
		broker->wants[kind] = true;
	broker->slots[kind] = slots;
	broker_kick(broker);
}

void broker_stats(const struct broker *broker, struct broker_stats *out)
{
	*out = broker->stats;
	out->is_up = broker->is_up;
	out->unsent = broker->ending_count;
	for (const struct attempt *at = broker->sent; at; at = at->next_ending)
		out->unsent++;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		out->running[kind] = broker->attempts.running[kind];
}

/* ---- life */

struct broker *broker_new(struct event_base *base, const struct broker_options *options,
			  const struct broker_handler *handler, void *context)
{
	struct broker *broker = xcalloc(1, sizeof(*broker));

	redis_ignore_sigpipe();
	broker->base = base;
	broker->handler = handler;
	broker->context = context;
	broker->farm_prefix = xasprintf("reel:{%s}:", options->farm);
	broker->host = xstrdup(options->host);
	broker->version = xstrdup(options->version ? options->version : "");
	broker->url = xstrdup(options->url);
	broker->heartbeat_ms = options->heartbeat_ms > 0 ? options->heartbeat_ms : HEARTBEAT_MS;
	broker->lease_ms = options->lease_ms > 0 ? options->lease_ms : LEASE_MS;
	broker->poison_kills = options->poison_kills > 0 ? options->poison_kills : POISON_KILLS;
	broker->claim_max = options->claim_max ? options->claim_max : CLAIM_MAX;
	broker->endings_tail = &broker->endings;
	broker->args.script = SCRIPTS;
	ids_nonce(broker->instance);
	broker->pump_event = event_new(base, -1, 0, on_pump, broker);
	broker->due_timer = evtimer_new(base, on_due, broker);
	broker->stop_timer = evtimer_new(base, on_stop_limit, broker);
	broker->beat_timer = event_new(base, -1, EV_PERSIST, on_beat, broker);
	timer_in(broker->beat_timer, broker->heartbeat_ms * 1000);
	DEFER(freep) char *wake = xasprintf("%swake", broker->farm_prefix);
	broker->host_channel = xasprintf("%shost:%s", broker->farm_prefix, broker->host);
	broker->link =
		link_new(base, broker->url, (const char *const[]){ wake, broker->host_channel },
			 &link_events, broker);
	link_start(broker->link);
	return broker;
}

void broker_stop(struct broker *broker, int timeout_ms, void (*done)(void *context), void *context)
{
	broker->is_stopping = true;
	broker->stopped = done;
	broker->stopped_context = context;
	timer_in(broker->stop_timer, (int64_t)timeout_ms * 1000);
	broker_kick(broker);
}

/* Without a broker_stop before it: one blocking try, so that the stages need not wait for the
 * lease. */
static void depart_now(struct broker *broker)
{
	const struct redis_address *address = link_address(broker->link);
	const struct timeval limit = { 0, 300000 };

	if (broker->is_departed || !broker->is_up || !address->path)
		return;
	redisContext *redis = redisConnectUnixWithTimeout(address->path, limit);
	if (redis && !redis->err && redisSetTimeout(redis, limit) == REDIS_OK &&
	    !address->password && !address->db) {
		redis_args_script(&broker->args, SCRIPT_DEPART, broker->farm_prefix);
		redis_args_text(&broker->args, broker->host);
		redis_args_text(&broker->args, broker->instance);
		void *reply = redisCommandArgv(redis, (int)broker->args.count, broker->args.argv,
					       broker->args.lens);
		if (reply)
			freeReplyObject(reply);
	}
	if (redis)
		redisFree(redis);
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	depart_now(broker);
	link_free(broker->link);
	upkeep_done(broker);
	attempts_done(&broker->attempts);
	event_free(broker->pump_event);
	event_free(broker->due_timer);
	event_free(broker->beat_timer);
	event_free(broker->stop_timer);
	redis_args_done(&broker->args);
	buf_done(&broker->tasks);
	buf_done(&broker->dropped);
	free(broker->farm_prefix);
	free(broker->host);
	free(broker->version);
	free(broker->url);
	free(broker->host_channel);
	free(broker);
}
