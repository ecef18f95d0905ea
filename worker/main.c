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
#include "pipeline/media/media.h"
#include "worker/lean.h"
#include "worker/media_parent.h"
#include "worker/once.h"
#include "worker/sandbox.h"
#include "worker/shell.h"

struct mode {
	const char *option, *argument, *help;
	bool needs_channel;
	int (*run)(const struct config *config, const struct once_options *options);
};

/* A descriptor that the supervisor did not pass may be anything that our caller left open. */
static bool is_socket(int fd)
{
	struct stat at;

	return fstat(fd, &at) == 0 && S_ISSOCK(at.st_mode);
}

static void warm_up(void)
{
	if (!sandbox_landlock_abi())
		log_warn(
			"this kernel has no landlock (Linux 5.19 or later, with landlock among its "
			"lsm=): media children can read what this user can read; they still have no "
			"network, no exec and no fork");
	sandbox_prepare();
	media_warm_up();
	lean_now();
}

static int run_media(const struct config *config, const struct once_options *options)
{
	int exit_code;

	(void)options;
	exit_code = media_parent_main(&(struct media_parent_options){ .config = config,
								      .child = media_child_run,
								      .warm_up = warm_up },
				      WIRE_FD);
	media_cool_down();
	return exit_code;
}

static int run_gpu(const struct config *config, const struct once_options *options)
{
	(void)config, (void)options;
	log_err("gpu workers come with a later release; remove the gpu lanes from the "
		"configuration");
	return EXIT_OPERATOR;
}

/* What the kernel offers for the box; `reel doctor` shows it. */
static int run_abilities(const struct config *config, const struct once_options *options)
{
	(void)config, (void)options;
	printf("{\"landlock_abi\":%d}\n", sandbox_landlock_abi());
	return EXIT_DONE;
}

static const struct mode modes[] = {
	{ "--media", NULL, "fork one boxed child for each media stage", true, run_media },
	{ "--gpu", NULL, "run local programs on a GPU (later)", true, run_gpu },
	{ "--probe", "FILE", "print what a media file is", false, once_probe },
	{ "--check-media", "FILE", "the same; for its exit status", false, once_probe },
	{ "--inspect", "FILE", "measure a media file (--depth, --profile)", false, once_inspect },
	{ "--once", "TASK", "run one task from a file, or - for stdin", false, once_task },
	{ "--abilities", NULL, "print what this kernel offers for the sandbox", false,
	  run_abilities },
};

static void print_help(FILE *out)
{
	fputs("usage: reel-worker MODE [--config FILE]\n"
	      "       reel-worker --inspect FILE [--depth full|quick] [--profile JSON]\n\n"
	      "The process that does the work of a farm. reeld starts it; by hand only the modes\n"
	      "that take a file are of use.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		fprintf(out, "  %-13s %-5s %s\n", modes[i].option,
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
	const char *config_path;
	struct once_options options;
};

/* Where the value of an option goes; NULL: it is no such option. */
static const char **value_of(struct arguments *arguments, const char *option)
{
	const struct {
		const char *option, **value;
	} rows[] = {
		{ "--config", &arguments->config_path },
		{ "--depth", &arguments->options.depth },
		{ "--profile", &arguments->options.profile },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!strcmp(rows[i].option, option))
			return rows[i].value;
	return NULL;
}

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
	for (int i = 1; i < argc; i++) {
		const struct mode *mode = mode_find(argv[i]);
		const char **value =
			mode && mode->argument ? &out->options.file : value_of(out, argv[i]);

		if (!mode && !value)
			return usage("unknown option ", argv[i]), false;
		if (mode && out->mode)
			return usage("one mode at a time, not also ", argv[i]), false;
		if (value && i + 1 == argc)
			return usage("something must follow ", argv[i]), false;
		if (mode)
			out->mode = mode;
		if (value)
			*value = argv[++i];
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

/* The one-shot modes are in their box now, and end there at once: what libraries do at exit, and a
 * leak checker that asks for a tracer, may want what the box forbids. */
static int finish(const struct mode *mode, int exit_code)
{
	if (mode->needs_channel)
		return exit_code;
	fflush(NULL);
	_exit(exit_code);
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
	return finish(arguments.mode, arguments.mode->run(config, &arguments.options));
}
