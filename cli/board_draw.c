/*
 * The live picture as text: a bar, then one line a pipeline with a sign a stage. Pure, so that a
 * test can look at it.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/units.h"
#include "cli/board.h"

enum { NAME_MAX_COLUMNS = 44, MIN_WIDTH = 20 };

struct sign {
	const char *pretty, *plain;
};

static struct sign sign_of(enum queue_state state)
{
	switch (state) {
	case QUEUE_BLOCKED: return (struct sign){ "·", "." };
	case QUEUE_PREPARING: return (struct sign){ "◌", "o" };
	case QUEUE_READY: return (struct sign){ "○", "o" };
	case QUEUE_RUNNING: return (struct sign){ "▶", ">" };
	case QUEUE_BACKOFF: return (struct sign){ "↻", "r" };
	case QUEUE_HELD: return (struct sign){ "‖", "H" };
	case QUEUE_CANCELLING: return (struct sign){ "⊘", "c" };
	case QUEUE_DONE: return (struct sign){ "✓", "+" };
	case QUEUE_FAILED: return (struct sign){ "✗", "x" };
	case QUEUE_SKIPPED: return (struct sign){ "–", "-" };
	case QUEUE_CANCELLED: return (struct sign){ "⊘", "c" };
	case QUEUE_STATES: break;
	}
	return (struct sign){ "?", "?" };
}

/* A line under construction: counts columns, so that escapes do not, and cuts at the width. */
struct line {
	struct buf *out;
	const struct board_style *style;
	int used;
};

static void line_put(struct line *line, enum tone tone, const char *text)
{
	DEFER(buf_done) struct buf clean = { 0 };
	int room = line->style->width - line->used;

	output_put_clean(&clean, text);
	if (!clean.len || room <= 0)
		return;
	while (clean.len && (int)output_width(clean.data) > room)
		clean.data[--clean.len] = '\0';
	if (tone != TONE_PLAIN)
		buf_puts(line->out, output_tone(line->style->has_color, tone));
	buf_put(line->out, clean.data, clean.len);
	if (tone != TONE_PLAIN)
		buf_puts(line->out, output_tone(line->style->has_color, TONE_PLAIN));
	line->used += (int)output_width(clean.data);
}

static void line_pad(struct line *line, int column)
{
	while (line->used < column && line->used < line->style->width) {
		buf_putc(line->out, ' ');
		line->used++;
	}
}

static void line_end(struct line *line, int *lines)
{
	buf_putc(line->out, '\n');
	line->used = 0;
	++*lines;
}

static void put_bar(struct line *line, double fraction)
{
	int width = line->style->width > 90 ? 30 : 16, full = (int)(fraction * width + 0.5);

	for (int i = 0; i < width; i++)
		line_put(line, i < full ? TONE_GOOD : TONE_DIM,
			 line->style->is_utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "-"));
}

/* How long the rest takes if it goes on as since we look. */
static void put_estimate(struct line *line, const struct board *board, double fraction)
{
	double gained = fraction - board->seen_fraction;
	int64_t elapsed_ms = (line->style->now_us - board->seen_at_us) / 1000, left_ms;
	char text[48], shown[32];

	if (gained < 0.03 || elapsed_ms < 2000 || fraction >= 1)
		return;
	left_ms = (int64_t)((double)elapsed_ms * (1 - fraction) / gained);
	units_show_duration((left_ms / 1000 + 1) * 1000, shown); /* tenths would only dance */
	snprintf(text, sizeof(text), "  about %s left", shown);
	line_put(line, TONE_PLAIN, text);
}

static void put_head(struct line *line, const struct board *board, int *lines)
{
	double fraction = board_fraction(board);
	DEFER(buf_done) struct buf counts = { 0 };
	char text[64];

	line_put(line, TONE_STRONG, board->batch.name);
	line_put(line, TONE_DIM, "  ");
	line_put(line, TONE_DIM, board->batch.id);
	line_end(line, lines);
	put_bar(line, fraction);
	snprintf(text, sizeof(text), " %3.0f%%  %lld of %lld", fraction * 100,
		 (long long)board_ended(board), (long long)board->batch.total);
	line_put(line, TONE_PLAIN, text);
	put_estimate(line, board, fraction);
	line_end(line, lines);
	board_counts(board, &counts);
	line_put(line, TONE_DIM, counts.data);
	if (board->batch.is_paused)
		line_put(line, TONE_WAIT, "  (paused)");
	if (board->has_no_host)
		line_put(line, TONE_BAD, "  no host is alive: start reeld on one");
	line_end(line, lines);
}

/* The stage a person asks about: running, else held, failed or waiting to be retried. */
static const struct queue_stage *stage_of_interest(const struct queue_pipeline *row)
{
	static const enum queue_state order[] = { QUEUE_RUNNING, QUEUE_FAILED, QUEUE_HELD,
						  QUEUE_BACKOFF };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < row->stage_count; j++)
			if (row->stages[j].state == order[i])
				return &row->stages[j];
	return NULL;
}

static void put_interest(struct line *line, const struct queue_pipeline *row)
{
	const struct queue_stage *stage = stage_of_interest(row);
	char text[96];

	if (!stage)
		return;
	line_put(line, board_state_tone(stage->state), stage->id);
	if (stage->state == QUEUE_RUNNING) {
		snprintf(text, sizeof(text), " %s", stage->step ? stage->step : "");
		line_put(line, TONE_DIM, text);
		if (stage->permille >= 0) {
			snprintf(text, sizeof(text), " %d%%", stage->permille / 10);
			line_put(line, TONE_PLAIN, text);
		}
	} else if (stage->message) {
		line_put(line, TONE_DIM, ": ");
		line_put(line, TONE_DIM, stage->message);
	}
	if (stage->attempts > 1 || stage->state == QUEUE_BACKOFF) {
		snprintf(text, sizeof(text), " (attempt %lld)", (long long)stage->attempts);
		line_put(line, TONE_WAIT, text);
	}
}

static void put_row(struct line *line, const struct queue_pipeline *row, int name_columns,
		    int *lines)
{
	const struct board_style whole = *line->style;
	struct board_style cut = whole;

	cut.width = name_columns < whole.width ? name_columns : whole.width;
	line->style = &cut;
	line_put(line, TONE_PLAIN, row->name);
	line->style = &whole;
	line_pad(line, name_columns + 2);
	for (size_t i = 0; i < row->stage_count; i++) {
		struct sign sign = sign_of(row->stages[i].state);

		line_put(line, board_state_tone(row->stages[i].state),
			 whole.is_utf8 ? sign.pretty : sign.plain);
		line_put(line, TONE_PLAIN, " ");
	}
	line_put(line, TONE_PLAIN, " ");
	put_interest(line, row);
	line_end(line, lines);
	line->style = NULL; /* `whole` ends here: the caller sets its own again */
}

/* What to show first when not all fit: 0 moves, 1 is in trouble, 2 waits, 3 is done. */
static int rank_of(const struct queue_pipeline *row)
{
	const struct queue_stage *stage = stage_of_interest(row);

	if (stage && stage->state == QUEUE_RUNNING)
		return 0;
	if (stage)
		return 1;
	return row->end == QUEUE_END_NONE ? 2 : 3;
}

static int name_columns_of(const struct board *board)
{
	int widest = 8;

	for (size_t i = 0; i < board->count; i++) {
		int width = board->rows[i].name ? (int)output_width(board->rows[i].name) : 0;

		if (width > widest)
			widest = width;
	}
	return widest < NAME_MAX_COLUMNS ? widest : NAME_MAX_COLUMNS;
}

void board_draw(const struct board *board, const struct board_style *style, struct buf *out,
		int *out_lines)
{
	struct line line = { out, style, 0 };
	int room = style->height - 5, left = (int)board->count, columns = name_columns_of(board);
	char text[64];

	*out_lines = 0;
	if (style->width < MIN_WIDTH || style->height < 5)
		return;
	put_head(&line, board, out_lines);
	for (int rank = 0; rank < 4; rank++)
		for (size_t i = 0; i < board->count && room > 0; i++) {
			/* All fit: keep the order of the spec. */
			if ((int)board->count <= style->height - 5
				    ? rank
				    : rank_of(&board->rows[i]) != rank)
				continue;
			line.style = style;
			put_row(&line, &board->rows[i], columns, out_lines);
			room--;
			left--;
		}
	line.style = style;
	if (left > 0) {
		snprintf(text, sizeof(text), "and %d more", left);
		line_put(&line, TONE_DIM, text);
		line_end(&line, out_lines);
	}
}
