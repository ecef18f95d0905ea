/*
 * The no-op stage. Crashes come before the sleep, failures after it, so that tests can tell them
 * apart.
 */
#include "pipeline/stage/noop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "pipeline/stage/task.h"

struct noop_args {
	int64_t sleep_ms, fail_times, crash_times;
	char *fail;
	json_t *echo;
};

static const struct json_field noop_fields[] = {
	{ "sleep_ms", JSON_FIELD_INT, offsetof(struct noop_args, sleep_ms), 0 },
	{ "fail", JSON_FIELD_TEXT, offsetof(struct noop_args, fail), 0 },
	{ "fail_times", JSON_FIELD_INT, offsetof(struct noop_args, fail_times), 0 },
	{ "crash_times", JSON_FIELD_INT, offsetof(struct noop_args, crash_times), 0 },
	{ "echo", JSON_FIELD_ANY, offsetof(struct noop_args, echo), 0 },
	{ 0 },
};

bool noop_decode(const json_t *definition, struct noop *out, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	/* A failure without a number of times fails always. */
	struct noop_args args = { .fail_times = INT64_MAX };
	struct noop noop;

	if (!stage_decode(definition, noop_fields, "definition", &args, &arena, err))
		return false;
	if (args.sleep_ms < 0)
		return err_set(err, ERR_REJECT, "definition.sleep_ms: %lld is negative",
			       (long long)args.sleep_ms);
	noop = (struct noop){
		.sleep_ms = args.sleep_ms,
		.fail_times = args.fail ? args.fail_times : 0,
		.crash_times = args.crash_times,
		.echo = args.echo,
	};
	if (args.fail && !verdict_find(args.fail, &noop.fail))
		return err_set(err, ERR_REJECT, "definition.fail: '%s' is no verdict class",
			       args.fail);
	*out = noop;
	return true;
}

bool noop_is_crash(const struct noop *noop, int64_t attempt)
{
	return attempt <= noop->crash_times;
}

void noop_answer(const struct noop *noop, int64_t attempt, struct stage_outcome *outcome)
{
	const char *echo = json_string_value(noop->echo);

	if (attempt <= noop->fail_times) {
		stage_end(outcome, noop->fail, "noop was told to end in '%s' (attempt %lld)",
			  verdict_info(noop->fail)->name, (long long)attempt);
		return;
	}
	outcome->class = VERDICT_DONE;
	outcome->result = json_pack("{s:[]}", "outputs");
	if (noop->echo)
		json_object_set(outcome->result, "echo", (json_t *)(uintptr_t)noop->echo);
	if (echo && !strcmp(echo, "clock"))
		json_object_set_new(outcome->result, "started_us",
				    json_integer(clock_monotonic_us()));
}

static bool noop_check(const json_t *definition, struct err *err)
{
	struct noop noop;

	return noop_decode(definition, &noop, err);
}

static void sleep_ms(int64_t ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

static void noop_run(const struct stage_task *task, const struct stage_context *context,
		     struct stage_outcome *outcome)
{
	struct err err = { 0 };
	struct noop noop;

	if (!noop_decode(task->definition, &noop, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	context->step(context->reporter, "noop");
	if (noop_is_crash(&noop, task->attempt))
		abort();
	sleep_ms(noop.sleep_ms);
	noop_answer(&noop, task->attempt, outcome);
}

const struct stage_type stage_noop = { .name = "noop", .check = noop_check, .run = noop_run };
