/*
 * overlay, watermark: lays a picture over the clip at one of nine anchors.
 */
#include <math.h>

#include "base/alloc.h"
#include "pipeline/media/first_picture.h"
#include "pipeline/media/operations.h"

struct overlay_args {
	char *media, *position;
	double size_percent, opacity, margin, start, end;
};

static const struct json_field overlay_fields[] = {
	{ "media", JSON_FIELD_TEXT, offsetof(struct overlay_args, media), JSON_REQUIRED },
	{ "position", JSON_FIELD_TEXT, offsetof(struct overlay_args, position), 0 },
	{ "sizePercent", JSON_FIELD_NUMBER, offsetof(struct overlay_args, size_percent), 0 },
	{ "opacity", JSON_FIELD_NUMBER, offsetof(struct overlay_args, opacity), 0 },
	{ "margin", JSON_FIELD_NUMBER, offsetof(struct overlay_args, margin), 0 },
	{ "start", JSON_FIELD_NUMBER, offsetof(struct overlay_args, start), 0 },
	{ "end", JSON_FIELD_NUMBER, offsetof(struct overlay_args, end), 0 },
	{ 0 },
};

static void overlay_defaults(void *args)
{
	*(struct overlay_args *)args =
		(struct overlay_args){ .size_percent = 20, .opacity = 1, .margin = -1 };
}

static bool overlay_check(const void *args, const char *path, struct err *err)
{
	const struct overlay_args *overlay = args;
	const struct anchor *anchor;

	if (!*overlay->media)
		return err_set(err, ERR_REJECT, "%s.media: expected a media id or a path", path);
	if (!operation_range(overlay->size_percent, 1, 100, path, "sizePercent", err) ||
	    !operation_range(overlay->opacity, 0, 1, path, "opacity", err) ||
	    !operation_range(overlay->margin, -1, 45, path, "margin", err) ||
	    !operation_times(overlay->start, overlay->end, path, err))
		return false;
	return !overlay->position || anchor_find(overlay->position, path, &anchor, err);
}

static bool load(struct edit_graph *graph, const struct overlay_args *overlay, AVFrame **out,
		 struct err *err)
{
	DEFER(freep) char *path = NULL;
	AVFrame *picture = NULL;
	int rotation, width = (int)lrint(graph->width * overlay->size_percent / 100) & ~1;
	bool is_well;

	if (graph->options->resolve) {
		if (!graph->options->resolve(graph->options->context, overlay->media, &path, err))
			return false;
	} else {
		path = xstrdup(overlay->media);
	}
	if (!first_picture(path, graph->options->limits, &picture, &rotation, err))
		return false;
	is_well = first_picture_fit(picture, rotation, width < 2 ? 2 : width, 0, "yuva420p",
				    overlay->opacity, out, err);
	av_frame_free(&picture);
	return is_well;
}

static bool overlay_graph(struct edit_graph *graph, const void *args, struct err *err)
{
	const struct overlay_args *overlay = args;
	const struct anchor *anchor;
	AVFrame *picture;
	int x, y;

	if (!anchor_find(overlay->position ? overlay->position : "bottom-right", "overlay", &anchor,
			 err) ||
	    !load(graph, overlay, &picture, err))
		return err_context(err, "overlay");
	if (picture->height > graph->height) {
		err_set(err, ERR_REJECT,
			"overlay: at %g %% of the width the picture is %d high, the frame only %d; "
			"lower sizePercent",
			overlay->size_percent, picture->height, graph->height);
		av_frame_free(&picture);
		return false;
	}
	anchor_place(anchor, overlay->margin, graph->width, graph->height, picture->width,
		     picture->height, &x, &y);
	return graph_lay(graph, picture, x, y, overlay->start, overlay->end, err);
}

const struct edit_operation op_overlay = {
	.args_size = sizeof(struct overlay_args),
	.args = overlay_fields,
	.defaults = overlay_defaults,
	.check = overlay_check,
	.graph = overlay_graph,
};
