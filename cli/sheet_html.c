/*
 * The sheet as one HTML page: sheet.html (embedded at build) with the data put in as JSON.
 *
 * The data stand in a <script type="application/json">: inside it only "</script" and "<!--" mean
 * anything to a browser (HTML standard, 13.2.5.4, read 2026-11), so every '<' is written \u003c.
 */
#include <string.h>

#include "base/json.h"
#include "cli/sheet.h"

static const char page[] = {
#include "sheet_html.inc"
};

static const char marker[] = "/*SHEET-DATA*/";

/* A JSON text in which no '<', '>' or '&' occurs. */
static void put_string(struct buf *out, const char *text)
{
	DEFER(buf_done) struct buf plain = { 0 };

	if (!text) {
		buf_puts(out, "null");
		return;
	}
	json_put_text(&plain, text);
	for (const char *at = plain.data; *at;) {
		size_t run = strcspn(at, "<>&");

		buf_put(out, at, run);
		at += run;
		if (*at)
			buf_printf(out, "\\u%04x", *at++);
	}
}

static void put_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	put_string(out, text);
}

static void put_int(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":%lld", name, (long long)value);
}

static void put_real(struct buf *out, const char *name, double value)
{
	buf_printf(out, ",\"%s\":%.10g", name, value == value ? value : 0);
}

static void put_values(struct buf *out, const char *name, const struct sheet_values *values)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < values->count; i++) {
		buf_puts(out, i ? ",[" : "[");
		put_string(out, values->items[i].name);
		buf_putc(out, ',');
		put_string(out, values->items[i].text);
		buf_putc(out, ']');
	}
	buf_putc(out, ']');
}

static void put_findings(struct buf *out, const struct sheet_card *card)
{
	buf_puts(out, ",\"findings\":[");
	for (size_t i = 0; i < card->finding_count; i++) {
		buf_puts(out, i ? ",{\"rule\":" : "{\"rule\":");
		put_string(out, card->findings[i].rule);
		put_member(out, "expected", card->findings[i].expected);
		put_member(out, "found", card->findings[i].found);
		put_member(out, "severity", card->findings[i].severity);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

static void put_stage(struct buf *out, const struct sheet_stage *stage)
{
	buf_puts(out, "{\"id\":");
	put_string(out, stage->id);
	put_member(out, "type", stage->type);
	put_member(out, "state", stage->state);
	put_member(out, "class", stage->class);
	put_member(out, "message", stage->message);
	put_member(out, "host", stage->host);
	put_int(out, "attempts", stage->attempts);
	put_int(out, "ms", stage->elapsed_ms);
	buf_putc(out, '}');
}

static void put_media(struct buf *out, const struct sheet_card *card)
{
	put_member(out, "media", card->media);
	put_member(out, "kind", card->kind);
	put_member(out, "src", card->src);
	put_member(out, "poster", card->poster);
	buf_printf(out, ",\"poster_exact\":%s", card->is_poster_exact ? "true" : "false");
	put_member(out, "file", card->file);
	put_member(out, "left_out", card->left_out);
	put_int(out, "bytes", card->bytes);
	put_real(out, "width", card->width);
	put_real(out, "height", card->height);
	put_real(out, "duration", card->duration);
	put_real(out, "fps", card->fps);
}

static void put_card(struct buf *out, const struct sheet_card *card)
{
	buf_puts(out, "{\"id\":");
	put_string(out, card->id);
	put_member(out, "name", card->name);
	put_member(out, "state", card->state);
	put_int(out, "index", card->index);
	put_values(out, "axes", &card->axes);
	put_values(out, "metrics", &card->metrics);
	put_member(out, "prompt", card->prompt);
	put_member(out, "model", card->model);
	put_member(out, "seed", card->seed);
	put_member(out, "caption", card->caption);
	put_member(out, "url", card->url);
	put_int(out, "attempts", card->attempts);
	put_int(out, "ms", card->elapsed_ms);
	put_media(out, card);
	put_findings(out, card);
	buf_puts(out, ",\"failure\":");
	if (card->failure)
		put_stage(out, card->failure);
	else
		buf_puts(out, "null");
	buf_puts(out, ",\"stages\":[");
	for (size_t i = 0; i < card->stage_count; i++) {
		if (i)
			buf_putc(out, ',');
		put_stage(out, &card->stages[i]);
	}
	buf_puts(out, "]}");
}

void sheet_html(const struct sheet *sheet, struct buf *out)
{
	const char *at = strstr(page, marker);

	buf_put(out, page, (size_t)(at - page));
	buf_puts(out, "{\"id\":");
	put_string(out, sheet->id);
	put_member(out, "name", sheet->name);
	put_member(out, "state", sheet->state);
	put_member(out, "created", sheet->created);
	put_member(out, "ended", sheet->ended);
	put_int(out, "ms", sheet->elapsed_ms);
	buf_puts(out, ",\"cards\":[");
	for (size_t i = 0; i < sheet->count; i++) {
		buf_puts(out, i ? ",\n" : "\n");
		put_card(out, &sheet->cards[i]);
	}
	buf_puts(out, "]}");
	buf_puts(out, at + strlen(marker));
}
