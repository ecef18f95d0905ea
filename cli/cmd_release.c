/*
 * reel release: what is held goes on, because a person removed the reason.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/steer.h"
#include "cli/target.h"

static int run(struct cli *cli, const void *given)
{
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct err err = { 0 };
	int64_t stages;
	int code;

	(void)given;
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!queue_release(session.client, id, &stages, &err) ||
	    (stages && !session_work(&session, &err)))
		return cli_fail(cli, &err);
	return steer_report(&session, "released", id, stages);
}

const struct command command_release = {
	.name = "release",
	.summary = "let held stages go on after their reason is gone",
	.usage = "ID",
	.details = "For stages held by a full disk or a missing key. An approval is given by `reel "
		   "approve`.",
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
