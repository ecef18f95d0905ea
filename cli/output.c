/*
 * Terminal facts, cleaning of strangers' text, tables.
 */
#include "cli/output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static bool wants_color(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void output_init(struct output *out, enum output_format format, const char *jq, bool is_quiet,
		 bool no_color)
{
	const char *term = getenv("TERM");

	out->format = jq ? OUTPUT_JSON : format;
	out->jq = jq;
	out->is_quiet = is_quiet;
	out->has_color = !no_color && wants_color(STDOUT_FILENO);
	out->has_live_color = !no_color && wants_color(STDERR_FILENO);
	out->is_live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

const char *output_tone(bool has_color, enum tone tone)
{
	if (!has_color)
		return "";
	switch (tone) {
	case TONE_PLAIN: return "\033[0m";
	case TONE_GOOD: return "\033[32m";
	case TONE_BAD: return "\033[31m";
	case TONE_BUSY: return "\033[36m";
	case TONE_WAIT: return "\033[33m";
	case TONE_DIM: return "\033[2m";
	case TONE_STRONG: return "\033[1m";
	}
	return "";
}

void output_put_clean(struct buf *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		/* C1 controls arrive in UTF-8 as C2 80..9F; 9B there is another CSI. */
		if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
			buf_putc(out, '?');
			at++;
		} else if (*at == '\n' || *at == '\t' || *at == '\r') {
			buf_putc(out, ' ');
		} else {
			buf_putc(out, *at < 0x20 || *at == 0x7f ? '?' : (char)*at);
		}
	}
}

/* Decodes one UTF-8 letter; a broken byte stands for itself. */
static const unsigned char *letter_next(const unsigned char *at, uint32_t *out)
{
	int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;

	*out = more ? *at & (0x3f >> more) : *at;
	for (at++; more > 0 && (*at & 0xc0) == 0x80; more--, at++)
		*out = *out << 6 | (*at & 0x3f);
	return at;
}

/* Unicode 15 TR 11, coarse: the blocks that are wide as a whole, and the combining marks. */
static size_t letter_width(uint32_t letter)
{
	if ((letter >= 0x300 && letter <= 0x36f) || (letter >= 0x200b && letter <= 0x200f) ||
	    (letter >= 0xfe00 && letter <= 0xfe0f) || letter == 0x2060)
		return 0;
	if ((letter >= 0x1100 && letter <= 0x115f) || (letter >= 0x2e80 && letter <= 0xa4cf) ||
	    (letter >= 0xac00 && letter <= 0xd7a3) || (letter >= 0xf900 && letter <= 0xfaff) ||
	    (letter >= 0xfe30 && letter <= 0xfe6f) || (letter >= 0xff00 && letter <= 0xff60) ||
	    (letter >= 0x1f300 && letter <= 0x1faff) || (letter >= 0x20000 && letter <= 0x3fffd))
		return 2;
	return 1;
}

size_t output_width(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t width = 0;
	uint32_t letter;

	while (*at) {
		at = letter_next(at, &letter);
		width += letter_width(letter);
	}
	return width;
}

void table_init(struct table *table, const char *const *head)
{
	*table = (struct table){ .head = head };
	while (head[table->columns])
		table->columns++;
}

void table_put(struct table *table, enum tone tone, const char *format, ...)
{
	struct buf clean = { 0 };
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	output_put_clean(&clean, text);
	free(text);
	if (table->count == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->cells = xrealloc(table->cells, table->cap * sizeof(*table->cells));
	}
	table->cells[table->count++] = (struct table_cell){ buf_take(&clean), tone };
}

static void measure(const struct table *table, size_t *widths)
{
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = strlen(table->head[i]);
	for (size_t i = 0; i < table->count; i++) {
		size_t width = output_width(table->cells[i].text);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
}

static void print_cell(const char *text, size_t width, bool is_last)
{
	size_t used = output_width(text);

	fputs(text, stdout);
	if (!is_last)
		printf("%*s", (int)(width > used ? width - used : 0) + 2, "");
}

void table_print(const struct table *table, const struct output *out)
{
	size_t *widths = xcalloc(table->columns, sizeof(*widths));
	const char *dim = output_tone(out->has_color, TONE_DIM);
	const char *plain = output_tone(out->has_color, TONE_PLAIN);

	measure(table, widths);
	fputs(dim, stdout);
	for (size_t i = 0; i < table->columns; i++)
		print_cell(table->head[i], widths[i], i + 1 == table->columns);
	printf("%s\n", plain);
	for (size_t i = 0; i < table->count; i++) {
		const struct table_cell *cell = &table->cells[i];
		bool is_last = i % table->columns == table->columns - 1;

		if (cell->tone != TONE_PLAIN)
			fputs(output_tone(out->has_color, cell->tone), stdout);
		print_cell(cell->text, widths[i % table->columns], is_last);
		if (cell->tone != TONE_PLAIN)
			fputs(plain, stdout);
		if (is_last)
			putchar('\n');
	}
	free(widths);
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->count = table->cap = 0;
}

void output_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void output_note(const struct output *out, const char *format, ...)
{
	va_list args;

	if (out->is_quiet)
		return;
	fflush(stdout);
	fputs("reel: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
