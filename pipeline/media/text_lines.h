/*
 * Where lines of a text may break, and the breaks that make them about equally long.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pipeline/media/text.h"

struct text_lines {
	struct text_token {
		char *text; /* owned */
		double width;
		bool follows_space, begins_line; /* begins_line: a line break of the text's own */
	} * tokens;
	size_t count;
	double space;
};

/* Splits and measures, at a reference size. */
void text_lines_read(struct text_lines *lines, struct text_engine *engine,
		     const struct text_style *style, double size_px, const char *text);
void text_lines_done(struct text_lines *lines);

/* Width of the widest line when set on at most `n` lines as evenly as can be; negative: it has more
 * line breaks of its own. */
double text_lines_width(const struct text_lines *lines, size_t n);

/* Fills block->lines with that setting. */
void text_lines_break(const struct text_lines *lines, size_t n, struct text_block *block);

/* In text.c: width of the ink of one line. */
double text_measure(struct text_engine *engine, const struct text_style *style, double size_px,
		    const char *text);
