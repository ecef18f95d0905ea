/*
 * What the workers have in hand: from a claim to the one ending that the queue is told.
 *
 * The idea: an attempt is in the table from the moment its RUN is put on the channel until exactly
 * one of VERDICT, CRASH or the worker's end takes it out; each of the three tells the queue.
 *
 * Who is charged when a worker dies (RACES 18): the attempt it was stepping into, as the shared
 * page says; the one because of which we killed it; nobody else. All others go back unharmed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "daemon/workers_private.h"

enum {
	OVERDUE_US = 10000000,	/* beyond its timeout: the worker should have stopped it */
	PATIENCE_US = 5000000,	/* after CANCEL because of that */
	STOPPING_US = 15000000, /* after CANCEL because somebody asked */
};

static void refuse(struct workers *workers, const struct broker_claim *claim)
{
	broker_finish(workers->broker,
		      &(struct broker_ending){ .stage = claim->stage,
					       .epoch = claim->epoch,
					       .class = VERDICT_PERMANENT,
					       .message = "with the results it needs, the stage is "
							  "larger than 16 MiB" });
}

void workers_take(struct workers *workers, const struct broker_claim *claim)
{
	struct worker *worker = workers->kinds[claim->kind].current;
	struct wire_message run = { .type = WIRE_RUN };
	struct attempt *attempt;
	int64_t timeout_ms = claim->timeout_ms;

	if (claim->task_len > WIRE_MAX_FRAME - 64) {
		refuse(workers, claim);
		return;
	}
	if (hand_by_stage(workers->hand, claim->stage, claim->epoch))
		return; /* a claim that was answered twice */
	if (!worker || !worker->is_ready || worker->is_stale) {
		broker_return(workers->broker, claim->stage, claim->epoch);
		return;
	}
	if (!timeout_ms && (kind_info(claim->kind)->caps & KIND_FORKS))
		timeout_ms = workers->media_timeout_ms;
	attempt = hand_add(workers->hand, &worker->in_hand, claim->stage, claim->epoch);
	attempt->kind = claim->kind;
	attempt->worker = worker;
	attempt->started_us = clock_monotonic_us();
	if (timeout_ms)
		attempt->overdue_us = attempt->started_us + timeout_ms * 1000 + OVERDUE_US;
	run.run.tag = attempt->tag;
	run.run.timeout_ms = (uint64_t)timeout_ms;
	run.run.task = (struct wire_text){ claim->task, claim->task_len };
	child_put(worker->child, &run);
}

static void tell(struct attempt *attempt, int64_t patience_us)
{
	struct wire_message cancel = { .type = WIRE_CANCEL, .cancel.tag = attempt->tag };

	if (attempt->is_told)
		return;
	attempt->is_told = true;
	attempt->overdue_us = clock_monotonic_us() + patience_us;
	child_put(attempt->worker->child, &cancel);
}

void workers_revoke(struct workers *workers, const char *stage, int64_t epoch, bool is_cancel)
{
	struct attempt *attempt = hand_by_stage(workers->hand, stage, epoch);

	if (!attempt)
		return;
	attempt->is_cancelled = is_cancel;
	attempt->is_revoked = !is_cancel;
	tell(attempt, STOPPING_US);
	workers->changed(workers->context);
}

/* The one place where an attempt leaves: the queue is told once, the table forgets it. */
static void finish(struct workers *workers, struct attempt *attempt, struct broker_ending ending)
{
	ending.stage = attempt->stage;
	ending.epoch = attempt->epoch;
	if (attempt->is_cancelled && ending.class != VERDICT_DONE) {
		ending.class = VERDICT_CANCELLED;
		ending.is_kill = false;
	}
	if (attempt->has_timed_out && ending.class == VERDICT_CANCELLED)
		ending.class = VERDICT_TIMEOUT;
	broker_finish(workers->broker, &ending);
	hand_drop(workers->hand, &attempt->worker->in_hand, attempt);
}

static void hand_back(struct workers *workers, struct attempt *attempt)
{
	struct broker_ending cancelled = { .class = VERDICT_CANCELLED, .message = "cancelled" };

	if (attempt->is_cancelled) {
		finish(workers, attempt, cancelled);
		return;
	}
	broker_return(workers->broker, attempt->stage, attempt->epoch);
	hand_drop(workers->hand, &attempt->worker->in_hand, attempt);
}

/* ---- messages ---- */

/* The attempt a message is about; otherwise the worker is confused, and ends. */
static struct attempt *find(struct worker *worker, uint64_t tag, const char *what)
{
	struct attempt *attempt = hand_by_tag(worker->workers->hand, tag);

	if (attempt && attempt->worker == worker)
		return attempt;
	child_kill(worker->child, "it sent %s for attempt %" PRIu64 ", which it does not have",
		   what, tag);
	return NULL;
}

static char *copy_text(struct wire_text text)
{
	return text.len ? xstrndup(text.data, text.len) : NULL;
}

static void on_verdict(struct worker *worker, const struct wire_verdict *verdict)
{
	struct attempt *attempt = find(worker, verdict->tag, "a verdict");
	DEFER(freep) char *message = copy_text(verdict->message);
	DEFER(freep) char *result = copy_text(verdict->result);
	struct broker_ending ending = { .class = verdict->class,
					.after_ms = (int64_t)verdict->after_ms,
					.message = message,
					.result = result };

	if (!attempt)
		return;
	if (verdict->after_ms > INT64_MAX / 1000)
		ending.after_ms = 0;
	finish(worker->workers, attempt, ending);
}

static void on_crash(struct worker *worker, const struct wire_crash *crash)
{
	struct broker_ending ending = { .class = VERDICT_CRASH, .is_kill = true };
	DEFER(freep) char *message = NULL;
	struct attempt *attempt;
	char status[96], run[32];

	if (!(kind_info(worker->kind)->caps & KIND_FORKS)) {
		child_kill(worker->child, "it reported a crash, but has no children");
		return;
	}
	attempt = find(worker, crash->tag, "a crash");
	if (!attempt)
		return;
	child_show_status((int)crash->status, status);
	units_show_duration((int64_t)(crash->run_ms & INT64_MAX), run);
	message = xasprintf("its process ended without a verdict: %s, in step \"%.*s\", after %s",
			    status, (int)(crash->step.len < 47 ? crash->step.len : 47),
			    crash->step.data, run);
	ending.message = message;
	if (!attempt->is_told)
		log_warn("stage=%s epoch=%" PRId64 " pid=%u ended: %s", attempt->stage,
			 attempt->epoch, crash->pid, message);
	finish(worker->workers, attempt, ending);
}

static void on_step(struct worker *worker, const struct wire_step *step)
{
	struct attempt *attempt = find(worker, step->tag, "a step");
	size_t len = step->name.len;

	if (!attempt)
		return;
	if (len >= sizeof(attempt->step))
		len = sizeof(attempt->step) - 1;
	memcpy(attempt->step, step->name.data, len);
	attempt->step[len] = '\0';
	broker_progress(worker->workers->broker, attempt->stage, attempt->epoch, attempt->step, -1);
}

static void on_progress(struct worker *worker, const struct wire_progress *progress)
{
	struct attempt *attempt = find(worker, progress->tag, "progress");

	if (attempt)
		broker_progress(worker->workers->broker, attempt->stage, attempt->epoch,
				attempt->step,
				progress->permille > 1000 ? 1000 : (int)progress->permille);
}

void workers_on_message(void *context, const struct wire_message *message)
{
	struct worker *worker = context;

	switch (message->type) {
	case WIRE_STEP: on_step(worker, &message->step); return;
	case WIRE_PROGRESS: on_progress(worker, &message->progress); return;
	case WIRE_VERDICT: on_verdict(worker, &message->verdict); return;
	case WIRE_CRASH: on_crash(worker, &message->crash); return;
	case WIRE_HELLO:
	case WIRE_RUN:
	case WIRE_CANCEL:
	case WIRE_DRAIN:
	case WIRE_READY: break;
	}
	child_kill(worker->child, "it sent message %u, which only we send", message->type);
}

/* ---- the end of a worker ---- */

/* "k3f9x2m4-17/draft (render), k3f9x2m4-18/draft and 12 more"; "none". Caller frees. */
static char *list_in_hand(const struct worker *worker)
{
	struct buf out = { 0 };
	const struct attempt *attempt;
	size_t count = 0, shown = 0;

	TAILQ_FOREACH(attempt, &worker->in_hand, beside)
	{
		if (count++ >= 4)
			continue;
		buf_printf(&out, "%s%s", shown++ ? "," : "", attempt->stage);
		if (attempt->step[0])
			buf_printf(&out, "(%s)", attempt->step);
	}
	if (count > shown)
		buf_printf(&out, " and %zu more", count - shown);
	if (!count)
		buf_puts(&out, "none");
	return buf_take(&out);
}

/* One line: everything that is known about this death. */
static void write_obituary(const struct worker *worker, const struct child_end *end,
			   const struct attempt *culprit)
{
	DEFER(freep) char *in_hand = list_in_hand(worker);
	bool is_fine = worker->is_dismissed && !end->why_killed && !end->status;
	char status[96], run[32];

	log_write(is_fine ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		  "%s worker ended pid=%d: %s%s%s after %s%s; in hand: %s%s%s",
		  kind_info(worker->kind)->name, (int)child_pid(worker->child),
		  child_show_status(end->status, status),
		  end->why_killed ? ", killed by us because " : "",
		  end->why_killed ? end->why_killed : "",
		  units_show_duration(end->run_us / 1000, run),
		  end->was_ready ? "" : ", before it was ready", in_hand,
		  culprit ? "; charged: " : "", culprit ? culprit->stage : "");
}

static void settle(struct worker *worker, struct attempt *attempt, const struct attempt *culprit,
		   const char *why)
{
	struct broker_ending crash = { .class = VERDICT_CRASH, .is_kill = true, .message = why };
	struct broker_ending stuck = { .class = VERDICT_TIMEOUT,
				       .is_kill = true,
				       .message = "it did not stop when its time was over, and its "
						  "worker had to be killed" };

	if (attempt->is_stuck && attempt->has_timed_out)
		finish(worker->workers, attempt, stuck);
	else if (attempt == culprit)
		finish(worker->workers, attempt, crash);
	else
		hand_back(worker->workers, attempt);
}

static void settle_all(struct worker *worker, const struct attempt *culprit, const char *why)
{
	struct attempt *attempt, *next;

	for (attempt = TAILQ_FIRST(&worker->in_hand); attempt; attempt = next) {
		next = TAILQ_NEXT(attempt, beside);
		settle(worker, attempt, culprit, why);
	}
}

void workers_settle(struct worker *worker, const struct child_end *end)
{
	struct attempt *culprit = NULL;
	DEFER(freep) char *why = NULL;
	char status[96];

	if (end->culprit && !worker->is_expendable)
		culprit = hand_by_tag(worker->workers->hand, end->culprit);
	if (culprit && culprit->worker != worker)
		culprit = NULL;
	write_obituary(worker, end, culprit);
	why = xasprintf("the %s worker ended while it worked on this stage: %s",
			kind_info(worker->kind)->name, child_show_status(end->status, status));
	settle_all(worker, culprit, why);
}

void workers_hand_back(struct worker *worker)
{
	settle_all(worker, NULL, NULL);
}

static void lose_patience(struct attempt *attempt)
{
	if (attempt->is_told) {
		attempt->is_stuck = true;
		attempt->overdue_us = INT64_MAX;
		child_kill(attempt->worker->child, "it does not stop %s", attempt->stage);
		return;
	}
	attempt->has_timed_out = true;
	tell(attempt, PATIENCE_US);
	log_warn("stage=%s epoch=%" PRId64 " is overdue: its worker should have stopped it",
		 attempt->stage, attempt->epoch);
}

int64_t workers_check_overdue(struct workers *workers, int64_t now_us)
{
	int64_t next_us = INT64_MAX;
	struct worker *worker;
	struct attempt *attempt;

	TAILQ_FOREACH(worker, &workers->all, beside)
	{
		TAILQ_FOREACH(attempt, &worker->in_hand, beside)
		{
			if (attempt->overdue_us <= now_us)
				lose_patience(attempt);
			if (attempt->overdue_us < next_us)
				next_us = attempt->overdue_us;
		}
	}
	return next_us;
}
