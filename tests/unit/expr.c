// links: spec
/*
 * The expression language: what expressions give, what they may not do, and what is said about
 * wrong ones.
 */
#include "pipeline/spec/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"

static const char CONTEXT[] =
	"{\"matrix\": {\"hook\": \"Built in the terminal\", \"n\": 3, \"list\": [1, 2, 3], \"none\": "
	"null, \"obj\": {\"a b\": 1}}, \"vars\": {\"product\": \"Acme\"}, \"labels\": {\"c\": \"x\"}, "
	"\"name\": \"v1\", \"index\": 7, \"batch_name\": \"b\", \"big\": 7421234567890123456, "
	"\"stages\": {\"draft\": {\"seed\": 5, \"duration\": 2.0, \"fps\": 29.97}}}";

struct row {
	const char *sentence, *text, *expected;
};

static json_t *context_new(void)
{
	json_t *context = json_loads(CONTEXT, 0, NULL);

	assert_non_null(context);
	return context;
}

/* The JSON text of what an expression or template gives, or the error. */
static char *outcome(const char *text, bool is_template)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	DEFER(json_freep) json_t *context = context_new(), *value = NULL;
	struct err err = { 0 };
	int handle;

	if (!(is_template ? expr_add_template : expr_add)(set, text, &handle, &err) ||
	    !expr_eval(set, handle, context, &value, &err)) {
		assert_int_equal(err.kind, ERR_REJECT);
		return xstrdup(err.text);
	}
	return json_text(value);
}

static void check(const struct row *rows, size_t count, bool is_template)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(freep) char *got = outcome(rows[i].text, is_template);

		if (strcmp(got, rows[i].expected) != 0)
			fail_msg("%s: %s gave '%s', expected '%s'", rows[i].sentence, rows[i].text,
				 got, rows[i].expected);
	}
}

static void evaluates(void **state)
{
	static const struct row rows[] = {
		{ "a path", ".matrix.hook", "\"Built in the terminal\"" },
		{ "an index", ".matrix.list[1]", "2" },
		{ "an index past the end", ".matrix.list[9]", "null" },
		{ "a name in brackets", ".matrix.obj[\"a b\"]", "1" },
		{ "a name in brackets at the start", ".[\"vars\"].product", "\"Acme\"" },
		{ "a name that is not there", ".matrix.nothing.deeper", "null" },
		{ "everything", ". | length", "8" },
		{ "blanks around", "  .index \n", "7" },
		{ "a constant", "\"text\"", "\"text\"" },
		{ "a number", "-1.5", "-1.5" },
		{ "a computation", ".matrix.n * 2 + 1", "7" },
		{ "a function", ".matrix.hook | ascii_upcase", "\"BUILT IN THE TERMINAL\"" },
		{ "interpolation", "\"\\(.matrix.n)-\\(.index)\"", "\"3-7\"" },
		{ "the first of several values", ".matrix.list[]", "1" },
		{ "no value at all is null", "empty", "null" },
		{ "the whole context behind a pipe", ".matrix | .n + $c.index", "10" },
		{ "a comment at the end", ".matrix.n # three", "3" },
		{ "an integer beyond 2^53 comes to jq as text", "[.big]",
		  "[\"7421234567890123456\"]" },
		{ "and stays whole as a path", ".big", "7421234567890123456" },
		{ "the environment is empty", "$ENV", "{}" },
		{ "a variable", ".matrix.n as $x | $x + 1", "4" },
		{ "an own function", "def f: . + 1; .index | f", "8" },
		{ "a step into text", ".name.x", ".name.x: 'x' of text" },
		{ "an error of jq", ".name + 1",
		  ".name + 1: string (\"v1\") and number (1) cannot be added" },
		{ "an error with a map", "error({a: 1})", "error({a: 1}): {\"a\":1}" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), false);
}

static void renders_templates(void **state)
{
	static const struct row rows[] = {
		{ "text without any", "just text", "\"just text\"" },
		{ "text around", "Ad: ${{ .matrix.hook }}, slow",
		  "\"Ad: Built in the terminal, slow\"" },
		{ "two of them", "${{.vars.product}}-${{ .index }}", "\"Acme-7\"" },
		{ "a whole one keeps its type", "${{ .matrix.n }}", "3" },
		{ "blanks around a whole one do not matter", " ${{ .matrix.list }}\n", "[1,2,3]" },
		{ "braces inside", "${{ {a: {b: .index}} }}", "{\"a\":{\"b\":7}}" },
		{ "closing braces in a text", "${{ \"}}\" }} x", "\"}} x\"" },
		{ "an opening one as text", "${{ \"${{\" }} x", "\"${{ x\"" },
		{ "a list in a text is JSON", "l=${{ .matrix.list }}", "\"l=[1,2,3]\"" },
		{ "a whole number prints as jq prints it",
		  "${{ .stages.draft.duration }}s at ${{ .stages.draft.fps }}", "\"2s at 29.97\"" },
		{ "null in a text is refused", "l=${{ .matrix.hok }}",
		  ".matrix.hok: gave null inside a text" },
		{ "unless it is provided for", "l=${{ .matrix.hok // \"none\" }}", "\"l=none\"" },
		{ "not closed", "a ${{ .x", "'${{' without its '}}' at character 3" },
		{ "empty", "a ${{ }}", "in ${{ }}: an empty expression" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), true);
}

static void refuses_bad_syntax(void **state)
{
	static const struct row rows[] = {
		{ "a stray character", ".a ^ 2",
		  "syntax error, unexpected character at character 4" },
		{ "a word out of place", ".a if .b", "syntax error, unexpected if at character 4" },
		{ "the second of three lines", ".a\n| ] x\n| .b",
		  "']' without its opening bracket at character 6" },
		{ "an operator missing its operand", ".a == | .b",
		  "syntax error, unexpected '|' at character 7" },
		{ "ending too early", ".a ==", "syntax error, it ends too early" },
		{ "no end", "if .a then 1", "syntax error, it ends too early" },
		{ "single quotes", ".a == 'x'",
		  "syntax error, unexpected character at character 7" },
		{ "letters of several bytes count once", "\"\xc3\xa4\" ^",
		  "syntax error, unexpected character at character 5" },
		{ "an open bracket", "[.a", "a closing bracket is missing at character 4" },
		{ "closing what the wrapper opened", ".a) | (.b",
		  "')' without its opening bracket at character 3" },
		{ "an open text", ".a == \"x", "a text without its closing quote at character 7" },
		{ "a bad escape", "\"\\x\"", "Invalid escape at character 2" },
		{ "an unknown function", "nosuch(.a)", "nosuch(.a): nosuch/1 is not defined" },
		{ "a function of jq 1.7", "abs(.n)", "abs(.n): abs/1 is not defined" },
		{ "an unknown variable", ".a + $x", ".a + $x: $x is not defined" },
		{ "the wrapper's own variable", "$__w",
		  "names that begin with '$__' are not available at character 1" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), false);
}

static void is_closed(void **state)
{
	static const struct row rows[] = {
		{ "no environment", "env", "'env' is not available in expressions at character 1" },
		{ "none in the middle", ".a | env.HOME",
		  "'env' is not available in expressions at character 6" },
		{ "no input", "[inputs]",
		  "'inputs' is not available in expressions at character 2" },
		{ "no output", ".a | stderr",
		  "'stderr' is not available in expressions at character 6" },
		{ "no modules", "import \"a\" as a; 1",
		  "'import' is not available in expressions at character 1" },
		{ "no look at modules", "\"/etc/x\" | modulemeta",
		  "'modulemeta' is not available in expressions at character 12" },
		{ "no end of the program", "halt_error",
		  "'halt_error' is not available in expressions at character 1" },
		{ "a field of that name is fine", "{env: 1} | .env", "1" },
		{ "PATH is not there", "$ENV.PATH", "null" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), false);
}

/* jq loads ~/.jq as a library by itself. */
static void ignores_home(void **state)
{
	char folder[] = "/tmp/expr-home-XXXXXX", path[64];
	DEFER(freep) char *got = NULL;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/.jq", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("def hidden: 5;", file);
	fclose(file);
	setenv("HOME", folder, 1);
	got = outcome("hidden", false);
	assert_string_equal(got, "hidden: hidden/0 is not defined");
	assert_string_equal(getenv("HOME"), folder);
	unlink(path);
	rmdir(folder);
}

static void note_path(void *context, const char *root, const char *second)
{
	char *out = context;

	snprintf(out + strlen(out), 256 - strlen(out), "%s%s%s%s", *out ? " " : "", root,
		 second ? "." : "", second ? second : "");
}

static void knows_what_is_read(void **state)
{
	enum { ALL = 31 };
	static const struct {
		const char *text;
		unsigned roots;
		const char *paths;
	} rows[] = {
		{ ".matrix.hook", EXPR_MATRIX, "matrix.hook" },
		{ ".[\"stages\"][\"a\"].x", EXPR_STAGES, "stages.a" },
		{ ".\"stages\".a", EXPR_STAGES, "stages.a" },
		{ ".stages.draft.outputs[0].media", EXPR_STAGES, "stages.draft" },
		{ ".stages[.matrix.x]", EXPR_STAGES | EXPR_MATRIX, "stages matrix.x" },
		{ ".matrix.hook | ascii_upcase", EXPR_MATRIX, "matrix.hook" },
		{ ".matrix.obj | .stages.draft", EXPR_MATRIX, "matrix.obj" },
		{ "(.vars.a | length) + .index", EXPR_VARS | EXPR_PIPELINE, "vars.a index" },
		{ "if .matrix.a | not then .stages.b else \"x\" end", EXPR_MATRIX | EXPR_STAGES,
		  "matrix.a stages.b" },
		{ ".matrix.a as $x | .stages.b | . + $x", EXPR_MATRIX | EXPR_STAGES,
		  "matrix.a stages.b" },
		{ "{matrix, b: (.vars.x | tojson), c: .stages.d}",
		  EXPR_MATRIX | EXPR_VARS | EXPR_STAGES, "matrix vars.x stages.d" },
		{ "\"\\(.stages.a.b) and \\(.vars.c)\"", EXPR_STAGES | EXPR_VARS,
		  "stages.a vars.c" },
		{ ".matrix.a | $c.stages.b", EXPR_MATRIX | EXPR_STAGES, "matrix.a stages.b" },
		{ "[.matrix.a, .vars.b] | join(\" \")", EXPR_MATRIX | EXPR_VARS,
		  "matrix.a vars.b" },
		{ ".nothing.x", EXPR_OTHER, "nothing.x" },
		{ "1 + 2", 0, "" },
		{ "keys", ALL, "" },
		{ ".", ALL, "" },
		{ ".. | strings", ALL, "" },
		{ "$c | tojson", ALL, "" },
		{ "to_entries[0]", ALL, "" },
		{ ".matrix.a |= 1", ALL, "matrix.a" },
		{ "def f: .stages; f", ALL, "stages" },
		{ ".matrix.a == .vars.b", EXPR_MATRIX | EXPR_VARS, "matrix.a vars.b" },
		{ ".matrix.list | map(.stages)", EXPR_MATRIX, "matrix.list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
		char paths[256] = "";
		struct err err = { 0 };
		int handle;

		if (!expr_add(set, rows[i].text, &handle, &err))
			fail_msg("%s: %s", rows[i].text, err.text);
		expr_each_path(set, handle, note_path, paths);
		if (expr_roots(set, handle) != rows[i].roots || strcmp(paths, rows[i].paths) != 0)
			fail_msg("%s: roots %u, paths '%s'", rows[i].text, expr_roots(set, handle),
				 paths);
	}
}

static void compiles_a_set_together(void **state)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	DEFER(json_freep) json_t *context = context_new();
	struct err err = { 0 };
	int handles[20], bad = -1, handle;

	(void)state;
	for (int i = 0; i < 20; i++) {
		char text[32];

		snprintf(text, sizeof(text), ".index + %d # x", i);
		assert_true(expr_add(set, text, &handles[i], &err));
	}
	for (int i = 0; i < 20; i++) {
		DEFER(json_freep) json_t *value = NULL;

		assert_true(expr_eval(set, handles[i], context, &value, &err));
		assert_int_equal(json_integer_value(value), 7 + i);
	}
	assert_true(expr_check(set, &bad, &err));
	assert_true(expr_add_template(set, "x ${{ nosuch }} y", &handle, &err));
	assert_false(expr_check(set, &bad, &err));
	assert_int_equal(bad, handle);
	assert_string_equal(err.text, "nosuch/0 is not defined");
}

static bool append(void *context, const json_t *value)
{
	json_array_append(context, (json_t *)(uintptr_t)value);
	return json_array_size(context) < 3;
}

static void gives_all_values(void **state)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	DEFER(json_freep) json_t *context = context_new(), *all = json_array();
	DEFER(freep) char *text = NULL;
	struct err err = { 0 };
	int handle;

	(void)state;
	assert_true(expr_add(set, "range(1000000000)", &handle, &err));
	assert_true(expr_eval_all(set, handle, context, append, all, &err));
	text = json_text(all);
	assert_string_equal(text, "[0,1,2]");
}

static void renders_values(void **state)
{
	static const struct row rows[] = {
		{ "strings anywhere",
		  "{\"a\": [\"x ${{ .index }}\", 1], \"b\": {\"c\": \"${{ .matrix.n }}\"}}",
		  "{\"a\":[\"x 7\",1],\"b\":{\"c\":3}}" },
		{ "a member that becomes null is left out",
		  "{\"a\": \"${{ .matrix.none }}\", \"b\": null}", "{\"b\":null}" },
		{ "nothing to do", "[1, \"a\"]", "[1,\"a\"]" },
		{ "an escaped text comes back as it was", "[\"${{ \\\"${{\\\" }} .x }}\"]",
		  "[\"${{ .x }}\"]" },
		{ "errors name the path", "{\"a\": [0, {\"b\": \"${{ .name.x }}\"}]}",
		  "a[1].b: .name.x: 'x' of text" },
		{ "syntax errors, too", "{\"a\": [\"${{ ^ }}\"]}",
		  "a[0]: in ${{ }}: syntax error, unexpected character at character 1" },
	};
	DEFER(json_freep) json_t *context = context_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(json_freep) json_t *value = json_loads(rows[i].text, 0, NULL), *out = NULL;
		DEFER(freep) char *got = NULL;
		struct err err = { 0 };

		if (expr_render(value, context, &out, &err))
			got = json_text(out);
		if (strcmp(got ? got : err.text, rows[i].expected) != 0)
			fail_msg("%s: '%s'", rows[i].sentence, got ? got : err.text);
	}
}

static void escapes(void **state)
{
	DEFER(freep) char *plain = expr_escape("no"), *twice = expr_escape("${{ .a }} ${{");
	DEFER(freep) char *got = outcome(twice, true);

	(void)state;
	assert_string_equal(plain, "no");
	assert_string_equal(got, "\"${{ .a }} ${{\"");
}

/* Runs an endless expression in a limited child; gives its wait status and what it said. */
static int run_limited(const char *text, char *said, size_t room)
{
	int pipes[2], status;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		dup2(pipes[1], 2);
		expr_limit_process(1, 512u << 20);
		free(outcome(text, false));
		_exit(0);
	}
	close(pipes[1]);
	got = read(pipes[0], said, room - 1);
	said[got > 0 ? got : 0] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void stops_the_endless(void **state)
{
	char said[256];
	int status = run_limited("last(range(1e12))", said, sizeof(said));

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXPR_LIMIT_EXIT);
	assert_string_equal(said,
			    "an expression used up its processor time; nothing was changed\n");
}

#ifndef __SANITIZE_ADDRESS__
static void stops_the_boundless(void **state)
{
	char said[256];
	int status = run_limited("def f: [., .] | f; \"x\" * 1000000 | f", said, sizeof(said));

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXPR_LIMIT_EXIT);
	assert_non_null(strstr(said, "an expression used up its "));
}
#endif

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(evaluates),
		cmocka_unit_test(renders_templates),
		cmocka_unit_test(refuses_bad_syntax),
		cmocka_unit_test(is_closed),
		cmocka_unit_test(ignores_home),
		cmocka_unit_test(knows_what_is_read),
		cmocka_unit_test(compiles_a_set_together),
		cmocka_unit_test(gives_all_values),
		cmocka_unit_test(renders_values),
		cmocka_unit_test(escapes),
		cmocka_unit_test(stops_the_endless),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(stops_the_boundless),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
