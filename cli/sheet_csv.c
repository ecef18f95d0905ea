/*
 * The sheet as CSV (RFC 4180): one row a variant, axes and metrics as columns.
 *
 * Spreadsheets run cells that begin with = + - @ (OWASP "CSV injection", read 2026-11; tab and
 * carriage return count too): such texts get an apostrophe in front. Numbers of ours keep their
 * sign.
 */
#include <string.h>

#include "cli/sheet.h"

static void put_cell(struct buf *out, const char *text, bool is_number)
{
	bool is_formula = text && !is_number && *text && strchr("=+-@\t\r", *text);

	if (!text)
		text = "";
	if (!is_formula && !strpbrk(text, ",\"\r\n") && *text != ' ') {
		buf_puts(out, text);
		return;
	}
	buf_puts(out, is_formula ? "\"'" : "\"");
	for (; *text; text++) {
		if (*text == '"')
			buf_putc(out, '"');
		buf_putc(out, *text);
	}
	buf_putc(out, '"');
}

static void put_text(struct buf *out, const char *text)
{
	buf_putc(out, ',');
	put_cell(out, text, false);
}

static void put_number(struct buf *out, double value)
{
	buf_putc(out, ',');
	if (value > 0 || value < 0)
		buf_printf(out, "%.10g", value);
}

static void put_named(struct buf *out, const struct sheet_values *values, const char **names,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_putc(out, ',');
		for (size_t j = 0; j < values->count; j++)
			if (!strcmp(values->items[j].name, names[i])) {
				put_cell(out, values->items[j].text, values->items[j].is_number);
				break;
			}
	}
}

static size_t count_findings(const struct sheet_card *card)
{
	size_t errors = 0;

	for (size_t i = 0; i < card->finding_count; i++)
		errors +=
			card->findings[i].severity && !strcmp(card->findings[i].severity, "error");
	return errors;
}

static void put_row(struct buf *out, const struct sheet *sheet, const struct sheet_card *card)
{
	buf_printf(out, "%lld", (long long)card->index);
	put_text(out, card->id);
	put_text(out, card->name);
	put_text(out, card->state);
	put_named(out, &card->axes, sheet->axes, sheet->axis_count);
	put_text(out, card->prompt);
	put_text(out, card->model);
	put_text(out, card->seed);
	put_text(out, card->caption);
	put_text(out, card->file);
	put_text(out, card->media);
	put_text(out, card->url);
	put_number(out, card->width);
	put_number(out, card->height);
	put_number(out, card->duration);
	put_number(out, (double)card->bytes);
	put_number(out, (double)card->attempts);
	put_number(out, (double)card->elapsed_ms / 1000);
	put_text(out, card->failure ? card->failure->id : NULL);
	put_text(out, card->failure ? card->failure->class : NULL);
	put_text(out, card->failure ? card->failure->message : NULL);
	put_number(out, (double)count_findings(card));
	put_number(out, (double)card->finding_count);
	put_named(out, &card->metrics, sheet->metrics, sheet->metric_count);
	buf_puts(out, "\r\n");
}

/* Axis and metric names may be anything, and may repeat ours: they carry their kind. */
static void put_head(struct buf *out, const char *kind, const char **names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf name = { 0 };

		buf_printf(&name, "%s.%s", kind, names[i]);
		put_text(out, name.data);
		buf_done(&name);
	}
}

void sheet_csv(const struct sheet *sheet, struct buf *out)
{
	buf_puts(out, "index,id,name,state");
	put_head(out, "matrix", sheet->axes, sheet->axis_count);
	buf_puts(out, ",prompt,model,seed,caption,file,media,url,width,height,duration_s,bytes,"
		      "attempts,elapsed_s,failed_stage,failure_class,failure_message,"
		      "finding_errors,findings");
	put_head(out, "metric", sheet->metrics, sheet->metric_count);
	buf_puts(out, "\r\n");
	for (size_t i = 0; i < sheet->count; i++)
		put_row(out, sheet, &sheet->cards[i]);
}
