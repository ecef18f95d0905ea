// links: spec
/*
 * What comes out of good specs: definitions, dependencies, gates, names, notices.
 */
#include "tests/unit/spec_fixture.h"

/* One stage of one variant, by its definition's members. */
static json_t *definition_of(const struct spec_batch *batch, size_t variant, const char *id)
{
	const struct spec_pipeline *pipeline = &batch->pipelines[variant];

	for (size_t i = 0; i < pipeline->stage_count; i++)
		if (!strcmp(pipeline->stages[i].id, id))
			return json_loads(pipeline->stages[i].definition, 0, NULL);
	fail_msg("no stage %s", id);
	return NULL;
}

static const struct spec_stage *stage_of(const struct spec_batch *batch, const char *id)
{
	for (size_t i = 0; i < batch->pipelines[0].stage_count; i++)
		if (!strcmp(batch->pipelines[0].stages[i].id, id))
			return &batch->pipelines[0].stages[i];
	fail_msg("no stage %s", id);
	return NULL;
}

static void expand(const char *text, struct arena *arena, struct spec_batch *batch)
{
	struct err err = { 0 };

	if (!fixture_run(text, true, arena, batch, &err))
		fail_msg("%s", err.text);
}

/* Rows of: a sentence, a spec, a stage, a member of its definition, and its JSON. */
static void gives_definitions(void **state)
{
	static const struct {
		const char *sentence, *text, *stage, *member, *expected;
	} rows[] = {
		{ "a clip lasts 5 seconds unless said", HEAD DRAFT, "a", "duration", "5" },
		{ "seconds may have a unit",
		  HEAD "stages:\n  a: {generate: video, prompt: x, duration: "
		       "1500ms}\n",
		  "a", "duration", "1.5" },
		{ "a picture has no duration", HEAD "stages:\n  a: {generate: image, prompt: x}\n",
		  "a", "duration", "null" },
		{ "the ratio is upright unless said", HEAD DRAFT, "a", "aspect_ratio", "\"9:16\"" },
		{ "and the width follows", HEAD DRAFT, "a", "width", "1080" },
		{ "and the height", HEAD DRAFT, "a", "height", "1920" },
		{ "the shorter side of a wide clip is its height",
		  HEAD
		  "stages:\n  a: {generate: video, prompt: x, aspect_ratio: '16:9', resolution: "
		  "720p}\n",
		  "a", "width", "1280" },
		{ "a resolution in full gives the ratio",
		  HEAD "stages:\n  a: {generate: video, prompt: x, resolution: 540x960}\n", "a",
		  "aspect_ratio", "\"9:16\"" },
		{ "templates of variables are folded",
		  HEAD
		  "vars: {p: Acme}\nstages:\n  a: {generate: video, prompt: 'by ${{ .vars.p }}'}\n",
		  "a", "prompt", "\"by Acme\"" },
		{ "a template keeps its type",
		  HEAD
		  "vars: {s: 9}\nstages:\n  a: {generate: video, prompt: x, seed: '${{ .vars.s }}'}\n",
		  "a", "seed", "9" },
		{ "a number may be a whole text",
		  HEAD "vars: {s: 9}\nstages:\n  a: {generate: video, "
		       "prompt: '${{ .vars.s }}'}\n",
		  "a", "prompt", "\"9\"" },
		{ "null takes an optional field away",
		  HEAD
		  "vars: {s: ~}\nstages:\n  a: {generate: video, prompt: x, seed: '${{ .vars.s }}'}\n",
		  "a", "seed", "null" },
		{ "name, number and labels are known, too",
		  HEAD "labels: {c: q}\nstages:\n  a: {generate: video, prompt: '${{ .name }} ${{ "
		       ".index }} ${{ .labels.c }} ${{ .batch_name }}'}\n",
		  "a", "prompt", "\"t 1 q t\"" },
		{ "what reads results stays as it is written",
		  HEAD "stages:\n  a: {noop: true, echo: 5}\n  b: {generate: video, prompt: 'x ${{ "
		       ".stages.a.echo }} ${{ .index }}'}\n",
		  "b", "prompt", "\"x ${{ .stages.a.echo }} ${{ .index }}\"" },
		{ "data is never code: a template in a variable's value stays text",
		  HEAD
		  "matrix: {h: {file: hooks.txt}}\nstages:\n  a: {noop: true, echo: '${{ \"$\" + "
		  "\"{{ .x }}\" }}'}\n",
		  "a", "echo", "\"${{ \\\"${{\\\" }} .x }}\"" },
		{ "a condition that is always true is left out",
		  HEAD "stages:\n  a: {noop: true, if: "
		       "true}\n",
		  "a", "if", "null" },
		{ "a condition over variables is decided",
		  HEAD "vars: {s: 9}\nstages:\n  a: {noop: true, if: .vars.s > 10}\n", "a", "if",
		  "false" },
		{ "a condition in ${{ }} is the same",
		  HEAD "vars: {s: 9}\nstages:\n  a: {noop: true, if: '${{ .vars.s < 10 }}'}\n", "a",
		  "if", "true" },
		{ "a condition over results stays",
		  HEAD "stages:\n  a: {noop: true}\n  b: {noop: true, if: .stages.a.echo}\n", "b",
		  "if", "\".stages.a.echo\"" },
		{ "an input is a stage", HEAD DRAFT "  b: {inspect: a}\n", "b", "input", "\"a\"" },
		{ "or a file, taken into the store", HEAD "stages:\n  b: {inspect: ./clip.mp4}\n",
		  "b", "input", "\"m_10\"" },
		{ "attachments are taken, too",
		  HEAD
		  "stages:\n  a: {generate: video, prompt: x, attach: [{media: shot.png, role: "
		  "start_frame}]}\n",
		  "a", "attach", "[{\"media\":\"m_8\",\"role\":\"start_frame\"}]" },
		{ "a stage can be attached",
		  HEAD
		  "stages:\n  s: {generate: image, prompt: x}\n  a: {generate: video, prompt: x, "
		  "attach: [{media: s, role: start_frame}]}\n",
		  "a", "attach", "[{\"media\":\"s\",\"role\":\"start_frame\"}]" },
		{ "a profile becomes its entry",
		  HEAD DRAFT "  b: {inspect: a, profile: limits-only}\n", "b", "profile",
		  "{\"id\":\"limits-only\",\"limits\":{\"max_duration\":90}}" },
		{ "a publisher, too", HEAD DRAFT "  b: {publish: a, to: outbox}\n", "b", "to",
		  "{\"id\":\"outbox\",\"lane\":\"cpu\"}" },
		{ "a watermark is an overlay",
		  HEAD DRAFT "  b: {edit: a, operations: [{watermark: {media: logo.png}}]}\n", "b",
		  "operations", "[{\"overlay\":{\"media\":\"m_8\"}}]" },
		{ "a test over measurements is kept",
		  HEAD DRAFT "  b: {inspect: a, require: [.duration >= 4]}\n", "b", "require",
		  "[\".duration >= 4\"]" },
		{ "defaults of a type fill in", HEAD "defaults:\n  generate: {duration: 3}\n" DRAFT,
		  "a", "duration", "3" },
		{ "the stage's own wins",
		  HEAD
		  "defaults:\n  generate: {duration: 3}\nstages:\n  a: {generate: video, prompt: "
		  "x, duration: 4}\n",
		  "a", "duration", "4" },
		{ "params go through untouched, templates inside them rendered",
		  HEAD
		  "vars: {s: 9}\nstages:\n  a: {generate: video, prompt: x, params: {cfg: 7.5, "
		  "deep: ['${{ .vars.s }}']}}\n",
		  "a", "params", "{\"cfg\":7.5,\"deep\":[9]}" },
		{ "anchors and merges serve as in any YAML",
		  HEAD
		  "stages:\n  a: &a {generate: video, prompt: x, seed: 3}\n  b: {<<: *a, prompt: y}\n",
		  "b", "seed", "3" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(arena_done) struct arena arena = { 0 };
		DEFER(json_freep) json_t *definition = NULL;
		DEFER(freep) char *got = NULL;
		struct spec_batch batch;

		expand(rows[i].text, &arena, &batch);
		definition = definition_of(&batch, 0, rows[i].stage);
		got = json_text(json_object_get(definition, rows[i].member));
		if (!json_object_get(definition, rows[i].member)) {
			free(got);
			got = xstrdup("null");
		}
		if (strcmp(got, rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].sentence, got);
	}
}

static void routes_models(void **state)
{
	static const struct {
		const char *sentence, *model, *expected;
	} rows[] = {
		{ "no model is auto", "", "local/animatic" },
		{ "auto takes the first that fits", "model: auto, ", "local/animatic" },
		{ "an id is taken", "model: local/animatic, ", "local/animatic" },
		{ "a list is gone along", "model: [local/animatic], ", "local/animatic" },
		{ "an expression is folded first", "model: '${{ .vars.m }}', ", "local/animatic" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(arena_done) struct arena arena = { 0 };
		DEFER(freep)
		char *text = xasprintf(
			HEAD
			"vars: {m: local/animatic}\nstages:\n  a: {generate: video, %sprompt: x}\n",
			rows[i].model);
		DEFER(json_freep) json_t *definition = NULL;
		struct spec_batch batch;

		expand(text, &arena, &batch);
		definition = definition_of(&batch, 0, "a");
		assert_string_equal(json_string_value(json_object_get(
					    json_object_get(definition, "model"), "id")),
				    rows[i].expected);
	}
}

/* draft <- check, caption <- store <- review, post: who waits for whom (RACES 1). */
static const char GATED[] = HEAD
	"stages:\n"
	"  draft: {generate: video, prompt: x}\n"					  /* 1 */
	"  check: {inspect: draft}\n"							  /* 2 */
	"  caption: {edit: draft, operations: [{trim: {duration: 1}}]}\n"		  /* 4 */
	"  store: {upload: caption}\n"							  /* 8 */
	"  look: {inspect: store}\n"							  /* 16 */
	"  review: {approve: store}\n"							  /* 32 */
	"  post: {publish: store, to: outbox, caption: '${{ .stages.draft.prompt }}'}\n"; /* 64 */

static void knows_gates(void **state)
{
	static const struct {
		const char *sentence, *stage;
		uint32_t inputs, needs, gates;
	} rows[] = {
		{ "nothing stands before the first", "draft", 0, 0, 0 },
		{ "a gate waits for what it looks at alone", "check", 1, 0, 0 },
		{ "another user of it waits for the gate", "caption", 1, 2, 2 },
		{ "what comes behind needs no more edges", "store", 4, 0, 2 },
		{ "an inspect of the upload stands behind the first gate", "look", 8, 0, 2 },
		{ "a person looks after the machine", "review", 8, 16, 2 | 16 },
		{ "a publish waits for both gates of its input, and for that of what it reads",
		  "post", 8, 1 | 2 | 16 | 32, 2 | 16 | 32 },
	};
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;

	(void)state;
	expand(GATED, &arena, &batch);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct spec_stage *stage = stage_of(&batch, rows[i].stage);

		if (stage->inputs != rows[i].inputs || stage->needs != rows[i].needs ||
		    stage->gates != rows[i].gates)
			fail_msg("%s: inputs %x needs %x gates %x", rows[i].sentence, stage->inputs,
				 stage->needs, stage->gates);
	}
}

static void opens_gates(void **state)
{
	static const char text[] = HEAD DRAFT "  b: {inspect: a, gate: false}\n"
					      "  c: {approve: a}\n"
					      "  d: {upload: a}\n"
					      "  e: {upload: a, gate: false}\n";
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;

	(void)state;
	expand(text, &arena, &batch);
	assert_int_equal(stage_of(&batch, "d")->needs, 4);
	assert_int_equal(stage_of(&batch, "e")->needs, 0);
	assert_int_equal(stage_of(&batch, "c")->needs, 0);
}

static void reads_limits(void **state)
{
	static const char text[] =
		HEAD "defaults:\n"
		     "  retry: {max_attempts: 7, base: 1s}\n"
		     "  timeouts: {total: 1h}\n"
		     "  noop: {retry: {base: 250ms}}\n"
		     "stages:\n"
		     "  a: {noop: true, retry: {max: 1m30s, factor: 3}, timeouts: "
		     "{attempt: 90, queue: 2d}}\n"
		     "  b: {generate: video, prompt: x}\n";
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;
	const struct spec_stage *a, *b;

	(void)state;
	expand(text, &arena, &batch);
	a = stage_of(&batch, "a");
	b = stage_of(&batch, "b");
	assert_int_equal(a->max_attempts, 7);
	assert_int_equal(a->base_ms, 250);
	assert_int_equal(a->max_ms, 90000);
	assert_true(a->factor == 3);
	assert_int_equal(a->attempt_ms, 90000);
	assert_int_equal(a->queue_ms, 172800000);
	assert_int_equal(a->total_ms, 3600000);
	assert_int_equal(b->base_ms, 1000);
	assert_int_equal(b->max_ms, 300000);
	assert_string_equal(a->lane, "noop");
	assert_string_equal(b->lane, "cpu");
}

/* Only what enters a lane without a media child must be rendered before. */
static void knows_what_needs_prepare(void **state)
{
	static const char text[] = HEAD "stages:\n"
					"  a: {noop: true, echo: 1}\n"
					"  b: {noop: true, echo: '${{ .stages.a.echo }}'}\n"
					"  c: {noop: true, if: .stages.a.echo}\n"
					"  d: {generate: video, prompt: '${{ .stages.a.echo }}'}\n"
					"  e: {noop: true, if: .index > 5}\n"
					"  f: {noop: true, if: true}\n";
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;

	(void)state;
	expand(text, &arena, &batch);
	assert_false(stage_of(&batch, "a")->needs_prepare);
	assert_true(stage_of(&batch, "b")->needs_prepare);
	assert_true(stage_of(&batch, "c")->needs_prepare);
	assert_false(stage_of(&batch, "d")->needs_prepare);
	assert_true(stage_of(&batch, "e")->needs_prepare); /* decided, and skipped by a child */
	assert_false(stage_of(&batch, "f")->needs_prepare);
}

static void fills_the_batch(void **state)
{
	static const char text[] =
		"version: 1\nname: spring\nlabels: {c: q, n: 5}\npriority: bulk\n"
		"max_parallel: 3\nbudget: {max: $40.5, on_exceed: stop}\n"
		"schedule: {cron: '@daily'}\n" DRAFT;
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;

	(void)state;
	expand(text, &arena, &batch);
	assert_string_equal(batch.name, "spring");
	assert_string_equal(batch.labels, "{\"c\":\"q\",\"n\":5}");
	assert_string_equal(batch.priority, "bulk");
	assert_int_equal(batch.max_parallel, 3);
	assert_string_equal(batch.budget, "{\"max_micro_usd\":40500000,\"on_exceed\":\"stop\"}");
	assert_string_equal(
		batch.schedule,
		"{\"cron\":\"@daily\",\"dst\":\"shift\",\"missed\":\"once\",\"overlap\":"
		"\"skip\",\"timezone\":\"UTC\"}");
	assert_int_equal(batch.notice_count, 2);
	assert_string_equal(
		batch.notices[0].text,
		"schedule is checked, and fires from a later release on: this batch runs "
		"now, once");
	assert_string_equal(batch.notices[1].text,
			    "budget is checked, and kept from a later release on: nothing in "
			    "this one costs money");
	assert_string_equal(batch.pipelines[0].name, "spring");
	assert_string_equal(
		batch.pipelines[0].context,
		"{\"batch_name\":\"spring\",\"index\":1,\"labels\":{\"c\":\"q\",\"n\":5},"
		"\"matrix\":{},\"name\":\"spring\",\"vars\":{}}");
}

/* Fields that are checked together, and were holes: each variant's tree is completed. */
static void completes_variants(void **state)
{
	static const char text[] = HEAD
		"matrix: {r: ['9:16', '1:1'], d: [2, 3]}\nstages:\n  a: {generate: video, prompt: x, "
		"aspect_ratio: '${{ .matrix.r }}', duration: '${{ .matrix.d }}', resolution: 540p}\n";
	static const int expected[][3] = {
		{ 540, 960, 2 }, { 540, 960, 3 }, { 540, 540, 2 }, { 540, 540, 3 }
	};
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;

	(void)state;
	expand(text, &arena, &batch);
	assert_int_equal(batch.pipeline_count, 4);
	for (size_t i = 0; i < 4; i++) {
		DEFER(json_freep) json_t *definition = definition_of(&batch, i, "a");

		assert_int_equal(json_integer_value(json_object_get(definition, "width")),
				 expected[i][0]);
		assert_int_equal(json_integer_value(json_object_get(definition, "height")),
				 expected[i][1]);
		assert_int_equal(json_integer_value(json_object_get(definition, "duration")),
				 expected[i][2]);
	}
}

/* The same spec as JSON, and a second expansion of one spec, give the same bytes. */
static void is_the_same_again(void **state)
{
	static const char yaml[] =
		HEAD "matrix: {h: [a, b]}\nstages:\n  a: {generate: video, prompt: "
		     "'${{ .matrix.h | ascii_upcase }}'}\n";
	static const char as_json[] =
		"{\"version\": 1, \"name\": \"t\", \"matrix\": {\"h\": [\"a\", \"b\"]}, \"stages\": "
		"{\"a\": {\"generate\": \"video\", \"prompt\": \"${{ .matrix.h | ascii_upcase }}\"}}}";
	DEFER(catalogue_freep) struct catalogue *catalogue = fixture_catalogue();
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(spec_freep) struct spec *spec = NULL;
	struct spec_batch first, second, third;
	struct err err;

	(void)state;
	assert_true(spec_parse(yaml, strlen(yaml), "t.yaml", catalogue, &spec, &err));
	assert_true(spec_expand(spec, &fixture_files, &arena, &first, &err));
	assert_true(spec_expand(spec, &fixture_files, &arena, &second, &err));
	expand(as_json, &arena, &third);
	for (size_t i = 0; i < 2; i++) {
		const char *definition = first.pipelines[i].stages[0].definition;

		assert_string_equal(definition, second.pipelines[i].stages[0].definition);
		assert_string_equal(definition, third.pipelines[i].stages[0].definition);
		assert_non_null(strstr(definition, i ? "\"prompt\":\"B\"" : "\"prompt\":\"A\""));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_definitions), cmocka_unit_test(routes_models),
		cmocka_unit_test(knows_gates),	     cmocka_unit_test(opens_gates),
		cmocka_unit_test(reads_limits),	     cmocka_unit_test(knows_what_needs_prepare),
		cmocka_unit_test(fills_the_batch),   cmocka_unit_test(completes_variants),
		cmocka_unit_test(is_the_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
