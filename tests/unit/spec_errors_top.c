// links: spec
/*
 * Mistakes in expressions, matrix and the spec's own members: the exact words, and the place.
 */
#include "tests/unit/spec_fixture.h"

static const struct row rows[] = {
	{ "an axis that is not there",
	  HEAD
	  "matrix: {hook: [a, b]}\nstages:\n  a: {generate: video, prompt: 'x ${{ .matrix.hok }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: in .matrix '.hok' is not there, did you mean 'hook'?" },
	{ "a variable that is not there",
	  HEAD
	  "vars: {product: x}\nstages:\n  a: {generate: video, prompt: 'x ${{ .vars.prodct }}'}\n",
	  "t.yaml:5:32: stages.a.prompt: in .vars '.prodct' is not there, did you mean 'product'?" },
	{ "a label that is not there",
	  HEAD "stages:\n  a: {generate: video, prompt: 'x ${{ .labels.c }}'}\n",
	  "t.yaml:4:32: stages.a.prompt: in .labels '.c' is not there" },
	{ "a stage that is not there, in an expression",
	  HEAD
	  "stages:\n  draft: {generate: video, prompt: x}\n  b: {noop: true, echo: '${{ .stages.drft.seed }}'}\n",
	  "t.yaml:5:25: stages.b.echo: no stage is called 'drft', did you mean 'draft'?" },
	{ "its own result", HEAD "stages:\n  a: {noop: true, echo: '${{ .stages.a.echo }}'}\n",
	  "t.yaml:4:25: stages.a.echo: refers to its own stage" },
	{ "stages without a name", HEAD DRAFT "  b: {noop: true, echo: '${{ .stages | keys }}'}\n",
	  "t.yaml:5:25: stages.b.echo: write .stages.ID, so that the order of the stages is known" },
	{ "stages in model",
	  HEAD
	  "stages:\n  a: {noop: true, echo: x}\n  b: {generate: video, model: '${{ .stages.a.echo }}', prompt: x}\n",
	  "t.yaml:5:31: stages.b.model: .stages is not known here: this must be clear before anything runs" },
	{ "stages in name_variants", HEAD "name_variants: '${{ .stages.a.seed }}'\n" DRAFT,
	  "t.yaml:3:16: name_variants: .stages is not known here: this must be clear before anything runs" },
	{ "stages in the matrix", HEAD "matrix: {x: ['${{ .stages.a.seed }}']}\n" DRAFT,
	  "t.yaml:3:14: matrix.x[0]: .stages is not known here: this must be clear before anything runs" },
	{ "another axis in the matrix", HEAD "matrix: {y: [1], x: ['${{ .matrix.y }}']}\n" DRAFT,
	  "t.yaml:3:22: matrix.x[0]: .matrix is not known here" },
	{ "a template where none may be",
	  HEAD "stages:\n  a: {noop: true, retry: {max_attempts: '${{ .vars.n }}'}}\n",
	  "t.yaml:4:41: stages.a.retry.max_attempts: expected a fixed value: ${{ }} is not possible here" },
	{ "a template in vars", HEAD "vars: {a: '${{ .name }}'}\n" DRAFT,
	  "t.yaml:3:11: vars.a: expected a fixed value: ${{ }} is not possible here" },
	{ "an empty axis", HEAD "matrix: {hook: []}\n" DRAFT,
	  "t.yaml:3:16: matrix.hook: an axis without values: the matrix would be empty" },
	{ "an axis that is no list", HEAD "matrix: {hook: built}\n" DRAFT,
	  "t.yaml:3:16: matrix.hook: expected a list, {file: PATH} or {csv: PATH}, found 'built'" },
	{ "an axis of an unknown source", HEAD "matrix: {hook: {fil: x.txt}}\n" DRAFT,
	  "t.yaml:3:17: matrix.hook.fil: unknown name, did you mean 'file'?" },
	{ "an axis with a name that is none", HEAD "matrix: {a-b: [1]}\n" DRAFT,
	  "t.yaml:3:15: matrix.a-b: expected a name of letters, digits and _" },
	{ "the same value twice", HEAD "matrix: {hook: [a, b, a]}\n" DRAFT,
	  "t.yaml:3:23: matrix.hook[2]: the same value is here twice" },
	{ "an unknown axis in exclude", HEAD "matrix: {hook: [a, b], exclude: [{hok: a}]}\n" DRAFT,
	  "t.yaml:3:35: matrix.exclude[0].hok: unknown name, did you mean 'hook'?" },
	{ "an unknown placeholder",
	  HEAD "matrix: {hook: [a, b]}\nname_variants: '{hok}|v{n}'\n" DRAFT,
	  "t.yaml:4:16: name_variants: {hok} is no axis, label or variable, did you mean 'hook'?" },
	{ "a matrix that is no map", HEAD "matrix: [a]\n" DRAFT,
	  "t.yaml:3:9: matrix: expected a map of axes, found a list" },
	{ "a label that is a map", HEAD "labels: {a: {b: c}}\n" DRAFT,
	  "t.yaml:3:13: labels.a: expected text, a number, true or false, found a map" },
	{ "an unknown priority", HEAD "priority: high\n" DRAFT,
	  "t.yaml:3:11: priority: expected urgent, normal or bulk, found 'high'" },
	{ "a budget in another currency", HEAD "budget: {max: 40 EUR}\n" DRAFT,
	  "t.yaml:3:15: budget.max: expected an amount such as 40 USD, found '40 EUR'" },
	{ "a budget without an amount", HEAD "budget: {on_exceed: hold}\n" DRAFT,
	  "t.yaml:3:1: budget: 'max' is missing" },
	{ "a schedule of four fields", HEAD "schedule: {cron: '0 9 * *'}\n" DRAFT,
	  "t.yaml:3:18: schedule.cron: expected five fields (minute hour day month weekday), such as \"0 9 * * 1-5\", found 4" },
	{ "a minute that is none", HEAD "schedule: {cron: '61 9 * * *'}\n" DRAFT,
	  "t.yaml:3:18: schedule.cron: minute: expected 0 to 59, *, a range or a list, found '61'" },
	{ "the thirtieth of February", HEAD "schedule: {cron: '0 9 30 2 *'}\n" DRAFT,
	  "t.yaml:3:18: schedule.cron: there is no such day in any year" },
	{ "a time zone with a slip",
	  HEAD "schedule: {cron: '0 9 * * *', timezone: Europe/Berln}\n" DRAFT,
	  "t.yaml:3:41: schedule.timezone: unknown time zone 'Europe/Berln', did you mean 'Europe/Berlin'?" },
	{ "a word for missed runs", HEAD "schedule: {cron: '0 9 * * *', missed: catch_up}\n" DRAFT,
	  "t.yaml:3:39: schedule.missed: expected skip, once or all, found 'catch_up'" },
	{ "an unknown name in defaults", HEAD "defaults: {generat: {duration: 5}}\n" DRAFT,
	  "t.yaml:3:12: defaults.generat: unknown name, did you mean 'generate'?" },
	{ "a wrong default that is used", HEAD "defaults:\n  generate: {duration: five}\n" DRAFT,
	  "t.yaml:4:24: defaults.generate.duration: expected seconds such as 8, 7.5 or 8s, found 'five'" },
	{ "a wrong default that no stage uses",
	  HEAD "defaults:\n  edit: {retry: {max: soon}}\n" DRAFT,
	  "t.yaml:4:23: defaults.edit.retry.max: expected a duration such as 30s, 5m or 1h30m, found 'soon'" },
	{ "needs in defaults", HEAD "defaults:\n  generate: {needs: []}\n" DRAFT,
	  "t.yaml:4:14: defaults.generate.needs: it belongs to a single stage, not to defaults" },
	{ "a control character", HEAD "stages:\n  a: {generate: video, prompt: \"x\\u0001y\"}\n",
	  "t.yaml:4:32: stages.a.prompt: a control character in the text" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fixture_refuses(&rows[i], false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
