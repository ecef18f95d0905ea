// links: cli
/*
 * argv by table: what is taken, what is refused and how it is said; every command's table is sane.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/options.h"

struct sample {
	bool loud;
	const char *out, *name;
	int64_t count, wait_ms;
	double rate;
};

static const struct option_row rows[] = {
	{ "loud", 'l', OPTION_FLAG, offsetof(struct sample, loud), NULL, "h" },
	{ "out", 0, OPTION_TEXT, offsetof(struct sample, out), "DIR", "h" },
	{ "name", 'n', OPTION_TEXT, offsetof(struct sample, name), "NAME", "h" },
	{ "count", 'c', OPTION_INT, offsetof(struct sample, count), "N", "h" },
	{ "wait", 'w', OPTION_DURATION, offsetof(struct sample, wait_ms), "TIME", "h" },
	{ "rate", 0, OPTION_NUMBER, offsetof(struct sample, rate), "R", "h" },
	{ 0 },
};

static const struct command writer = { .name = "writer", .options = rows };
static const struct command reader = { .name = "reader" };

struct parsed {
	struct sample own;
	struct global_options global;
	struct err err;
	char *argv[12];
	int args;
	bool is_good;
};

/* words: separated by one space. */
static struct parsed parse(const struct command *command, const char *words, char *copy)
{
	struct parsed out = { 0 };
	int argc = 0;

	strcpy(copy, words);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		out.argv[argc++] = word;
	out.is_good =
		options_parse(command, argc, out.argv, &out.own, &out.global, &out.args, &out.err);
	return out;
}

static void takes_every_form(void **state)
{
	char copy[200];
	struct parsed got = parse(&writer, "a --count=7 -n x -l b --wait 1m30s -- --loud", copy);

	(void)state;
	assert_true(got.is_good);
	assert_int_equal(got.args, 3);
	assert_string_equal(got.argv[0], "a");
	assert_string_equal(got.argv[1], "b");
	assert_string_equal(got.argv[2], "--loud");
	assert_int_equal(got.own.count, 7);
	assert_string_equal(got.own.name, "x");
	assert_true(got.own.loud);
	assert_int_equal(got.own.wait_ms, 90000);
}

static void bundles_short_flags(void **state)
{
	char copy[200];
	struct parsed got = parse(&writer, "-lqc5 -nfoo --rate 0.5 -", copy);

	(void)state;
	assert_true(got.is_good);
	assert_true(got.own.loud && got.global.quiet);
	assert_int_equal(got.own.count, 5);
	assert_string_equal(got.own.name, "foo");
	assert_true(got.own.rate > 0.49 && got.own.rate < 0.51);
	assert_string_equal(got.argv[0], "-");
}

static void o_is_a_format_or_a_place(void **state)
{
	char copy[200];
	struct parsed got = parse(&writer, "-o json -o out/", copy);

	(void)state;
	assert_true(got.is_good);
	assert_int_equal(got.global.format, OUTPUT_JSON);
	assert_string_equal(got.own.out, "out/");
	got = parse(&reader, "-o out/", copy);
	assert_false(got.is_good);
	assert_non_null(strstr(got.err.text, "json or table"));
}

static void refuses_and_says_how(void **state)
{
	static const struct {
		const char *words, *says;
	} cases[] = {
		{ "--cuont 3", "did you mean '--count'?" },
		{ "--quite", "did you mean '--quiet'?" },
		{ "-x", "unknown option -x" },
		{ "--count", "needs a value: N" },
		{ "--count seven", "a whole number" },
		{ "--count 99999999999999999999", "a whole number" },
		{ "--rate nan", "a number" },
		{ "--wait soon", "a duration" },
		{ "--loud=yes", "takes no value" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char copy[200];
		struct parsed got = parse(&writer, cases[i].words, copy);

		assert_false(got.is_good);
		assert_int_equal(got.err.kind, ERR_REJECT);
		if (!strstr(got.err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].words, got.err.text);
	}
}

static void check_rows(const struct command *command)
{
	for (const struct option_row *row = command->options; row && row->name; row++) {
		assert_non_null(row->help);
		assert_true((row->type == OPTION_FLAG) == (row->value == NULL));
		assert_true(row->offset < command->options_size);
		for (const struct option_row *other = row + 1; other->name; other++) {
			assert_string_not_equal(row->name, other->name);
			assert_true(!row->letter || row->letter != other->letter);
		}
		for (const struct option_row *global = global_rows; global->name; global++) {
			assert_string_not_equal(row->name, global->name);
			assert_true(!row->letter || row->letter != global->letter);
		}
	}
}

static void tables_are_sane(void **state)
{
	const char *before = "";

	(void)state;
	for (const struct command *const *at = commands; *at; at++) {
		assert_true(strcmp(before, (*at)->name) < 0);
		before = (*at)->name;
		assert_true((*at)->summary && (*at)->usage && (*at)->group);
		assert_true((*at)->run || (*at)->verbs);
		check_rows(*at);
		for (const struct command *const *verb = (*at)->verbs; verb && *verb; verb++)
			check_rows(*verb);
	}
}

static void finds_the_nearest_command(void **state)
{
	char hint[160];

	(void)state;
	assert_ptr_equal(command_find(commands, "run", hint), &command_run);
	assert_null(command_find(commands, "shwo", hint));
	assert_string_equal(hint, ", did you mean 'show'?");
}

static void the_reference_is_current(void **state)
{
	struct buf want = { 0 }, have = { 0 };
	struct err err = { 0 };

	(void)state;
	options_markdown(&want);
	if (!file_read(REELD_SOURCE_DIR "/docs/cli.md", 1 << 20, &have, &err))
		fail_msg("%s", err.text);
	if (strcmp(want.data, have.data))
		fail_msg("docs/cli.md is old: reel help --markdown > docs/cli.md");
	buf_done(&want);
	buf_done(&have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form),
		cmocka_unit_test(bundles_short_flags),
		cmocka_unit_test(o_is_a_format_or_a_place),
		cmocka_unit_test(refuses_and_says_how),
		cmocka_unit_test(tables_are_sane),
		cmocka_unit_test(finds_the_nearest_command),
		cmocka_unit_test(the_reference_is_current),
	};

	return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
