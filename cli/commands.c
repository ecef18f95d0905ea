/*
 * All commands, and what every command shares: finding, the configuration, saying what went wrong.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/command.h"
#include "cli/commands.h"

const struct command *const commands[] = {
	&command_approve,  &command_cancel,  &command_completion,
	&command_config,   &command_doctor,  &command_help,
	&command_inspect,  &command_lanes,   &command_logs,
	&command_ls,	   &command_media,   &command_pause,
	&command_plan,	   &command_reject,  &command_release,
	&command_resume,   &command_retry,   &command_run,
	&command_sheet,	   &command_show,    &command_submit,
	&command_validate, &command_version, &command_wait,
	&command_watch,	   &command_why,     NULL,
};

const struct command *command_find(const struct command *const *list, const char *name, char *hint)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (; *list; list++) {
		if (!strcmp((*list)->name, name))
			return *list;
		nearest_offer(&nearest, (*list)->name);
	}
	if (hint)
		snprintf(hint, 160, "%s", nearest_hint(&nearest));
	return NULL;
}

const struct config *cli_config(struct cli *cli, struct err *err)
{
	if (!cli->config && !config_load(cli->config_path, &cli->config, err))
		return NULL;
	return cli->config;
}

int cli_refuse(const struct cli *cli, const struct err *err)
{
	(void)cli;
	fflush(stdout);
	fprintf(stderr, "reel: %s\n", err->text);
	return EXIT_REFUSED;
}

int cli_fail(const struct cli *cli, const struct err *err)
{
	(void)cli_refuse(cli, err);
	return err->kind == ERR_REJECT ? EXIT_REFUSED : EXIT_UNREACHABLE;
}
