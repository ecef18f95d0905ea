/*
 * Upkeep as a pure function: what there is and what time it is, in; what to do, out. It is called
 * again whenever anything changed, so it remembers nothing and trusts no event.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/broker.h"

enum schedule_phase { SCHEDULE_NONE, SCHEDULE_STARTING, SCHEDULE_READY };

struct schedule_kind {
	size_t slots; /* wanted at once; 0: no worker of this kind */
	bool writes;
	enum schedule_phase phase; /* of the worker that takes new work */
	bool is_stale;		   /* it was started under an older configuration */
	size_t leaving;		   /* former workers that still finish what they have */
	unsigned deaths;	   /* in a row, each soon after its start */
	int64_t died_us;	   /* the last one; valid when deaths > 0 */
};

struct schedule_snapshot {
	bool is_draining;
	int64_t drain_until_us; /* valid when is_draining */
	bool is_disk_full;
	struct schedule_kind kinds[BROKER_KINDS];
};

struct schedule_actions {
	bool start;   /* a worker */
	bool dismiss; /* tell the worker to finish what it has and to go */
	bool kill;    /* everything of this kind, now */
	size_t slots; /* to offer to the queue */
};

struct schedule {
	struct schedule_actions kinds[BROKER_KINDS];
	bool is_over;	       /* drained: nothing is left */
	int64_t look_again_us; /* INT64_MAX: only when something changes */
};

void schedule_make(const struct schedule_snapshot *now_is, int64_t now_us, struct schedule *out);

/* How long to wait before the worker is started again after so many quick deaths in a row: not at
 * all for the first two, then 250 ms, doubling up to 30 s. */
int64_t schedule_backoff_us(unsigned deaths);
