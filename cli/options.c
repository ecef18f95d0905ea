/*
 * Reads argv by table. Own code instead of getopt_long because its messages and its globals are the
 * wrong shape: here a mistake names the nearest option, and nothing is left behind between calls.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/units.h"

const struct option_row global_rows[] = {
	{ "output", 'o', OPTION_FORMAT, offsetof(struct global_options, format), "json|table",
	  "how results are written (table is for people, json is stable)" },
	{ "jq", 0, OPTION_TEXT, offsetof(struct global_options, jq), "EXPR",
	  "filter the JSON output by a jq expression; texts are printed raw" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct global_options, quiet), NULL,
	  "print only the id, or nothing" },
	{ "config", 0, OPTION_TEXT, offsetof(struct global_options, config), "FILE",
	  "configuration to use (else $REEL_CONFIG, /etc/reeld, ~/.config/reel)" },
	{ "no-color", 0, OPTION_FLAG, offsetof(struct global_options, no_color), NULL,
	  "no colours (also: NO_COLOR set, or not a terminal)" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct global_options, help), NULL, "this text" },
	{ 0 },
};

struct parse {
	const struct command *command;
	void *own;
	struct global_options *global;
	struct err *err;
};

static const struct option_row *row_find(const struct option_row *rows, const char *name,
					 size_t len, char letter)
{
	for (; rows && rows->name; rows++)
		if (letter ? rows->letter == letter
			   : strlen(rows->name) == len && !memcmp(rows->name, name, len))
			return rows;
	return NULL;
}

static void offer_all(struct nearest *nearest, const struct option_row *rows)
{
	for (; rows && rows->name; rows++)
		nearest_offer(nearest, rows->name);
}

static bool refuse_unknown(const struct parse *parse, const char *word)
{
	const char *name = word + strspn(word, "-");
	char plain[64] = "";
	struct nearest nearest;

	memcpy(plain, name, strcspn(name, "=") < 63 ? strcspn(name, "=") : 63);
	nearest_init(&nearest, plain);
	offer_all(&nearest, parse->command->options);
	offer_all(&nearest, global_rows);
	if (*nearest_hint(&nearest))
		return err_set(parse->err, ERR_REJECT,
			       "unknown option %s, did you mean '--%s'? See: reel help %s", word,
			       nearest.best, parse->command->name);
	return err_set(parse->err, ERR_REJECT, "unknown option %s; see: reel help %s", word,
		       parse->command->name);
}

static bool wrong_value(const struct parse *parse, const struct option_row *row, const char *text,
			const char *expected)
{
	return err_set(parse->err, ERR_REJECT, "--%s %s: expected %s", row->name, text, expected);
}

static bool parse_int(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && !*end && !errno;
}

static bool parse_number(const char *text, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return *text && !*end && !errno && *out == *out;
}

/* -o says a format, or for commands that write files, where to. */
static bool store_format(const struct parse *parse, const char *text)
{
	const struct option_row *out = row_find(parse->command->options, "out", 3, 0);

	if (!strcmp(text, "json") || !strcmp(text, "table")) {
		parse->global->format = *text == 'j' ? OUTPUT_JSON : OUTPUT_TABLE;
		return true;
	}
	if (!out)
		return err_set(parse->err, ERR_REJECT, "-o %s: expected json or table", text);
	*(const char **)((char *)parse->own + out->offset) = text;
	return true;
}

static bool store_value(const struct parse *parse, const struct option_row *row, void *base,
			const char *text)
{
	void *member = (char *)base + row->offset;

	switch (row->type) {
	case OPTION_FLAG: *(bool *)member = true; return true;
	case OPTION_TEXT: *(const char **)member = text; return true;
	case OPTION_FORMAT: return store_format(parse, text);
	case OPTION_INT:
		return parse_int(text, member) || wrong_value(parse, row, text, "a whole number");
	case OPTION_NUMBER:
		return parse_number(text, member) || wrong_value(parse, row, text, "a number");
	case OPTION_DURATION:
		return units_parse_duration_ms(text, member) ||
		       wrong_value(parse, row, text, "a duration such as 90s, 5m or 2h");
	}
	return true;
}

/* Which table a row came from decides which struct it fills. */
static void *base_of(const struct parse *parse, const struct option_row *row)
{
	return row_find(global_rows, row->name, strlen(row->name), 0) == row ? (void *)parse->global
									     : parse->own;
}

/* Takes a value from behind '=', from the rest of a short word, or from the next argument. */
static bool take_value(const struct parse *parse, const struct option_row *row, const char *inside,
		       int *at, int argc, char **argv)
{
	if (!inside && row->type != OPTION_FLAG) {
		if (*at + 1 >= argc)
			return err_set(parse->err, ERR_REJECT, "--%s needs a value: %s", row->name,
				       row->value);
		inside = argv[++*at];
	}
	return store_value(parse, row, base_of(parse, row), inside);
}

static bool parse_long(const struct parse *parse, int *at, int argc, char **argv)
{
	const char *name = argv[*at] + 2;
	size_t len = strcspn(name, "=");
	const struct option_row *row = row_find(parse->command->options, name, len, 0);

	if (!row)
		row = row_find(global_rows, name, len, 0);
	if (!row)
		return refuse_unknown(parse, argv[*at]);
	if (row->type == OPTION_FLAG && name[len])
		return err_set(parse->err, ERR_REJECT, "--%s takes no value", row->name);
	return take_value(parse, row, name[len] ? name + len + 1 : NULL, at, argc, argv);
}

/* -o is always the format row: it hands paths on to "out" by itself. */
static bool parse_short(const struct parse *parse, int *at, int argc, char **argv)
{
	const char *word = argv[*at];

	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = row_find(global_rows, NULL, 0, *letter);

		if (!row)
			row = row_find(parse->command->options, NULL, 0, *letter);
		if (!row)
			return refuse_unknown(parse, word);
		if (row->type != OPTION_FLAG)
			return take_value(parse, row, letter[1] ? letter + 1 : NULL, at, argc,
					  argv);
		if (!take_value(parse, row, NULL, at, argc, argv))
			return false;
	}
	return true;
}

bool options_parse(const struct command *command, int argc, char **argv, void *own,
		   struct global_options *global, int *out_args, struct err *err)
{
	const struct parse parse = { command, own, global, err };
	bool is_ended = false;
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (is_ended || argv[i][0] != '-' || !argv[i][1])
			argv[kept++] = argv[i];
		else if (!strcmp(argv[i], "--"))
			is_ended = true;
		else if (argv[i][1] == '-' ? !parse_long(&parse, &i, argc, argv)
					   : !parse_short(&parse, &i, argc, argv))
			return false;
	}
	*out_args = kept;
	return true;
}
