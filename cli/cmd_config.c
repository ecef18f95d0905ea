/*
 * reel config: the configuration as it is resolved here, or the example file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/commands.h"

struct config_options {
	bool example;
};

static const struct option_row rows[] = {
	{ "example", 0, OPTION_FLAG, offsetof(struct config_options, example), NULL,
	  "an example file: every option with its default, commented out" },
	{ 0 },
};

static int print_json(struct cli *cli, const struct buf *text)
{
	DEFER(json_freep) json_t *value = NULL;
	struct err err = { 0 };

	if (!json_parse(text->data ? text->data : "", text->len, "configuration", &value, &err))
		return cli_refuse(cli, &err);
	return output_json(&cli->out, value);
}

static int run(struct cli *cli, const void *given)
{
	const struct config_options *options = given;
	DEFER(buf_done) struct buf text = { 0 };
	const struct config *config;
	struct err err = { 0 };

	if (options->example) {
		config_show_example(&text);
		fputs(text.data ? text.data : "", stdout);
		return EXIT_DONE;
	}
	config = cli_config(cli, &err);
	if (!config)
		return cli_refuse(cli, &err);
	config_show(config, cli->out.format == OUTPUT_JSON, &text);
	if (cli->out.format == OUTPUT_JSON)
		return print_json(cli, &text);
	fputs(text.data ? text.data : "", stdout);
	return EXIT_DONE;
}

const struct command command_config = {
	.name = "config",
	.summary = "the configuration as resolved here, and where each value came from",
	.usage = "[--example]",
	.options = rows,
	.options_size = sizeof(struct config_options),
	.group = "Farm",
	.run = run,
};
