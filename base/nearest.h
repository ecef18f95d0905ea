/*
 * "unknown name 'promt', did you mean 'prompt'?": picks the nearest of the names that were
 * possible.
 */
#pragma once

#include <stddef.h>

struct nearest {
	const char *wanted, *best; /* borrowed */
	size_t best_distance;
	char hint[160];
};

void nearest_init(struct nearest *nearest, const char *wanted);
void nearest_offer(struct nearest *nearest,
		   const char *candidate); /* borrowed until the hint is read */

/* ", did you mean 'best'?" when something is near enough (about a third of its letters wrong), else
 * "". */
const char *nearest_hint(struct nearest *nearest);
