/*
 * A command of the client: one file, one const struct, one line in commands.c.
 *
 *      main -> command_find -> options_parse -> command->run -> exit code
 *
 * Options are rows of a table that says where their value goes; --help, the completions and
 * docs/cli.md are printed from the same rows, so they cannot disagree with what is parsed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "cli/output.h"

/* What scripts rely on; docs/cli.md explains each. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,      /* ran, and nothing came out of it */
	EXIT_REFUSED = 2,     /* refused before anything ran or was spent: bad input, bad use */
	EXIT_PARTIAL = 3,     /* some variants done, some not */
	EXIT_HELD = 4,	      /* waits for a person */
	EXIT_UNKNOWN = 5,     /* cannot say: the wait ran out before the end was known */
	EXIT_UNREACHABLE = 6, /* no farm answered */
	EXIT_INTERRUPTED = 130,
};

enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_TEXT,	 /* const char *, borrowed from argv */
	OPTION_INT,	 /* int64_t */
	OPTION_NUMBER,	 /* double */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_FORMAT, /* enum output_format, and paths for commands that write files: options.c */
};

/* A table ends with a zeroed row. Absent options leave their member zero. */
struct option_row {
	const char *name; /* "out": typed --out */
	char letter;	  /* 'o', or 0 */
	enum option_type type;
	size_t offset;
	const char *value; /* what --help calls its value: "DIR"; NULL for flags */
	const char *help;
};

/* What the arguments of a command are, for completions. */
enum command_args { ARGS_NONE, ARGS_FILE, ARGS_ID, ARGS_LANE, ARGS_MEDIA, ARGS_WORD };

struct cli;

struct command {
	const char *name;
	const char *summary; /* one line, in the list of commands */
	const char *usage;   /* what follows the name: "SPEC [--new]" */
	const char *details; /* paragraphs for --help; NULL: the summary says it all */
	const struct option_row *options;
	size_t options_size;		    /* of the struct the rows point into */
	const void *options_defaults;	    /* such a struct; NULL: all zero */
	const struct command *const *verbs; /* "media upload": NULL-ended, or NULL */
	const char *group;		    /* heading in the list of commands */
	int min_args, max_args;		    /* max -1: any number */
	enum command_args args;
	int (*run)(struct cli *cli, const void *options); /* NULL: a verb is needed */
};

/* One invocation. Nothing outside it changes while a command runs. */
struct cli {
	const struct command *command, *parent; /* parent: "media" of "media upload", else NULL */
	char **args;
	int arg_count;
	struct output out;
	const char *config_path;
	struct config *config; /* NULL until cli_config */
};

/* Sorted by name; NULL-ended. */
extern const struct command *const commands[];

/* NULL when absent; hint (160 bytes) then gets ", did you mean 'x'?" or "". */
const struct command *command_find(const struct command *const *list, const char *name, char *hint);

/* Loads the configuration on first use; NULL when it cannot be read: err says why. Borrowed. */
const struct config *cli_config(struct cli *cli, struct err *err);

/* Say what went wrong on stderr, give the exit code: refuse is always EXIT_REFUSED; fail tells a
 * farm that cannot be reached (6) from a request that it refused (2). */
int cli_refuse(const struct cli *cli, const struct err *err);
int cli_fail(const struct cli *cli, const struct err *err);
