/*
 * reel plan: what would happen. Spends nothing, stores nothing, needs no farm.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/expand.h"
#include "cli/plan.h"

static int run(struct cli *cli, const void *given)
{
	DEFER(expansion_done) struct expansion expansion = { 0 };
	struct err err = { 0 };
	const struct config *config = cli_config(cli, &err);
	json_t *value;
	int code;

	(void)given;
	if (!config || !expand_file(config, cli->args[0], EXPAND_CHECK, &expansion, &err))
		return cli_refuse(cli, &err);
	if (cli->out.format == OUTPUT_TABLE) {
		if (cli->out.is_quiet)
			output_line("%zu", expansion.batch.pipeline_count);
		else
			plan_print(&cli->out, &expansion.batch);
		return EXIT_DONE;
	}
	value = plan_json(&expansion.batch);
	code = output_json(&cli->out, value);
	json_decref(value);
	return code;
}

const struct command command_plan = {
	.name = "plan",
	.summary = "what a spec would do: variants, stages, gates, price; spends nothing",
	.usage = "SPEC",
	.group = "Make videos",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_FILE,
	.run = run,
};
