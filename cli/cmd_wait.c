/*
 * reel wait: blocks until batches have ended; for scripts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/records.h"
#include "cli/target.h"

struct wait_options {
	int64_t timeout_ms;
	bool past_holds;
};

static const struct option_row rows[] = {
	{ "timeout", 't', OPTION_DURATION, offsetof(struct wait_options, timeout_ms), "TIME",
	  "give up after so long, with exit code 5" },
	{ "past-holds", 0, OPTION_FLAG, offsetof(struct wait_options, past_holds), NULL,
	  "go on waiting while something is held for a person (else exit code 4)" },
	{ 0 },
};

/* Several batches: the worst outcome speaks for all. */
static int worse(int one, int other)
{
	static const int order[] = {
		EXIT_DONE,    EXIT_PARTIAL, EXIT_FAILED,      EXIT_HELD,
		EXIT_UNKNOWN, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_INTERRUPTED
	};
	size_t first = 0, second = 0;

	while (order[first] != one)
		first++;
	while (order[second] != other)
		second++;
	return first > second ? one : other;
}

static int wait_one(struct session *session, const char *batch, int64_t until_us,
		    const struct wait_options *options, json_t *list)
{
	struct follow_options follow = { .is_silent = true, .until_ended = options->past_holds };
	struct err err = { 0 };
	struct board board;
	int code;

	if (until_us) {
		follow.timeout_ms = (until_us - clock_monotonic_us()) / 1000;
		follow.timeout_ms = follow.timeout_ms > 0 ? follow.timeout_ms : 1;
	}
	code = follow_batch(session, batch, &follow, &board, &err);
	if (code >= 0 && board.batch.id)
		json_array_append_new(list, record_batch(&board.batch));
	follow_tell_stuck(session->cli, &board, code);
	board_done(&board);
	return code < 0 ? cli_fail(session->cli, &err) : code;
}

static void print(struct cli *cli, const json_t *list)
{
	const json_t *batch;
	size_t i;

	if (cli->out.format == OUTPUT_JSON) {
		(void)output_json(&cli->out, list); /* the batch's own code matters more */
		return;
	}
	json_array_foreach(list, i, batch) if (!cli->out.is_quiet)
		output_line("%s %s", json_string_value(json_object_get(batch, "id")),
			    json_string_value(json_object_get(batch, "state")));
}

static int run(struct cli *cli, const void *given)
{
	const struct wait_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	struct err err = { 0 };
	json_t *list = json_array();
	int64_t until = options->timeout_ms ? clock_monotonic_us() + options->timeout_ms * 1000 : 0;
	int code = EXIT_DONE;

	if (!session_open(cli, SESSION_LOOK, &session, &err)) {
		json_decref(list);
		return cli_fail(cli, &err);
	}
	for (int i = 0; i < (cli->arg_count ? cli->arg_count : 1) && code != EXIT_INTERRUPTED;
	     i++) {
		DEFER(freep)
		char *id = session_resolve(&session, cli->arg_count ? cli->args[i] : NULL, &err);
		DEFER(freep) char *batch = id ? target_batch(id) : NULL;

		code = worse(code, batch ? wait_one(&session, batch, until, options, list)
					 : cli_fail(cli, &err));
	}
	print(cli, list);
	json_decref(list);
	return code;
}

const struct command command_wait = {
	.name = "wait",
	.summary = "block until batches have ended",
	.usage = "[BATCH...] [--timeout TIME]",
	.details = "The exit code tells how they ended: 0 done, 3 partial, 1 failed, 4 held for a "
		   "person, 5 timed out.",
	.options = rows,
	.options_size = sizeof(struct wait_options),
	.group = "Look",
	.max_args = -1,
	.args = ARGS_ID,
	.run = run,
};
