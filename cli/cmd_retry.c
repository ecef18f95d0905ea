/*
 * reel retry: runs again what failed, or on request everything.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/steer.h"
#include "cli/target.h"

struct retry_options {
	bool failed, all, wait;
};

static const struct option_row rows[] = {
	{ "failed", 0, OPTION_FLAG, offsetof(struct retry_options, failed), NULL,
	  "only failed and cancelled stages, and what waited for them (the default)" },
	{ "all", 0, OPTION_FLAG, offsetof(struct retry_options, all), NULL,
	  "also what is done: makes it again" },
	{ "wait", 'w', OPTION_FLAG, offsetof(struct retry_options, wait), NULL,
	  "and watch until the batch ends" },
	{ 0 },
};

static int run(struct cli *cli, const void *given)
{
	const struct retry_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct err err = { 0 };
	int64_t stages;
	int code;

	if (options->failed && options->all) {
		err_set(&err, ERR_REJECT, "--failed and --all exclude each other");
		return cli_refuse(cli, &err);
	}
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!queue_retry(session.client, id, !options->all, &stages, &err) ||
	    (stages && !session_work(&session, &err)))
		return cli_fail(cli, &err);
	code = steer_report(&session, "retried", id, stages);
	return code == EXIT_DONE && stages ? steer_wait(&session, id, options->wait) : code;
}

const struct command command_retry = {
	.name = "retry",
	.summary = "run again what failed",
	.usage = "ID [--failed | --all] [--wait]",
	.options = rows,
	.options_size = sizeof(struct retry_options),
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
