/*
 * reel, the client: finds the command, reads its options by table, runs it, gives its exit code.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/options.h"

static int refuse_text(const char *what, const char *word, const char *hint)
{
	fprintf(stderr, "reel: unknown %s '%s'%s; `reel help` lists them\n", what, word, hint);
	return EXIT_REFUSED;
}

static int print_help(const struct command *parent, const struct command *command)
{
	DEFER(buf_done) struct buf text = { 0 };

	options_help(parent, command, &text);
	fputs(text.data, stdout);
	return EXIT_DONE;
}

static int print_overview(int code)
{
	DEFER(buf_done) struct buf text = { 0 };

	options_overview(&text);
	fputs(text.data, code ? stderr : stdout);
	return code;
}

static int refuse_count(const struct cli *cli)
{
	char path[64];

	options_path(cli->parent, cli->command, path);
	if (cli->command->verbs && !cli->command->run && cli->arg_count > 0) {
		char hint[160];

		(void)command_find(cli->command->verbs, cli->args[0], hint);
		return refuse_text("verb", cli->args[0], hint);
	}
	fprintf(stderr, "reel: %s; usage: %s %s\n",
		cli->arg_count < cli->command->min_args ? "something is missing"
							: "more arguments than expected",
		path, cli->command->usage);
	return EXIT_REFUSED;
}

/* Reads the options behind the command's name, then runs it. */
static int run(struct cli *cli, int argc, char **argv)
{
	const struct command *command = cli->command;
	DEFER(freep) void *own = xcalloc(1, command->options_size + 1);
	struct global_options global = { 0 };
	struct err err = { 0 };
	int code;

	if (command->options_defaults)
		memcpy(own, command->options_defaults, command->options_size);
	if (!options_parse(command, argc, argv, own, &global, &cli->arg_count, &err))
		return cli_refuse(cli, &err);
	if (global.help)
		return print_help(cli->parent, command);
	cli->args = argv;
	cli->config_path = global.config;
	if (global.config)
		setenv("REEL_CONFIG", global.config, 1); /* for the programs we start */
	output_init(&cli->out, global.format, global.jq, global.quiet, global.no_color);
	if (!command->run || cli->arg_count < command->min_args ||
	    (command->max_args >= 0 && cli->arg_count > command->max_args))
		return refuse_count(cli);
	code = command->run(cli, own);
	config_freep(&cli->config);
	return fflush(stdout) && code == EXIT_DONE ? EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	char hint[160];
	int skip = 2;

	log_init("reel", LOG_LEVEL_WARN);
	signal(SIGPIPE, SIG_IGN); /* a Redis that goes away must not take us along */
	interrupt_install();
	if (argc < 2)
		return print_overview(EXIT_REFUSED);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_overview(EXIT_DONE);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = (char[]){ "version" };
	cli.command = command_find(commands, argv[1], hint);
	if (!cli.command)
		return refuse_text("command", argv[1], hint);
	if (cli.command->verbs && argc > 2 &&
	    (cli.parent = command_find(cli.command->verbs, argv[2], hint)) != NULL) {
		const struct command *verb = cli.parent;

		cli.parent = cli.command;
		cli.command = verb;
		skip = 3;
	}
	return run(&cli, argc - skip, argv + skip);
}
