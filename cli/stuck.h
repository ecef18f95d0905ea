/*
 * Is a batch stuck behind what only a person can mend: a lane that a full disk or a missing key has
 * closed, a disk with less room than min_free? No stage of it is held then; they are ready,
 * unharmed, and go on by themselves afterwards.
 */
#pragma once

#include <stdbool.h>

#include "queue/client.h"

struct config;

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
 * or this machine is the only one and has too little room to write; else NULL. Caller frees
 * *out_why. */
bool stuck_look(struct stuck *stuck, struct queue_client *client, const struct config *config,
		const struct queue_batch *batch, char **out_why, struct err *err) MUST_CHECK;
void stuck_done(struct stuck *stuck);
