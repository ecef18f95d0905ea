/*
 * JSON at the edge: parsing with a position, printing that is always valid, decode tables that
 * refuse with a path.
 */
// links: base
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

struct trim {
	char *input;
	int64_t start_ms;
	double speed;
	bool is_loud;
	struct json_texts tags;
	json_t *any;
};

static const struct json_field trim_fields[] = {
	{ "input", JSON_FIELD_TEXT, offsetof(struct trim, input), JSON_REQUIRED },
	{ "start_ms", JSON_FIELD_INT, offsetof(struct trim, start_ms), 0 },
	{ "speed", JSON_FIELD_NUMBER, offsetof(struct trim, speed), 0 },
	{ "loud", JSON_FIELD_BOOL, offsetof(struct trim, is_loud), 0 },
	{ "tags", JSON_FIELD_TEXTS, offsetof(struct trim, tags), 0 },
	{ "any", JSON_FIELD_ANY, offsetof(struct trim, any), 0 },
	{ "comment", JSON_FIELD_IGNORED, 0, 0 },
	{ 0 },
};

static json_t *parsed(const char *text)
{
	json_t *value = NULL;
	struct err err;

	if (!json_parse(text, strlen(text), "test", &value, &err))
		fail_msg("%s", err.text);
	return value;
}

static void decodes_every_type(void **state)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(json_freep)
	json_t *value = parsed("{\"input\":\"a.mp4\",\"start_ms\":8.0,\"speed\":2,\"loud\":true,"
			       "\"tags\":[\"x\",\"y\"],\"any\":{\"k\":[1]},\"comment\":null}");
	struct trim trim = { 0 };
	struct err err;

	(void)state;
	assert_true(json_decode(value, trim_fields, "plan", &trim, &arena, &err));
	assert_string_equal(trim.input, "a.mp4");
	assert_int_equal(trim.start_ms, 8);
	assert_true(trim.speed == 2.0);
	assert_true(trim.is_loud);
	assert_int_equal(trim.tags.count, 2);
	assert_string_equal(trim.tags.items[1], "y");
	assert_ptr_equal(trim.any, json_object_get(value, "any"));
}

static void absent_fields_keep_their_default(void **state)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(json_freep) json_t *value = parsed("{\"input\":\"\"}");
	struct trim trim = { .start_ms = 5, .speed = 1.5, .is_loud = true };
	struct err err;

	(void)state;
	assert_true(json_decode(value, trim_fields, "", &trim, &arena, &err));
	assert_int_equal(trim.start_ms, 5);
	assert_true(trim.speed == 1.5 && trim.is_loud);
	assert_null(trim.any);
}

static void refuses_with_a_path(void **state)
{
	static const struct {
		const char *text, *path, *message;
	} rows[] = {
		{ "{\"input\":\"a\",\"start_ms\":8.5}", "plan",
		  "plan.start_ms: expected integer, found a number" },
		{ "{\"input\":\"a\",\"start_ms\":\"8\"}", "",
		  "start_ms: expected integer, found text" },
		{ "{\"input\":\"a\",\"start_ms\":1e16}", "",
		  "start_ms: expected integer, found a number" },
		{ "{\"input\":3}", "plan", "plan.input: expected text, found a number" },
		{ "{\"input\":null}", "plan", "plan.input: expected text, found null" },
		{ "{\"input\":\"a\",\"loud\":1}", "",
		  "loud: expected true or false, found a number" },
		{ "{\"input\":\"a\",\"speed\":\"2\"}", "", "speed: expected a number, found text" },
		{ "{\"input\":\"a\",\"tags\":\"x\"}", "",
		  "tags: expected a list of texts, found text" },
		{ "{\"input\":\"a\",\"tags\":[1]}", "",
		  "tags: expected a list of texts, found a number" },
		{ "{\"input\":\"a\",\"start_sm\":1}", "plan",
		  "plan.start_sm: unknown name, did you mean 'start_ms'?" },
		{ "{\"input\":\"a\",\"qqqqqqqq\":1}", "plan", "plan.qqqqqqqq: unknown name" },
		{ "{}", "plan.steps[2]", "plan.steps[2].input: missing" },
		{ "[]", "plan", "plan: expected a map, found a list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(arena_done) struct arena arena = { 0 };
		DEFER(json_freep) json_t *value = parsed(rows[i].text);
		struct trim trim = { 0 };
		struct err err;

		assert_false(json_decode(value, trim_fields, rows[i].path, &trim, &arena, &err));
		assert_string_equal(err.text, rows[i].message);
		assert_int_equal(err.kind, ERR_REJECT);
	}
}

static void parse_errors_say_where(void **state)
{
	json_t *value = (json_t *)state; /* must stay untouched */
	struct err err;

	assert_false(json_parse("{\n \"a\": }", 9, "task", &value, &err));
	assert_int_equal(strncmp(err.text, "task:2:", 7), 0);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_ptr_equal(value, state);
	assert_false(json_parse("{\"a\":1,\"a\":2}", 13, "task", &value, &err));
	assert_false(json_parse("[1] x", 5, "task", &value, &err));
	assert_false(json_parse("", 0, "task", &value, &err));
	assert_false(json_parse("\"\\u0000\"", 8, "task", &value, &err));
	assert_false(json_parse("\"\xff\"", 3, "task", &value, &err));
}

static void depth_is_limited(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };
	json_t *value = NULL;
	struct err err;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_putc(&text, '[');
	assert_false(json_parse(text.data, text.len, "task", &value, &err));
	assert_null(value);
}

static void equal_values_give_equal_text(void **state)
{
	DEFER(json_freep) json_t *a = parsed("{\"b\": 1, \"a\": [1.5, \"x\"]}");
	DEFER(json_freep) json_t *b = parsed("{\"a\":[1.5,\"x\"],\"b\":1}");
	DEFER(freep) char *text_a = json_text(a);
	DEFER(freep) char *text_b = json_text(b);
	DEFER(freep) char *nothing = json_text(NULL);

	(void)state;
	assert_string_equal(text_a, text_b);
	assert_string_equal(text_a, "{\"a\":[1.5,\"x\"],\"b\":1}");
	assert_string_equal(nothing, "null");
}

/* Whatever bytes come in, what goes out can be parsed again. */
static void put_text_is_always_valid(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "\"\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "line\nfeed\x7f", "\"line\\u000afeed\\u007f\"" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\xac",
		  "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\xac\"" },
		{ "\xc3", "\"\xef\xbf\xbd\"" },			/* cut short */
		{ "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" }, /* longer than needed */
		{ "\xed\xa0\x80",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* half a surrogate */
		{ "\xf5x", "\"\xef\xbf\xbdx\"" },
		{ "\xf4\x90\x80\x80",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* beyond U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(buf_done) struct buf out = { 0 };
		DEFER(json_freep) json_t *back = NULL;

		json_put_text(&out, rows[i].in);
		assert_string_equal(out.data, rows[i].out);
		back = parsed(out.data);
		assert_true(json_is_string(back));
	}
}

static void numbers_are_written_as_people_see_them(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "0.1329", "0.1329" },
		{ "0.1", "0.1" },
		{ "-23.7", "-23.7" },
		{ "8.0", "8.0" },
		{ "29.97002997", "29.97002997" },
		{ "1789000000000000", "1789000000000000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DEFER(json_freep) json_t *value = parsed(rows[i].in);
		DEFER(freep) char *text = json_text(value);
		DEFER(freep) char *shown = json_show(value);

		assert_string_equal(text, rows[i].out);
		assert_string_equal(shown, rows[i].out);
	}
}

static void people_get_texts_without_quotes(void **state)
{
	DEFER(json_freep) json_t *text = parsed("\"a \\\"b\\\"\"");
	DEFER(json_freep) json_t *map = parsed("{\"b\":1,\"a\":[true]}");
	DEFER(freep) char *plain = json_plain(text);
	DEFER(freep) char *line = json_plain(map);
	DEFER(freep) char *shown = json_show(map);

	(void)state;
	assert_string_equal(plain, "a \"b\"");
	assert_string_equal(line, "{\"a\":[true],\"b\":1}");
	assert_string_equal(shown, "{\n  \"b\": 1,\n  \"a\": [\n    true\n  ]\n}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_every_type),
		cmocka_unit_test(absent_fields_keep_their_default),
		cmocka_unit_test(refuses_with_a_path),
		cmocka_unit_test(parse_errors_say_where),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(equal_values_give_equal_text),
		cmocka_unit_test(numbers_are_written_as_people_see_them),
		cmocka_unit_test(people_get_texts_without_quotes),
		cmocka_unit_test(put_text_is_always_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
