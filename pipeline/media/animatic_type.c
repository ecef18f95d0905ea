/*
 * Kinetic type: the prompt in beats of a few words. Each word rises and fades in after the one
 * before it, the beat drifts, leaves upwards, and the next one comes; the last one stays. Every
 * word is drawn once, as coverage; a frame only blends it where it is, to a fraction of a row.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/media/animatic.h"
#include "pipeline/media/fonts.h"

enum { BEATS_MAX = 24, WORDS_MAX = 160 };

struct word {
	int x, y, width, height; /* in the frame, when it has arrived; x even */
	uint8_t *cover;
	struct yuv color;
	double begins_s;
};

struct beat {
	double begins_s, ends_s; /* ends: infinite for the last */
	size_t first, count;
	int bar_x, bar_y, bar_width, bar_height;
};

struct type {
	int width, height;
	double size_px;
	struct yuv accent;
	struct word words[WORDS_MAX];
	struct beat beats[BEATS_MAX];
	size_t word_count, beat_count;
};

/* The prompt cut into beats, each a line of text of its own. */
struct script {
	char *texts[BEATS_MAX]; /* owned */
	size_t counts[BEATS_MAX];
	size_t count, words;
};

static void script_done(struct script *script)
{
	for (size_t i = 0; i < script->count; i++)
		free(script->texts[i]);
}

static size_t count_words(const char *text)
{
	size_t count = 0;

	for (; *(text += strspn(text, " \t\r\n")); text += strcspn(text, " \t\r\n"))
		count++;
	return count;
}

static bool ends_phrase(const char *word, size_t length)
{
	return length && strchr(".,;:!?", word[length - 1]);
}

/* A comma or colon at the end of a beat has nothing left to part. */
static void end_beat(struct script *script, struct buf *beat, size_t words)
{
	char *text = buf_take(beat);
	size_t length = strlen(text);

	while (length > 1 && strchr(",;:", text[length - 1]))
		text[--length] = '\0';
	script->counts[script->count] = words;
	script->texts[script->count++] = text;
}

/* About `wanted` words a beat, rather at the end of a phrase. */
static void script_read(struct script *script, const char *prompt, size_t wanted)
{
	DEFER(buf_done) struct buf beat = { 0 };
	size_t in_beat = 0, length;

	for (const char *at = prompt; *(at += strspn(at, " \t\r\n")); at += length) {
		bool is_last_beat = script->count == BEATS_MAX - 1;

		length = strcspn(at, " \t\r\n");
		if (script->words == WORDS_MAX)
			break;
		buf_printf(&beat, "%s%.*s", in_beat ? " " : "", (int)length, at);
		in_beat++;
		script->words++;
		if (is_last_beat ||
		    (in_beat < wanted && !(ends_phrase(at, length) && in_beat * 5 >= wanted * 3)))
			continue;
		end_beat(script, &beat, in_beat);
		in_beat = 0;
	}
	if (in_beat)
		end_beat(script, &beat, in_beat);
}

static void copy_cover(const struct text_image *image, struct word *word, int x)
{
	int shift = x & 1; /* whole chroma samples */

	word->x = x - shift;
	word->width = (image->width + shift + 1) & ~1;
	word->height = image->height;
	word->cover = xcalloc((size_t)word->width * (size_t)word->height, 1);
	for (int row = 0; row < image->height; row++)
		for (int column = 0; column < image->width; column++)
			word->cover[(size_t)row * (size_t)word->width + (size_t)(column + shift)] =
				image->rgba[((size_t)row * (size_t)image->width + (size_t)column) *
						    4 +
					    3];
}

/* The word that carries the beat: its longest. */
static size_t longest_word(const char *text)
{
	size_t best = 0, best_length = 0, index = 0, length;

	for (; *(text += strspn(text, " ")); text += length, index++) {
		length = strcspn(text, " ");
		if (length > best_length) {
			best = index;
			best_length = length;
		}
	}
	return best;
}

static bool add_words(struct type *type, struct text_engine *engine, const struct text_block *block,
		      const struct text_style *style, const struct look *look, size_t accent,
		      const struct text_image *whole, int x, int y, struct err *err)
{
	struct beat *beat = &type->beats[type->beat_count];
	size_t count = text_block_words(block);

	for (size_t i = 0; i < count && type->word_count < WORDS_MAX; i++) {
		struct word *word = &type->words[type->word_count];
		struct text_image image = { 0 };

		if (!text_draw(engine, block, style, (long)i, &image, err))
			continue; /* a word no font can draw leaves a gap, as it does in the block
				   */
		copy_cover(&image, word, x + image.x - whole->x);
		word->y = y + image.y - whole->y;
		word->color = tone_yuv(count > 1 && i == accent ? look->accent : look->ink);
		word->begins_s = beat->begins_s + 0.05 + 0.075 * (double)i;
		text_image_done(&image);
		type->word_count++;
		beat->count++;
	}
	return true;
}

static bool add_beat(struct type *type, struct text_engine *engine, const char *text,
		     struct text_style *style, const struct look *look, double begins_s,
		     double ends_s, struct err *err)
{
	double shorter = fmin(type->width, type->height);
	struct text_block block = { 0 };
	struct text_image whole = { 0 };
	bool is_well = text_fit(engine, text, style, type->width * 0.80, type->height * 0.46,
				shorter * 0.115, &block, err);

	if (is_well && block.size_px > shorter * 0.19)
		block.size_px = shorter * 0.19; /* two short words need not shout */
	is_well = is_well && text_draw(engine, &block, style, -1, &whole, err);
	if (is_well) {
		struct beat *beat = &type->beats[type->beat_count];
		int x = style->align == TEXT_LEFT ? (int)(type->width * 0.10)
						  : (type->width - whole.width) / 2;
		int y = (type->height - whole.height) / 2;

		*beat = (struct beat){ .begins_s = begins_s,
				       .ends_s = ends_s,
				       .first = type->word_count };
		beat->bar_width = (int)(shorter * 0.13);
		beat->bar_height = (int)fmax(shorter * 0.009, 2);
		beat->bar_x = style->align == TEXT_LEFT ? x : (type->width - beat->bar_width) / 2;
		beat->bar_y = y - (int)(block.size_px * 0.42);
		type->size_px = block.size_px;
		is_well = add_words(type, engine, &block, style, look, longest_word(text), &whole,
				    x, y, err);
		type->beat_count++;
	}
	text_image_done(&whole);
	text_block_done(&block);
	return is_well;
}

static bool add_beats(struct type *type, const struct script *script, struct text_style *style,
		      const struct look *look, double duration_s, struct err *err)
{
	struct text_engine *engine = text_engine_take();
	double total = (double)script->words + 1.5 * (double)script->count, at = 0;
	bool is_well = true;

	for (size_t i = 0; is_well && i < script->count; i++) {
		double share = ((double)script->counts[i] + 1.5) / total * duration_s;
		bool is_last = i + 1 == script->count;

		is_well = add_beat(type, engine, script->texts[i], style, look, at,
				   is_last ? INFINITY : at + share, err);
		at += share;
	}
	text_engine_drop(&engine);
	return is_well;
}

bool type_new(const char *prompt, const struct look *look, struct dice *dice, int width, int height,
	      double duration_s, struct type **out, struct err *err)
{
	DEFER(script_done) struct script script = { 0 };
	char family[FONT_NAME_MAX];
	struct text_style style = { .family = family,
				    .is_bold = true,
				    .color = { 255, 255, 255, 255 } };
	struct type *type = xcalloc(1, sizeof(*type));
	size_t words = count_words(prompt), beats;

	(void)font_choose(NULL, family); /* any will do */
	style.align = dice_roll(dice) < 0.5 ? TEXT_LEFT : TEXT_CENTER;
	/* A beat needs about a second to be read; a still picture has but one. */
	beats = duration_s > 0 ? (size_t)fmax(1, floor(duration_s / 1.15)) : 1;
	beats = words / beats < 3 ? (words + 3) / 4 : beats;
	beats = beats > BEATS_MAX ? BEATS_MAX : beats < 1 ? 1 : beats;
	script_read(&script, prompt, (words + beats - 1) / beats);
	type->width = width;
	type->height = height;
	type->accent = tone_yuv(look->accent);
	if (!add_beats(type, &script, &style, look, duration_s > 0 ? duration_s : 1, err)) {
		type_free(type);
		return false;
	}
	*out = type;
	return true;
}

void type_free(struct type *type)
{
	if (!type)
		return;
	for (size_t i = 0; i < type->word_count; i++)
		free(type->words[i].cover);
	free(type);
}

static double eased_out(double at)
{
	double rest = 1 - fmin(fmax(at, 0), 1);

	return 1 - rest * rest * rest * rest;
}

/* One row of coverage between two rows of the word, in 0..256 times opacity. */
static void cover_row(const struct word *word, int row, int part, int opacity, uint16_t *out)
{
	const uint8_t *above = row >= 0 && row < word->height
				       ? word->cover + (size_t)row * (size_t)word->width
				       : NULL;
	const uint8_t *below = row + 1 >= 0 && row + 1 < word->height
				       ? word->cover + (size_t)(row + 1) * (size_t)word->width
				       : NULL;

	for (int x = 0; x < word->width; x++) {
		int sum = (above ? above[x] * (256 - part) : 0) + (below ? below[x] * part : 0);

		out[x] = (uint16_t)((sum * opacity) >> 16); /* 255 * 256 * 256 >> 16 */
	}
}

static inline void mix(uint8_t *to, int color, int cover)
{
	*to = (uint8_t)(*to + ((color - *to) * cover + (color >= *to ? 127 : -127)) / 255);
}

static void blend_chroma(AVFrame *frame, const struct word *word, const uint16_t *upper,
			 const uint16_t *lower, int y, int from, int until)
{
	uint8_t *u = frame->data[1] + y / 2 * frame->linesize[1] + word->x / 2;
	uint8_t *v = frame->data[2] + y / 2 * frame->linesize[2] + word->x / 2;
	int to_u = (int)lrintf(word->color.u), to_v = (int)lrintf(word->color.v);

	for (int x = from & ~1; x + 1 < until; x += 2) {
		int cover = (upper[x] + upper[x + 1] + lower[x] + lower[x + 1] + 2) / 4;

		if (cover) {
			mix(&u[x / 2], to_u, cover);
			mix(&v[x / 2], to_v, cover);
		}
	}
}

static void blend_word(const struct word *word, double y, double opacity, AVFrame *frame)
{
	uint16_t *rows = xcalloc((size_t)word->width * 2, sizeof(*rows));
	int top = (int)floor(y), part = (int)((1 - (y - top)) * 256) & 255;
	int begin = (top - 1) & ~1, from = word->x < 0 ? -word->x : 0;
	int until = word->x + word->width > frame->width ? frame->width - word->x : word->width;
	int luma = (int)lrintf(word->color.y);
	/* a fraction moves the word down: row r of the frame lies between rows r-top-1 and r-top */
	int skew = y > top ? 1 : 0;

	for (int at = begin; at < top + word->height + 2; at++) {
		uint16_t *row = rows + (size_t)(at & 1) * (size_t)word->width;
		uint8_t *to = frame->data[0] + at * frame->linesize[0] + word->x;

		cover_row(word, at - top - skew, skew ? part : 0, (int)(opacity * 256), row);
		if (at < 0 || at >= frame->height)
			continue;
		for (int x = from; x < until; x++)
			if (row[x])
				mix(&to[x], luma, row[x]);
		if (at & 1)
			blend_chroma(frame, word, rows, rows + word->width, at - 1, from, until);
	}
	free(rows);
}

static void draw_bar(const struct type *type, const struct beat *beat, double grown, double opacity,
		     double rise, AVFrame *frame)
{
	struct word bar = { .x = beat->bar_x & ~1,
			    .width = (int)(beat->bar_width * grown) & ~1,
			    .height = beat->bar_height,
			    .color = type->accent };

	if (bar.width < 2 || beat->bar_y < 4)
		return;
	bar.cover = xmalloc((size_t)bar.width * (size_t)bar.height);
	memset(bar.cover, 255, (size_t)bar.width * (size_t)bar.height);
	blend_word(&bar, beat->bar_y + rise, opacity, frame);
	free(bar.cover);
}

static void draw_beat(const struct type *type, const struct beat *beat, double seconds,
		      AVFrame *frame)
{
	double leaving = fmin(fmax((seconds - (beat->ends_s - 0.22)) / 0.22, 0), 1);
	double drift = -type->size_px * 0.05 * (seconds - beat->begins_s);
	double lift = drift - type->size_px * 0.35 * leaving * leaving;

	draw_bar(type, beat, eased_out((seconds - beat->begins_s) / 0.6), 1 - leaving, lift, frame);
	for (size_t i = 0; i < beat->count; i++) {
		const struct word *word = &type->words[beat->first + i];
		double arrived = eased_out((seconds - word->begins_s) / 0.55);

		if (seconds > word->begins_s)
			blend_word(word, word->y + lift + (1 - arrived) * type->size_px * 0.55,
				   fmin(arrived * 1.15, 1) * (1 - leaving), frame);
	}
}

void type_draw(const struct type *type, double seconds, AVFrame *frame)
{
	for (size_t i = 0; i < type->beat_count; i++)
		if (seconds >= type->beats[i].begins_s && seconds < type->beats[i].ends_s)
			draw_beat(type, &type->beats[i], seconds, frame);
}

bool label_make(const char *label, int width, int height, AVFrame **out, struct err *err)
{
	double shorter = fmin(width, height);
	char family[FONT_NAME_MAX];
	struct text_style style = { .family = family,
				    .color = { 255, 255, 255, 200 },
				    .stroke = { 0, 0, 0, 120 },
				    .stroke_px = shorter * 0.0022 };
	struct text_engine *engine = text_engine_take();
	struct text_block block = { 0 };
	struct text_image image = { 0 };
	bool is_well;

	(void)font_choose(NULL, family); /* any will do */
	is_well = text_fit(engine, label, &style, width * 0.9, shorter * 0.028, 1, &block, err) &&
		  text_draw(engine, &block, &style, -1, &image, err);
	if (is_well)
		*out = text_picture(&image);
	text_image_done(&image);
	text_block_done(&block);
	text_engine_drop(&engine);
	return is_well;
}

static void blend_plane(const AVFrame *from, AVFrame *to, int plane, int x, int y)
{
	int shift = plane > 0;

	for (int row = 0; row < from->height >> shift; row++)
		for (int column = 0; column < from->width >> shift; column++) {
			const uint8_t *cover = from->data[3] + (row << shift) * from->linesize[3] +
					       (column << shift);
			uint8_t *at = to->data[plane] + ((y >> shift) + row) * to->linesize[plane] +
				      (x >> shift) + column;

			if (*cover)
				mix(at, from->data[plane][row * from->linesize[plane] + column],
				    *cover);
		}
}

void label_draw(const AVFrame *label, AVFrame *frame)
{
	int x = (frame->width - label->width) / 2 & ~1;
	int y = (frame->height - label->height - frame->height / 40) & ~1;

	if (x < 0 || y < 0)
		return; /* a frame too small for it */
	for (int plane = 0; plane < 3; plane++)
		blend_plane(label, frame, plane, x, y);
}
