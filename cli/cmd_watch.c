/*
 * reel watch: a batch, live, until it ends.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/target.h"

static int run(struct cli *cli, const void *given)
{
	const struct follow_options options = { .until_ended = true, .leaves_stuck = true };
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	DEFER(freep) char *batch = NULL;
	struct err err = { 0 };
	struct board board;
	int code;

	(void)given;
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	batch = target_batch(id);
	code = follow_batch(&session, batch, &options, &board, &err);
	follow_tell_stuck(cli, &board, code);
	board_done(&board);
	if (code == EXIT_INTERRUPTED)
		output_note(&cli->out, "the batch goes on; `reel watch %s` looks again", batch);
	return code < 0 ? cli_fail(cli, &err) : code;
}

const struct command command_watch = {
	.name = "watch",
	.summary = "watch a batch live until it ends",
	.usage = "[BATCH]",
	.details =
		"Redraws on a terminal; elsewhere prints one line per ending or trouble. The exit "
		"code is that of the batch; 4 when nothing of it can go on before a person acts.",
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
