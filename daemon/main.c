/*
 * reeld: options, then the supervisor.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/supervisor.h"

enum { EXIT_USAGE = 2 };

struct option_row {
	char letter; /* what getopt gives, and the short form where it is lower case */
	const char *name, *argument, *help;
};

static const struct option_row rows[] = {
	{ 'c', "config", "PATH",
	  "read this configuration (else $REEL_CONFIG, "
	  "/etc/reeld/reeld.yaml, ~/.config/reel/reeld.yaml)" },
	{ 't', "test", NULL, "check the configuration and end: 0 when it is good" },
	{ 'E', "example-config", NULL, "print a configuration with every option, and end" },
	{ 'L', "log-level", "LEVEL", "err, warn, info or debug; wins over the configuration" },
	{ 'I', "exit-when-idle", NULL, "end when no work and no client is left" },
	{ 'R', "stop-redis", "LOCK",
	  "end the redis-server that holds this lock file, when reeld ends and no client is left" },
	{ 'V', "version", NULL, "print the version, and end" },
	{ 'h', "help", NULL, "print this, and end" },
};

enum mode { MODE_RUN, MODE_TEST, MODE_EXAMPLE, MODE_VERSION, MODE_HELP, MODE_USAGE };

struct arguments {
	enum mode mode;
	struct supervisor_options options;
};

static bool has_short_form(const struct option_row *row)
{
	return row->letter >= 'a';
}

static void print_help(FILE *out)
{
	fprintf(out, "usage: reeld [options]\n\nThe supervisor of a host: takes stages from Redis, "
		     "runs them in worker processes.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char form[64], letter[8] = "    ";

		if (has_short_form(&rows[i]))
			snprintf(letter, sizeof(letter), "-%c, ", rows[i].letter);
		snprintf(form, sizeof(form), "%s--%s %s", letter, rows[i].name,
			 rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-28s %s\n", form, rows[i].help);
	}
	fprintf(out, "\nSIGTERM drains, a second one ends at once; SIGHUP reloads the "
		     "configuration.\n");
}

static bool is_log_level(const char *text)
{
	static const char *const names[] = { "err", "warn", "info", "debug" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(text, names[i]))
			return true;
	return false;
}

static void refuse(struct arguments *arguments, const char *what, const char *value)
{
	fprintf(stderr, "reeld: %s: %s; `reeld --help` lists the options\n", value, what);
	arguments->mode = MODE_USAGE;
}

static void take_option(struct arguments *arguments, int letter, const char *value)
{
	switch (letter) {
	case 'c': arguments->options.config_path = value; break;
	case 't': arguments->mode = MODE_TEST; break;
	case 'E': arguments->mode = MODE_EXAMPLE; break;
	case 'V': arguments->mode = MODE_VERSION; break;
	case 'h': arguments->mode = MODE_HELP; break;
	case 'I': arguments->options.exit_when_idle = true; break;
	case 'L':
		arguments->options.log_level = value;
		if (!is_log_level(value))
			refuse(arguments, "expected err, warn, info or debug", value);
		break;
	case 'R': arguments->options.stop_redis = value; break;
	default: arguments->mode = MODE_USAGE; /* getopt has said why */
	}
}

static void parse(int argc, char **argv, struct arguments *out)
{
	struct option longs[ARRAY_LEN(rows) + 1] = { 0 };
	char shorts[2 * ARRAY_LEN(rows) + 1] = "", *end = shorts;
	int letter;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		longs[i] = (struct option){ rows[i].name, rows[i].argument != NULL, NULL,
					    rows[i].letter };
		if (has_short_form(&rows[i])) {
			*end++ = rows[i].letter;
			if (rows[i].argument)
				*end++ = ':';
		}
	}
	while (out->mode != MODE_USAGE &&
	       (letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		take_option(out, letter, optarg);
	if (out->mode != MODE_USAGE && optind < argc)
		refuse(out, "unexpected argument", argv[optind]);
}

static void print_example(void)
{
	DEFER(buf_done) struct buf text = { 0 };

	config_show_example(&text);
	fputs(text.data, stdout);
}

static int test_config(const struct arguments *arguments)
{
	DEFER(config_freep) struct config *config = NULL;
	struct err err;

	if (!config_load(arguments->options.config_path, &config, &err) ||
	    !supervisor_check(config, &err)) {
		fprintf(stderr, "reeld: %s\n", err.text);
		return EXIT_FAILURE;
	}
	printf("%s: good\n", config->path ? config->path : "defaults (no configuration file)");
	return EXIT_SUCCESS;
}

static int run(const struct arguments *arguments)
{
	struct config *config;
	struct err err;

	if (!config_load(arguments->options.config_path, &config, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return supervisor_run(config, &arguments->options);
}

int main(int argc, char **argv)
{
	struct arguments arguments = { 0 };

	log_init("reeld", LOG_LEVEL_INFO);
	parse(argc, argv, &arguments);
	switch (arguments.mode) {
	case MODE_RUN: return run(&arguments);
	case MODE_TEST: return test_config(&arguments);
	case MODE_EXAMPLE: print_example(); return EXIT_SUCCESS;
	case MODE_VERSION: puts("reeld " REELD_VERSION); return EXIT_SUCCESS;
	case MODE_HELP: print_help(stdout); return EXIT_SUCCESS;
	case MODE_USAGE: return EXIT_USAGE;
	}
	return EXIT_USAGE;
}
