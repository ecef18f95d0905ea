/*
 * reel why: the one reason something does not run.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/target.h"

static int run(struct cli *cli, const void *options)
{
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	DEFER(freep) char *reason = NULL;
	struct err err = { 0 };
	int code;

	(void)options;
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!queue_why(session.client, id, &reason, &err))
		return cli_fail(cli, &err);
	if (cli->out.format == OUTPUT_JSON) {
		json_t *value = json_pack("{s:s,s:s}", "id", id, "why", reason);

		code = output_json(&cli->out, value);
		json_decref(value);
		return code;
	}
	DEFER(buf_done) struct buf clean = { 0 };

	output_put_clean(&clean, reason);
	output_line("%s", clean.data);
	return EXIT_DONE;
}

const struct command command_why = {
	.name = "why",
	.summary = "the one reason why something does not run",
	.usage = "[ID]",
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
