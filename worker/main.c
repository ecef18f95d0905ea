/*
 * reel-worker: one program, one job a process. It chooses the shell and hands over; the supervisor
 * starts it with the channel on descriptor 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/macros.h"
#include "worker/remote.h"
#include "worker/shell.h"

enum { PAGE_FD = WIRE_FD + 1 };

struct mode {
	const char *option, *argument, *help;
	bool needs_channel;
	int (*run)(const struct config *config, const char *argument);
};

/* A descriptor that the supervisor did not pass may be anything that our caller left open. */
static bool is_socket(int fd)
{
	struct stat at;

	return fstat(fd, &at) == 0 && S_ISSOCK(at.st_mode);
}

static int shared_page(void)
{
	struct stat at;

	return fstat(PAGE_FD, &at) == 0 && S_ISREG(at.st_mode) && at.st_size >= 8 ? PAGE_FD : -1;
}

static int run_remote(const struct config *config, const char *argument)
{
	(void)config, (void)argument;
	return remote_main(WIRE_FD, shared_page());
}

static const struct mode modes[] = {
	{ "--remote", NULL, "carry remote stages in one event loop", true, run_remote },
};

static void print_help(FILE *out)
{
	fputs("usage: reel-worker MODE [--config FILE]\n\n"
	      "The process that does the work of a farm. reeld starts it; by hand only the modes\n"
	      "that take a file are of use.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		fprintf(out, "  %-11s %-6s %s\n", modes[i].option,
			modes[i].argument ? modes[i].argument : "", modes[i].help);
	fputs("\nexit status: 0 done, 1 the input is bad, 2 wrong usage, 3 the supervisor is of\n"
	      "another version, 4 a person must act (configuration, disk, permissions)\n",
	      out);
}

static const struct mode *mode_find(const char *option)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (!strcmp(modes[i].option, option))
			return &modes[i];
	return NULL;
}

static int usage(const char *problem, const char *what)
{
	fprintf(stderr, "reel-worker: %s%s; see reel-worker --help\n", problem, what);
	return EXIT_USAGE;
}

struct arguments {
	const struct mode *mode;
	const char *argument, *config_path;
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
	for (int i = 1; i < argc; i++) {
		const struct mode *mode = mode_find(argv[i]);
		bool has_value = (mode && mode->argument) || !strcmp(argv[i], "--config");

		if (has_value && i + 1 == argc)
			return usage("a file must follow ", argv[i]), false;
		if (mode && out->mode)
			return usage("one mode at a time, not also ", argv[i]), false;
		if (mode) {
			out->mode = mode;
			out->argument = mode->argument ? argv[++i] : NULL;
		} else if (!strcmp(argv[i], "--config")) {
			out->config_path = argv[++i];
		} else {
			return usage("unknown option ", argv[i]), false;
		}
	}
	if (!out->mode)
		return usage("no mode given", ""), false;
	return true;
}

static enum log_level level_of(const char *name)
{
	return !strcmp(name, "err")	? LOG_LEVEL_ERR
	       : !strcmp(name, "warn")	? LOG_LEVEL_WARN
	       : !strcmp(name, "debug") ? LOG_LEVEL_DEBUG
					: LOG_LEVEL_INFO;
}

int main(int argc, char **argv)
{
	DEFER(config_freep) struct config *config = NULL;
	struct arguments arguments = { 0 };
	struct err err = { 0 };

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (!parse_arguments(argc, argv, &arguments))
		return EXIT_USAGE;
	if (arguments.mode->needs_channel && !is_socket(WIRE_FD)) {
		fprintf(stderr,
			"reel-worker: %s is started by reeld, which passes a channel on descriptor "
			"3; start reeld instead\n",
			arguments.mode->option);
		return EXIT_USAGE;
	}
	log_init("reel-worker", LOG_LEVEL_INFO);
	if (!config_load(arguments.config_path, &config, &err)) {
		log_err("%s", err.text);
		return EXIT_OPERATOR;
	}
	log_set_level(level_of(config->log_level));
	return arguments.mode->run(config, arguments.argument);
}
