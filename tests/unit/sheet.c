// links: cli
/*
 * The sheet from records: nothing of a stranger's text becomes markup, script or formula; what a
 * person compares is there. With REEL_SHEET_DEMO=FILE the page of the sample is left there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/sheet.h"

#define EVIL "</script><script>alert(1)</script><!-- \"'&<img src=x onerror=alert(2)>"

static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

static struct queue_stage stage(const char *id, const char *type, enum queue_state state,
				const char *definition, const char *result)
{
	return (struct queue_stage){ .id = borrow(id),
				     .type = borrow(type),
				     .lane = borrow("cpu"),
				     .definition = borrow(definition),
				     .result = borrow(result),
				     .state = state,
				     .attempts = 1,
				     .started_at = 1000000000,
				     .ended_at = 1003200000,
				     .permille = -1 };
}

/* Three variants: one done, one failed inspection with hostile texts, one waiting. */
struct sample {
	struct queue_batch batch;
	struct queue_pipeline pipelines[3];
	struct queue_stage stages[3][3];
};

static void make_done(struct sample *sample)
{
	struct queue_stage *stages = sample->stages[0];

	stages[0] = stage("draft", "generate", QUEUE_DONE, "{\"prompt\":\"templ\"}",
			  "{\"prompt\":\"Built in the terminal\",\"model\":\"local/animatic\","
			  "\"seed\":7,\"outputs\":[{\"media\":\"m_raw\",\"kind\":\"video\"}]}");
	stages[1] = stage("check", "inspect", QUEUE_DONE, "{}",
			  "{\"metrics\":{\"black_ratio\":0.01,\"loudness_lufs\":-14.2,"
			  "\"scene_cuts\":[1,2]},\"media\":\"m_final\","
			  "\"posters\":[\"m_p0\",\"m_p1\",\"m_p2\"],"
			  "\"findings\":[{\"rule\":\"duration\",\"expected\":\"<= 90\","
			  "\"found\":95.5,\"severity\":\"warning\"}],"
			  "\"require\":[{\"expression\":\".a > 1\",\"ok\":true}]}");
	stages[2] = stage("caption", "edit", QUEUE_DONE, "{}",
			  "{\"outputs\":[{\"media\":\"m_final\",\"kind\":\"video\",\"mime\":"
			  "\"video/mp4\",\"bytes\":123456,\"width\":1080,\"height\":1920,"
			  "\"duration\":8.0,\"fps\":30}],\"posters\":[\"m_still\"]}");
	sample->pipelines[0] = (struct queue_pipeline){
		.id = borrow("k3f9x2m4-1"),
		.batch = borrow("k3f9x2m4"),
		.name = borrow("ad|hook a"),
		.context = borrow("{\"matrix\":{\"hook\":\"hook a\",\"n\":1}}"),
		.index = 1,
		.end = QUEUE_END_DONE,
		.is_admitted = true,
		.stages = stages,
		.stage_count = 3
	};
}

static void make_failed(struct sample *sample)
{
	struct queue_stage *stages = sample->stages[1];

	stages[0] = stage("draft", "generate", QUEUE_DONE, "{}",
			  "{\"prompt\":\"</script><script>alert(1)</script><!-- \\\"'&<img src=x "
			  "onerror=alert(2)>\",\"model\":{\"id\":\"local/animatic\"},\"seed\":1,"
			  "\"outputs\":[]}");
	stages[1] = stage("check", "inspect", QUEUE_FAILED, "{}", NULL);
	stages[1].message = borrow("=HYPERLINK(\"http://evil\"), " EVIL);
	stages[1].last_class = VERDICT_REJECTED;
	stages[1].attempts = 2;
	stages[2] = stage("caption", "edit", QUEUE_SKIPPED, "{}", NULL);
	sample->pipelines[1] = (struct queue_pipeline){
		.id = borrow("k3f9x2m4-2"),
		.batch = borrow("k3f9x2m4"),
		.name = borrow(EVIL),
		.context = borrow("{\"matrix\":{\"hook\":\"=1+1\",\"n\":-2}}"),
		.index = 2,
		.end = QUEUE_END_FAILED,
		.is_admitted = true,
		.stages = stages,
		.stage_count = 3
	};
}

static void make_waiting(struct sample *sample)
{
	struct queue_stage *stages = sample->stages[2];

	stages[0] = stage("draft", "generate", QUEUE_BLOCKED, "{\"prompt\":\"later\",\"seed\":3}",
			  NULL);
	stages[0].started_at = stages[0].ended_at = 0;
	sample->pipelines[2] = (struct queue_pipeline){
		.id = borrow("k3f9x2m4-3"),
		.batch = borrow("k3f9x2m4"),
		.name = borrow("../etc/x"),
		.context = borrow("{\"matrix\":{\"look\":\"a,b\\n\\\"c\\\"\"}}"),
		.index = 3,
		.stages = stages,
		.stage_count = 1
	};
}

static void make_sample(struct sample *sample)
{
	*sample = (struct sample){ .batch = { .id = borrow("k3f9x2m4"),
					      .name = borrow("spring <ad>"),
					      .created_at = 1700000000000000,
					      .total = 3 } };
	make_done(sample);
	make_failed(sample);
	make_waiting(sample);
}

static void build(struct arena *arena, struct sheet *out)
{
	struct sample sample;

	make_sample(&sample);
	sheet_build(&sample.batch, sample.pipelines, 3, arena, out);
}

static void says_what_a_person_compares(void **state)
{
	struct arena arena = { 0 };
	struct sheet sheet;

	(void)state;
	build(&arena, &sheet);
	assert_int_equal(sheet.count, 3);
	assert_int_equal(sheet.axis_count, 3);
	assert_string_equal(sheet.axes[0], "hook");
	assert_string_equal(sheet.axes[2], "look");
	assert_int_equal(sheet.metric_count, 2);
	assert_string_equal(sheet.cards[0].prompt, "Built in the terminal");
	assert_string_equal(sheet.cards[0].model, "local/animatic");
	assert_string_equal(sheet.cards[0].seed, "7");
	assert_string_equal(sheet.cards[0].media, "m_final");
	assert_string_equal(sheet.cards[0].poster_media, "m_still"); /* of the last edit */
	assert_int_equal(sheet.cards[0].finding_count, 1);
	assert_int_equal(sheet.cards[0].elapsed_ms, 3200);
	assert_string_equal(sheet.cards[1].model, "local/animatic");
	assert_string_equal(sheet.cards[1].failure->id, "check");
	assert_string_equal(sheet.cards[1].failure->class, "rejected");
	assert_int_equal(sheet.cards[1].attempts, 4);
	assert_null(sheet.cards[1].media);
	assert_string_equal(sheet.cards[2].state, "waiting");
	assert_string_equal(sheet.cards[2].prompt, "later");
	arena_done(&arena);
}

/* Everything behind the marker up to the end of the data element. */
static char *data_of(const char *html, char **end)
{
	char *at = strstr(html, "id=\"data\">");

	assert_non_null(at);
	at += strlen("id=\"data\">");
	*end = strstr(at, "</script>");
	assert_non_null(*end);
	return at;
}

static void strangers_texts_are_data(void **state)
{
	struct arena arena = { 0 };
	struct buf html = { 0 };
	struct err err = { 0 };
	struct sheet sheet;
	json_t *data;
	char *at, *end;

	(void)state;
	build(&arena, &sheet);
	sheet_html(&sheet, &html);
	at = data_of(html.data, &end);
	for (char *letter = at; letter < end; letter++)
		assert_true(*letter != '<' && *letter != '>' && *letter != '&');
	/* Nothing of it stands anywhere else in the page. */
	assert_null(strstr(html.data, "alert(1)<"));
	assert_null(strstr(html.data, "<img src=x"));
	assert_null(strstr(html.data, "spring <ad>"));
	assert_true(json_parse(at, (size_t)(end - at), "data", &data, &err));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(data, "cards"), 1), "name")),
			    EVIL);
	json_decref(data);
	buf_done(&html);
	arena_done(&arena);
}

static void asks_nobody_for_anything(void **state)
{
	static const char *const outside[] = { "http://", "https://", "//cdn", "@import",
					       "src=\"/" };
	struct arena arena = { 0 };
	struct buf html = { 0 };
	struct sheet empty = { .id = "x", .name = "x", .state = "done" };

	(void)state;
	sheet_html(&empty, &html);
	for (size_t i = 0; i < ARRAY_LEN(outside); i++)
		if (strstr(html.data, outside[i]))
			fail_msg("the page names %s", outside[i]);
	assert_non_null(strstr(html.data, "default-src 'none'"));
	buf_done(&html);
	arena_done(&arena);
}

static void csv_is_rfc_4180_without_formulas(void **state)
{
	struct arena arena = { 0 };
	struct buf csv = { 0 };
	struct sheet sheet;

	(void)state;
	build(&arena, &sheet);
	sheet_csv(&sheet, &csv);
	assert_non_null(strstr(csv.data, "index,id,name,state,matrix.hook,matrix.n,matrix.look,"));
	assert_non_null(
		strstr(csv.data, ",metric.black_ratio,metric.loudness_lufs\r\n1,k3f9x2m4-1,"));
	assert_non_null(strstr(csv.data, ",\"'=1+1\",-2,"));
	assert_non_null(strstr(csv.data, ",\"'=HYPERLINK(\"\"http://evil\"\"), "));
	assert_non_null(strstr(csv.data, ",\"a,b\n\"\"c\"\"\","));
	assert_non_null(strstr(csv.data, ",0.01,-14.2\r\n"));
	buf_done(&csv);
	arena_done(&arena);
}

static void names_become_safe_files(void **state)
{
	static const struct {
		const char *name, *file;
	} cases[] = {
		{ "spring|hook a|v1", "spring_hook a_v1.mp4" },
		{ "../../etc/passwd", "_._.._etc_passwd.mp4" },
		{ "-rf", "_rf.mp4" },
		{ "", "variant.mp4" },
		{ "a\nb\x1b[0m", "a_b_[0m.mp4" },
		{ "Größe", "Größe.mp4" },
	};
	struct arena arena = { 0 };
	char name[300];

	(void)state;
	assert_string_equal(sheet_file_name(cases[0].name, ".mp4", &arena), cases[0].file);
	assert_null(strchr(sheet_file_name(cases[1].name, ".mp4", &arena), '/'));
	assert_int_not_equal(*sheet_file_name(cases[1].name, ".mp4", &arena), '.');
	for (size_t i = 2; i < ARRAY_LEN(cases); i++)
		assert_string_equal(sheet_file_name(cases[i].name, ".mp4", &arena), cases[i].file);
	memset(name, 'a', 119);
	strcpy(name + 119, "üüüü");
	assert_true(strlen(sheet_file_name(name, "", &arena)) <= 120);
	assert_int_equal(sheet_file_name(name, "", &arena)[118], 'a');
	assert_int_equal(strlen(sheet_file_name(name, "", &arena)), 119);
	arena_done(&arena);
}

static void leaves_a_page_to_look_at(void **state)
{
	const char *path = getenv("REEL_SHEET_DEMO");
	struct arena arena = { 0 };
	struct buf html = { 0 };
	struct err err = { 0 };
	struct sheet sheet;

	(void)state;
	if (!path)
		return;
	build(&arena, &sheet);
	sheet_html(&sheet, &html);
	assert_true(file_write_atomic(path, html.data, html.len, 0644, &err));
	buf_done(&html);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_a_person_compares),
		cmocka_unit_test(strangers_texts_are_data),
		cmocka_unit_test(asks_nobody_for_anything),
		cmocka_unit_test(csv_is_rfc_4180_without_formulas),
		cmocka_unit_test(names_become_safe_files),
		cmocka_unit_test(leaves_a_page_to_look_at),
	};

	return cmocka_run_group_tests_name("sheet", tests, NULL, NULL);
}
