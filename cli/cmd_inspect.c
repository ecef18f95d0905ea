/*
 * reel inspect: what a file is and measures. Needs no farm; a sandboxed worker looks at the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/data.h"
#include "cli/program.h"

struct inspect_options {
	const char *profile, *depth;
	bool is_brief;
};

static const struct option_row rows[] = {
	{ "profile", 'p', OPTION_TEXT, offsetof(struct inspect_options, profile), "NAME",
	  "also check it against a platform's limits (instagram-reels, tiktok, ...)" },
	{ "depth", 0, OPTION_TEXT, offsetof(struct inspect_options, depth), "full|quick",
	  "quick looks at key frames only" },
	{ "brief", 0, OPTION_FLAG, offsetof(struct inspect_options, is_brief), NULL,
	  "headers only, nothing is decoded" },
	{ 0 },
};

/* The worker's complaint is its last line; ours has its own prefix. */
static bool explain(const char *path, int status, struct buf *errors, struct err *err)
{
	char *line;

	while (errors->len && errors->data[errors->len - 1] == '\n')
		errors->data[--errors->len] = '\0';
	line = errors->len ? strrchr(errors->data, '\n') : NULL;
	line = line ? line + 1 : errors->data;
	if (line && !strncmp(line, "reel-worker: ", 13))
		line += 13;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_REJECT, "%s: looking at it ended by signal %d", path,
			       WTERMSIG(status));
	return err_set(err, ERR_REJECT, "%s", line && *line ? line : "reel-worker said nothing");
}

/* The worker knows no catalogue: it gets the profile itself. Caller frees. */
static char *profile_text(struct cli *cli, const char *name, struct err *err)
{
	DEFER(catalogue_freep) struct catalogue *catalogue = NULL;
	const struct config *config = cli_config(cli, err);
	const json_t *profile;
	char hint[160];

	if (!config || !data_load_catalogue(config, &catalogue, err))
		return NULL;
	profile = catalogue_profile(catalogue, name, hint);
	if (profile)
		return json_text(profile);
	err_set(err, ERR_REJECT, "unknown profile '%s'%s", name, hint);
	return NULL;
}

/* *out_code: 1 when the file is read and does not fit what was asked of it. */
static bool inspect(struct cli *cli, const struct inspect_options *options, json_t **out,
		    int *out_code, struct err *err)
{
	DEFER(freep) char *worker = program_sibling("reel-worker");
	DEFER(freep) char *profile = NULL;
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(buf_done) struct buf errors = { 0 };
	const char *argv[10] = { worker, options->is_brief ? "--probe" : "--inspect",
				 cli->args[0] };
	int count = 3, status;

	if (!worker)
		return err_set(err, ERR_OPERATOR,
			       "reel-worker is neither beside reel nor on PATH: is it installed?");
	if (options->profile && !(profile = profile_text(cli, options->profile, err)))
		return false;
	if (profile)
		argv[count++] = "--profile", argv[count++] = profile;
	if (options->depth)
		argv[count++] = "--depth", argv[count++] = options->depth;
	if (!program_run(argv, &text, &errors, &status, err))
		return false;
	if (!WIFEXITED(status) || (WEXITSTATUS(status) && !text.len))
		return explain(cli->args[0], status, &errors, err);
	*out_code = WEXITSTATUS(status) ? EXIT_FAILED : EXIT_DONE;
	return json_parse(text.data ? text.data : "", text.len, "reel-worker --inspect", out, err);
}

static void print_value(struct table *table, const char *prefix, const char *name,
			const json_t *value)
{
	char *text;

	if (json_is_null(value))
		return;
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	table_put(table, TONE_DIM, "%s%s", prefix, name);
	if (json_is_array(value) && json_array_size(value) > 6)
		table_put(table, TONE_PLAIN, "%zu values", json_array_size(value));
	else
		table_put(table, TONE_PLAIN, "%s",
			  json_is_string(value) ? json_string_value(value) : text);
	free(text);
}

/* Nested objects become dotted names. */
static void print_object(struct table *table, const char *prefix, const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (!strcmp(name, "findings"))
			continue;
		if (json_is_object(value)) {
			DEFER(freep) char *deeper = xasprintf("%s%s.", prefix, name);

			print_object(table, deeper, value);
		} else {
			print_value(table, prefix, name, value);
		}
	}
}

static void print_findings(const struct output *out, const json_t *findings)
{
	static const char *const head[] = { "SEVERITY", "RULE", "EXPECTED", "FOUND", NULL };
	static const char *const names[] = { "severity", "rule", "expected", "found" };
	DEFER(table_done) struct table table = { 0 };
	const json_t *one;
	size_t i;

	table_init(&table, head);
	json_array_foreach(findings, i, one)
	{
		const char *severity = json_string_value(json_object_get(one, "severity"));
		enum tone tone = severity && !strcmp(severity, "error") ? TONE_BAD : TONE_WAIT;

		for (size_t j = 0; j < ARRAY_LEN(names); j++) {
			const json_t *value = json_object_get(one, names[j]);
			DEFER(freep) char *text = value ? json_plain(value) : xstrdup("");

			table_put(&table, j ? TONE_PLAIN : tone, "%s", text);
		}
	}
	putchar('\n');
	table_print(&table, out);
}

static void print(const struct output *out, const json_t *value)
{
	static const char *const head[] = { "WHAT", "VALUE", NULL };
	const json_t *findings = json_object_get(value, "findings");
	DEFER(table_done) struct table table = { 0 };

	table_init(&table, head);
	print_object(&table, "", value);
	table_print(&table, out);
	if (json_array_size(findings))
		print_findings(out, findings);
}

static int run(struct cli *cli, const void *given)
{
	DEFER(json_freep) json_t *value = NULL;
	struct err err = { 0 };
	int code = EXIT_DONE, printed;

	if (!inspect(cli, given, &value, &code, &err))
		return cli_refuse(cli, &err);
	if (cli->out.format == OUTPUT_JSON) {
		printed = output_json(&cli->out, value);
		return printed ? printed : code;
	}
	if (!cli->out.is_quiet)
		print(&cli->out, value);
	return code;
}

const struct command command_inspect = {
	.name = "inspect",
	.summary = "what a file is and measures; needs no farm",
	.usage = "FILE [--profile NAME] [--depth quick]",
	.details =
		"Exit code 1: it does not fit the profile; 2: it is no picture, clip or sound, and the "
		"message says what it is.",
	.options = rows,
	.options_size = sizeof(struct inspect_options),
	.group = "Media",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_FILE,
	.run = run,
};
