/*
 * Is a batch stuck behind lanes that only a person can open: a full disk, a missing key? No stage
 * of it is held then; they are ready, unharmed, and the lane tries one of them now and then.
 */
#pragma once

#include <stdbool.h>

#include "queue/client.h"

/* What was seen when watching began; zero-initialise. A lane that was cordoned before counts only
 * after it failed once more: perhaps the person has acted, and that try is the proof. */
struct stuck {
	struct stuck_lane {
		char *name;
		int64_t probe_at;
	} * before;
	size_t count;
	bool has_looked;
};

/* Gives a sentence when nothing of the batch moves and every lane with work is closed for a person,
 * else NULL. Caller frees *out_why. */
bool stuck_look(struct stuck *stuck, struct queue_client *client, const struct queue_batch *batch,
		char **out_why, struct err *err) MUST_CHECK;
void stuck_done(struct stuck *stuck);
