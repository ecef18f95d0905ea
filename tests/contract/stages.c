// links: stage
/*
 * What every stage type must do: refuse a bad definition before it starts, say what is wrong with
 * its input, leave the documented result, and make the same media when it runs again.
 */
#include "tests/stage_bench.h"

#define ANIMATIC "\"model\":{\"id\":\"local/animatic\",\"engine\":\"animatic\"}"

struct stage_case {
	const char *type, *good;
	const char *bad[6][2];	    /* definition, what the message says */
	const char *with_bad_input; /* printf form with the input's name; NULL: it takes none */
	const char *fields[10];	    /* of the result */
};

static const struct stage_case cases[] = {
	{ "generate",
	  "{\"kind\":\"video\"," ANIMATIC ",\"prompt\":\"Ship it\",\"duration\":1,\"fps\":10,"
	  "\"resolution\":\"144x256\",\"attach\":[{\"media\":\"draft\",\"role\":\"start_frame\"}],"
	  "\"seed\":9}",
	  { { "{}", "definition.kind" },
	    { "{\"kind\":\"video\"," ANIMATIC ",\"duration\":0}", "duration" },
	    { "{\"kind\":\"audio\"," ANIMATIC "}", "not audio" },
	    { "{\"kind\":\"video\",\"model\":{\"id\":\"sora2\"}}", "'sora2' is served by another" },
	    { "{\"kind\":\"video\"," ANIMATIC ",\"aspect_ratio\":\"wide\"}", "'wide'" },
	    { "{\"kind\":\"video\"," ANIMATIC ",\"variants\":2,\"need\":3}", "need 3" } },
	  "{\"kind\":\"video\"," ANIMATIC ",\"attach\":[{\"media\":\"%s\",\"role\":"
	  "\"start_frame\"}]}",
	  { "outputs", "model", "seed", "prompt", "origin", "elapsed_ms", "cpu_ms" } },
	{ "inspect",
	  "{\"input\":\"draft\",\"require\":[\".duration >= 0.9\"]}",
	  { { "{}", "definition.input" },
	    { "{\"input\":1}", "definition.input" },
	    { "{\"input\":\"draft\",\"depth\":\"deep\"}", "deep" },
	    { "{\"input\":\"draft\",\"require\":\".a\"}", "definition.require" },
	    { "{\"input\":\"draft\",\"profile\":\"reels\"}", "definition.profile" } },
	  "{\"input\":\"%s\"}",
	  { "outputs", "metrics", "findings", "require", "media", "posters", "elapsed_ms",
	    "cpu_ms" } },
	{ "edit",
	  "{\"input\":\"draft\",\"operations\":[{\"textOverlay\":{\"text\":\"Ship it\"}}]}",
	  { { "{}", "definition.input" },
	    { "{\"input\":\"draft\"}", "definition.operations" },
	    { "{\"input\":\"draft\",\"operations\":{}}", "expected a list" },
	    { "{\"input\":\"draft\",\"operations\":[{\"textOverlai\":{}}]}", "textOverlai" } },
	  "{\"input\":\"%s\",\"operations\":[{\"textOverlay\":{\"text\":\"x\"}}]}",
	  { "outputs", "warnings", "origin", "posters", "elapsed_ms", "cpu_ms" } },
	{ "upload",
	  "{\"input\":\"draft\"}",
	  { { "{}", "definition.input" } },
	  "{\"input\":\"%s\"}",
	  { "outputs", "url", "origin", "elapsed_ms", "cpu_ms" } },
	{ "publish",
	  "{\"input\":\"draft\",\"to\":{\"id\":\"outbox\"},\"caption\":\"Ship it\"}",
	  { { "{\"to\":{\"id\":\"outbox\"}}", "definition.input" },
	    { "{\"input\":\"draft\"}", "definition.to" },
	    { "{\"input\":\"draft\",\"to\":{\"id\":\"tiktok\"}}", "tiktok" },
	    { "{\"input\":\"draft\",\"to\":{\"id\":\"outbox\",\"caption_max\":2},\"caption\":"
	      "\"\xc3\xa4\xc3\xb6\xc3\xbc\"}",
	      "3 characters" } },
	  "{\"input\":\"%s\",\"to\":{\"id\":\"outbox\"}}",
	  { "outputs", "url", "id", "path", "elapsed_ms", "cpu_ms" } },
	{ "noop",
	  "{\"echo\":{\"a\":1}}",
	  { { "{\"sleep_ms\":-1}", "negative" },
	    { "{\"fail\":\"sadly\"}", "sadly" },
	    { "{\"fail_times\":\"x\"}", "definition.fail_times" } },
	  NULL,
	  { "outputs", "echo", "elapsed_ms", "cpu_ms" } },
};

static char *draft; /* {"draft": result}: the input of all, made once */

static int setup(void **state)
{
	struct bench *bench = bench_new();

	*state = bench;
	draft = bench_draft(bench);
	return 0;
}

static int teardown(void **state)
{
	bench_free(*state);
	free(draft);
	return 0;
}

static json_t *parsed(const char *text)
{
	json_t *value;
	struct err err = { 0 };

	if (!json_parse(text, strlen(text), "definition", &value, &err))
		fail_msg("%s", err.text);
	return value;
}

static void assert_says(const char *type, const char *message, const char *wanted)
{
	if (!strstr(message, wanted))
		fail_msg("%s: \"%s\" does not say \"%s\"", type, message, wanted);
}

static void bad_definitions_are_refused_before_anything(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct stage_type *type = stage_type_find(cases[i].type);

		assert_non_null(type);
		for (size_t k = 0; k < ARRAY_LEN(cases[i].bad) && cases[i].bad[k][0]; k++) {
			DEFER(json_freep) json_t *definition = parsed(cases[i].bad[k][0]);
			struct stage_outcome outcome;
			struct err err = { 0 };

			assert_false(type->check(definition, &err));
			assert_int_equal(err.kind, ERR_REJECT);
			assert_says(type->name, err.text, cases[i].bad[k][1]);
			outcome = bench_run(*state, type->name, cases[i].bad[k][0], draft, false);
			assert_int_equal(outcome.class, VERDICT_PERMANENT);
			assert_says(type->name, outcome.message, cases[i].bad[k][1]);
			assert_null(outcome.result);
		}
	}
}

static void missing_inputs_are_named(void **state)
{
	static const struct {
		const char *input, *results, *says;
	} inputs[] = {
		{ "nowhere", "{}", "'nowhere'" },
		{ "m_00000000000000000000", "{}", "no media" },
		{ "m_", "{}", "not a media id" },
		{ "silent", "{\"silent\":{\"outputs\":[]}}", "left no media" },
		{ "odd", "{\"odd\":{\"outputs\":[{\"media\":7}]}}", "left no media" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t k = 0; cases[i].with_bad_input && k < ARRAY_LEN(inputs); k++) {
			DEFER(buf_done) struct buf definition = { 0 };
			struct stage_outcome outcome;
			const char *form = cases[i].with_bad_input;
			const char *hole = strstr(form, "%s");

			buf_put(&definition, form, (size_t)(hole - form));
			buf_puts(&definition, inputs[k].input);
			buf_puts(&definition, hole + 2);
			outcome = bench_run(*state, cases[i].type, definition.data,
					    inputs[k].results, false);
			assert_int_equal(outcome.class, VERDICT_PERMANENT);
			assert_says(cases[i].type, outcome.message, inputs[k].says);
			stage_outcome_done(&outcome);
		}
	}
}

static void assert_fields(const struct stage_case *row, const json_t *result)
{
	const json_t *output;
	size_t index;

	for (size_t k = 0; k < ARRAY_LEN(row->fields) && row->fields[k]; k++)
		if (!json_object_get(result, row->fields[k]))
			fail_msg("%s: the result has no '%s'", row->type, row->fields[k]);
	json_array_foreach(json_object_get(result, "outputs"), index, output)
	{
		static const char *const fields[] = { "media", "mediaId", "sha256",  "mime",
						      "bytes", "kind",	  "width",   "height",
						      "fps",   "take",	  "duration" };

		for (size_t k = 0; k < ARRAY_LEN(fields); k++)
			if (!json_object_get(output, fields[k]))
				fail_msg("%s: an output has no '%s'", row->type, fields[k]);
	}
}

static void results_are_as_documented_and_the_same_again(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct stage_type *type = stage_type_find(cases[i].type);
		DEFER(json_freep) json_t *definition = parsed(cases[i].good);
		struct stage_outcome first, again;
		struct bench *bench = *state;
		struct err err = { 0 };

		assert_true(type->check(definition, &err));
		bench->steps = 0;
		first = bench_run(bench, type->name, cases[i].good, draft, false);
		if (first.class != VERDICT_DONE)
			fail_msg("%s: %s", type->name, first.message);
		assert_true(bench->steps > 0);
		assert_fields(&cases[i], first.result);
		again = bench_run(bench, type->name, cases[i].good, draft, false);
		assert_int_equal(again.class, VERDICT_DONE);
		if (first_media(first.result))
			assert_string_equal(first_media(first.result), first_media(again.result));
		stage_outcome_done(&first);
		stage_outcome_done(&again);
	}
}

static unsigned count_temporaries(const struct bench *bench)
{
	DEFER(freep) char *command = xasprintf("ls -A '%s/store/tmp' | wc -l", bench->folder);
	FILE *listing = popen(command, "r");
	unsigned count = 99;

	assert_int_equal(fscanf(listing, "%u", &count), 1);
	pclose(listing);
	return count;
}

static void nothing_is_left_half_made(void **state)
{
	assert_int_equal(count_temporaries(*state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_definitions_are_refused_before_anything),
		cmocka_unit_test(missing_inputs_are_named),
		cmocka_unit_test(results_are_as_documented_and_the_same_again),
		cmocka_unit_test(nothing_is_left_half_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
