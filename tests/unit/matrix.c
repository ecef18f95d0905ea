// links: spec
/*
 * Variants: their order, files, exclude and include as GitHub Actions has them, and their names.
 */
#include "tests/unit/spec_fixture.h"

struct case_ {
	const char *sentence, *matrix;
	const char *expected; /* each variant's name and values, one a line */
};

/* "name {matrix}" of every variant. */
static char *list_variants(const char *top)
{
	DEFER(freep) char *text = xasprintf(HEAD "%s\n" DRAFT, top);
	DEFER(arena_done) struct arena arena = { 0 };
	struct buf out = { 0 };
	struct spec_batch batch;
	struct err err = { 0 };

	if (!fixture_run(text, true, &arena, &batch, &err))
		return xstrdup(err.text);
	for (size_t i = 0; i < batch.pipeline_count; i++) {
		DEFER(json_freep) json_t *context = json_loads(batch.pipelines[i].context, 0, NULL);
		DEFER(freep) char *matrix = json_text(json_object_get(context, "matrix"));

		buf_printf(&out, "%s %s\n", batch.pipelines[i].name, matrix);
	}
	return buf_take(&out);
}

static void check(const struct case_ *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(freep) char *got = list_variants(rows[i].matrix);

		if (strcmp(got, rows[i].expected) != 0)
			fail_msg("%s:\n%s", rows[i].sentence, got);
	}
}

static void makes_variants(void **state)
{
	static const struct case_ rows[] = {
		{ "no matrix is one variant", "", "t {}\n" },
		{ "the first axis is the slowest", "matrix: {a: [1, 2], b: [x, y]}",
		  "1|x {\"a\":1,\"b\":\"x\"}\n1|y {\"a\":1,\"b\":\"y\"}\n2|x {\"a\":2,\"b\":\"x\"}\n2|y "
		  "{\"a\":2,\"b\":\"y\"}\n" },
		{ "every line of a file that is not empty, trimmed",
		  "matrix: {h: {file: hooks.txt}}",
		  "one {\"h\":\"one\"}\ntwo {\"h\":\"two\"}\nthree {\"h\":\"three\"}\n" },
		{ "an axis of CSV rows is one of objects", "matrix: {v: {csv: good.csv}}",
		  "t|v1 {\"v\":{\"hook\":\"a\",\"look\":\"b\"}}\nt|v2 {\"v\":{\"hook\":\"c, "
		  "d\",\"look\":\"say \\\"hi\\\"\"}}\n" },
		{ "rows of a CSV beside other axes", "matrix: {csv: good.csv, n: [1, 2]}",
		  "a|b|1 {\"hook\":\"a\",\"look\":\"b\",\"n\":1}\na|b|2 "
		  "{\"hook\":\"a\",\"look\":\"b\",\"n\":2}\nc, d|say \"hi\"|1 {\"hook\":\"c, "
		  "d\",\"look\":\"say \\\"hi\\\"\",\"n\":1}\nc, d|say \"hi\"|2 {\"hook\":\"c, "
		  "d\",\"look\":\"say \\\"hi\\\"\",\"n\":2}\n" },
		{ "values may use variables", "vars: {p: Acme}\nmatrix: {a: ['by ${{ .vars.p }}']}",
		  "by Acme {\"a\":\"by Acme\"}\n" },
		{ "axes may be objects", "matrix: {m: [{name: p, x: 1}, {name: q, x: 2}]}",
		  "p {\"m\":{\"name\":\"p\",\"x\":1}}\nq {\"m\":{\"name\":\"q\",\"x\":2}}\n" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void excludes(void **state)
{
	static const struct case_ rows[] = {
		{ "a pair", "matrix: {a: [1, 2], b: [x, y], exclude: [{a: 1, b: y}]}",
		  "1|x {\"a\":1,\"b\":\"x\"}\n2|x {\"a\":2,\"b\":\"x\"}\n2|y {\"a\":2,\"b\":\"y\"}\n" },
		{ "a whole value", "matrix: {a: [1, 2], b: [x, y], exclude: [{a: 1}]}",
		  "2|x {\"a\":2,\"b\":\"x\"}\n2|y {\"a\":2,\"b\":\"y\"}\n" },
		{ "an object by one member",
		  "matrix: {m: [{name: p, x: 1}, {name: q, x: 2}], exclude: [{m: {x: 2}}]}",
		  "p {\"m\":{\"name\":\"p\",\"x\":1}}\n" },
		{ "rows of a file", "matrix: {csv: good.csv, exclude: [{look: b}]}",
		  "c, d|say \"hi\" {\"hook\":\"c, d\",\"look\":\"say \\\"hi\\\"\"}\n" },
		{ "one that another has taken already is no mistake",
		  "matrix: {a: [1, 2], exclude: [{a: 1}, {a: 1}]}", "2 {\"a\":2}\n" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* The cases of GitHub's documentation, "Expanding or adding matrix configurations". */
static void includes(void **state)
{
	static const struct case_ rows[] = {
		{ "their example: added to all, to some, overwriting what was added, and new ones",
		  "matrix:\n"
		  "  fruit: [apple, pear]\n"
		  "  animal: [cat, dog]\n"
		  "  include:\n"
		  "    - {color: green}\n"
		  "    - {color: pink, animal: cat}\n"
		  "    - {fruit: apple, shape: circle}\n"
		  "    - {fruit: banana}\n"
		  "    - {fruit: banana, animal: cat}\n"
		  "name_variants: 'v{n}'",
		  "v1 {\"animal\":\"cat\",\"color\":\"pink\",\"fruit\":\"apple\",\"shape\":\"circle\"}\n"
		  "v2 {\"animal\":\"dog\",\"color\":\"green\",\"fruit\":\"apple\",\"shape\":\"circle\"}\n"
		  "v3 {\"animal\":\"cat\",\"color\":\"pink\",\"fruit\":\"pear\"}\n"
		  "v4 {\"animal\":\"dog\",\"color\":\"green\",\"fruit\":\"pear\"}\n"
		  "v5 {\"fruit\":\"banana\"}\n"
		  "v6 {\"animal\":\"cat\",\"fruit\":\"banana\"}\n" },
		{ "without axes each is a variant", "matrix: {include: [{a: 1}, {a: 2, b: 3}]}",
		  "1 {\"a\":1}\n2|3 {\"a\":2,\"b\":3}\n" },
		{ "after exclude",
		  "matrix: {a: [1, 2], exclude: [{a: 1}], include: [{a: 1, b: x}]}",
		  "2 {\"a\":2}\n1|x {\"a\":1,\"b\":\"x\"}\n" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void names(void **state)
{
	static const struct case_ rows[] = {
		{ "axes, labels, variables, the spec's name and a number",
		  "labels: {c: q}\nvars: {p: r}\nmatrix: {a: [x]}\nname_variants: "
		  "'{name}-{c}-{p}-{a}-{n}'",
		  "t-q-r-x-1 {\"a\":\"x\"}\n" },
		{ "a member of an object", "matrix: {m: [{id: p}]}\nname_variants: '{m.id}'",
		  "p {\"m\":{\"id\":\"p\"}}\n" },
		{ "an expression",
		  "matrix: {a: [x]}\nname_variants: '${{ .matrix.a | ascii_upcase }}-{n}'",
		  "X-1 {\"a\":\"x\"}\n" },
		{ "a bar in a value does not part the name",
		  "matrix: {a: ['x|y']}\nname_variants: '{a}|{n}'", "x/y|1 {\"a\":\"x|y\"}\n" },
		{ "a value that looks like a placeholder is none",
		  "matrix: {a: ['{n}']}\nname_variants: '{a}.{n}'", "{n}.1 {\"a\":\"{n}\"}\n" },
		{ "a line break becomes a blank", "matrix: {a: [\"x\\ny\"]}",
		  "x y {\"a\":\"x\\ny\"}\n" },
		{ "braces that hold nothing stay", "name_variants: 'x{}'", "x{} {}\n" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* Cut between characters, not within one. */
static void cuts_long_names(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(freep) char *got = NULL;

	(void)state;
	buf_puts(&text, "matrix: {a: ['");
	for (int i = 0; i < 150; i++)
		buf_puts(&text, "\xc3\xa4");
	buf_puts(&text, "']}\nname_variants: 'x{a}'");
	got = list_variants(text.data);
	assert_int_equal(strcspn(got, " "), 201);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_variants),  cmocka_unit_test(excludes),
		cmocka_unit_test(includes),	   cmocka_unit_test(names),
		cmocka_unit_test(cuts_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
