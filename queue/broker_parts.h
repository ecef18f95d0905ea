/*
 * What the broker's files share: broker.c decides what to say next, turn.c says endings and claims,
 * upkeep.c everything slow (heartbeat, comparison, reaping, sweeping, lane limits).
 */
#pragma once

#include <event2/event.h>

#include "base/buf.h"
#include "base/ids.h"
#include "queue/attempts.h"
#include "queue/broker.h"
#include "queue/link.h"

enum broker_call {
	CALL_NONE,
	CALL_TURN,
	CALL_BEAT,
	CALL_COMPARE,
	CALL_LANE,
	CALL_REAP,
	CALL_SWEEP,
	CALL_EXPIRE,
	CALL_DEPART,
};

struct broker_lane {
	char *name;
	int64_t limit, burst;
	double rate;
	bool is_sent;
};

struct broker_suspect { /* a host whose lease lapsed */
	char *name;
	int64_t since_us; /* our clock, at our first beat that saw it */
	bool is_seen;	  /* by the latest beat too */
	bool is_to_reap;
};

struct broker {
	struct event_base *base;
	struct link *link;
	const struct broker_handler *handler;
	void *context;
	char *farm_prefix, *host, *version, *url, *host_channel;
	int64_t heartbeat_ms, lease_ms, poison_kills;
	size_t claim_max;
	char instance[IDS_NONCE_LENGTH + 1];

	struct event *pump_event, *due_timer, *beat_timer, *stop_timer;
	bool is_linked;	       /* the link is up */
	bool is_up;	       /* and both sides agree on who runs what: claims may go */
	enum broker_call call; /* in flight */
	struct redis_args args;

	struct attempts attempts;
	size_t slots[BROKER_KINDS];
	bool wants[BROKER_KINDS];		 /* there may be work */
	struct attempt *endings, **endings_tail; /* to send */
	struct attempt *sent;			 /* in the turn in flight */
	size_t ending_count;

	uint64_t nonce;
	bool is_nonce_open; /* a claim under it was sent and not answered */
	size_t asked[BROKER_KINDS];
	bool is_due;	/* the due timer fired */
	int64_t due_us; /* when it will, by our clock; 0: not set */
	struct buf tasks;

	bool is_beat_due, is_compare_due, is_run_id_new;
	int64_t wake_seq;
	int missed_wakes;
	struct buf dropped; /* "pipeline.stage\n" whose progress is to be forgotten */
	struct broker_suspect *suspects;
	size_t suspect_count;
	struct broker_lane *lanes;
	size_t lane_count;
	char *sweep, *expire; /* batches to go on with; NULL none */
	char *reaping;

	bool is_stopping, is_departed;
	void (*stopped)(void *context);
	void *stopped_context;

	struct broker_stats stats;
};

/* broker.c */
void broker_kick(struct broker *broker); /* looks, at the end of this turn, what is to be said */
void broker_call(struct broker *broker, enum broker_call call); /* sends broker->args */
void broker_wait(struct broker *broker, int64_t delay_us); /* until something is due; < 0 never */
void broker_wait_at_most(struct broker *broker, int64_t delay_us); /* only ever sooner */
void broker_release(struct broker *broker, struct attempt *attempt);
void broker_revoke(struct broker *broker, struct attempt *attempt, bool is_cancel);
size_t broker_free_slots(const struct broker *broker, enum broker_kind kind);

/* turn.c */
bool turn_is_due(const struct broker *broker);
void turn_send(struct broker *broker);
bool turn_read(struct broker *broker,
	       const redisReply *reply) MUST_CHECK; /* false: not understood */
void turn_lost(struct broker *broker);

/* upkeep.c: each returns true when it sent a call */
bool upkeep_beat(struct broker *broker);
bool upkeep_compare(struct broker *broker);
bool upkeep_lanes(struct broker *broker);
bool upkeep_chores(struct broker *broker);
bool upkeep_depart(struct broker *broker);
void upkeep_read(struct broker *broker, enum broker_call call, const redisReply *reply);
void upkeep_lost(struct broker *broker);
void upkeep_done(struct broker *broker);
