// links: spec
/*
 * Mistakes that show when variants are made: matrix files, media, folded values.
 */
#include "tests/unit/spec_fixture.h"

static const struct row rows[] = {
	{ "an exclude that matches nothing",
	  HEAD "matrix: {hook: [alpha, beta], exclude: [{hook: alfa}]}\n" DRAFT,
	  "t.yaml:3:48: matrix.exclude[0].hook: excludes nothing: no variant has this hook, did you mean 'alpha'?" },
	{ "an exclude that leaves nothing",
	  HEAD "matrix: {hook: [alpha], exclude: [{hook: alpha}]}\n" DRAFT,
	  "t.yaml:3:1: matrix: no variant is left" },
	{ "an exclude of a pair that is not there",
	  HEAD
	  "matrix: {a: [1, 2], b: [1, 2], include: [{a: 3, b: 3}], exclude: [{a: 1, b: 2}, {a: 1, b: 2}, {a: 5, b: 1}]}\n" DRAFT,
	  "t.yaml:3:99: matrix.exclude[2].a: excludes nothing: no variant has this a" },
	{ "two variants with one name",
	  HEAD "matrix: {hook: [a, b], look: [c, d]}\nname_variants: '{hook}'\n" DRAFT,
	  "t.yaml:4:16: name_variants: variants 1 and 2 are both called 'a'; put {n} into it" },
	{ "a file that is not there", HEAD "matrix: {hook: {file: nowhere.txt}}\n" DRAFT,
	  "t.yaml:3:16: matrix.hook: nowhere.txt: No such file or directory" },
	{ "an empty file", HEAD "matrix: {hook: {file: empty.txt}}\n" DRAFT,
	  "t.yaml:3:16: matrix.hook: empty.txt: there is nothing in it" },
	{ "a CSV row that is too short", HEAD "matrix: {csv: short.csv}\n" DRAFT,
	  "t.yaml:3:15: matrix.csv: short.csv: line 3: 1 fields, the header has 2" },
	{ "a CSV with an open quote", HEAD "matrix: {csv: open.csv}\n" DRAFT,
	  "t.yaml:3:15: matrix.csv: open.csv: line 2: a quote is not closed" },
	{ "a column that is not there",
	  HEAD
	  "matrix: {csv: good.csv}\nstages:\n  a: {generate: video, prompt: 'x ${{ .matrix.hok }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: in .matrix '.hok' is not there, did you mean 'hook'?" },
	{ "a picture that is not there",
	  HEAD
	  "stages:\n  a:\n    generate: video\n    prompt: x\n    attach: [{media: ./none.png, role: start_frame}]\n",
	  "t.yaml:7:22: stages.a.attach[0].media: ./none.png: No such file or directory" },
	{ "a file to inspect that is not there", HEAD "stages:\n  a: {inspect: ./none.mp4}\n",
	  "t.yaml:4:16: stages.a.inspect: ./none.mp4: No such file or directory" },
	{ "a folded number out of range",
	  HEAD
	  "matrix: {s: [5, 90]}\nstages:\n  a: {generate: video, prompt: x, duration: '${{ .matrix.s }}'}\n",
	  "t.yaml:5:6: stages.a.model: model local/animatic cannot serve this: it makes clips of 0.5 to 60 seconds, not 90 (in variant 90)" },
	{ "a folded number of the wrong type",
	  HEAD
	  "matrix: {s: [5, many]}\nstages:\n  a: {generate: video, prompt: x, seed: '${{ .matrix.s }}'}\n",
	  "t.yaml:5:41: stages.a.seed: expected a whole number, found 'many' (in variant many)" },
	{ "a folded model that is not there",
	  HEAD
	  "matrix: {m: [local/animatic, sora2]}\nstages:\n  a: {generate: video, prompt: x, model: '${{ .matrix.m }}'}\n",
	  "t.yaml:5:42: stages.a.model: unknown model 'sora2' (there are: local/animatic) (in variant sora2)" },
	{ "a folded anchor that is none",
	  HEAD
	  "matrix: {p: [center, middle]}\n" DRAFT
	  "  b: {edit: a, operations: [{textOverlay: {text: x, position: '${{ .matrix.p }}'}}]}\n",
	  "t.yaml:6:63: stages.b.operations[0].textOverlay.position: expected top-left, top-center, top-right, center-left, center, center-right, bottom-left, bottom-center or bottom-right, found 'middle' (in variant middle)" },
	{ "folded times that exclude each other",
	  HEAD "matrix: {e: [5, 1]}\n" DRAFT
	       "  b: {edit: a, operations: [{trim: {start: 2, end: '${{ .matrix.e }}'}}]}\n",
	  "t.yaml:6:52: stages.b.operations[0].trim.end: expected more than start (2), found 1 (in variant 1)" },
	{ "null in the middle of a prompt",
	  HEAD
	  "matrix: {h: [a], include: [{h: b, extra: c}]}\nstages:\n  a: {generate: video, prompt: 'x ${{ .matrix.extra }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: .matrix.extra: gave null inside a text (in variant a)" },
	{ "null as a required field",
	  HEAD
	  "matrix: {h: [a], include: [{h: b, extra: c}]}\nstages:\n  a: {generate: video, prompt: '${{ .matrix.extra }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: ${{ .matrix.extra }} gave nothing (in variant a)" },
	{ "an expression that fails",
	  HEAD
	  "matrix: {h: [a]}\nstages:\n  a: {generate: video, prompt: 'x ${{ .matrix.h + 1 }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: .matrix.h + 1: string (\"a\") and number (1) cannot be added (in variant a)" },
	{ "a picture by expression that is not there",
	  HEAD
	  "matrix: {p: [./ok.png, ./none.png]}\nstages:\n  a: {generate: video, prompt: x, attach: [{media: '${{ .matrix.p }}', role: start_frame}]}\n",
	  "t.yaml:5:52: stages.a.attach[0].media: ./none.png: No such file or directory (in variant ./none.png)" },
	{ "a stage by expression",
	  HEAD
	  "matrix: {p: [b]}\nstages:\n  b: {generate: image, prompt: x}\n  a: {generate: video, prompt: x, attach: [{media: '${{ .matrix.p }}', role: start_frame}]}\n",
	  "t.yaml:6:52: stages.a.attach[0].media: 'b' is a stage: write it out, so that the order is known (in variant b)" },
	{ "a placeholder without value",
	  HEAD "matrix: {h: [a], include: [{h: b, extra: c}]}\nname_variants: '{h}{extra}'\n" DRAFT,
	  "t.yaml:4:16: name_variants: {extra} has no value here (in variant 1)" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fixture_refuses(&rows[i], true);
}

/* 150 x 150 variants. */
static void refuses_too_many_variants(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };

	(void)state;
	buf_puts(&text, HEAD "matrix:\n");
	for (int axis = 0; axis < 2; axis++) {
		buf_printf(&text, "  %c: [0", 'a' + axis);
		for (int i = 1; i < 150; i++)
			buf_printf(&text, ", %d", i);
		buf_puts(&text, "]\n");
	}
	buf_puts(&text, DRAFT);
	fixture_refuses(
		&(struct row){ "22,500 variants", text.data,
			       "t.yaml:3:1: matrix: more than 20000 variants; split it into "
			       "several specs" },
		true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_too_many_variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
