/*
 * --help, the overview and docs/cli.md, printed from the tables of the commands.
 */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

static const struct {
	int code;
	const char *meaning;
} exit_codes[] = {
	{ EXIT_DONE, "done" },
	{ EXIT_FAILED, "failed" },
	{ EXIT_REFUSED, "refused before anything ran or was spent" },
	{ EXIT_PARTIAL, "partial: some variants done, some not" },
	{ EXIT_HELD, "held for a person (an approval, a full disk, a missing key)" },
	{ EXIT_UNKNOWN, "outcome unknown: the time given ran out first" },
	{ EXIT_UNREACHABLE, "no farm could be reached" },
	{ EXIT_INTERRUPTED, "interrupted; the work goes on" },
};

/* The order in which the overview shows them. */
static const char *const groups[] = {
	"Make videos", "Look", "Steer", "Media", "Farm", "Help", NULL
};

const char *options_path(const struct command *parent, const struct command *command, char out[64])
{
	snprintf(out, 64, "reel %s%s%s", parent ? parent->name : "", parent ? " " : "",
		 command->name);
	return out;
}

static void put_row(const struct option_row *row, struct buf *out)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
		 row->value ? " " : "", row->value ? row->value : "");
	buf_printf(out, "  %-28s %s\n", left, row->help);
}

static void put_rows(const char *title, const struct option_row *rows, struct buf *out)
{
	if (!rows || !rows->name)
		return;
	buf_printf(out, "\n%s:\n", title);
	for (; rows->name; rows++)
		put_row(rows, out);
}

void options_help(const struct command *parent, const struct command *command, struct buf *out)
{
	char path[64];

	options_path(parent, command, path);
	buf_printf(out, "%s: %s\n\nusage: %s%s%s\n", path, command->summary, path,
		   *command->usage ? " " : "", command->usage);
	if (command->details)
		buf_printf(out, "\n%s\n", command->details);
	if (command->verbs) {
		buf_puts(out, "\nVerbs:\n");
		for (const struct command *const *verb = command->verbs; *verb; verb++)
			buf_printf(out, "  %-28s %s\n", (*verb)->name, (*verb)->summary);
	}
	put_rows("Options", command->options, out);
	put_rows("For every command", global_rows, out);
}

static void put_group(const char *group, struct buf *out)
{
	buf_printf(out, "\n%s\n", group);
	for (const struct command *const *at = commands; *at; at++)
		if (!strcmp((*at)->group, group))
			buf_printf(out, "  %-12s %s\n", (*at)->name, (*at)->summary);
}

void options_overview(struct buf *out)
{
	buf_puts(out, "reel: videos from a spec, overnight.\n\n"
		      "  reel run examples/ad-variants.yaml -o out/    everything by one command\n"
		      "  reel plan SPEC                                what would happen; spends "
		      "nothing\n");
	for (const char *const *group = groups; *group; group++)
		put_group(*group, out);
	buf_puts(out, "\n`reel COMMAND --help` tells more. Unique beginnings of ids are enough.\n"
		      "Exit codes: 0 done, 1 failed, 2 refused, 3 partial, 4 held for a person, "
		      "5 unknown, 6 no farm.\n");
}

static void markdown_command(const struct command *parent, const struct command *command,
			     struct buf *out)
{
	char path[64];

	buf_printf(out, "\n## %s\n\n```\n", options_path(parent, command, path));
	options_help(parent, command, out);
	buf_puts(out, "```\n");
	for (const struct command *const *verb = command->verbs; verb && *verb; verb++)
		markdown_command(command, *verb, out);
}

void options_markdown(struct buf *out)
{
	buf_puts(out,
		 "# reel: the commands\n\n"
		 "Printed by `reel help --markdown`; a test compares. Every command writes for "
		 "people on a terminal and takes\n`-o json`, `--jq EXPR` and `--quiet`. Errors "
		 "and progress go to stderr, results to stdout.\n\n"
		 "| exit code | meaning |\n| --- | --- |\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++)
		buf_printf(out, "| %d | %s |\n", exit_codes[i].code, exit_codes[i].meaning);
	buf_puts(out, "\n```\n");
	options_overview(out);
	buf_puts(out, "```\n");
	for (const struct command *const *at = commands; *at; at++)
		markdown_command(NULL, *at, out);
}
