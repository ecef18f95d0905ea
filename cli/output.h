/*
 * Everything a command prints: tables for people, JSON for scripts, messages and one status line on
 * stderr. Decides once whether there is a terminal and whether it wants colour (NO_COLOR,
 * https://no-color.org, read 2026-11).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON };

struct output {
	enum output_format format;
	const char *jq;
	bool is_quiet;
	bool has_color; /* of stdout */
	bool is_live;	/* stderr is a terminal that can redraw */
	bool has_live_color;
};

void output_init(struct output *out, enum output_format format, const char *jq, bool is_quiet,
		 bool no_color);

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_BUSY, TONE_WAIT, TONE_DIM, TONE_STRONG };

/* The escape sequence of a tone, "" without colour. TONE_PLAIN ends any other. */
const char *output_tone(bool has_color, enum tone tone);

/* Text for a terminal: control characters, and with them escape sequences from prompts and error
 * messages of strangers, become '?'; newlines become spaces. Appends. */
void output_put_clean(struct buf *out, const char *text);

/* Columns a text takes on a terminal (UTF-8; wide East Asian letters and emoji count 2). */
size_t output_width(const char *text);

/* A table: cells row by row, columns padded to fit; a tone per cell. */
struct table {
	const char *const *head; /* NULL-ended; NULL: no head line */
	size_t columns;
	struct table_cell {
		char *text;
		enum tone tone;
	} * cells;
	size_t count, cap;
};

void table_init(struct table *table, const char *const *head);
void table_put(struct table *table, enum tone tone, const char *format, ...) PRINTF_LIKE(3, 4);
void table_print(const struct table *table, const struct output *out);
void table_done(struct table *table);

/* Prints a value as JSON, or what --jq makes of it. Returns an exit code: 2 when the expression is
 * wrong or runs away. */
int output_json(const struct output *out, const json_t *value);

/* One line to stdout, flushed. */
void output_line(const char *format, ...) PRINTF_LIKE(1, 2);

/* "reel: ..." to stderr; not when quiet. */
void output_note(const struct output *out, const char *format, ...) PRINTF_LIKE(2, 3);
