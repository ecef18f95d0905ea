/*
 * textOverlay: a text at one of nine anchors. Drawn once as a picture, then only laid over each
 * frame.
 *
 * sizePercent is the width of the widest line in percent of the frame's width; the block is at
 * most 40 % of the frame high. The text goes on as few lines as keep a line at least 5.5 % of the
 * shorter side high. strokeWidth and the default stroke are in pixels of a frame whose shorter side
 * is 1080.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/media/fonts.h"
#include "pipeline/media/operations.h"

struct text_args {
	char *text, *font, *position, *color, *stroke_color, *background, *align;
	double size_percent, stroke_width, start, end, margin;
};

static const struct json_field text_fields[] = {
	{ "text", JSON_FIELD_TEXT, offsetof(struct text_args, text), JSON_REQUIRED },
	{ "fontFamily", JSON_FIELD_TEXT, offsetof(struct text_args, font), 0 },
	{ "position", JSON_FIELD_TEXT, offsetof(struct text_args, position), 0 },
	{ "sizePercent", JSON_FIELD_NUMBER, offsetof(struct text_args, size_percent), 0 },
	{ "color", JSON_FIELD_TEXT, offsetof(struct text_args, color), 0 },
	{ "strokeColor", JSON_FIELD_TEXT, offsetof(struct text_args, stroke_color), 0 },
	{ "strokeWidth", JSON_FIELD_NUMBER, offsetof(struct text_args, stroke_width), 0 },
	{ "background", JSON_FIELD_TEXT, offsetof(struct text_args, background), 0 },
	{ "align", JSON_FIELD_TEXT, offsetof(struct text_args, align), 0 },
	{ "start", JSON_FIELD_NUMBER, offsetof(struct text_args, start), 0 },
	{ "end", JSON_FIELD_NUMBER, offsetof(struct text_args, end), 0 },
	{ "margin", JSON_FIELD_NUMBER, offsetof(struct text_args, margin), 0 },
	{ 0 },
};

static void text_defaults(void *args)
{
	*(struct text_args *)args =
		(struct text_args){ .size_percent = 66, .stroke_width = -1, .margin = -1 };
}

static bool find_align(const char *name, const char *path, enum text_align *out, struct err *err)
{
	static const char *const names[] = {
		[TEXT_LEFT] = "left", [TEXT_CENTER] = "center", [TEXT_RIGHT] = "right"
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], name)) {
			*out = i;
			return true;
		}
	return err_set(err, ERR_REJECT, "%s.align: expected left, center or right, found '%s'",
		       path, name);
}

static bool parse_color(const char *text, const char *path, const char *name,
			struct text_color *out, struct err *err)
{
	char where[256];

	if (!text)
		return true;
	snprintf(where, sizeof(where), "%s.%s", path, name);
	return text_color_parse(text, where, out, err);
}

static bool read_style(const struct text_args *args, const char *path, struct text_style *out,
		       struct err *err)
{
	bool has_background = args->background && strcmp(args->background, "none") != 0;

	*out = (struct text_style){ .is_bold = true, .color = { 255, 255, 255, 255 } };
	if (!parse_color(args->color, path, "color", &out->color, err) ||
	    (has_background &&
	     !parse_color(args->background, path, "background", &out->background, err)))
		return false;
	/* White on anything must stay readable, so there is a stroke unless something else is
	 * asked for. */
	if (!has_background || args->stroke_color)
		out->stroke = (struct text_color){ 0, 0, 0, 230 };
	out->stroke_px = args->stroke_width >= 0 ? args->stroke_width : 5;
	return parse_color(args->stroke_color, path, "strokeColor", &out->stroke, err);
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool check_text(const char *text, const char *path, struct err *err)
{
	size_t count = count_characters(text), lines = 1;

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	if (!text[strspn(text, " \t\r\n")])
		return err_set(err, ERR_REJECT, "%s.text: nothing in it to show", path);
	if (count > TEXT_CHARACTERS_MAX || lines > TEXT_LINES_MAX)
		return err_set(err, ERR_REJECT,
			       "%s.text: %zu characters on %zu lines, at most %d on %d", path,
			       count, lines, TEXT_CHARACTERS_MAX, TEXT_LINES_MAX);
	return true;
}

static bool text_check(const void *arguments, const char *path, struct err *err)
{
	const struct text_args *args = arguments;
	const struct anchor *anchor;
	struct text_style style;
	enum text_align align;

	return check_text(args->text, path, err) &&
	       operation_range(args->size_percent, 1, 100, path, "sizePercent", err) &&
	       operation_range(args->stroke_width, -1, 100, path, "strokeWidth", err) &&
	       operation_range(args->margin, -1, 45, path, "margin", err) &&
	       operation_times(args->start, args->end, path, err) &&
	       (!args->position || anchor_find(args->position, path, &anchor, err)) &&
	       (!args->align || find_align(args->align, path, &align, err)) &&
	       read_style(args, path, &style, err);
}

static void choose_font(struct edit_graph *graph, const char *wanted, char family[FONT_NAME_MAX])
{
	char text[320];

	if (font_choose(wanted, family) || !graph->options->warn)
		return;
	snprintf(text, sizeof(text), "font '%.100s' is not installed, used '%s'", wanted, family);
	graph->options->warn(graph->options->context, text);
}

static bool draw(struct edit_graph *graph, const struct text_args *args,
		 const struct text_style *style, AVFrame **out, struct err *err)
{
	double shorter = FFMIN(graph->width, graph->height);
	struct text_block block = { 0 };
	struct text_image image = { 0 };
	bool is_well =
		text_fit(graph->text, args->text, style, graph->width * args->size_percent / 100,
			 graph->height * 0.4, shorter * 0.055, &block, err) &&
		text_draw(graph->text, &block, style, -1, &image, err);

	if (is_well)
		*out = text_picture(&image);
	text_image_done(&image);
	text_block_done(&block);
	return is_well;
}

static bool text_graph(struct edit_graph *graph, const void *arguments, struct err *err)
{
	const struct text_args *args = arguments;
	char family[FONT_NAME_MAX];
	const struct anchor *anchor;
	struct text_style style;
	AVFrame *picture;
	int x, y;

	if (!anchor_find(args->position ? args->position : "bottom-center", "textOverlay", &anchor,
			 err) ||
	    !read_style(args, "textOverlay", &style, err))
		return false;
	choose_font(graph, args->font, family);
	style.family = family;
	style.stroke_px *= FFMIN(graph->width, graph->height) / 1080.0;
	style.align = (enum text_align)anchor->x;
	if (args->align && !find_align(args->align, "textOverlay", &style.align, err))
		return false;
	if (!draw(graph, args, &style, &picture, err))
		return err_context(err, "textOverlay");
	anchor_place(anchor, args->margin, graph->width, graph->height, picture->width,
		     picture->height, &x, &y);
	return graph_lay(graph, picture, x, y, args->start, args->end, err);
}

const struct edit_operation op_text_overlay = {
	.args_size = sizeof(struct text_args),
	.args = text_fields,
	.defaults = text_defaults,
	.check = text_check,
	.graph = text_graph,
};
