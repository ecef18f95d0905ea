/*
 * The supervisor's side of the queue: asynchronous, on its libevent loop; two connections
 * (commands, subscription).
 *
 * The broker keeps the promises that cross a connection: it reconnects with backoff, waits for the
 * subscription's confirmation before the first claim, repeats a claim whose reply was lost under
 * the same nonce, sends the endings of one loop turn as one call and repeats them until answered,
 * renews the host's heartbeat, compares both ways who runs what after every reconnect, fires due
 * timers, reaps lapsed hosts, sweeps what retention lets go. It claims by itself whenever a kind
 * has free slots and there may be work: on wake, on due, on a freed slot, on start, on a changed
 * wake counter in the heartbeat's answer. It never blocks: names are resolved by evdns, connecting
 * has its own timer.
 *
 * The daemon only says what it can carry, starts what it is given, and reports how it ended.
 */
#pragma once

#include "base/err.h"
#include "queue/queue.h"

struct broker;
struct event_base;

enum broker_kind {		  /* which worker process serves a lane: from the lane's name */
		   BROKER_MEDIA,  /* "cpu", and every prepare micro-step */
		   BROKER_REMOTE, /* "noop", "account:*" */
		   BROKER_GPU,	  /* "gpu:*" */
		   BROKER_KINDS,
};

enum broker_kind broker_kind_of_lane(const char *lane);

struct broker_claim {	   /* one attempt to be run; texts valid during the callback */
	const char *stage; /* "k3f9x2m4-17/draft" */
	int64_t epoch, attempt;
	enum broker_kind kind;
	const char *lane;
	int64_t timeout_ms; /* 0: the host's default */
	const char *task;   /* JSON for the worker (docs/protocol.md "task") */
	size_t task_len;
};

struct broker_handler {
	void (*claimed)(void *context, const struct broker_claim *claims, size_t count);
	/* Redis says this attempt is not ours any more (reaped, cancelled): stop it; its ending
	 * will not be used. is_cancel: the user asked; report the ending as VERDICT_CANCELLED when
	 * it stopped. */
	void (*revoke)(void *context, const char *stage, int64_t epoch, bool is_cancel);
	/* Connection state, for STATUS= and the log; why is a sentence. Running stages go on while
	 * it is down. */
	void (*connection)(void *context, bool is_up, const char *why);
};

struct broker_options {
	const char *url, *farm, *host, *version;
	int64_t heartbeat_ms, lease_ms;
	int64_t poison_kills;
	int64_t retention_ms;
	size_t claim_max; /* stages per claim call; default 128 */
};

struct broker *broker_new(struct event_base *base, const struct broker_options *options,
			  const struct broker_handler *handler, void *context);

/* How many more attempts of a kind this host can carry in all; raising it makes the broker claim. 0
 * stops claiming. */
void broker_set_slots(struct broker *broker, enum broker_kind kind, size_t slots);

/* The ending of an attempt; everything copied. Frees its slot at once; goes out at the end of the
 * turn, and again until Redis has answered. For VERDICT_PREPARED, result is
 * {"definition": {...}, "lane": "account:x"}: the rendered definition takes the place of the
 * submitted one, and the stage waits next in that lane; without "lane", in the one it was submitted
 * for. Without a definition in it the stage fails as permanent. */
struct broker_ending {
	const char *stage;
	int64_t epoch;
	enum verdict_class class;
	int64_t after_ms;
	bool is_kill;	     /* the attempt took a worker process down: counts towards poison */
	const char *message; /* NULL when done */
	const char *result;  /* JSON; NULL for none */
};
void broker_finish(struct broker *broker, const struct broker_ending *ending);

/* Hands an attempt back unharmed: no attempt used, ready again at once (drain, worker lost before
 * the stage was touched). */
void broker_return(struct broker *broker, const char *stage, int64_t epoch);

/* Latest step and progress; sent with the next heartbeat, never into the event stream. */
void broker_progress(struct broker *broker, const char *stage, int64_t epoch, const char *step,
		     int permille);

/* Applies lane limits from the configuration (sent when connected, and again after each reconnect).
 * 0 is no limit, QUEUE_KEEP what the lane has already. */
void broker_set_lane(struct broker *broker, const char *lane, int64_t limit, double rate,
		     int64_t burst);

struct broker_stats {
	bool is_up;
	size_t running[BROKER_KINDS], unsent; /* attempts in hand; endings Redis has not answered */
	uint64_t calls, claimed,
		finished;	/* Redis calls made; attempts; for the benchmarks and STATUS= */
	int64_t ready, delayed; /* farm-wide, from the last heartbeat */
};
void broker_stats(const struct broker *broker, struct broker_stats *out);

/* Stops claiming, flushes endings; calls done() when Redis has all of them, or after timeout_ms. */
void broker_stop(struct broker *broker, int timeout_ms, void (*done)(void *context), void *context);
void broker_free(
	struct broker *broker); /* cuts the connections; announces the host's departure if it can */
