/*
 * The attempts this host has in hand, found by tag (messages), by stage and epoch (the queue), and
 * by worker (its end). Owns them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "queue/broker.h"

struct worker;

enum { ATTEMPT_STEP_BYTES = 48 };

struct attempt {
	uint64_t tag; /* from 1, never reused */
	char *stage;
	int64_t epoch;
	enum broker_kind kind;
	struct worker *worker; /* borrowed */
	int64_t started_us;
	int64_t overdue_us; /* when the worker should long have ended it; INT64_MAX: never */
	bool is_told;	    /* CANCEL was sent; overdue_us is then when to lose patience */
	bool is_revoked;    /* its ending is of no use to the queue any more */
	bool is_cancelled;  /* a person asked: however it is stopped, it ends as cancelled */
	bool is_stuck;	    /* the worker is being killed because of it */
	bool has_timed_out; /* told because of its time, not because somebody asked */
	char step[ATTEMPT_STEP_BYTES]; /* as last reported; "" before */
	LIST_ENTRY(attempt) same_tag, same_stage;
	TAILQ_ENTRY(attempt) beside; /* in its worker's list */
};

TAILQ_HEAD(attempt_list, attempt);

struct hand;

struct hand *hand_new(void);
void hand_free(struct hand *hand);

/* `list` is the worker's; stage is copied. */
struct attempt *hand_add(struct hand *hand, struct attempt_list *list, const char *stage,
			 int64_t epoch);
void hand_drop(struct hand *hand, struct attempt_list *list, struct attempt *attempt);

struct attempt *hand_by_tag(const struct hand *hand, uint64_t tag);
struct attempt *hand_by_stage(const struct hand *hand, const char *stage, int64_t epoch);
size_t hand_count(const struct hand *hand);
