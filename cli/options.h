/*
 * argv by table: parsing, and the three texts made from the same rows (--help, completions,
 * docs/cli.md).
 */
#pragma once

#include "base/buf.h"
#include "cli/command.h"

/* Every command takes these besides its own. */
struct global_options {
	enum output_format format;
	const char *jq, *config;
	bool quiet, no_color, help;
};

extern const struct option_row global_rows[];

/*
 * Takes the options out of argv (permuting it) and leaves the arguments in front; gives their
 * number. `--` ends options. `-o json` and `-o table` choose the format everywhere; any other word
 * goes to the command's own row "out" when it has one, because there -o names the place for files.
 */
bool options_parse(const struct command *command, int argc, char **argv, void *own,
		   struct global_options *global, int *out_args, struct err *err) MUST_CHECK;

/* "reel media upload" for messages; out holds 64 bytes; returns out. */
const char *options_path(const struct command *parent, const struct command *command, char out[64]);

void options_help(const struct command *parent, const struct command *command, struct buf *out);
void options_overview(struct buf *out); /* the list of commands */
void options_markdown(struct buf *out); /* docs/cli.md, whole */
