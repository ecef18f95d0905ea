/*
 * The loop: refresh what changed, show it, wait for the next event or a quarter of a second.
 * Redrawing is limited to ten times a second; reading costs the farm at most a tenth of the time.
 */
#include "cli/follow.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/interrupt.h"
#include "cli/private.h"
#include "cli/stuck.h"

enum {
	DRAW_EVERY_US = 100000,
	LOOK_EVERY_US = 1000000, /* at what no event tells: progress, hosts, our own daemons */
	SAY_EVERY_US = 15000000, /* in a log: a batch that is long at work shall not look dead */
	WAIT_MS = 250,
	EVENTS_MAX = 1000,
	PATIENCE_MS = 120000,
};

struct follow {
	struct session *session;
	const struct follow_options *options;
	struct board *board;
	const char *batch;
	char *cursor;
	struct stuck stuck;
	int drawn_lines;
	int64_t began_us, drawn_us, said_us, looked_us, read_cost_us, read_us;
	int64_t ended; /* rows that ended, as far as they were read */
	bool is_loaded, has_news, is_utf8;
};

int follow_exit_code(const struct board *board)
{
	switch (board->batch.end) {
	case QUEUE_END_NONE: return board_is_held(board) ? EXIT_HELD : EXIT_UNKNOWN;
	case QUEUE_END_DONE: return EXIT_DONE;
	case QUEUE_END_PARTIAL: return EXIT_PARTIAL;
	case QUEUE_END_FAILED: return EXIT_FAILED;
	case QUEUE_END_CANCELLED: return EXIT_FAILED;
	}
	return EXIT_UNKNOWN;
}

static const struct output *output_of(const struct follow *follow)
{
	return &follow->session->cli->out;
}

static bool is_drawing(const struct follow *follow)
{
	return output_of(follow)->is_live && !output_of(follow)->is_quiet &&
	       !follow->options->is_silent;
}

static bool is_telling(const struct follow *follow)
{
	return !is_drawing(follow) && !output_of(follow)->is_quiet && !follow->options->is_silent;
}

static void erase(struct follow *follow)
{
	if (follow->drawn_lines)
		fprintf(stderr, "\033[%dA\033[J", follow->drawn_lines);
	follow->drawn_lines = 0;
}

static void draw(struct follow *follow, int64_t now)
{
	DEFER(buf_done) struct buf frame = { 0 };
	struct board_style style = { 80, 24, output_of(follow)->has_live_color, follow->is_utf8,
				     now };
	struct winsize size;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		style.width = size.ws_col;
		style.height = size.ws_row;
	}
	/* One write a frame, or it flickers. */
	if (follow->drawn_lines)
		buf_printf(&frame, "\033[%dA\033[J", follow->drawn_lines);
	board_draw(follow->board, &style, &frame, &follow->drawn_lines);
	if (frame.len)
		fwrite(frame.data, 1, frame.len, stderr);
	fflush(stderr);
	follow->drawn_us = now;
}

/* Elsewhere than on a terminal: endings and troubles, one line each. */
static void report_stage(const struct follow *follow, const struct queue_pipeline *row,
			 const struct queue_stage *before, const struct queue_stage *after)
{
	bool is_trouble = after->state == QUEUE_FAILED || after->state == QUEUE_HELD ||
			  after->state == QUEUE_BACKOFF;

	(void)follow;
	if (!is_trouble ||
	    (before && before->state == after->state && before->attempts == after->attempts))
		return;
	DEFER(buf_done) struct buf text = { 0 };

	output_put_clean(&text, row->name);
	buf_printf(&text, ": %s %s", after->id,
		   after->state == QUEUE_BACKOFF ? "will be tried again"
						 : queue_state_name(after->state));
	if (after->message) {
		buf_puts(&text, ": ");
		output_put_clean(&text, after->message);
	}
	fprintf(stderr, "%s\n", text.data);
}

static void report_row(void *context, const struct board *board,
		       const struct queue_pipeline *before, const struct queue_pipeline *after)
{
	struct follow *follow = context;
	DEFER(buf_done) struct buf name = { 0 };

	follow->ended += (after->end != QUEUE_END_NONE) - (before->end != QUEUE_END_NONE);
	if (!is_telling(follow))
		return;
	for (size_t i = 0; i < after->stage_count; i++)
		report_stage(follow, after, i < before->stage_count ? &before->stages[i] : NULL,
			     &after->stages[i]);
	if (after->end == QUEUE_END_NONE || before->end == after->end)
		return;
	output_put_clean(&name, after->name);
	fprintf(stderr, "[%lld/%lld] %s: %s\n", (long long)follow->ended,
		(long long)board->batch.total, name.data, queue_end_name(after->end));
}

static void say_progress(struct follow *follow, int64_t now)
{
	const struct queue_batch *batch = &follow->board->batch;
	int64_t total = 0, ended = 0;

	if (now - follow->said_us < SAY_EVERY_US)
		return;
	follow->said_us = now;
	for (enum queue_state state = 0; state < QUEUE_STATES; state++) {
		total += batch->stages[state];
		ended += queue_state_is_final(state) ? batch->stages[state] : 0;
	}
	fprintf(stderr, "%lld of %lld stages done, %lld running\n", (long long)ended,
		(long long)total, (long long)batch->stages[QUEUE_RUNNING]);
}

static bool load(struct follow *follow, struct err *err)
{
	free(TAKE(follow->cursor));
	follow->cursor = xstrdup("$");
	if (!board_load(follow->session->client, follow->batch, follow->board, err))
		return false;
	follow->is_loaded = true;
	follow->ended = 0;
	for (size_t i = 0; i < follow->board->count; i++)
		follow->ended += follow->board->rows[i].end != QUEUE_END_NONE;
	return true;
}

/* Reads what is stale, unless reading it just now cost so much that the farm would feel it. */
static bool refresh(struct follow *follow, int64_t now, struct err *err)
{
	if (!follow->has_news || now - follow->read_us < follow->read_cost_us * 10)
		return true;
	if (!board_refresh(follow->session->client, follow->board, report_row, follow, err))
		return false;
	follow->has_news = false;
	follow->read_us = clock_monotonic_us();
	follow->read_cost_us = follow->read_us - now;
	return true;
}

static bool look_for_hosts(struct follow *follow, struct err *err)
{
	bool had_none = follow->board->has_no_host;
	struct queue_host *hosts;
	size_t count, alive = 0;

	if (!queue_hosts(follow->session->client, &hosts, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		alive += !hosts[i].is_lapsed;
		queue_host_done(&hosts[i]);
	}
	free(hosts);
	follow->board->has_no_host = !alive && !follow->session->private;
	if (follow->board->has_no_host && !had_none && !is_drawing(follow))
		output_note(output_of(follow),
			    "no host of farm '%s' is alive; the batch waits until a reeld starts",
			    follow->session->config->farm);
	return true;
}

static bool look_for_obstacles(struct follow *follow, struct err *err)
{
	free(TAKE(follow->board->stuck));
	return stuck_look(&follow->stuck, follow->session->client, follow->session->config,
			  &follow->board->batch, &follow->board->stuck, err);
}

/* What no event tells. */
static bool look_around(struct follow *follow, int64_t now, struct err *err)
{
	if (now - follow->looked_us < LOOK_EVERY_US)
		return true;
	follow->looked_us = now;
	board_mark_unfinished(follow->board);
	follow->has_news = true;
	if (follow->options->keeps_farm && !session_work(follow->session, err))
		return false;
	return look_for_hosts(follow, err) && look_for_obstacles(follow, err);
}

static bool wait_for_event(struct follow *follow, struct err *err)
{
	struct queue_event *events;
	bool has_gap = false;
	size_t count;

	if (!queue_events(follow->session->client, follow->cursor, WAIT_MS, EVENTS_MAX, &events,
			  &count, &has_gap, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		board_mark(follow->board, events[i].stage);
		if (i + 1 == count) {
			free(follow->cursor);
			follow->cursor = xstrdup(events[i].cursor);
		}
		queue_event_done(&events[i]);
	}
	free(events);
	if (has_gap)
		board_mark_unfinished(follow->board);
	follow->has_news |= count || has_gap;
	return true;
}

/* A batch that ended has no unfinished row: one that looks so was missed, and is read again. */
static void check_ends(struct follow *follow)
{
	const struct board *board = follow->board;

	for (size_t i = 0; board->batch.end != QUEUE_END_NONE && i < board->count; i++)
		if (board->rows[i].end == QUEUE_END_NONE)
			follow->has_news = board->is_stale[i] = true;
}

/* One turn; sets *code when there is nothing more to wait for. */
static bool turn(struct follow *follow, int *code, struct err *err)
{
	int64_t now = clock_monotonic_us();
	bool is_late = follow->options->timeout_ms &&
		       now - follow->began_us > follow->options->timeout_ms * 1000;

	if (!follow->is_loaded && !load(follow, err))
		return false;
	if (!look_around(follow, now, err) || !refresh(follow, now, err))
		return false;
	if (is_drawing(follow) && now - follow->drawn_us >= DRAW_EVERY_US)
		draw(follow, now);
	else if (is_telling(follow))
		say_progress(follow, now);
	check_ends(follow);
	*code = follow_exit_code(follow->board);
	if (*code == EXIT_HELD && follow->options->until_ended &&
	    !(follow->board->stuck && follow->options->leaves_stuck))
		*code = EXIT_UNKNOWN;
	if (*code != EXIT_UNKNOWN && !follow->has_news)
		return true;
	*code = interrupt_is_set() ? EXIT_INTERRUPTED : is_late ? EXIT_UNKNOWN : -1;
	return *code >= 0 || wait_for_event(follow, err);
}

/* Redis went away: come back, read everything anew. */
static bool survive(struct follow *follow, struct err *err)
{
	if (err->kind != ERR_RETRY || interrupt_is_set())
		return false;
	erase(follow);
	output_note(output_of(follow), "%s; connecting again", err->text);
	if (!session_recover(follow->session, PATIENCE_MS, err))
		return false;
	if (follow->options->keeps_farm && !session_work(follow->session, err))
		return false;
	if (follow->is_loaded)
		board_done(follow->board);
	follow->is_loaded = false;
	return true;
}

int follow_batch(struct session *session, const char *batch, const struct follow_options *options,
		 struct board *board, struct err *err)
{
	struct follow follow = { .session = session,
				 .options = options,
				 .board = board,
				 .batch = batch,
				 .began_us = clock_monotonic_us() };
	bool is_good = true;
	int code = -1;

	follow.said_us = follow.began_us;
	*board = (struct board){ 0 };
	setlocale(LC_CTYPE, "");
	follow.is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	interrupt_as_flag();
	if (is_drawing(&follow))
		fputs("\033[?25l", stderr);
	while (code < 0 && is_good)
		is_good = turn(&follow, &code, err) || survive(&follow, err);
	if (is_drawing(&follow)) {
		if (is_good && follow.is_loaded)
			draw(&follow, clock_monotonic_us());
		fputs("\033[?25h", stderr);
	}
	free(follow.cursor);
	stuck_done(&follow.stuck);
	return interrupt_is_set() ? EXIT_INTERRUPTED : is_good ? code : -1;
}

void follow_tell_stuck(const struct cli *cli, const struct board *board, int code)
{
	if (code == EXIT_HELD && board->stuck)
		output_note(&cli->out, "batch %s is held for a person: %s", board->batch.id,
			    board->stuck);
}
