/*
 * The model of a watched batch. Level-triggered: events only say which rows to read again, so a
 * lost one costs a second, never a wrong picture.
 */
#include "cli/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/records.h"

enum { PAGE = 500 };

static bool load_rows(struct queue_client *client, struct board *board, struct err *err)
{
	int64_t total = board->batch.total;

	board->rows = xcalloc((size_t)total + 1, sizeof(*board->rows));
	board->is_stale = xcalloc((size_t)total + 1, sizeof(*board->is_stale));
	while ((int64_t)board->count < total) {
		struct queue_pipeline *page;
		size_t count;

		if (!queue_pipelines(client, board->batch.id, (int64_t)board->count + 1, PAGE,
				     false, &page, &count, err))
			return false;
		if (count > (size_t)total - board->count)
			count = (size_t)total - board->count;
		memcpy(board->rows + board->count, page, count * sizeof(*page));
		free(page);
		board->count += count;
		if (!count)
			return true;
	}
	return true;
}

bool board_load(struct queue_client *client, const char *batch, struct board *out, struct err *err)
{
	*out = (struct board){ .seen_at_us = clock_monotonic_us() };
	if (!queue_batch_get(client, batch, &out->batch, err))
		return false;
	if (!load_rows(client, out, err)) {
		board_done(out);
		return false;
	}
	out->seen_fraction = board_fraction(out);
	return true;
}

void board_done(struct board *board)
{
	record_free_pipelines(board->rows, board->count);
	free(board->is_stale);
	queue_batch_done(&board->batch);
	free(board->stuck);
	*board = (struct board){ 0 };
}

void board_mark(struct board *board, const char *id)
{
	size_t len = strlen(board->batch.id);
	long index;

	if (strncmp(id, board->batch.id, len) || id[len] != '-')
		return;
	index = strtol(id + len + 1, NULL, 10);
	if (index >= 1 && (size_t)index <= board->count)
		board->is_stale[index - 1] = true;
}

void board_mark_unfinished(struct board *board)
{
	for (size_t i = 0; i < board->count; i++)
		if (board->rows[i].end == QUEUE_END_NONE)
			board->is_stale[i] = true;
}

typedef void changed_fn(void *context, const struct board *board,
			const struct queue_pipeline *before, const struct queue_pipeline *after);

/* Reads the run of stale rows that begins at i; gives its length. */
static bool refresh_run(struct queue_client *client, struct board *board, size_t i, size_t *out_run,
			changed_fn *changed, void *context, struct err *err)
{
	struct queue_pipeline *page;
	size_t run = 1, count;

	while (run < PAGE && i + run < board->count && board->is_stale[i + run])
		run++;
	if (!queue_pipelines(client, board->batch.id, (int64_t)i + 1, run, false, &page, &count,
			     err))
		return false;
	for (size_t j = 0; j < count; j++) {
		if (j >= run) {
			queue_pipeline_done(&page[j]);
			continue;
		}
		if (changed)
			changed(context, board, &board->rows[i + j], &page[j]);
		queue_pipeline_done(&board->rows[i + j]);
		board->rows[i + j] = page[j];
		board->is_stale[i + j] = false;
	}
	free(page);
	*out_run = run;
	return true;
}

bool board_refresh(struct queue_client *client, struct board *board, changed_fn *changed,
		   void *context, struct err *err)
{
	struct queue_batch batch;

	if (!queue_batch_get(client, board->batch.id, &batch, err))
		return false;
	queue_batch_done(&board->batch);
	board->batch = batch;
	for (size_t i = 0, run = 1; i < board->count; i += run) {
		run = 1;
		if (board->is_stale[i] &&
		    !refresh_run(client, board, i, &run, changed, context, err))
			return false;
	}
	return true;
}

int64_t board_ended(const struct board *board)
{
	return board->batch.done + board->batch.failed + board->batch.cancelled;
}

double board_fraction(const struct board *board)
{
	size_t per_row = 1;
	double done = 0;

	for (size_t i = 0; i < board->count; i++)
		if (board->rows[i].stage_count > per_row)
			per_row = board->rows[i].stage_count;
	for (size_t i = 0; i < board->count; i++) {
		const struct queue_pipeline *row = &board->rows[i];

		if (row->end != QUEUE_END_NONE) {
			done += 1;
			continue;
		}
		for (size_t j = 0; j < row->stage_count; j++)
			done += (queue_state_is_final(row->stages[j].state) ? 1
				 : row->stages[j].state == QUEUE_RUNNING &&
						 row->stages[j].permille > 0
					 ? row->stages[j].permille / 1000.0
					 : 0) /
				(double)per_row;
	}
	return board->count ? done / (double)board->count : 1;
}

bool board_is_held(const struct board *board)
{
	static const enum queue_state moving[] = { QUEUE_PREPARING, QUEUE_READY, QUEUE_RUNNING,
						   QUEUE_BACKOFF, QUEUE_CANCELLING };

	if (board->batch.end != QUEUE_END_NONE)
		return false;
	if (board->stuck)
		return true;
	if (!board->batch.stages[QUEUE_HELD])
		return false;
	for (size_t i = 0; i < ARRAY_LEN(moving); i++)
		if (board->batch.stages[moving[i]])
			return false;
	return true;
}

enum tone board_state_tone(enum queue_state state)
{
	switch (state) {
	case QUEUE_BLOCKED: return TONE_DIM;
	case QUEUE_PREPARING: return TONE_BUSY;
	case QUEUE_READY: return TONE_PLAIN;
	case QUEUE_RUNNING: return TONE_BUSY;
	case QUEUE_BACKOFF: return TONE_WAIT;
	case QUEUE_HELD: return TONE_WAIT;
	case QUEUE_CANCELLING: return TONE_WAIT;
	case QUEUE_DONE: return TONE_GOOD;
	case QUEUE_FAILED: return TONE_BAD;
	case QUEUE_SKIPPED: return TONE_DIM;
	case QUEUE_CANCELLED: return TONE_DIM;
	case QUEUE_STATES: break;
	}
	return TONE_PLAIN;
}

enum tone board_end_tone(enum queue_end end)
{
	switch (end) {
	case QUEUE_END_NONE: return TONE_BUSY;
	case QUEUE_END_DONE: return TONE_GOOD;
	case QUEUE_END_PARTIAL: return TONE_WAIT;
	case QUEUE_END_FAILED: return TONE_BAD;
	case QUEUE_END_CANCELLED: return TONE_DIM;
	}
	return TONE_PLAIN;
}

void board_counts(const struct board *board, struct buf *out)
{
	const struct queue_batch *batch = &board->batch;
	const struct {
		const char *name;
		int64_t count;
	} parts[] = {
		{ "done", batch->done },
		{ "failed", batch->failed },
		{ "cancelled", batch->cancelled },
		{ "stages running", batch->stages[QUEUE_RUNNING] },
		{ "waiting to be retried", batch->stages[QUEUE_BACKOFF] },
		{ "held for a person", batch->stages[QUEUE_HELD] },
	};
	bool is_first = true;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!parts[i].count && i)
			continue;
		buf_printf(out, "%s%lld %s", is_first ? "" : ", ", (long long)parts[i].count,
			   parts[i].name);
		is_first = false;
	}
}
