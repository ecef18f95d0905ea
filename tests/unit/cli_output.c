// links: cli
/*
 * What reaches a terminal: cleaned, measured, drawn within its bounds; and a batch across the
 * expanding child's socket, whole or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/board.h"
#include "cli/expand_wire.h"

static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void escapes_of_strangers_are_disarmed(void **state)
{
	struct buf out = { 0 };

	(void)state;
	output_put_clean(&out, "a\033]0;owned\007b\x9b\xc2\x9b"
			       "31m\nc\td\x7f");
	assert_null(strchr(out.data, '\033'));
	assert_null(strchr(out.data, '\007'));
	assert_null(strchr(out.data, '\n'));
	assert_null(strstr(out.data, "\xc2\x9b"));
	buf_clear(&out);
	output_put_clean(&out, "Größe 世界");
	assert_string_equal(out.data, "Größe 世界");
	buf_done(&out);
}

static void columns_are_counted_as_seen(void **state)
{
	(void)state;
	assert_int_equal(output_width("abc"), 3);
	assert_int_equal(output_width("Größe"), 5);
	assert_int_equal(output_width("世界"), 4);
	assert_int_equal(output_width("e\xcc\x81"), 1);
	assert_int_equal(output_width("🎬"), 2);
}

enum { ROWS = 40, STAGES = 4 };

struct sample {
	struct board board;
	struct queue_pipeline rows[ROWS];
	struct queue_stage stages[ROWS][STAGES];
};

static void make_board(struct sample *sample)
{
	*sample = (struct sample){ .board = { .batch = { .id = borrow("k3f9x2m4"),
							 .name = borrow("night"),
							 .total = ROWS,
							 .done = 10,
							 .failed = 1 },
					      .rows = sample->rows,
					      .count = ROWS } };
	for (int i = 0; i < ROWS; i++) {
		sample->rows[i] = (struct queue_pipeline){
			.name = borrow("a variant with quite a long name 世界 世界 世界 世界"),
			.index = i + 1,
			.end = i < 10 ? QUEUE_END_DONE : QUEUE_END_NONE,
			.stages = sample->stages[i],
			.stage_count = STAGES
		};
		for (int j = 0; j < STAGES; j++)
			sample->stages[i][j] =
				(struct queue_stage){ .id = borrow("draft"),
						      .permille = -1,
						      .state =
							      i < 10 ? QUEUE_DONE : QUEUE_BLOCKED };
	}
	sample->stages[20][0].state = QUEUE_RUNNING;
	sample->stages[20][0].permille = 450;
	sample->stages[20][0].step = borrow("encode");
	sample->stages[21][0].state = QUEUE_FAILED;
	sample->stages[21][0].message = borrow("no\033[2Jthing");
}

static void check_bounds(const struct board *board, int width, int height)
{
	const struct board_style style = { width, height, false, true, 0 };
	struct buf out = { 0 };
	int lines = -1, seen = 0;

	board_draw(board, &style, &out, &lines);
	assert_true(lines < height);
	for (char *line = out.data ? strtok(out.data, "\n") : NULL; line;
	     line = strtok(NULL, "\n")) {
		assert_true((int)output_width(line) <= width);
		assert_null(strchr(line, '\033'));
		seen++;
	}
	assert_int_equal(seen, lines > 0 ? lines : 0);
	buf_done(&out);
}

static void the_picture_fits_every_terminal(void **state)
{
	static struct sample sample;

	(void)state;
	make_board(&sample);
	for (int width = 1; width < 200; width += 7)
		for (int height = 1; height < 60; height += 3)
			check_bounds(&sample.board, width, height);
}

static void trouble_is_shown_first(void **state)
{
	static struct sample sample;
	const struct board_style style = { 120, 8, false, false, 0 };
	struct buf out = { 0 };
	int lines;

	(void)state;
	make_board(&sample);
	board_draw(&sample.board, &style, &out, &lines);
	assert_non_null(strstr(out.data, "draft encode 45%"));
	assert_non_null(strstr(out.data, "no?[2Jthing"));
	assert_non_null(strstr(out.data, "and 37 more"));
	buf_done(&out);
}

static void a_fraction_counts_what_will_not_run_again(void **state)
{
	static struct sample sample;

	(void)state;
	make_board(&sample);
	assert_true(board_fraction(&sample.board) > 10.0 / ROWS);
	assert_true(board_fraction(&sample.board) < 12.0 / ROWS);
	assert_false(board_is_held(&sample.board));
	sample.board.batch.stages[QUEUE_HELD] = 1;
	assert_true(board_is_held(&sample.board));
	sample.board.batch.stages[QUEUE_BACKOFF] = 1;
	assert_false(board_is_held(&sample.board));
}

static const struct spec_stage wire_stages[] = {
	{ .id = "draft",
	  .type = "generate",
	  .lane = "cpu",
	  .definition = "{\"a\":1}",
	  .needs_prepare = true,
	  .max_attempts = 3,
	  .base_ms = 5,
	  .max_ms = 9,
	  .factor = 1.5,
	  .attempt_ms = 1,
	  .queue_ms = 2,
	  .total_ms = -3 },
	{ .id = "check",
	  .type = "inspect",
	  .lane = "cpu",
	  .definition = "{}",
	  .inputs = 1,
	  .needs = 1,
	  .gates = 1,
	  .factor = 2 },
};
static const struct spec_pipeline wire_pipelines[] = {
	{ "one", "{}", wire_stages, 2 },
	{ "two", "{\"name\":\"x\"}", wire_stages, 1 },
};
static struct spec_notice wire_notices[] = { { "mind this" } };
static const struct spec_batch wire_batch = { .name = "n",
					      .labels = "{}",
					      .priority = "bulk",
					      .max_parallel = 7,
					      .budget = NULL,
					      .schedule = "{}",
					      .pipelines = wire_pipelines,
					      .pipeline_count = 2,
					      .notices = wire_notices,
					      .notice_count = 1 };

static void a_batch_crosses_whole(void **state)
{
	struct arena arena = { 0 };
	struct buf bytes = { 0 };
	struct spec_batch got = { 0 };
	struct reader reader;

	(void)state;
	expand_put_batch(&bytes, &wire_batch);
	reader_init(&reader, bytes.data, bytes.len);
	assert_true(expand_get_batch(&reader, &arena, &got));
	assert_string_equal(got.priority, "bulk");
	assert_null(got.budget);
	assert_int_equal(got.pipeline_count, 2);
	assert_string_equal(got.notices[0].text, "mind this");
	assert_string_equal(got.pipelines[0].stages[0].definition, "{\"a\":1}");
	assert_true(got.pipelines[0].stages[0].needs_prepare);
	assert_int_equal(got.pipelines[0].stages[0].total_ms, -3);
	assert_int_equal(got.pipelines[0].stages[1].gates, 1);
	assert_true(got.pipelines[0].stages[0].factor > 1.4 &&
		    got.pipelines[0].stages[0].factor < 1.6);
	arena_done(&arena);
	buf_done(&bytes);
}

static void a_cut_batch_is_refused(void **state)
{
	struct buf bytes = { 0 };

	(void)state;
	expand_put_batch(&bytes, &wire_batch);
	for (size_t len = 0; len < bytes.len; len++) {
		struct arena arena = { 0 };
		struct spec_batch got = { 0 };
		struct reader reader;
		char *copy = malloc(len + 1); /* its own block: reading past it is seen */

		memcpy(copy, bytes.data, len);
		reader_init(&reader, copy, len);
		assert_false(expand_get_batch(&reader, &arena, &got));
		arena_done(&arena);
		free(copy);
	}
	buf_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_of_strangers_are_disarmed),
		cmocka_unit_test(columns_are_counted_as_seen),
		cmocka_unit_test(the_picture_fits_every_terminal),
		cmocka_unit_test(trouble_is_shown_first),
		cmocka_unit_test(a_fraction_counts_what_will_not_run_again),
		cmocka_unit_test(a_batch_crosses_whole),
		cmocka_unit_test(a_cut_batch_is_refused),
	};

	return cmocka_run_group_tests_name("cli_output", tests, NULL, NULL);
}
