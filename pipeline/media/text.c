/*
 * libass draws one event of our own making on a canvas large enough that nothing is ever clipped;
 * the pictures it gives are put together and cropped. Nothing here knows frames of video.
 *
 * A user's text reaches libass only through put_literal(): `{` begins an override block and
 * `\N`, `\n`, `\h`, `\{` are escapes in its language, so a brace is written `\{` and an invisible
 * word joiner parts a backslash from what follows it.
 */
#include "pipeline/media/text.h"

#include <ass/ass.h>
#include <ctype.h>
#include <libavutil/parseutils.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/media/text_lines.h"

/* One size for measuring and drawing: libass drops its caches when it changes. */
enum { CANVAS_WIDTH = 16384, CANVAS_HEIGHT = 8192, REFERENCE_PX = 48 };

struct text_engine {
	ASS_Library *library;
	ASS_Renderer *renderer;
};

/* The one file-scope variable of this folder: made before fork, read-only in effect afterwards. */
static struct text_engine *warm;

static void ignore_message(int level, const char *format, va_list args, void *context)
{
	(void)level;
	(void)format;
	(void)args;
	(void)context; /* font choices are reported by font_choose */
}

static struct text_engine *engine_new(void)
{
	struct text_engine *engine = xcalloc(1, sizeof(*engine));

	engine->library = ass_library_init();
	ass_set_message_cb(engine->library, ignore_message, NULL);
	engine->renderer = ass_renderer_init(engine->library);
	ass_set_frame_size(engine->renderer, CANVAS_WIDTH, CANVAS_HEIGHT);
	ass_set_storage_size(engine->renderer, CANVAS_WIDTH, CANVAS_HEIGHT);
	ass_set_hinting(engine->renderer, ASS_HINTING_NONE); /* widths grow evenly with the size */
	ass_set_cache_limits(engine->renderer, 0, 16);
	ass_set_fonts(engine->renderer, NULL, "sans-serif", ASS_FONTPROVIDER_FONTCONFIG, NULL, 1);
	return engine;
}

struct text_engine *text_engine_take(void)
{
	return warm ? warm : engine_new();
}

static void engine_free(struct text_engine *engine)
{
	if (!engine)
		return;
	ass_renderer_done(engine->renderer);
	ass_library_done(engine->library);
	free(engine);
}

void text_engine_drop(struct text_engine **engine)
{
	if (*engine != warm)
		engine_free(*engine);
	*engine = NULL;
}

void text_engine_warm_up(void)
{
	if (!warm)
		warm = engine_new();
}

void text_engine_cool_down(void)
{
	engine_free(TAKE(warm));
}

static void put_literal(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '{' || *text == '}')
			buf_printf(out, "\\%c", *text);
		else if (*text == '\\')
			buf_puts(out, "\\\xe2\x81\xa0"); /* U+2060 */
		else if ((unsigned char)*text >= ' ')
			buf_putc(out, *text);
		else
			buf_putc(out, ' ');
	}
}

/* Words of a line shown or hidden by override tags of our own; shaping and places stay. */
static void put_line(struct buf *out, const char *line, long shown, long *word)
{
	while (*line) {
		size_t space = strspn(line, " "), length;
		DEFER(freep) char *part = NULL;

		buf_printf(out, "%.*s", (int)space, line);
		line += space;
		length = strcspn(line, " ");
		if (!length)
			break;
		part = xstrndup(line, length);
		if (shown >= 0)
			buf_puts(out, *word == shown ? "{\\alpha&H00&}" : "{\\alpha&HFF&}");
		put_literal(out, part);
		++*word;
		line += length;
	}
}

static ASS_Track *new_track(struct text_engine *engine, const struct text_style *style,
			    double size_px, const char *text)
{
	static const int sides[] = { [TEXT_LEFT] = HALIGN_LEFT,
				     [TEXT_CENTER] = HALIGN_CENTER,
				     [TEXT_RIGHT] = HALIGN_RIGHT };
	ASS_Track *track = ass_new_track(engine->library);
	int style_index = ass_alloc_style(track), event_index = ass_alloc_event(track);
	ASS_Style *look = &track->styles[style_index];
	ASS_Event *event = &track->events[event_index];

	track->track_type = TRACK_TYPE_ASS;
	track->PlayResX = CANVAS_WIDTH;
	track->PlayResY = CANVAS_HEIGHT;
	track->WrapStyle = 2; /* lines are ours */
	track->ScaledBorderAndShadow = 1;
	track->Kerning = 1;
	look->Name = strdup("text");
	look->FontName = strdup(style->family);
	look->FontSize = size_px;
	look->Bold = style->is_bold;
	look->ScaleX = look->ScaleY = 1;
	look->BorderStyle = 1;
	look->Outline = style->stroke.a ? style->stroke_px : 0;
	look->Alignment = VALIGN_CENTER | sides[style->align];
	look->Encoding = -1;	    /* the text's own direction, by its first strong character */
	event->Style = style_index; /* 0 is a default of libass */
	event->Start = 0;
	event->Duration = 1000;
	event->Text = strdup(text);
	return track;
}

struct box {
	int left, top, right, bottom;
};

static struct box box_of(const ASS_Image *images, bool with_stroke)
{
	struct box box = { CANVAS_WIDTH, CANVAS_HEIGHT, 0, 0 };

	for (const ASS_Image *at = images; at; at = at->next) {
		if ((!with_stroke && at->type != IMAGE_TYPE_CHARACTER) ||
		    (at->color & 0xff) == 0xff)
			continue;
		box.left = box.left < at->dst_x ? box.left : at->dst_x;
		box.top = box.top < at->dst_y ? box.top : at->dst_y;
		box.right = box.right > at->dst_x + at->w ? box.right : at->dst_x + at->w;
		box.bottom = box.bottom > at->dst_y + at->h ? box.bottom : at->dst_y + at->h;
	}
	return box;
}

double text_measure(struct text_engine *engine, const struct text_style *style, double size_px,
		    const char *text)
{
	DEFER(buf_done) struct buf out = { 0 };
	ASS_Track *track;
	struct box box;

	put_literal(&out, text);
	track = new_track(engine, style, size_px, out.data ? out.data : "");
	box = box_of(ass_render_frame(engine->renderer, track, 0, NULL), false);
	ass_free_track(track);
	return box.right > box.left ? box.right - box.left : 0;
}

static double widest_line(struct text_engine *engine, const struct text_style *style,
			  const struct text_block *block)
{
	double widest = 0;

	for (size_t i = 0; i < block->line_count; i++)
		widest = fmax(widest, text_measure(engine, style, block->size_px, block->lines[i]));
	return widest;
}

bool text_fit(struct text_engine *engine, const char *text, const struct text_style *style,
	      double width_px, double height_px, double smallest_px, struct text_block *out,
	      struct err *err)
{
	DEFER(text_lines_done) struct text_lines lines = { 0 };
	double best = 0, widest;
	size_t wanted = 1;

	text_lines_read(&lines, engine, style, REFERENCE_PX, text);
	if (!lines.count)
		return err_set(err, ERR_REJECT, "text: nothing in it to show");
	for (size_t n = 1; n <= TEXT_LINES_MAX; n++) {
		double width = text_lines_width(&lines, n);
		double size = width > 0 ? width_px / width * REFERENCE_PX : 0;

		if (width < 0)
			continue; /* it has more lines of its own */
		size = fmin(size, height_px / (double)n);
		if (size > best * 1.02) {
			best = size;
			wanted = n;
		}
		if (size >= smallest_px)
			break;
	}
	if (best <= 0)
		return err_set(err, ERR_REJECT, "text: more than %d lines", TEXT_LINES_MAX);
	*out = (struct text_block){ .size_px = best };
	text_lines_break(&lines, wanted, out);
	widest = widest_line(engine, style, out);
	if (widest > 0)
		out->size_px =
			fmin(out->size_px * width_px / widest, height_px / (double)out->line_count);
	return true;
}

void text_block_done(struct text_block *block)
{
	for (size_t i = 0; i < block->line_count; i++)
		free(block->lines[i]);
	block->line_count = 0;
}

size_t text_block_words(const struct text_block *block)
{
	size_t words = 0;

	for (size_t i = 0; i < block->line_count; i++)
		for (const char *at = block->lines[i]; *(at += strspn(at, " "));
		     at += strcspn(at, " "))
			words++;
	return words;
}

static void blend_pixel(uint8_t *to, struct text_color color, unsigned alpha)
{
	unsigned rest = 255 - alpha;

	to[0] = (uint8_t)((color.r * alpha + to[0] * rest + 127) / 255);
	to[1] = (uint8_t)((color.g * alpha + to[1] * rest + 127) / 255);
	to[2] = (uint8_t)((color.b * alpha + to[2] * rest + 127) / 255);
	to[3] = (uint8_t)((255 * alpha + to[3] * rest + 127) / 255);
}

static void blend(struct text_image *out, const ASS_Image *image, struct text_color color)
{
	unsigned opacity = color.a * (255 - (image->color & 0xff)) / 255;

	for (int y = 0; opacity && y < image->h; y++) {
		const uint8_t *from = image->bitmap + (size_t)y * (size_t)image->stride;
		uint8_t *to =
			out->rgba + ((size_t)(image->dst_y - out->y + y) * (size_t)out->width +
				     (size_t)(image->dst_x - out->x)) *
					    4;

		for (int x = 0; x < image->w; x++, to += 4)
			if (from[x])
				blend_pixel(to, color, from[x] * opacity / 255);
	}
}

/* How much of a pixel a box with round corners covers, 0 to 1. */
static double round_box(double x, double y, double width, double height, double radius)
{
	double dx = fabs(x - width / 2) - (width / 2 - radius);
	double dy = fabs(y - height / 2) - (height / 2 - radius);
	double outside = hypot(fmax(dx, 0), fmax(dy, 0)) + fmin(fmax(dx, dy), 0) - radius;

	return fmin(fmax(0.5 - outside, 0), 1);
}

static void fill_background(struct text_image *image, struct text_color color, double radius)
{
	for (int y = 0; y < image->height; y++)
		for (int x = 0; x < image->width; x++) {
			double cover =
				round_box(x + 0.5, y + 0.5, image->width, image->height, radius);

			blend_pixel(image->rgba +
					    ((size_t)y * (size_t)image->width + (size_t)x) * 4,
				    color, (unsigned)lrint(cover * color.a));
		}
}

static void compose(struct text_image *out, const ASS_Image *images, const struct text_style *style,
		    double size_px, const struct box *box)
{
	int pad = style->background.a ? (int)lrint(size_px * 0.32) : 0;

	*out = (struct text_image){
		.x = box->left - pad,
		.y = box->top - pad,
		.width = (box->right - box->left + 2 * pad + 1) & ~1,
		.height = (box->bottom - box->top + 2 * pad + 1) & ~1,
	};
	out->rgba = xcalloc((size_t)out->width * (size_t)out->height, 4);
	if (pad)
		fill_background(out, style->background, pad * 0.6);
	for (const ASS_Image *at = images; at; at = at->next)
		blend(out, at, at->type == IMAGE_TYPE_CHARACTER ? style->color : style->stroke);
}

bool text_draw(struct text_engine *engine, const struct text_block *block,
	       const struct text_style *style, long word, struct text_image *out, struct err *err)
{
	DEFER(buf_done) struct buf text = { 0 };
	ASS_Track *track;
	ASS_Image *images;
	struct box box;
	long count = 0;

	for (size_t i = 0; i < block->line_count; i++) {
		if (i)
			buf_puts(&text, "\\N");
		put_line(&text, block->lines[i], word, &count);
	}
	track = new_track(engine, style, block->size_px, text.data ? text.data : "");
	images = ass_render_frame(engine->renderer, track, 0, NULL);
	box = box_of(images, true);
	if (box.right > box.left && box.bottom > box.top)
		compose(out, images, style, block->size_px, &box);
	ass_free_track(track);
	if (box.right <= box.left || box.bottom <= box.top)
		return err_set(err, ERR_REJECT,
			       "text: no installed font can draw any of it; install one that can");
	return true;
}

void text_image_done(struct text_image *image)
{
	free(image->rgba);
	image->rgba = NULL;
}

bool text_color_parse(const char *text, const char *path, struct text_color *out, struct err *err)
{
	char wide[8];
	uint8_t rgba[4];

	if (strlen(text) == 4 && text[0] == '#') {
		snprintf(wide, sizeof(wide), "#%c%c%c%c%c%c", text[1], text[1], text[2], text[2],
			 text[3], text[3]);
		text = wide;
	}
	/* libav also knows "random", which is no colour twice. */
	if (!strncasecmp(text, "random", 6) || !strncasecmp(text, "bikeshed", 8) ||
	    av_parse_color(rgba, text, -1, NULL) < 0)
		return err_set(
			err, ERR_REJECT,
			"%s: expected a colour such as \"#ffcc00\", \"#fc0\" or \"white@0.5\", "
			"found '%s'",
			path, text);
	*out = (struct text_color){ rgba[0], rgba[1], rgba[2], rgba[3] };
	return true;
}

/* BT.709, limited range; sums of premultiplied samples, so that edges keep their colour. */
static void put_chroma(AVFrame *frame, const uint8_t *rgba, int width, int x, int y)
{
	double r = 0, g = 0, b = 0, a = 0, luma;

	for (int i = 0; i < 4; i++) {
		const uint8_t *at =
			rgba + ((size_t)(y + i / 2) * (size_t)width + (size_t)(x + i % 2)) * 4;

		r += at[0];
		g += at[1];
		b += at[2];
		a += at[3];
	}
	if (a > 0) {
		r *= 255 / a;
		g *= 255 / a;
		b *= 255 / a;
	}
	luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
	frame->data[1][y / 2 * frame->linesize[1] + x / 2] =
		(uint8_t)lrint(128 + (b - luma) / 1.8556 * 224 / 255);
	frame->data[2][y / 2 * frame->linesize[2] + x / 2] =
		(uint8_t)lrint(128 + (r - luma) / 1.5748 * 224 / 255);
}

static void put_luma(AVFrame *frame, const uint8_t *at, int x, int y)
{
	double scale = at[3] ? 255.0 / at[3] : 0;
	double luma = (0.2126 * at[0] + 0.7152 * at[1] + 0.0722 * at[2]) * scale;

	frame->data[0][y * frame->linesize[0] + x] =
		(uint8_t)lrint(16 + fmin(luma, 255) * 219 / 255);
	frame->data[3][y * frame->linesize[3] + x] = at[3];
}

AVFrame *text_picture(const struct text_image *image)
{
	AVFrame *frame = av_frame_alloc();

	frame->format = AV_PIX_FMT_YUVA420P;
	frame->width = image->width;
	frame->height = image->height;
	frame->colorspace = AVCOL_SPC_BT709;
	frame->color_range = AVCOL_RANGE_MPEG;
	frame->sample_aspect_ratio = (AVRational){ 1, 1 };
	if (av_frame_get_buffer(frame, 0) < 0)
		abort(); /* out of memory, as xmalloc */
	for (int y = 0; y < image->height; y++)
		for (int x = 0; x < image->width; x++) {
			put_luma(frame,
				 image->rgba + ((size_t)y * (size_t)image->width + (size_t)x) * 4,
				 x, y);
			if (!((x | y) & 1))
				put_chroma(frame, image->rgba, image->width, x, y);
		}
	return frame;
}
