/*
 * The worker processes of this host and what they have in hand: starts and dismisses them as the
 * schedule says, hands them attempts, and tells the queue how each attempt ended, whatever ended
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/schedule.h"
#include "queue/broker.h"

struct workers;
struct event_base;

struct workers_options {
	const char *folder;	  /* of the worker programs */
	const char *config_path;  /* absolute, or NULL */
	int64_t media_timeout_ms; /* for attempts whose spec says nothing */
	int ready_ms;		  /* time for a new worker to say READY; 0: 5 s */
	size_t slots[BROKER_KINDS];
};

/* `changed` is called when the schedule should be looked at again; never from inside a call here.
 */
struct workers *workers_new(struct event_base *base, const struct workers_options *options,
			    void (*changed)(void *context), void *context);
void workers_free(struct workers *workers); /* lets go of every process */

/* Where endings go. Not owned. */
void workers_set_broker(struct workers *workers, struct broker *broker);

/* New options; a worker that was started under other ones is stale when `restart`. */
void workers_reconfigure(struct workers *workers, const struct workers_options *options,
			 bool restart);

/* The part of the snapshot that is about workers; and what the schedule made of it. */
void workers_look(const struct workers *workers, struct schedule_snapshot *out);
void workers_apply(struct workers *workers, const struct schedule *schedule,
		   int64_t drain_until_us);

/* From the queue. */
void workers_take(struct workers *workers, const struct broker_claim *claim);
void workers_revoke(struct workers *workers, const char *stage, int64_t epoch, bool is_cancel);

/* Stops what runs longer than it may: first asks, then ends the worker. Returns when to look again.
 */
int64_t workers_check_overdue(struct workers *workers, int64_t now_us);

/* Ends every process that dies with us, at once, and hands everything back. For the second SIGTERM.
 */
void workers_abandon(struct workers *workers);

bool workers_are_ready(const struct workers *workers); /* every kind that is wanted */
size_t workers_in_hand(const struct workers *workers);
size_t workers_processes(const struct workers *workers);
