/*
 * The life of a media child, in the order in which it must happen:
 *
 *      tie it to the parent -> drop every descriptor but the channel -> open the store -> sandbox
 *      -> decode the task, run the stage -> VERDICT -> _exit
 *
 * Nothing of the task is looked at before the sandbox is closed. Leaving is always _exit: the
 * parent's exit handlers and buffers are not ours.
 */
#include "worker/media_child.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "pipeline/stage/stage.h"
#include "pipeline/stage/task.h"
#include "pipeline/store/store.h"
#include "worker/media_box.h"
#include "worker/wire.h"

enum { PROGRESS_EVERY_US = 100000 };

struct reporter {
	int fd;
	uint64_t tag;
	char step[MEDIA_STEP_MAX];
	char expression[MEDIA_STEP_MAX]; /* where the user's expression stands that runs, or "" */
	int64_t next_progress_us;
};

static void report(const struct reporter *reporter, const struct wire_message *message)
{
	DEFER(buf_done) struct buf out = { 0 };
	struct err err = { 0 };

	wire_put(&out, message);
	/* A parent that does not listen is gone, and so are we in a moment. */
	if (!file_write_all(reporter->fd, out.data, out.len, &err))
		_exit(1);
}

static void report_step(void *context, const char *name)
{
	struct reporter *reporter = context;

	snprintf(reporter->step, sizeof(reporter->step), "%s", name);
	report(reporter, &(struct wire_message){ .type = WIRE_STEP,
						 .step = { reporter->tag, (uint32_t)getpid(),
							   wire_text(reporter->step) } });
}

static void report_progress(void *context, double fraction)
{
	struct reporter *reporter = context;
	int64_t now_us = clock_monotonic_us();
	double inside = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;

	if (now_us < reporter->next_progress_us)
		return;
	reporter->next_progress_us = now_us + PROGRESS_EVERY_US;
	report(reporter,
	       &(struct wire_message){ .type = WIRE_PROGRESS,
				       .progress = { reporter->tag, (uint32_t)(inside * 1000) } });
}

static void note_expression(void *context, const char *place)
{
	struct reporter *reporter = context;

	char step[MEDIA_STEP_MAX];

	if (!place && *reporter->expression)
		report_step(reporter, "expressions done"); /* what follows is not their fault */
	snprintf(reporter->expression, sizeof(reporter->expression), "%s", place ? place : "");
	snprintf(step, sizeof(step), MEDIA_EXPRESSION_STEP "%.40s`", reporter->expression);
	/* Out of memory libjq ends the process at once, and out of wall time the parent does: it
	 * knows the step. */
	if (place)
		report_step(reporter, step);
}

/* What an expression uses up once, it uses up every time: no other attempt can succeed. */
static enum verdict_class explain_limit(const struct reporter *reporter, enum verdict_class class,
					const char *text, char out[MEDIA_MESSAGE_MAX])
{
	bool is_limit = class == VERDICT_TIMEOUT || class == VERDICT_RESOURCES;

	if (!*reporter->expression || !is_limit) {
		snprintf(out, MEDIA_MESSAGE_MAX, "%s (step '%s')", text, reporter->step);
		return class;
	}
	snprintf(out, MEDIA_MESSAGE_MAX,
		 "the expression in `%s` uses too much: %s; is a range or a recursion without end "
		 "in it?",
		 reporter->expression, text);
	return VERDICT_PERMANENT;
}

/* In a signal handler: the buffer is of fixed size and large enough, so wire_put allocates nothing.
 */
static void last_words(void *context, enum verdict_class class, const char *text)
{
	static char memory[4096];
	static char message[MEDIA_MESSAGE_MAX];
	const struct reporter *reporter = context;
	struct buf out = { .data = memory, .cap = sizeof(memory) };
	ssize_t ignored;

	class = explain_limit(reporter, class, text, message);
	wire_put(&out, &(struct wire_message){
			       .type = WIRE_VERDICT,
			       .verdict = { .tag = reporter->tag,
					    .class = class,
					    .message = wire_text(message),
					    .result = wire_text(NULL) },
		       });
	ignored = write(reporter->fd, out.data, out.len);
	(void)ignored; /* nobody is left to be told */
}

static NORETURN void end_with(struct reporter *reporter, struct stage_outcome *outcome)
{
	char *result = outcome->result ? json_text(outcome->result) : xstrdup("");

	if (strlen(result) > MEDIA_RESULT_MAX) {
		stage_end(outcome, VERDICT_PERMANENT, "the result has %zu bytes, more than %d",
			  strlen(result), MEDIA_RESULT_MAX);
		result[0] = '\0';
	}
	report(reporter, &(struct wire_message){ .type = WIRE_VERDICT,
						 .verdict = {
							 .tag = reporter->tag,
							 .class = outcome->class,
							 .after_ms = (uint64_t)outcome->after_ms,
							 .message = wire_text(outcome->message),
							 .result = wire_text(result),
						 } });
	_exit(0);
}

static NORETURN void end_failed(struct reporter *reporter, const struct err *err)
{
	struct stage_outcome outcome = { 0 };

	stage_fail(&outcome, err);
	end_with(reporter, &outcome);
}

/* After this the parent can neither leave us behind nor lend us anything but the channel. */
static void tie_to_parent(const struct media_job *job, struct reporter *reporter)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != job->parent)
		_exit(1); /* it died between fork and here */
	(void)setpgid(0, 0);
	reporter->fd = dup2(job->fd, WIRE_FD);
	close_range(WIRE_FD + 1, ~0U, 0);
	log_set_context("media_child=%d", (int)getpid());
	mallopt(M_ARENA_MAX,
		2); /* an arena reserves 64 MiB of the address space we are limited in */
}

/* libav tells a lack of memory in words only; base/ has no kind of error for it. */
static bool is_out_of_memory(const struct stage_outcome *outcome)
{
	return outcome->class == VERDICT_TRANSIENT &&
	       (sandbox_is_out_of_memory() || strstr(outcome->message, strerror(ENOMEM)));
}

NORETURN void media_child_run(const struct media_job *job)
{
	/* static, because a signal handler reads it on another stack */
	static struct reporter reporter;
	struct store *store = NULL;
	struct stage_outcome outcome = { 0 };
	struct err err = { 0 };

	reporter = (struct reporter){ .tag = job->tag, .step = "start" };
	tie_to_parent(job, &reporter);
	if (!store_open(job->config->store, &store, &err) ||
	    !file_make_dirs(job->config->outbox, 0755, &err) ||
	    !media_box_enter(&(struct media_box){ .config = job->config,
						  .store = store,
						  .work_dir = job->work_dir,
						  .timeout_ms = job->timeout_ms,
						  .last_words = last_words,
						  .context = &reporter },
			     &err))
		end_failed(&reporter, &err);
	stage_run(job->task, job->task_len,
		  &(struct stage_context){ .store = store,
					   .work_dir = job->work_dir,
					   .outbox = job->config->outbox,
					   .max_pixels = job->config->media_max_pixels,
					   .step = report_step,
					   .progress = report_progress,
					   .expression = note_expression,
					   .expression_cpu_s = job->expression_cpu_s,
					   .reporter = &reporter },
		  &outcome);
	if (is_out_of_memory(&outcome))
		outcome.class = VERDICT_RESOURCES;
	end_with(&reporter, &outcome);
}
