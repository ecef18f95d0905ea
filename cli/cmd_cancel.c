/*
 * reel cancel: stops a batch, a variant or a stage, and what needs it.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/steer.h"
#include "cli/target.h"

struct cancel_options {
	bool wait;
};

static const struct option_row rows[] = {
	{ "wait", 'w', OPTION_FLAG, offsetof(struct cancel_options, wait), NULL,
	  "until what is running has stopped" },
	{ 0 },
};

static int run(struct cli *cli, const void *given)
{
	const struct cancel_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct err err = { 0 };
	int64_t stages;
	int code;

	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!queue_cancel(session.client, id, &stages, &err))
		return cli_fail(cli, &err);
	code = steer_report(&session, "cancelled", id, stages);
	/* Cancelled is what was asked for: that the batch then counts as failed is no failure here.
	 */
	if (options->wait && code == EXIT_DONE &&
	    steer_wait(&session, id, true) == EXIT_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return code;
}

const struct command command_cancel = {
	.name = "cancel",
	.summary = "stop a batch, a variant or a stage",
	.usage = "ID [--wait]",
	.details = "What is done stays done; what runs is told to stop; nothing of it is retried.",
	.options = rows,
	.options_size = sizeof(struct cancel_options),
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
