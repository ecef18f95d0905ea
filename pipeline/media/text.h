/*
 * Text as pictures: shaped, in any script, by any installed font, through libass, whose one home
 * this is. The text is always literal: braces, backslashes and line breaks never mean anything
 * else.
 *
 *      text_fit (line breaks, size) -> text_draw (a picture) -> text_picture (for the graph)
 */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct text_engine;

enum text_align { TEXT_LEFT, TEXT_CENTER, TEXT_RIGHT };
enum { TEXT_LINES_MAX = 12, TEXT_CHARACTERS_MAX = 600 };

struct text_color {
	uint8_t r, g, b, a;
};

struct text_style {
	const char *family; /* installed: see font_choose */
	bool is_bold;
	struct text_color color, stroke, background; /* a of 0: none */
	double stroke_px;
	enum text_align align;
};

struct text_block {
	char *lines[TEXT_LINES_MAX]; /* owned */
	size_t line_count;
	double size_px; /* height of a line */
};

/* Premultiplied RGBA, cropped to what is visible. x, y: place on an endless canvas, the same for
 * all words of a block. */
struct text_image {
	int x, y, width, height;
	uint8_t *rgba;
};

/* The warm engine when there is one, else a new one. text_engine_drop frees only the latter. */
struct text_engine *text_engine_take(void);
void text_engine_drop(struct text_engine **engine);
void text_engine_warm_up(void);
void text_engine_cool_down(void);

/* Breaks and sizes the text: the widest line becomes `width_px`, the block at most `height_px`
 * high. It is set on as few lines as keep a line at least `smallest_px` high, broken so that they
 * are about equally long; line breaks in the text are kept. */
bool text_fit(struct text_engine *engine, const char *text, const struct text_style *style,
	      double width_px, double height_px, double smallest_px, struct text_block *out,
	      struct err *err) MUST_CHECK;
void text_block_done(struct text_block *block);
size_t text_block_words(const struct text_block *block);

/* Draws the block, or its one word `word` (from 0; -1: all) where it stands in the block. False
 * only when the text leaves no mark at all. */
bool text_draw(struct text_engine *engine, const struct text_block *block,
	       const struct text_style *style, long word, struct text_image *out,
	       struct err *err) MUST_CHECK;
void text_image_done(struct text_image *image);

/* "#rgb", "#rrggbb", "#rrggbbaa", a CSS name, either with "@0.5" for half transparent. */
bool text_color_parse(const char *text, const char *path, struct text_color *out,
		      struct err *err) MUST_CHECK;

/* The image as yuva420p in BT.709, sizes made even. Caller frees. */
AVFrame *text_picture(const struct text_image *image);
