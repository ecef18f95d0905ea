/*
 * Pictures for overlays and start frames: decoded behind the gate of decode.h, brought to size once
 * by a small graph of their own.
 */
#include "pipeline/media/first_picture.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <stdio.h>

#include "pipeline/media/averror.h"
#include "pipeline/media/decode.h"

bool first_picture(const char *path, const struct media_limits *limits, AVFrame **out,
		   int *out_rotation, struct err *err)
{
	DEFER(source_freep) struct source *source = NULL;
	enum source_event event = SOURCE_AUDIO_FRAME;
	AVFrame *frame;
	bool is_well = true;

	if (!source_open(path, limits, SOURCE_VIDEO, &source, err))
		return false;
	frame = av_frame_alloc();
	while (is_well && event != SOURCE_VIDEO_FRAME && event != SOURCE_END)
		is_well = source_read(source, frame, &event, err);
	if (is_well && event != SOURCE_VIDEO_FRAME)
		is_well = err_set(err, ERR_REJECT, "%s: no picture in it can be decoded",
				  source->name);
	if (!is_well) {
		av_frame_free(&frame);
		return false;
	}
	*out_rotation = source->rotation;
	*out = frame;
	return true;
}

static int run_chain(AVFilterGraph *graph, const char *chain, AVFrame *picture, AVFrame *out)
{
	AVFilterInOut *inputs = NULL, *outputs = NULL;
	int code = avfilter_graph_parse2(graph, chain, &inputs, &outputs);

	avfilter_inout_free(&inputs);
	avfilter_inout_free(&outputs);
	if (code >= 0)
		code = avfilter_graph_config(graph, NULL);
	if (code >= 0)
		code = av_buffersrc_write_frame(graph->filters[0], picture);
	if (code >= 0)
		code = av_buffersrc_add_frame(graph->filters[0], NULL);
	for (unsigned i = 0; code >= 0 && i < graph->nb_filters; i++)
		if (graph->filters[i]->nb_outputs == 0)
			return av_buffersink_get_frame(graph->filters[i], out);
	return code;
}

static void fade(AVFrame *frame, double opacity)
{
	if (opacity >= 1 || !frame->data[3])
		return;
	for (int y = 0; y < frame->height; y++)
		for (int x = 0; x < frame->width; x++) {
			uint8_t *alpha = &frame->data[3][y * frame->linesize[3] + x];

			*alpha = (uint8_t)(*alpha * opacity + 0.5);
		}
}

bool first_picture_fit(AVFrame *picture, int rotation, int width, int height, const char *format,
		       double opacity, AVFrame **out, struct err *err)
{
	static const char *const turns[] = { "", "transpose=clock,", "hflip,vflip,",
					     "transpose=cclock," };
	AVFilterGraph *graph = avfilter_graph_alloc();
	char chain[512];
	AVFrame *fitted = av_frame_alloc();
	int code;

	snprintf(chain, sizeof(chain),
		 "buffer=video_size=%dx%d:pix_fmt=%d:time_base=1/1000:sar=1/1,%s"
		 "scale=%d:%d:flags=lanczos+accurate_rnd:out_color_matrix=bt709:out_range=tv,"
		 "setsar=1,format=%s,buffersink",
		 picture->width, picture->height, picture->format, turns[rotation / 90 % 4], width,
		 height ? height : -2, format);
	graph->nb_threads = 1;
	picture->pts = 0;
	picture->sample_aspect_ratio = (AVRational){ 1, 1 };
	code = run_chain(graph, chain, picture, fitted);
	avfilter_graph_free(&graph);
	if (code < 0) {
		av_frame_free(&fitted);
		return averror_set(err, code, "bringing the picture to %d px", width);
	}
	fade(fitted, opacity);
	*out = fitted;
	return true;
}
