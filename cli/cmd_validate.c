/*
 * reel validate: is this spec right? Says nothing more.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/expand.h"

static int report(struct cli *cli, const char *path, const struct spec_batch *batch)
{
	json_t *value;
	int code;

	if (cli->out.format == OUTPUT_TABLE) {
		if (!cli->out.is_quiet)
			output_line("%s: good, %zu %s", path, batch->pipeline_count,
				    batch->pipeline_count == 1 ? "variant" : "variants");
		return EXIT_DONE;
	}
	value = json_pack("{s:s,s:b,s:s,s:I}", "spec", path, "valid", 1, "name", batch->name,
			  "variants", (json_int_t)batch->pipeline_count);
	code = output_json(&cli->out, value);
	json_decref(value);
	return code;
}

static int run(struct cli *cli, const void *given)
{
	struct err err = { 0 };
	const struct config *config = cli_config(cli, &err);
	int code = EXIT_DONE;

	(void)given;
	for (int i = 0; config && i < cli->arg_count; i++) {
		DEFER(expansion_done) struct expansion expansion = { 0 };
		int one = expand_file(config, cli->args[i], EXPAND_CHECK, &expansion, &err)
				  ? report(cli, cli->args[i], &expansion.batch)
				  : cli_refuse(cli, &err);

		code = one ? one : code;
	}
	return config ? code : cli_refuse(cli, &err);
}

const struct command command_validate = {
	.name = "validate",
	.summary = "check specs; exit code 2 and the first mistake when one is wrong",
	.usage = "SPEC...",
	.group = "Make videos",
	.min_args = 1,
	.max_args = -1,
	.args = ARGS_FILE,
	.run = run,
};
