/*
 * reel version.
 */
#include "cli/commands.h"

static int run(struct cli *cli, const void *given)
{
	json_t *value;
	int code;

	(void)given;
	if (cli->out.format == OUTPUT_TABLE) {
		output_line("%s%s", cli->out.is_quiet ? "" : "reel ", REELD_VERSION);
		return EXIT_DONE;
	}
	value = json_pack("{s:s}", "version", REELD_VERSION);
	code = output_json(&cli->out, value);
	json_decref(value);
	return code;
}

const struct command command_version = {
	.name = "version",
	.summary = "which version this is",
	.usage = "",
	.group = "Help",
	.run = run,
};
