// links: base
/*
 * The YAML reader: what it makes of good text, and where and how it complains about bad text.
 */
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"

struct row {
	const char *sentence, *text, *expected;
};

static void check_value(const struct row *row)
{
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	DEFER(freep) char *got = NULL;
	struct err err = { 0 };

	if (!yaml_parse(row->text, strlen(row->text), "t.yaml", &doc, &err))
		fail_msg("%s: %s", row->sentence, err.text);
	got = json_text(yaml_root(doc));
	if (strcmp(got, row->expected) != 0)
		fail_msg("%s: got %s, expected %s", row->sentence, got, row->expected);
}

static void check_refusal(const struct row *row, const char *name)
{
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	if (yaml_parse(row->text, strlen(row->text), name, &doc, &err))
		fail_msg("%s: was taken", row->sentence);
	assert_int_equal(err.kind, ERR_REJECT);
	if (strcmp(err.text, row->expected) != 0)
		fail_msg("%s: said '%s', expected '%s'", row->sentence, err.text, row->expected);
}

static void reads_values(void **state)
{
	static const struct row rows[] = {
		{ "nothing is null", "", "null" },
		{ "only comments are null", "# a\n# b\n", "null" },
		{ "scalars follow the core schema",
		  "[1, -2, +3, 007, 0x1f, 0o17, 1.5, .5, 2., -1e3, true, False, ~, null, NULL]",
		  "[1,-2,3,7,31,15,1.5,0.5,2.0,-1000.0,true,false,null,null,null]" },
		{ "what YAML 1.1 made of these is text here",
		  "[yes, no, on, off, y, 12:30, 1_000, 2026-11-21, .inf, .nan, 0x, 1e, '.']",
		  "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"12:30\",\"1_000\",\"2026-11-21\",\".inf\","
		  "\".nan\",\"0x\",\"1e\",\".\"]" },
		{ "an integer that no 64 bits hold stays text, so that no id loses its tail",
		  "a: 12345678901234567890", "{\"a\":\"12345678901234567890\"}" },
		{ "a real that no double holds stays text", "a: 1e999", "{\"a\":\"1e999\"}" },
		{ "quoted numbers are text", "['5', \"true\", '']", "[\"5\",\"true\",\"\"]" },
		{ "a missing value is null", "a:\nb: 1\n", "{\"a\":null,\"b\":1}" },
		{ "anchors and aliases", "a: &x {k: 1}\nb: *x\n",
		  "{\"a\":{\"k\":1},\"b\":{\"k\":1}}" },
		{ "a scalar anchor, and one that is set again", "a: &x 1\nb: *x\nc: &x 2\nd: *x\n",
		  "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}" },
		{ "a merge key fills in what is not there",
		  "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n",
		  "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}" },
		{ "of several merged maps the first wins",
		  "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc: {<<: [*x, *y]}\n",
		  "{\"a\":{\"k\":1},\"b\":{\"k\":2,\"l\":2},\"c\":{\"k\":1,\"l\":2}}" },
		{ "a quoted << is a name like any other", "{'<<': 1}", "{\"<<\":1}" },
		{ "block scalars keep everything, comments and colons too",
		  "a: |\n  x: 1 # no\n  ${{ y }}: [\nb: >-\n  one\n  two\n",
		  "{\"a\":\"x: 1 # no\\n${{ y }}: [\\n\",\"b\":\"one two\"}" },
		{ "plain text goes on over lines that are deeper in",
		  "a: Say\n  \"hello\" to [all\nb: 1\n",
		  "{\"a\":\"Say \\\"hello\\\" to [all\",\"b\":1}" },
		{ "an expression in block context needs no quotes, and a comment may follow",
		  "a: ${{ .m.h }} # c\nb: \"${{ .x }}: y\"\n",
		  "{\"a\":\"${{ .m.h }}\",\"b\":\"${{ .x }}: y\"}" },
		{ "bare expressions in a list", "[.a >= 7.5, .b < 0.05, (.c | not)]",
		  "[\".a >= 7.5\",\".b < 0.05\",\"(.c | not)\"]" },
		{ "a list of maps, dashes at the key's own column", "a:\n- b: 1\n  c: 2\n- d\n",
		  "{\"a\":[{\"b\":1,\"c\":2},\"d\"]}" },
		{ "urls are plain text", "[http://a/b, x:y]", "[\"http://a/b\",\"x:y\"]" },
		{ "a flow map over several lines with comments",
		  "a: {b: 1, # one\n  c: [2, # two\n  3]}\n", "{\"a\":{\"b\":1,\"c\":[2,3]}}" },
		{ "JSON, with tabs and surrogate pairs",
		  "{\n\t\"a\": \"\\ud83d\\ude00\\/\",\n\t\"b\": [1.5, {}, []]\n}",
		  "{\"a\":\"\xf0\x9f\x98\x80/\",\"b\":[1.5,{},[]]}" },
		{ "a byte order mark is skipped",
		  "\xef\xbb\xbf"
		  "a: 1",
		  "{\"a\":1}" },
		{ "Windows line ends", "a: 1\r\nb: x\r\n", "{\"a\":1,\"b\":\"x\"}" },
		{ "a document start is fine", "---\na: 1\n...\n", "{\"a\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_value(&rows[i]);
}

static void refuses_with_place(void **state)
{
	static const struct row rows[] = {
		{ "a name twice", "a: 1\nb: 2\na: 3\n",
		  "t.yaml:3:1: 'a' is here twice, first in line 1" },
		{ "a name twice in JSON", "{\"a\": 1,\n \"a\": 2}",
		  "t.yaml:2:2: 'a' is here twice, first in line 1" },
		{ "a list as a name", "[a]: b", "t.yaml:1:1: expected a name, found a list" },
		{ "an alias as a name", "a: &x 1\n*x : 2",
		  "t.yaml:2:1: expected a name, found an alias" },
		{ "no name at all", "a:\n  : x", "t.yaml:2:3: a name is missing before ':'" },
		{ "an alias to nothing", "a: *x",
		  "t.yaml:1:4: '*x' refers to no anchor above; text that begins with '*' needs "
		  "quotes" },
		{ "an alias to itself", "a: &x [*x]", "t.yaml:1:8: '*x' contains itself" },
		{ "a tag", "a: !!str 5",
		  "t.yaml:1:10: tags such as !!str are not supported; text that begins with '!' "
		  "needs quotes" },
		{ "a second document", "a: b\n---\nc: d\n",
		  "t.yaml:2:1: a second document begins here, expected one" },
		{ "a merge of text", "a: {<<: x}",
		  "t.yaml:1:5: expected a map or a list of maps "
		  "behind '<<'" },
		{ "a tab", "a:\n\tb: c\n",
		  "t.yaml:2:1: not valid YAML: tab character may not be used as indentation" },
		{ "an open bracket", "a: [1, 2\n",
		  "t.yaml:2:1: not valid YAML: flow sequence without a closing bracket" },
		{ "bytes that are no text, counted in letters", "a: \xc3\xa4\xff",
		  "t.yaml:1:5: byte 0xff is not text (UTF-8 is expected)" },
		{ "a control character", "a: \x01",
		  "t.yaml:1:4: byte 0x01 is not text (UTF-8 is "
		  "expected)" },
		{ "an escaped NUL", "a: \"x\\0y\"", "t.yaml:1:4: text with a NUL in it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_refusal(&rows[i], "t.yaml");
	check_refusal(
		&(struct row){ "a file named .json that is none", "{a: 1}",
			       "t.json:1:2: not valid JSON: string or '}' expected near 'a'" },
		"t.json");
}

static void asks_for_quotes(void **state)
{
	static const struct row rows[] = {
		{ "a template in a flow map", "a: {text: ${{ .matrix.hook }}}",
		  "t.yaml:1:11: quote this expression: unquoted, its '{' is YAML" },
		{ "a template behind other text in a list", "a: [see ${{ .x }}]",
		  "t.yaml:1:5: quote this expression: unquoted, its '{' is YAML" },
		{ "a comma inside parentheses would make two items", "a: [(.a, .b) | all]",
		  "t.yaml:1:5: quote this expression: unquoted, it is taken apart at its ','" },
		{ "a comma inside quotes would, too", "a: [.a == \"x,y\"]",
		  "t.yaml:1:5: quote this expression: unquoted, it is taken apart at its ','" },
		{ "a comma inside a call", "a: [all(.a, .b)]",
		  "t.yaml:1:5: quote this expression: unquoted, it is taken apart at its ','" },
		{ "an index in a list", "a: [.a[0] > 1]",
		  "t.yaml:1:5: quote this expression: unquoted, its '[' is YAML" },
		{ "an object in a list", "a: [x {y}]",
		  "t.yaml:1:5: quote this text: unquoted, its '{' is YAML" },
		{ "a comment sign inside quotes", "a: .name == \"a #b\"",
		  "t.yaml:1:4: quote this expression: unquoted, its ' #' begins a comment" },
		{ "a comment sign inside a template", "a: x ${{ .a # b }}",
		  "t.yaml:1:4: quote this expression: unquoted, its ' #' begins a comment" },
		{ "a colon in a sentence", "a: Sunrise: slow push-in",
		  "t.yaml:1:4: quote this text: unquoted, its ': ' is YAML" },
		{ "a colon behind a template", "a: ${{ .a }}: b",
		  "t.yaml:1:4: quote this expression: unquoted, its ': ' is YAML" },
		{ "an expression that begins with a list", "a: [.a, .b] | length",
		  "t.yaml:1:4: quote this expression: YAML ends it in the middle of the line" },
		{ "an expression that begins with an object", "a: {b: 1} | .b",
		  "t.yaml:1:4: quote this expression: YAML ends it in the middle of the line" },
		{ "an expression that begins with a text", "a: \"a\" == .b",
		  "t.yaml:1:4: quote this expression: YAML ends it in the middle of the line" },
		{ "the same inside a list", "a: [x, \"b\" == .b]",
		  "t.yaml:1:8: quote this expression: YAML ends it in the middle of the line" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_refusal(&rows[i], "t.yaml");
}

static void finds_places(void **state)
{
	static const char text[] = "version: 1\n"
				   "stages:\n"
				   "  draft: {prompt: x, list: [1, {a: b}]}\n"
				   "  a.b:\n"
				   "    c: 1\n"
				   "base: &r\n"
				   "  max: 5\n"
				   "other: *r\n";
	static const struct {
		const char *path;
		unsigned line, column;
	} rows[] = {
		{ "", 1, 1 },
		{ "version", 1, 10 },
		{ "version#", 1, 1 },
		{ "stages.draft.prompt", 3, 19 },
		{ "stages.draft.prompt#", 3, 11 },
		{ "stages.draft.list[1].a", 3, 36 },
		{ "stages.draft.list[7]", 3, 28 }, /* its nearest known ancestor */
		{ "stages.draft.nothing#", 3, 10 },
		{ "stages.a.b.c", 5, 8 }, /* a name with a dot in it */
		{ "other.max", 7, 8 },	  /* where the anchor stands */
		{ "other#", 8, 1 },
	};
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	(void)state;
	assert_true(yaml_parse(text, strlen(text), "t.yaml", &doc, &err));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct yaml_mark mark = yaml_where(doc, rows[i].path);

		if (mark.line != rows[i].line || mark.column != rows[i].column)
			fail_msg("%s: %u:%u", rows[i].path, mark.line, mark.column);
	}
	assert_false(yaml_error(doc, "stages.draft.prompt#", &err, "unknown name%s", ", did you"));
	assert_string_equal(err.text, "t.yaml:3:11: stages.draft.prompt: unknown name, did you");
	assert_false(yaml_error(doc, "", &err, "no"));
	assert_string_equal(err.text, "t.yaml:1:1: no");
}

static void finds_places_in_json(void **state)
{
	static const char text[] = "{ \"a\" : [ 1,\n  {\"b\": \"x\\\"y\", \"c\": {} } ],\n\"d\":2}";
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };
	struct yaml_mark mark;

	(void)state;
	assert_true(yaml_parse(text, strlen(text), "t.json", &doc, &err));
	mark = yaml_where(doc, "a[1].c");
	assert_int_equal(mark.line * 1000 + mark.column, 2022);
	mark = yaml_where(doc, "a[1].c#");
	assert_int_equal(mark.line * 1000 + mark.column, 2017);
	mark = yaml_where(doc, "d");
	assert_int_equal(mark.line * 1000 + mark.column, 3005);
}

/* Nine lists of nine aliases each: 9^9 values out of 200 bytes. */
static void stops_billion_laughs(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	(void)state;
	buf_puts(&text, "l0: &l0 lol\n");
	for (int i = 1; i <= 9; i++) {
		buf_printf(&text, "l%d: &l%d [", i, i);
		for (int j = 0; j < 9; j++)
			buf_printf(&text, "%s*l%d", j ? "," : "", i - 1);
		buf_puts(&text, "]\n");
	}
	assert_false(yaml_parse(text.data, text.len, "t.yaml", &doc, &err));
	assert_string_equal(err.text, "t.yaml:7:22: more than 200000 values, aliases expanded");
}

static void stops_long_aliases(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	(void)state;
	buf_puts(&text, "a: &a ");
	for (int i = 0; i < 1 << 20; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\nb:\n");
	for (int i = 0; i < 20; i++)
		buf_puts(&text, "- *a\n");
	assert_false(yaml_parse(text.data, text.len, "t.yaml", &doc, &err));
	assert_non_null(strstr(err.text, "more than 16 MiB of text, aliases expanded"));
}

static void stops_depth(void **state)
{
	DEFER(buf_done) struct buf flow = { 0 }, json = { 0 }, chain = { 0 };
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 70; i++) {
		buf_puts(&flow, "[a,");
		buf_puts(&json, "[");
		if (i)
			buf_printf(&chain, "k%d: &k%d [*k%d]\n", i, i, i - 1);
		else
			buf_puts(&chain, "k0: &k0 1\n");
	}
	for (int i = 0; i < 70; i++) {
		buf_puts(&flow, "]");
		buf_puts(&json, "]");
	}
	assert_false(yaml_parse(flow.data, flow.len, "t.yaml", &doc, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_false(yaml_parse(json.data, json.len, "t.json", &doc, &err));
	assert_string_equal(err.text, "t.json:1:66: nested more than 64 deep");
	assert_false(yaml_parse(chain.data, chain.len, "t.yaml", &doc, &err));
	assert_non_null(strstr(err.text, "nested more than 64 deep"));
}

static void stops_size(void **state)
{
	DEFER(freep) char *big = xcalloc(1, YAML_MAX_BYTES + 2);
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct err err = { 0 };

	(void)state;
	memset(big, '#', YAML_MAX_BYTES + 1);
	assert_false(yaml_parse(big, YAML_MAX_BYTES + 1, "t.yaml", &doc, &err));
	assert_string_equal(err.text, "t.yaml: larger than 4 MiB");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),		cmocka_unit_test(refuses_with_place),
		cmocka_unit_test(asks_for_quotes),	cmocka_unit_test(finds_places),
		cmocka_unit_test(finds_places_in_json), cmocka_unit_test(stops_billion_laughs),
		cmocka_unit_test(stops_long_aliases),	cmocka_unit_test(stops_depth),
		cmocka_unit_test(stops_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
