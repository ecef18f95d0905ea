/*
 * What workers.c (the processes) and workers_attempts.c (what they have in hand) share.
 */
#pragma once

#include <sys/queue.h>

#include "daemon/hand.h"
#include "daemon/child.h"
#include "daemon/workers.h"

struct worker {
	struct workers *workers;
	enum broker_kind kind;
	struct child *child;
	struct attempt_list in_hand;
	size_t slots; /* as it was told */
	bool is_ready, is_stale;
	bool is_dismissed;  /* told to finish and go: its end is no death */
	bool is_expendable; /* abandoned: its end charges nobody */
	TAILQ_ENTRY(worker) beside;
};

struct workers {
	struct event_base *base;
	struct broker *broker;
	void (*changed)(void *context);
	void *context;
	char *folder, *config_path;
	int64_t media_timeout_ms;
	int ready_ms;
	struct hand *hand;
	TAILQ_HEAD(, worker) all;
	struct workers_kind {
		struct worker *current; /* takes new work; NULL: none */
		size_t leaving, slots, offered;
		unsigned deaths;
		int64_t died_us;
	} kinds[BROKER_KINDS];
};

/* Everything but READY. context: the worker. */
void workers_on_message(void *context, const struct wire_message *message);
/* Writes the obituary and tells the queue what became of everything the worker had. */
void workers_settle(struct worker *worker, const struct child_end *end);
/* Hands everything back unharmed. */
void workers_hand_back(struct worker *worker);
