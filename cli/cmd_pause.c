/*
 * reel pause and reel resume: a batch starts nothing new; what runs, ends.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/target.h"

static int set_paused(struct cli *cli, bool is_paused)
{
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct err err = { 0 };
	int code;

	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (target_kind(id) != TARGET_BATCH) {
		err_set(&err, ERR_REJECT, "%s: only a whole batch can be paused", id);
		return cli_refuse(cli, &err);
	}
	if (!queue_batch_pause(session.client, id, is_paused, &err) ||
	    (!is_paused && !session_work(&session, &err)))
		return cli_fail(cli, &err);
	if (cli->out.format == OUTPUT_JSON) {
		json_t *value = json_pack("{s:s,s:b}", "id", id, "paused", is_paused);

		code = output_json(&cli->out, value);
		json_decref(value);
		return code;
	}
	output_line("%s%s", id, cli->out.is_quiet ? "" : is_paused ? ": paused" : ": resumed");
	return EXIT_DONE;
}

static int run_pause(struct cli *cli, const void *given)
{
	(void)given;
	return set_paused(cli, true);
}

static int run_resume(struct cli *cli, const void *given)
{
	(void)given;
	return set_paused(cli, false);
}

const struct command command_pause = {
	.name = "pause",
	.summary = "a batch starts nothing new; what runs, ends",
	.usage = "BATCH",
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run_pause,
};

const struct command command_resume = {
	.name = "resume",
	.summary = "a paused batch goes on",
	.usage = "BATCH",
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run_resume,
};
