/*
 * Owns the processes. Knows nothing of Redis, signals or configuration files, and decides nothing
 * about when a worker starts or goes: that is schedule.c. What the processes have in hand is
 * workers_attempts.c.
 *
 * The idea: one worker a kind takes new work; a dismissed one is counted as leaving, finishes what
 * it has beside its successor, and goes.
 */
#include "daemon/workers.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "daemon/hand.h"
#include "daemon/child.h"
#include "daemon/workers_private.h"

enum {
	QUICK_DEATH_US = 10000000, /* who lived for longer was well */
	READY_MS = 5000,
};

static void on_ready(void *context);
static void on_end(void *context, const struct child_end *end);

static const struct child_handler child_handler = { .ready = on_ready,
						    .message = workers_on_message,
						    .end = on_end };

static void touch(struct workers *workers)
{
	workers->changed(workers->context);
}

struct workers *workers_new(struct event_base *base, const struct workers_options *options,
			    void (*changed)(void *context), void *context)
{
	struct workers *workers = xcalloc(1, sizeof(*workers));

	workers->base = base;
	workers->changed = changed;
	workers->context = context;
	workers->hand = hand_new();
	TAILQ_INIT(&workers->all);
	workers_reconfigure(workers, options, false);
	return workers;
}

void workers_set_broker(struct workers *workers, struct broker *broker)
{
	workers->broker = broker;
	for (size_t i = 0; i < BROKER_KINDS; i++)
		broker_set_slots(broker, (enum broker_kind)i, workers->kinds[i].offered);
}

void workers_reconfigure(struct workers *workers, const struct workers_options *options,
			 bool restart)
{
	free(workers->folder);
	free(workers->config_path);
	workers->folder = xstrdup(options->folder);
	workers->config_path = options->config_path ? xstrdup(options->config_path) : NULL;
	workers->media_timeout_ms = options->media_timeout_ms;
	workers->ready_ms = options->ready_ms ? options->ready_ms : READY_MS;
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		struct workers_kind *kind = &workers->kinds[i];
		bool is_served = kind_info((enum broker_kind)i)->caps & KIND_SERVED;

		if (restart && kind->current)
			kind->current->is_stale = true;
		kind->slots = is_served ? options->slots[i] : 0;
	}
}

/* ---- processes ---- */

static void worker_destroy(struct workers *workers, struct worker *worker)
{
	struct workers_kind *kind = &workers->kinds[worker->kind];
	struct attempt *attempt;

	while ((attempt = TAILQ_FIRST(&worker->in_hand)))
		hand_drop(workers->hand, &worker->in_hand, attempt);
	if (kind->current == worker)
		kind->current = NULL;
	else
		kind->leaving--;
	TAILQ_REMOVE(&workers->all, worker, beside);
	child_free(worker->child);
	free(worker);
}

void workers_free(struct workers *workers)
{
	struct worker *worker;

	if (!workers)
		return;
	while ((worker = TAILQ_FIRST(&workers->all)))
		worker_destroy(workers, worker);
	hand_free(workers->hand);
	free(workers->folder);
	free(workers->config_path);
	free(workers);
}

static void count_death(struct workers_kind *kind, int64_t run_us)
{
	kind->deaths = run_us < QUICK_DEATH_US ? kind->deaths + 1 : 1;
	kind->died_us = clock_monotonic_us();
}

static void start(struct workers *workers, enum broker_kind which)
{
	struct workers_kind *kind = &workers->kinds[which];
	const struct spawn_plan plan = { .kind = kind_info(which),
					 .folder = workers->folder,
					 .config_path = workers->config_path };
	struct worker *worker = xcalloc(1, sizeof(*worker));
	struct err err;

	worker->workers = workers;
	worker->kind = which;
	TAILQ_INIT(&worker->in_hand);
	if (!child_spawn(workers->base, &plan, (uint32_t)kind->slots, workers->ready_ms,
			 &child_handler, worker, &worker->child, &err)) {
		log_err("%s worker could not be started: %s", plan.kind->name, err.text);
		free(worker);
		count_death(kind, 0);
		touch(workers);
		return;
	}
	worker->slots = kind->slots;
	kind->current = worker;
	TAILQ_INSERT_TAIL(&workers->all, worker, beside);
	log_debug("%s worker started pid=%d", plan.kind->name, (int)child_pid(worker->child));
}

/* From now on it is one of those that are leaving; a successor may start beside it. */
static void dismiss(struct workers *workers, enum broker_kind which, int64_t drain_until_us)
{
	struct workers_kind *kind = &workers->kinds[which];
	struct worker *worker = kind->current;
	int64_t within_ms = (drain_until_us - clock_monotonic_us()) / 1000;
	struct wire_message drain = { .type = WIRE_DRAIN };

	if (drain_until_us == INT64_MAX)
		within_ms = workers->media_timeout_ms;
	drain.drain.within_ms = within_ms < 0		 ? 0
				: within_ms > UINT32_MAX ? UINT32_MAX
							 : (uint32_t)within_ms;
	worker->is_dismissed = true;
	child_put(worker->child, &drain);
	kind->current = NULL;
	kind->leaving++;
}

static void kill_all(struct workers *workers, enum broker_kind which, const char *why)
{
	struct worker *worker;

	TAILQ_FOREACH(worker, &workers->all, beside)
	{
		if (worker->kind != which)
			continue;
		worker->is_expendable = true;
		child_kill(worker->child, "%s", why);
	}
}

void workers_look(const struct workers *workers, struct schedule_snapshot *out)
{
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		const struct workers_kind *kind = &workers->kinds[i];

		out->kinds[i] = (struct schedule_kind){
			.slots = kind->slots,
			.writes = kind_info((enum broker_kind)i)->caps & KIND_WRITES,
			.phase = !kind->current		   ? SCHEDULE_NONE
				 : kind->current->is_ready ? SCHEDULE_READY
							   : SCHEDULE_STARTING,
			.is_stale = kind->current && kind->current->is_stale,
			.leaving = kind->leaving,
			.deaths = kind->deaths,
			.died_us = kind->died_us,
		};
	}
}

static void offer(struct workers *workers, enum broker_kind which, size_t slots)
{
	struct workers_kind *kind = &workers->kinds[which];

	if (kind->offered == slots)
		return;
	kind->offered = slots;
	if (workers->broker)
		broker_set_slots(workers->broker, which, slots);
}

void workers_apply(struct workers *workers, const struct schedule *schedule, int64_t drain_until_us)
{
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		const struct schedule_actions *actions = &schedule->kinds[i];
		enum broker_kind which = (enum broker_kind)i;

		if (actions->dismiss)
			dismiss(workers, which, drain_until_us);
		if (actions->kill)
			kill_all(workers, which, "the time to finish is over");
		if (actions->start)
			start(workers, which);
		offer(workers, which, actions->slots);
	}
}

static void on_ready(void *context)
{
	struct worker *worker = context;

	worker->is_ready = true;
	log_info("%s worker is up pid=%d slots=%zu", kind_info(worker->kind)->name,
		 (int)child_pid(worker->child), worker->slots);
	touch(worker->workers);
}

static void on_end(void *context, const struct child_end *end)
{
	struct worker *worker = context;
	struct workers *workers = worker->workers;

	workers_settle(worker, end);
	if (!worker->is_dismissed)
		count_death(&workers->kinds[worker->kind], end->was_ready ? end->run_us : 0);
	worker_destroy(workers, worker);
	touch(workers);
}

void workers_abandon(struct workers *workers)
{
	struct worker *worker;

	TAILQ_FOREACH(worker, &workers->all, beside)
	{
		worker->is_expendable = true;
		if (kind_info(worker->kind)->caps & KIND_DIES_WITH_US)
			child_kill(worker->child, "reeld was told twice to end");
		workers_hand_back(worker);
	}
}

bool workers_are_ready(const struct workers *workers)
{
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		const struct workers_kind *kind = &workers->kinds[i];

		if (kind->slots && !(kind->current && kind->current->is_ready))
			return false;
	}
	return true;
}

size_t workers_in_hand(const struct workers *workers)
{
	return hand_count(workers->hand);
}

size_t workers_processes(const struct workers *workers)
{
	const struct worker *worker;
	size_t count = 0;

	TAILQ_FOREACH(worker, &workers->all, beside)
	{
		count++;
	}
	return count;
}
