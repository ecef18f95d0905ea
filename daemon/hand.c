/*
 * Two hash tables of fixed size over the same objects. A host carries at most some 20,000 attempts
 * (remote_slots), so 4096 chains are short and never need to grow.
 */
#include "daemon/hand.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { CHAINS = 4096 };

LIST_HEAD(chain, attempt);

struct hand {
	struct chain by_tag[CHAINS], by_stage[CHAINS];
	uint64_t last_tag;
	size_t count;
};

struct hand *hand_new(void)
{
	return xcalloc(1, sizeof(struct hand));
}

static void destroy(struct attempt *attempt)
{
	free(attempt->stage);
	free(attempt);
}

void hand_free(struct hand *hand)
{
	if (!hand)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		struct attempt *attempt;

		while ((attempt = LIST_FIRST(&hand->by_tag[i]))) {
			LIST_REMOVE(attempt, same_tag);
			destroy(attempt);
		}
	}
	free(hand);
}

/* FNV-1a; the epoch is left out, epochs of one stage share a chain. */
static size_t stage_chain(const char *stage)
{
	uint32_t hash = 2166136261u;

	for (; *stage; stage++)
		hash = (hash ^ (unsigned char)*stage) * 16777619u;
	return (hash ^ hash >> 15) % CHAINS;
}

struct attempt *hand_add(struct hand *hand, struct attempt_list *list, const char *stage,
			 int64_t epoch)
{
	struct attempt *attempt = xcalloc(1, sizeof(*attempt));

	attempt->tag = ++hand->last_tag;
	attempt->stage = xstrdup(stage);
	attempt->epoch = epoch;
	attempt->overdue_us = INT64_MAX;
	LIST_INSERT_HEAD(&hand->by_tag[attempt->tag % CHAINS], attempt, same_tag);
	LIST_INSERT_HEAD(&hand->by_stage[stage_chain(stage)], attempt, same_stage);
	TAILQ_INSERT_TAIL(list, attempt, beside);
	hand->count++;
	return attempt;
}

void hand_drop(struct hand *hand, struct attempt_list *list, struct attempt *attempt)
{
	LIST_REMOVE(attempt, same_tag);
	LIST_REMOVE(attempt, same_stage);
	TAILQ_REMOVE(list, attempt, beside);
	hand->count--;
	destroy(attempt);
}

struct attempt *hand_by_tag(const struct hand *hand, uint64_t tag)
{
	struct attempt *attempt;

	LIST_FOREACH(attempt, &hand->by_tag[tag % CHAINS], same_tag)
	{
		if (attempt->tag == tag)
			return attempt;
	}
	return NULL;
}

struct attempt *hand_by_stage(const struct hand *hand, const char *stage, int64_t epoch)
{
	struct attempt *attempt;

	LIST_FOREACH(attempt, &hand->by_stage[stage_chain(stage)], same_stage)
	{
		if (attempt->epoch == epoch && !strcmp(attempt->stage, stage))
			return attempt;
	}
	return NULL;
}

size_t hand_count(const struct hand *hand)
{
	return hand->count;
}
