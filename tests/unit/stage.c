// links: stage
/*
 * What happens around every stage: `if`, expressions, `prepare`; and what the small parts say:
 * `require`, sizes, posts.
 */
#include "tests/stage_bench.h"

#include "pipeline/stage/outbox.h"
#include "pipeline/stage/require.h"
#include "pipeline/stage/size.h"

static int setup(void **state)
{
	*state = bench_new();
	return 0;
}

static int teardown(void **state)
{
	bench_free(*state);
	return 0;
}

static void assert_contains(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("\"%s\" does not contain \"%s\"", text, wanted);
}

static void expressions_and_conditions(void **state)
{
	static const struct {
		const char *definition, *results;
		enum verdict_class class;
		const char *shows; /* in the result's echo, or in the message */
	} cases[] = {
		{ "{\"echo\":\"${{ .matrix.hook }}!\"}", "{}", VERDICT_DONE, "\"Ship it!\"" },
		{ "{\"echo\":\"${{ .vars.n }}\"}", "{}", VERDICT_DONE, "3" },
		{ "{\"echo\":\"${{ .vars.n * 2 }}\"}", "{}", VERDICT_DONE, "6" },
		{ "{\"echo\":[\"${{ .stages.a.metrics.loudness }}\"]}",
		  "{\"a\":{\"metrics\":{\"loudness\":-14}}}", VERDICT_DONE, "[-14]" },
		{ "{\"echo\":\"${{ .name }}/${{ .batch_name }}/${{ .index }}\"}", "{}",
		  VERDICT_DONE, "spring|Ship it|v1/spring ad/1" },
		{ "{\"echo\":1,\"if\":\".index == 1\"}", "{}", VERDICT_DONE, "1" },
		{ "{\"echo\":1,\"if\":\".index == 2\"}", "{}", VERDICT_SKIPPED, "if" },
		{ "{\"echo\":1,\"if\":\".stages.a.outputs\"}", "{\"a\":{}}", VERDICT_SKIPPED,
		  "if" },
		{ "{\"echo\":1,\"if\":false}", "{}", VERDICT_SKIPPED, "if" },
		{ "{\"echo\":1,\"if\":true}", "{}", VERDICT_DONE, "1" },
		{ "{\"echo\":1,\"if\":\".index ==\"}", "{}", VERDICT_PERMANENT, "if: " },
		{ "{\"echo\":1,\"if\":\"error(\\\"no\\\")\"}", "{}", VERDICT_PERMANENT, "if: " },
		{ "{\"echo\":\"${{ .index | }}\"}", "{}", VERDICT_PERMANENT, "echo" },
		{ "{\"echo\":\"${{ .x.y | ascii_upcase }}\"}", "{}", VERDICT_PERMANENT, "echo" },
		{ "{\"echo\":\"${{ env.HOME }}\"}", "{}", VERDICT_PERMANENT, "echo" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stage_outcome outcome =
			bench_run(*state, "noop", cases[i].definition, cases[i].results, false);
		DEFER(freep) char *echo = json_text(json_object_get(outcome.result, "echo"));

		if (outcome.class != cases[i].class)
			fail_msg("%s: %s, %s", cases[i].definition,
				 verdict_info(outcome.class)->name, outcome.message);
		assert_contains(outcome.class == VERDICT_DONE ? echo : outcome.message,
				cases[i].shows);
		stage_outcome_done(&outcome);
	}
}

static void prepare_renders_and_stops(void **state)
{
	struct stage_outcome outcome = bench_run(
		*state, "noop", "{\"echo\":\"${{ .matrix.hook }}\",\"if\":\"true\"}", "{}", true);

	const json_t *definition = json_object_get(outcome.result, "definition");

	assert_int_equal(outcome.class, VERDICT_PREPARED);
	assert_string_equal(json_string_value(json_object_get(definition, "echo")), "Ship it");
	assert_null(json_object_get(definition, "if"));
	assert_true(json_is_true(json_object_get(definition, "rendered")));
	stage_outcome_done(&outcome);
	/* also for a type that another worker runs */
	outcome = bench_run(*state, "approve", "{\"input\":\"x\"}", "{}", true);
	assert_int_equal(outcome.class, VERDICT_PREPARED);
	stage_outcome_done(&outcome);
	outcome = bench_run(*state, "noop", "{\"if\":\"false\"}", "{}", true);
	assert_int_equal(outcome.class, VERDICT_SKIPPED);
	stage_outcome_done(&outcome);
}

static void what_was_rendered_is_data(void **state)
{
	struct stage_outcome outcome =
		bench_run(*state, "noop",
			  "{\"rendered\":true,\"echo\":\"${{ .matrix.hook }}\",\"if\":\"false\"}",
			  "{}", false);

	assert_int_equal(outcome.class, VERDICT_DONE);
	assert_string_equal(json_string_value(json_object_get(outcome.result, "echo")),
			    "${{ .matrix.hook }}");
	stage_outcome_done(&outcome);
}

static void unknown_types_say_so(void **state)
{
	struct stage_outcome outcome = bench_run(*state, "juggle", "{}", "{}", false);

	assert_int_equal(outcome.class, VERDICT_PERMANENT);
	assert_contains(outcome.message, "juggle");
	stage_outcome_done(&outcome);
	assert_null(stage_type_find("juggle"));
}

static void requirements_explain_themselves(void **state)
{
	static const struct {
		const char *require, *says;
	} cases[] = {
		{ "[\".freeze_ratio < 0.3\"]",
		  "freeze_ratio is 0.42, required .freeze_ratio < 0.3" },
		{ "[\".duration >= 7.5\"]", "" },
		{ "[\".nothing > 1\"]", "nothing was not measured, required .nothing > 1" },
		{ "[\".a.b == \\\"x\\\"\"]", "a.b is \"y\", required .a.b == \"x\"" },
		{ "[\".duration < 1\", \".freeze_ratio > 1\"]",
		  "duration is 8, required .duration < 1; freeze_ratio is 0.42, required "
		  ".freeze_ratio > 1" },
		{ "[\"(.duration * 2) < 1\"]", "required (.duration * 2) < 1" },
		{ "[\".black\"]", "required .black" },
		{ "[]", "" },
	};
	DEFER(json_freep)
	json_t *metrics = json_pack("{s:f, s:i, s:{s:s}, s:b}", "freeze_ratio", 0.42, "duration", 8,
				    "a", "b", "y", "black", 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		DEFER(buf_done) struct buf failures = { 0 };
		DEFER(json_freep) json_t *require = NULL;
		DEFER(json_freep) json_t *verdicts = NULL;
		struct err err = { 0 };

		assert_true(json_parse(cases[i].require, strlen(cases[i].require), "t", &require,
				       &err));
		if (!require_check(require, metrics, &(struct stage_context){ 0 }, &verdicts,
				   &failures, &err))
			fail_msg("%s", err.text);
		assert_string_equal(failures.data ? failures.data : "", cases[i].says);
		assert_int_equal(json_array_size(verdicts), json_array_size(require));
	}
}

static void wrong_requirements_are_errors(void **state)
{
	static const char *const wrong[] = { "[\".a <\"]", "[1]", "[\"error(1)\"]",
					     "[\"nosuch(1)\"]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		DEFER(buf_done) struct buf failures = { 0 };
		DEFER(json_freep) json_t *require = NULL;
		DEFER(json_freep) json_t *metrics = json_object();
		json_t *verdicts;
		struct err err = { 0 };

		assert_true(json_parse(wrong[i], strlen(wrong[i]), "t", &require, &err));
		assert_false(require_check(require, metrics, &(struct stage_context){ 0 },
					   &verdicts, &failures, &err));
		assert_int_equal(err.kind, ERR_REJECT);
		assert_contains(err.text, "require[0]");
	}
}

static void a_rejected_inspection_keeps_its_result(void **state)
{
	DEFER(freep) char *draft = bench_draft(*state);
	struct stage_outcome outcome =
		bench_run(*state, "inspect",
			  "{\"input\":\"draft\",\"require\":[\".duration > 60\"],\"profile\":{"
			  "\"id\":\"reels\",\"limits\":{\"min_width\":1080}}}",
			  draft, false);

	assert_int_equal(outcome.class, VERDICT_REJECTED);
	assert_contains(outcome.message, "reels min_width: found 144, expected 1080");
	assert_contains(outcome.message, "duration is 1, required .duration > 60");
	assert_non_null(json_object_get(outcome.result, "metrics"));
	assert_int_equal(json_array_size(json_object_get(outcome.result, "findings")), 1);
	assert_true(json_array_size(json_object_get(outcome.result, "posters")) > 0);
	stage_outcome_done(&outcome);
}

static void a_file_that_is_no_media_fails_for_good(void **state)
{
	struct bench *bench = *state;
	DEFER(freep) char *path = xasprintf("%s/clip.mp4", bench->folder);
	DEFER(freep) char *definition = NULL;
	struct stage_outcome outcome;
	struct store_item item;
	struct err err = { 0 };

	assert_true(file_write_atomic(path, "<html><body>Sorry</body></html>\n", 32, 0644, &err));
	assert_true(store_add(bench->store, path, 100, &item, &err));
	definition = xasprintf("{\"input\":\"%s\"}", item.id);
	outcome = bench_run(bench, "inspect", definition, "{}", false);
	assert_int_equal(outcome.class, VERDICT_PERMANENT);
	assert_contains(outcome.message, "HTML");
	stage_outcome_done(&outcome);
}

static void takes_are_counted_and_differ(void **state)
{
	struct stage_outcome outcome = bench_run(
		*state, "generate",
		"{\"kind\":\"image\",\"model\":{\"id\":\"local/animatic\",\"engine\":\"animatic\"},"
		"\"prompt\":\"one\",\"resolution\":\"144x256\",\"variants\":3,\"need\":2}",
		"{}", false);
	const json_t *outputs = json_object_get(outcome.result, "outputs");

	if (outcome.class != VERDICT_DONE)
		fail_msg("%s", outcome.message);
	assert_int_equal(json_array_size(outputs), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *output = json_array_get(outputs, i);
		const json_t *other = json_array_get(outputs, (i + 1) % 3);

		assert_int_equal(json_integer_value(json_object_get(output, "take")), i + 1);
		assert_string_equal(json_string_value(json_object_get(output, "mime")),
				    "image/png");
		assert_string_not_equal(json_string_value(json_object_get(output, "media")),
					json_string_value(json_object_get(other, "media")));
	}
	stage_outcome_done(&outcome);
}

static void sizes_from_words(void **state)
{
	static const struct {
		const char *ratio, *resolution;
		int width, height;
	} cases[] = {
		{ NULL, NULL, 1080, 1920 },	 { "16:9", "1080p", 1920, 1080 },
		{ "9:16", "720p", 720, 1280 },	 { "1:1", "1080p", 1080, 1080 },
		{ "4:5", "1080p", 1080, 1350 },	 { "21:9", "480p", 1120, 480 },
		{ "9:16", "4k", 2160, 3840 },	 { NULL, "641x359", 642, 360 },
		{ "1.91:1", "720p", 1376, 720 },
	};
	static const char *const wrong[][2] = { { "16/9", NULL },  { "16:9x", NULL },
						{ "0:1", NULL },   { "-9:16", NULL },
						{ NULL, "huge" },  { NULL, "1080" },
						{ NULL, "9000p" }, { "100:1", "1080p" },
						{ NULL, "1x1" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int width, height;
		struct err err = { 0 };

		assert_true(size_of(cases[i].ratio, cases[i].resolution, &width, &height, &err));
		assert_int_equal(width, cases[i].width);
		assert_int_equal(height, cases[i].height);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int width, height;
		struct err err = { 0 };

		assert_false(size_of(wrong[i][0], wrong[i][1], &width, &height, &err));
		assert_int_equal(err.kind, ERR_REJECT);
	}
}

/* ---- the outbox */

static char *put_post(struct bench *bench, const char *pipeline, const char *name,
		      const char *caption, bool *out_was_there)
{
	DEFER(freep) char *media = xasprintf("%s/clip", bench->folder);
	DEFER(json_freep) json_t *description = json_pack("{s:s}", "account", "brand");
	char *path = NULL;
	struct err err = { 0 };

	assert_true(file_write_atomic(media, "moving", 6, 0644, &err));
	if (!outbox_put(bench->outbox,
			&(struct outbox_post){ .batch_name = "spring/../ad",
					       .pipeline_name = name,
					       .pipeline = pipeline,
					       .stage = "ig",
					       .media_path = media,
					       .file_name = "video.mp4",
					       .caption = caption,
					       .description = description },
			&path, out_was_there, &err))
		fail_msg("%s", err.text);
	return path;
}

static void assert_file(const char *folder, const char *name, const char *wanted)
{
	DEFER(freep) char *path = xasprintf("%s/%s", folder, name);
	DEFER(buf_done) struct buf text = { 0 };
	struct err err = { 0 };

	if (!file_read(path, 1 << 20, &text, &err))
		fail_msg("%s", err.text);
	assert_contains(text.data, wanted);
}

static void a_post_is_a_folder_and_posted_once(void **state)
{
	struct bench *bench = *state;
	bool was_there;
	DEFER(freep) char *first = put_post(bench, "b7-1", "a|b", "Hello", &was_there);
	DEFER(freep) char *again = NULL;

	assert_false(was_there);
	assert_contains(first, "/outbox/spring-..-ad/a-b-ig");
	assert_file(first, "video.mp4", "moving");
	assert_file(first, "caption.txt", "Hello\n");
	assert_file(first, "post.json", "\"account\": \"brand\"");
	assert_file(first, "post.json", "\"pipeline\": \"b7-1\"");
	again = put_post(bench, "b7-1", "a|b", "Other words", &was_there);
	assert_true(was_there);
	assert_string_equal(first, again);
	assert_file(first, "caption.txt", "Hello\n");
}

static void posts_of_one_name_do_not_meet(void **state)
{
	struct bench *bench = *state;
	bool was_there;
	DEFER(freep) char *one = put_post(bench, "b7-1", "a|b", "1", &was_there);
	DEFER(freep) char *two = put_post(bench, "b8-1", "a/b", "2", &was_there);
	DEFER(freep) char *three = NULL;

	assert_false(was_there);
	assert_string_not_equal(one, two);
	assert_contains(two, "b8-1");
	assert_file(one, "caption.txt", "1");
	three = put_post(bench, "b8-1", "a/b", "3", &was_there);
	assert_true(was_there);
	assert_string_equal(two, three);
}

static void a_dead_attempts_leftovers_do_not_hinder(void **state)
{
	struct bench *bench = *state;
	DEFER(freep) char *left = xasprintf("%s/spring-..-ad/.incoming-b7-1-ig", bench->outbox);
	DEFER(freep) char *half = xasprintf("%s/video.mp4", left);
	DEFER(freep) char *path = NULL;
	struct err err = { 0 };
	bool was_there;

	assert_true(file_make_dirs(left, 0755, &err));
	assert_true(file_write_atomic(half, "ha", 2, 0644, &err));
	path = put_post(bench, "b7-1", "a", "x", &was_there);
	assert_file(path, "video.mp4", "moving");
	assert_int_equal(access(left, F_OK), -1);
}

static void publishing_twice_says_so(void **state)
{
	DEFER(freep) char *draft = bench_draft(*state);
	const char *definition = "{\"input\":\"draft\",\"to\":{\"id\":\"outbox\"},\"account\":"
				 "\"brand\",\"caption\":\"Ship it\"}";
	struct stage_outcome first = bench_run(*state, "publish", definition, draft, false);
	struct stage_outcome again = bench_run(*state, "publish", definition, draft, false);
	const char *path = json_string_value(json_object_get(first.result, "path"));

	assert_int_equal(first.class, VERDICT_DONE);
	assert_string_equal(first.message, "");
	assert_contains(path, "/spring-ad/spring-Ship-it-v1-this");
	assert_file(path, "post.json", "\"ai_generated\": true");
	assert_int_equal(again.class, VERDICT_DONE);
	assert_contains(again.message, "already there");
	assert_string_equal(path, json_string_value(json_object_get(again.result, "path")));
	stage_outcome_done(&first);
	stage_outcome_done(&again);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(expressions_and_conditions),
		ROW(prepare_renders_and_stops),
		ROW(what_was_rendered_is_data),
		ROW(unknown_types_say_so),
		ROW(requirements_explain_themselves),
		ROW(wrong_requirements_are_errors),
		ROW(a_rejected_inspection_keeps_its_result),
		ROW(a_file_that_is_no_media_fails_for_good),
		ROW(takes_are_counted_and_differ),
		ROW(sizes_from_words),
		ROW(a_post_is_a_folder_and_posted_once),
		ROW(posts_of_one_name_do_not_meet),
		ROW(a_dead_attempts_leftovers_do_not_hinder),
		ROW(publishing_twice_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
