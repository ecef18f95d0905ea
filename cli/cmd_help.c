/*
 * reel help: the list of commands, or one command's help.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/options.h"

struct help_options {
	bool markdown;
};

static const struct option_row rows[] = {
	{ "markdown", 0, OPTION_FLAG, offsetof(struct help_options, markdown), NULL,
	  "everything, as docs/cli.md has it" },
	{ 0 },
};

static bool find(struct cli *cli, const struct command **parent, const struct command **found,
		 struct err *err)
{
	const struct command *const *list = commands;
	char hint[160];

	*parent = *found = NULL;
	for (int i = 0; i < cli->arg_count; i++) {
		const struct command *next = list ? command_find(list, cli->args[i], hint) : NULL;

		if (!next)
			return err_set(err, ERR_REJECT, "unknown command '%s'%s", cli->args[i],
				       list ? hint : "");
		*parent = *found;
		*found = next;
		list = next->verbs;
	}
	return true;
}

static int run(struct cli *cli, const void *given)
{
	const struct help_options *options = given;
	DEFER(buf_done) struct buf text = { 0 };
	const struct command *parent, *found;
	struct err err = { 0 };

	if (!find(cli, &parent, &found, &err))
		return cli_refuse(cli, &err);
	if (options->markdown)
		options_markdown(&text);
	else if (found)
		options_help(parent, found, &text);
	else
		options_overview(&text);
	fputs(text.data, stdout);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help",
	.summary = "this list, or the help of one command",
	.usage = "[COMMAND [VERB]]",
	.options = rows,
	.options_size = sizeof(struct help_options),
	.group = "Help",
	.max_args = 2,
	.args = ARGS_WORD,
	.run = run,
};
