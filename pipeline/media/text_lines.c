/*
 * Line breaking. Words part at spaces; scripts written without spaces (Chinese, Japanese) may part
 * between any two characters, but not before closing marks or behind opening ones. The setting for
 * n lines is the one whose widest line is the least wide, found by halving the width.
 */
#include "pipeline/media/text_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

/* Decodes one character; anything torn counts as one byte. */
static size_t next_character(const char *text, uint32_t *out)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] < 0xc0 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	*out = length == 1 ? at[0] : at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			*out = at[0];
			return 1;
		}
		*out = *out << 6 | (at[i] & 0x3f);
	}
	return length;
}

static bool is_ideograph(uint32_t c)
{
	return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0xff00 && c <= 0xffef) || (c >= 0x20000 && c <= 0x3ffff);
}

static bool is_closing(uint32_t c)
{
	static const uint32_t marks[] = { 0x3001, 0x3002, 0xff0c, 0xff0e, 0xff01, 0xff1f, 0xff1b,
					  0xff1a, 0x300d, 0x300f, 0x3011, 0x300b, 0x3009, 0xff09,
					  0x30fc, 0x3063, 0x3083, 0x3085, 0x3087, 0x2026, 0x00b7 };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (marks[i] == c)
			return true;
	return false;
}

static bool is_opening(uint32_t c)
{
	return c == 0x300c || c == 0x300e || c == 0x3010 || c == 0x300a || c == 0x3008 ||
	       c == 0xff08;
}

static bool may_part(uint32_t before, uint32_t behind)
{
	return (is_ideograph(before) || is_ideograph(behind)) && !is_closing(behind) &&
	       !is_opening(before);
}

static void add_token(struct text_lines *lines, const char *text, size_t length, bool space,
		      bool line)
{
	lines->tokens = xrealloc(lines->tokens, (lines->count + 1) * sizeof(*lines->tokens));
	lines->tokens[lines->count++] = (struct text_token){
		.text = xstrndup(text, length),
		.follows_space = space,
		.begins_line = line && lines->count > 0,
	};
}

static void split(struct text_lines *lines, const char *text)
{
	bool space = false, line = false;

	while (*text) {
		const char *begin = text;
		uint32_t before = 0, c;
		size_t length;

		if (*text == '\n' || *text == ' ' || *text == '\t' || *text == '\r') {
			line |= *text == '\n';
			space = true;
			text++;
			continue;
		}
		while (*text && !strchr(" \t\r\n", *text)) {
			length = next_character(text, &c);
			if (before && may_part(before, c))
				break;
			before = c;
			text += length;
		}
		add_token(lines, begin, (size_t)(text - begin), space, line);
		space = line = false;
	}
}

void text_lines_read(struct text_lines *lines, struct text_engine *engine,
		     const struct text_style *style, double size_px, const char *text)
{
	split(lines, text);
	for (size_t i = 0; i < lines->count; i++)
		lines->tokens[i].width =
			text_measure(engine, style, size_px, lines->tokens[i].text);
	lines->space = text_measure(engine, style, size_px, "n n") -
		       text_measure(engine, style, size_px, "nn");
}

void text_lines_done(struct text_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->tokens[i].text);
	free(lines->tokens);
	*lines = (struct text_lines){ 0 };
}

/* Sets greedily within a width; calls back nothing, only counts; *out_widest may be NULL. */
static size_t count_lines(const struct text_lines *lines, double limit, double *out_widest)
{
	size_t count = 1;
	double width = 0, widest = 0;

	for (size_t i = 0; i < lines->count; i++) {
		const struct text_token *token = &lines->tokens[i];
		double more = token->width + (token->follows_space ? lines->space : 0);

		if (i && (token->begins_line || width + more > limit + 0.01)) {
			count++;
			width = token->width;
		} else {
			width += i ? more : token->width;
		}
		widest = width > widest ? width : widest;
	}
	if (out_widest)
		*out_widest = widest;
	return count;
}

static double narrowest(const struct text_lines *lines, size_t n)
{
	double low = 0, high = 0;

	for (size_t i = 0; i < lines->count; i++) {
		const struct text_token *token = &lines->tokens[i];

		low = token->width > low ? token->width : low;
		high += token->width + lines->space;
	}
	if (count_lines(lines, high, NULL) > n)
		return -1;
	if (count_lines(lines, low, NULL) <= n)
		return low;
	for (int i = 0; i < 40; i++) {
		double middle = (low + high) / 2;

		if (count_lines(lines, middle, NULL) <= n)
			high = middle;
		else
			low = middle;
	}
	return high;
}

double text_lines_width(const struct text_lines *lines, size_t n)
{
	double limit = narrowest(lines, n), widest;

	if (limit < 0)
		return -1;
	(void)count_lines(lines, limit, &widest); /* the width is what was asked */
	return widest;
}

void text_lines_break(const struct text_lines *lines, size_t n, struct text_block *block)
{
	DEFER(buf_done) struct buf line = { 0 };
	double limit = narrowest(lines, n), width = 0;

	for (size_t i = 0; i < lines->count; i++) {
		const struct text_token *token = &lines->tokens[i];
		double more = token->width + (token->follows_space ? lines->space : 0);
		bool is_full = token->begins_line || (limit >= 0 && width + more > limit + 0.01);

		if (i && is_full && block->line_count < TEXT_LINES_MAX - 1) {
			block->lines[block->line_count++] = buf_take(&line);
			width = token->width;
		} else {
			if (i && token->follows_space)
				buf_putc(&line, ' ');
			width += i ? more : token->width;
		}
		buf_puts(&line, token->text);
	}
	block->lines[block->line_count++] = buf_take(&line);
}
