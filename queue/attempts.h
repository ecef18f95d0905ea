/*
 * The attempts a host has in hand: found by stage and epoch, counted per kind, summed for the
 * heartbeat's comparison. Each belongs to the table from the claim until Redis has its ending.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "queue/broker.h"

enum { ENDING_RETURNED = 4 }; /* in place of a verdict_policy: given back, nothing used */

struct attempt {
	struct attempt *next;	     /* in its bucket */
	struct attempt *next_ending; /* in the broker's list of endings to send */
	uint32_t hash;
	char *stage; /* "k3f9x2m4-17/draft", in the same block as this */
	size_t pipeline_len;
	unsigned index; /* of the stage in its pipeline */
	int64_t epoch;
	enum broker_kind kind;
	bool is_ended;	   /* broker_finish or _return was called; waits for Redis' answer */
	bool is_revoked;   /* not ours any more: its ending is dropped */
	bool is_cancelled; /* revoke was called because somebody cancelled it */
	bool is_progress_new, had_progress, is_split;
	int permille;
	char step[96];
	/* the ending */
	enum verdict_class class;
	bool is_return, is_kill;
	int64_t after_ms;
	char *message, *result; /* NULL: none */
};

struct attempts {
	struct attempt **buckets;
	size_t bucket_count, count;
	size_t running[BROKER_KINDS]; /* not ended: they occupy a slot */
	size_t ours;		      /* those Redis should have in run:<host> */
	int64_t sum;		      /* over those; the same arithmetic as run_sum in _lib.lua */
};

struct attempt *attempts_add(struct attempts *attempts, const char *pipeline, const char *stage,
			     unsigned index, int64_t epoch, enum broker_kind kind);
struct attempt *attempts_find(const struct attempts *attempts, const char *stage, int64_t epoch);
void attempts_end(struct attempts *attempts, struct attempt *attempt);	  /* frees its slot */
void attempts_revoke(struct attempts *attempts, struct attempt *attempt); /* not ours any more */
void attempts_remove(struct attempts *attempts, struct attempt *attempt); /* and frees it */
void attempts_done(struct attempts *attempts);

/* "k3f9x2m4-17.2.5": pipeline, stage index, epoch; the scripts' name for it. Returns the length. */
size_t attempt_member(const struct attempt *attempt, char *out, size_t size);

/* Goes through all; the callback may not remove. */
void attempts_each(const struct attempts *attempts,
		   void (*visit)(void *context, struct attempt *attempt), void *context);
