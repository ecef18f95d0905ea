/*
 * Chains of libavfilter filters, built one by one so that no text of a user is ever parsed as a
 * filter description. It does not know the operations.
 */
#include "pipeline/media/graph.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "pipeline/media/averror.h"

static bool add(struct edit_graph *graph, const char *name, const char *args, AVFilterContext **out,
		struct err *err)
{
	const AVFilter *filter = avfilter_get_by_name(name);
	char label[48];
	int code;

	if (!filter)
		return err_set(err, ERR_OPERATOR, "this libavfilter has no '%s' filter", name);
	snprintf(label, sizeof(label), "%s_%u", name, graph->names++);
	code = avfilter_graph_create_filter(out, filter, label, args, NULL, graph->filters);
	return code < 0 ? averror_set(err, code, "filter %s=%s", name, args) : true;
}

static bool join(AVFilterContext *from, unsigned out_pad, AVFilterContext *to, unsigned in_pad,
		 struct err *err)
{
	int code = avfilter_link(from, out_pad, to, in_pad);

	return code < 0 ? averror_set(err, code, "filter %s after %s", to->name, from->name) : true;
}

static bool append(struct edit_graph *graph, enum encode_stream which, const char *name,
		   const char *args, struct err *err)
{
	AVFilterContext *next;

	if (!add(graph, name, args, &next, err) || !join(graph->last[which], 0, next, 0, err))
		return false;
	graph->last[which] = next;
	return true;
}

static bool PRINTF_LIKE(5, 6) appendf(struct edit_graph *graph, enum encode_stream which,
				      struct err *err, const char *name, const char *format, ...)
{
	char args[512];
	va_list list;

	va_start(list, format);
	vsnprintf(args, sizeof(args), format, list);
	va_end(list);
	return append(graph, which, name, args, err);
}

AVStream *graph_stream(const struct edit_graph *graph, enum encode_stream which)
{
	return which == ENCODE_PICTURE ? graph->input->video_stream : graph->input->audio_stream;
}

void graph_sound_source(const struct source *source, char *out, size_t size)
{
	const AVCodecParameters *sound = source->audio_stream->codecpar;
	AVRational time_base = source->audio_stream->time_base;
	char layout[64];

	if (sound->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC ||
	    av_channel_layout_describe(&sound->ch_layout, layout, sizeof(layout)) < 0)
		snprintf(layout, sizeof(layout), "%dc", sound->ch_layout.nb_channels);
	snprintf(out, size, "sample_rate=%d:sample_fmt=%d:channel_layout=%s:time_base=%d/%d",
		 sound->sample_rate, sound->format, layout, time_base.num, time_base.den);
}

bool graph_init(struct edit_graph *graph, struct err *err)
{
	graph->filters = avfilter_graph_alloc();
	graph->filters->nb_threads = 1;
	graph->filters->thread_type = 0;
	graph->width = graph->facts->width;
	graph->height = graph->facts->height;
	graph->length_s = graph->facts->duration_s;
	if (graph->width < 2 || graph->height < 2)
		return err_set(err, ERR_REJECT, "%s: a picture of %dx%d", graph->input->name,
			       graph->width, graph->height);
	return true;
}

/* The window in the input's own times, moved to begin at 0; exact for both chains alike. */
static bool append_window(struct edit_graph *graph, enum encode_stream which, struct err *err)
{
	const char *prefix = which == ENCODE_PICTURE ? "" : "a";
	char trim[16], shift[16], until[48] = "";

	if (graph->start_s <= 0 && graph->end_s <= 0)
		return true;
	snprintf(trim, sizeof(trim), "%strim", prefix);
	snprintf(shift, sizeof(shift), "%ssetpts", prefix);
	if (graph->end_s > 0)
		snprintf(until, sizeof(until), ":end=%.6f", graph->end_s);
	return appendf(graph, which, err, trim, "start=%.6f%s", graph->start_s, until) &&
	       appendf(graph, which, err, shift, "PTS-%.6f/TB", graph->start_s);
}

static bool append_upright(struct edit_graph *graph, struct err *err)
{
	switch (graph->input->rotation) {
	case 90: return append(graph, ENCODE_PICTURE, "transpose", "clock", err);
	case 180:
		return append(graph, ENCODE_PICTURE, "hflip", NULL, err) &&
		       append(graph, ENCODE_PICTURE, "vflip", NULL, err);
	case 270: return append(graph, ENCODE_PICTURE, "transpose", "cclock", err);
	}
	return true;
}

/* HDR is brought down before anything is drawn on it. */
static bool append_tone(struct edit_graph *graph, const AVCodecParameters *picture, struct err *err)
{
	if (picture->color_trc != AVCOL_TRC_SMPTE2084 &&
	    picture->color_trc != AVCOL_TRC_ARIB_STD_B67)
		return true;
	return append(graph, ENCODE_PICTURE, "zscale", "t=linear:npl=100", err) &&
	       append(graph, ENCODE_PICTURE, "format", "gbrpf32le", err) &&
	       append(graph, ENCODE_PICTURE, "zscale", "p=bt709", err) &&
	       append(graph, ENCODE_PICTURE, "tonemap", "hable:desat=0", err) &&
	       append(graph, ENCODE_PICTURE, "zscale", "t=bt709:m=bt709:r=tv", err) &&
	       append(graph, ENCODE_PICTURE, "format", "yuv420p", err);
}

/* Only what differs is converted: a scaler in the chain costs as much as decoding. */
static bool append_colours(struct edit_graph *graph, const AVCodecParameters *picture,
			   struct err *err)
{
	const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(picture->format);
	bool is_other_matrix = picture->color_space == AVCOL_SPC_SMPTE170M ||
			       picture->color_space == AVCOL_SPC_BT470BG ||
			       picture->color_space == AVCOL_SPC_BT2020_NCL;
	bool is_rgb = format && (format->flags & AV_PIX_FMT_FLAG_RGB);
	bool is_full = picture->color_range == AVCOL_RANGE_JPEG ||
		       picture->format == AV_PIX_FMT_YUVJ420P ||
		       picture->format == AV_PIX_FMT_YUVJ422P ||
		       picture->format == AV_PIX_FMT_YUVJ444P;

	if ((is_other_matrix || is_rgb || is_full) &&
	    !append(graph, ENCODE_PICTURE, "scale", "out_color_matrix=bt709:out_range=tv", err))
		return false;
	return append(graph, ENCODE_PICTURE, "format", "yuv420p", err);
}

static bool append_shape(struct edit_graph *graph, const AVCodecParameters *picture,
			 struct err *err)
{
	int width = graph->input->rotation % 180 ? picture->height : picture->width;
	int height = graph->input->rotation % 180 ? picture->width : picture->height;

	if (graph->width != width || graph->height != height)
		return appendf(graph, ENCODE_PICTURE, err, "scale", "%d:%d", graph->width,
			       graph->height) &&
		       append(graph, ENCODE_PICTURE, "setsar", "1", err);
	return append(graph, ENCODE_PICTURE, "setsar", "1", err);
}

static bool touch_picture(struct edit_graph *graph, struct err *err)
{
	const AVStream *stream = graph_stream(graph, ENCODE_PICTURE);
	const AVCodecParameters *picture = stream->codecpar;
	char args[256];

	if (graph->source[ENCODE_PICTURE])
		return true;
	snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d", picture->width,
		 picture->height, picture->format, stream->time_base.num, stream->time_base.den);
	if (!add(graph, "buffer", args, &graph->source[ENCODE_PICTURE], err))
		return false;
	graph->last[ENCODE_PICTURE] = graph->source[ENCODE_PICTURE];
	if (picture->field_order > AV_FIELD_PROGRESSIVE &&
	    !append(graph, ENCODE_PICTURE, "bwdif", "mode=send_frame:deint=interlaced", err))
		return false;
	return append_window(graph, ENCODE_PICTURE, err) &&
	       appendf(graph, ENCODE_PICTURE, err, "fps", "fps=%d/%d:start_time=0:round=near",
		       graph->frame_rate.num, graph->frame_rate.den) &&
	       append_tone(graph, picture, err) && append_colours(graph, picture, err) &&
	       append_upright(graph, err) && append_shape(graph, picture, err);
}

static bool touch_sound(struct edit_graph *graph, struct err *err)
{
	const AVStream *stream = graph_stream(graph, ENCODE_SOUND);
	char args[256];

	if (graph->source[ENCODE_SOUND])
		return true;
	if (!stream) {
		snprintf(args, sizeof(args), "r=%d:cl=%s", graph->format->sample_rate,
			 graph->format->channels == 1 ? "mono" : "stereo");
		if (!add(graph, "anullsrc", args, &graph->source[ENCODE_SOUND], err))
			return false;
		graph->last[ENCODE_SOUND] = graph->source[ENCODE_SOUND];
		return true;
	}
	graph_sound_source(graph->input, args, sizeof(args));
	if (!add(graph, "abuffer", args, &graph->source[ENCODE_SOUND], err))
		return false;
	graph->last[ENCODE_SOUND] = graph->source[ENCODE_SOUND];
	return append_window(graph, ENCODE_SOUND, err) &&
	       append(graph, ENCODE_SOUND, "aresample", "async=1:first_pts=0", err) &&
	       appendf(graph, ENCODE_SOUND, err, "aformat",
		       "sample_fmts=fltp:sample_rates=%d:channel_layouts=%s",
		       graph->format->sample_rate,
		       graph->format->channels == 1 ? "mono" : "stereo");
}

bool graph_picture(struct edit_graph *graph, struct err *err, const char *name, const char *format,
		   ...)
{
	char args[512];
	va_list list;

	va_start(list, format);
	vsnprintf(args, sizeof(args), format, list);
	va_end(list);
	return touch_picture(graph, err) && append(graph, ENCODE_PICTURE, name, args, err);
}

bool graph_sound(struct edit_graph *graph, struct err *err, const char *name, const char *format,
		 ...)
{
	char args[512];
	va_list list;

	va_start(list, format);
	vsnprintf(args, sizeof(args), format, list);
	va_end(list);
	return touch_sound(graph, err) && append(graph, ENCODE_SOUND, name, args, err);
}

bool graph_picture_piece(struct edit_graph *graph, const char *piece, struct err *err)
{
	AVFilterInOut *inputs = NULL, *outputs = NULL;
	bool is_well;
	int code;

	if (!touch_picture(graph, err))
		return false;
	code = avfilter_graph_parse2(graph->filters, piece, &inputs, &outputs);
	if (code < 0)
		return averror_set(err, code, "filters %s", piece);
	is_well = join(graph->last[ENCODE_PICTURE], 0, inputs->filter_ctx,
		       (unsigned)inputs->pad_idx, err);
	graph->last[ENCODE_PICTURE] = outputs->filter_ctx;
	avfilter_inout_free(&inputs);
	avfilter_inout_free(&outputs);
	return is_well;
}

bool graph_cut(struct edit_graph *graph, double start_s, double end_s, struct err *err)
{
	double end = end_s > 0 ? end_s : graph->length_s;

	if (graph->length_s > 0 && start_s >= graph->length_s)
		return err_set(err, ERR_REJECT,
			       "trim: start %.3f s is behind the end of the clip (%.3f s)", start_s,
			       graph->length_s);
	if (graph->length_s > 0)
		end = FFMIN(end, graph->length_s);
	if (!graph->source[ENCODE_PICTURE] && !graph->source[ENCODE_SOUND]) {
		graph->end_s = end_s > 0 ? graph->start_s + end : graph->end_s;
		graph->start_s += start_s;
	} else {
		if (!graph_picture(graph, err, "trim", "start=%.6f:end=%.6f", start_s, end) ||
		    !graph_picture(graph, err, "setpts", "PTS-%.6f/TB", start_s) ||
		    !graph_sound(graph, err, "atrim", "start=%.6f:end=%.6f", start_s, end) ||
		    !graph_sound(graph, err, "asetpts", "PTS-%.6f/TB", start_s))
			return false;
	}
	graph->length_s = end - start_s;
	return true;
}

static bool add_layer(struct edit_graph *graph, AVFrame *picture, AVFilterContext **out,
		      struct err *err)
{
	char args[128];

	snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000:sar=1/1",
		 picture->width, picture->height, picture->format);
	if (!add(graph, "buffer", args, out, err))
		return false;
	graph->layers[graph->layer_count++] =
		(struct graph_layer){ .source = *out, .picture = picture };
	return true;
}

bool graph_lay(struct edit_graph *graph, AVFrame *picture, int x, int y, double start_s,
	       double end_s, struct err *err)
{
	AVFilterContext *layer, *mixer;
	char args[256], when[96] = "";

	if (graph->layer_count == GRAPH_LAYERS) {
		av_frame_free(&picture);
		return err_set(err, ERR_REJECT, "operations: more than %d texts and overlays",
			       GRAPH_LAYERS);
	}
	if (!touch_picture(graph, err) || !add_layer(graph, picture, &layer, err))
		return false;
	if (end_s > 0)
		snprintf(when, sizeof(when), ":enable=gte(t\\,%.6f)*lt(t\\,%.6f)", start_s, end_s);
	else if (start_s > 0)
		snprintf(when, sizeof(when), ":enable=gte(t\\,%.6f)", start_s);
	snprintf(args, sizeof(args), "x=%d:y=%d:eval=init:format=yuv420:eof_action=repeat%s", x, y,
		 when);
	if (!add(graph, "overlay", args, &mixer, err) ||
	    !join(graph->last[ENCODE_PICTURE], 0, mixer, 0, err) || !join(layer, 0, mixer, 1, err))
		return false;
	graph->last[ENCODE_PICTURE] = mixer;
	return true;
}

static bool close_picture(struct edit_graph *graph, struct err *err)
{
	if (!touch_picture(graph, err))
		return false;
	if ((graph->width | graph->height) & 1) { /* 4:2:0 has no half samples */
		graph->width &= ~1;
		graph->height &= ~1;
		if (!appendf(graph, ENCODE_PICTURE, err, "crop", "%d:%d:0:0", graph->width,
			     graph->height))
			return false;
	}
	return append(graph, ENCODE_PICTURE, "format", "yuv420p", err) &&
	       append(graph, ENCODE_PICTURE, "buffersink", NULL, err);
}

static bool close_sound(struct edit_graph *graph, struct err *err)
{
	/* Endless silence behind the sound: the picture decides where the clip ends. */
	return touch_sound(graph, err) && append(graph, ENCODE_SOUND, "apad", NULL, err) &&
	       appendf(graph, ENCODE_SOUND, err, "aformat",
		       "sample_fmts=fltp:sample_rates=%d:channel_layouts=%s",
		       graph->format->sample_rate,
		       graph->format->channels == 1 ? "mono" : "stereo") &&
	       append(graph, ENCODE_SOUND, "abuffersink", NULL, err);
}

static bool feed_layers(struct edit_graph *graph, struct err *err)
{
	for (size_t i = 0; i < graph->layer_count; i++) {
		struct graph_layer *layer = &graph->layers[i];
		int code;

		layer->picture->pts = 0;
		code = av_buffersrc_add_frame(layer->source, layer->picture);
		if (code >= 0)
			code = av_buffersrc_close(layer->source, 1, 0);
		if (code < 0)
			return averror_set(err, code, "overlay picture %zu", i);
	}
	return true;
}

bool graph_close(struct edit_graph *graph, struct err *err)
{
	int code;

	if (graph->must_encode[ENCODE_PICTURE]) {
		if (!close_picture(graph, err))
			return false;
		graph->sink[ENCODE_PICTURE] = graph->last[ENCODE_PICTURE];
	}
	if (graph->must_encode[ENCODE_SOUND]) {
		if (!close_sound(graph, err))
			return false;
		graph->sink[ENCODE_SOUND] = graph->last[ENCODE_SOUND];
	}
	if (!graph->sink[0] && !graph->sink[1])
		return true;
	code = avfilter_graph_config(graph->filters, NULL);
	if (code < 0)
		return averror_set(err, code, "filter graph");
	return feed_layers(graph, err);
}

void graph_done(struct edit_graph *graph)
{
	for (size_t i = 0; i < graph->layer_count; i++)
		av_frame_free(&graph->layers[i].picture);
	avfilter_graph_free(&graph->filters);
}

static const struct anchor anchors[] = {
	{ "bottom-center", ANCHOR_CENTER, ANCHOR_END },
	{ "bottom-left", ANCHOR_START, ANCHOR_END },
	{ "bottom-right", ANCHOR_END, ANCHOR_END },
	{ "center", ANCHOR_CENTER, ANCHOR_CENTER },
	{ "center-left", ANCHOR_START, ANCHOR_CENTER },
	{ "center-right", ANCHOR_END, ANCHOR_CENTER },
	{ "top-center", ANCHOR_CENTER, ANCHOR_START },
	{ "top-left", ANCHOR_START, ANCHOR_START },
	{ "top-right", ANCHOR_END, ANCHOR_START },
};

bool anchor_find(const char *name, const char *path, const struct anchor **out, struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < ARRAY_LEN(anchors); i++) {
		if (!strcmp(anchors[i].name, name)) {
			*out = &anchors[i];
			return true;
		}
		nearest_offer(&nearest, anchors[i].name);
	}
	return err_set(err, ERR_REJECT,
		       "%s.position: expected one of top|center|bottom with -left, -center or "
		       "-right, or center; found '%s'%s",
		       path, name, nearest_hint(&nearest));
}

static int place(enum anchor_side side, int frame, int size, int before, int behind)
{
	int at = side == ANCHOR_START ? before
		 : side == ANCHOR_END ? frame - size - behind
				      : (frame - size) / 2;

	return FFMAX(0, FFMIN(at, frame - size)) & ~1; /* whole chroma samples */
}

void anchor_place(const struct anchor *anchor, double margin_percent, int frame_width,
		  int frame_height, int width, int height, int *out_x, int *out_y)
{
	bool is_default = margin_percent < 0;
	bool is_tall = frame_height * 10 > frame_width * 16;
	int shorter = FFMIN(frame_width, frame_height);
	int side = (int)lrint(shorter * (is_default ? 5 : margin_percent) / 100);
	/* Reels, TikTok and Shorts draw names, captions and buttons over roughly the top tenth and
	 * the bottom sixth of a tall clip (their own safe-zone sheets differ by a few percent). */
	int top = is_default && is_tall ? frame_height / 10 : side;
	int bottom = is_default && is_tall ? frame_height / 6 : side;

	*out_x = place(anchor->x, frame_width, width, side, side);
	*out_y = place(anchor->y, frame_height, height, top, bottom);
}
