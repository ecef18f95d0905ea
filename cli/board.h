/*
 * A batch as it stands: what follow.c keeps fresh and board_draw.c shows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/output.h"
#include "queue/client.h"

struct board {
	struct queue_batch batch;
	struct queue_pipeline *rows; /* by index, row i is pipeline i + 1; no payload */
	bool *is_stale;		     /* row i is to be read again */
	size_t count;
	int64_t seen_at_us;   /* monotonic, of the first load */
	double seen_fraction; /* of the work done then: the rest of the estimate is from here */
	bool has_no_host;
	char *stuck; /* why nothing moves before a person acts, though no stage is held; or NULL */
};

bool board_load(struct queue_client *client, const char *batch, struct board *out,
		struct err *err) MUST_CHECK;
void board_done(struct board *board);

/* Marks the row an event or a stage id belongs to; other batches' are ignored. */
void board_mark(struct board *board, const char *id);
void board_mark_unfinished(struct board *board);

/* Reads the batch and all stale rows. changed (may be NULL) is called for each row before its old
 * state is dropped. */
bool board_refresh(struct queue_client *client, struct board *board,
		   void (*changed)(void *context, const struct board *board,
				   const struct queue_pipeline *before,
				   const struct queue_pipeline *after),
		   void *context, struct err *err) MUST_CHECK;

/* 0..1 by stages that will not run again. */
double board_fraction(const struct board *board);
int64_t board_ended(const struct board *board); /* pipelines */

/* Nothing moves any more but what waits for a person. */
bool board_is_held(const struct board *board);

struct board_style {
	int width, height; /* of the terminal */
	bool has_color, is_utf8;
	int64_t now_us; /* monotonic */
};

/* At most height - 1 lines, each at most width columns and ended by '\n'. *out_lines counts them.
 */
void board_draw(const struct board *board, const struct board_style *style, struct buf *out,
		int *out_lines);

/* "done 23, failed 1, running 4" for one line. */
void board_counts(const struct board *board, struct buf *out);

enum tone board_state_tone(enum queue_state state);
enum tone board_end_tone(enum queue_end end);
