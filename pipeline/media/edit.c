/*
 * An edit: one pass over the original, one graph, one encode, both streams decoded, filtered and
 * encoded or copied, each by itself. It knows no operation.
 *
 *      open -> plan and graph of every operation -> copy or encode, per stream -> read ... ->
 * finish
 *
 * The copy rule: a stream is copied when no operation touched its frames and the original already
 * is what encode.h promises (edit_copy.c). So `trim` at a key frame of one of our own clips copies
 * both streams, `conform` of a fitting clip that is only too quiet copies the picture, and a cut
 * between key frames encodes.
 *
 * The picture decides the length: the sound is cut or filled up with silence to it.
 */
#include <assert.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "pipeline/media/averror.h"
#include "pipeline/media/edit_copy.h"
#include "pipeline/media/operations.h"

enum { PROGRESS_US = 250000 };

struct edit {
	const struct media_edit_options *options;
	struct media_facts facts;
	struct source *source;
	struct encode_format format;
	struct edit_graph graph;
	struct encode *encode;
	AVFrame *frame;
	struct err copy_err;	   /* kind ERR_NONE until copying a packet failed */
	int64_t pictures, samples; /* encoded so far */
	double picture_end_s;	   /* of what has been written */
	int64_t input_end[2];	   /* of what has been read, in the input's time base */
	bool is_picture_done, is_sound_done;
	int64_t told_at_us;
};

static void step(const struct edit *edit, const char *name)
{
	if (edit->options->step)
		edit->options->step(edit->options->context, name);
}

static void tell(struct edit *edit)
{
	int64_t now = clock_monotonic_us();
	double fraction = edit->graph.length_s > 0 ? edit->picture_end_s / edit->graph.length_s : 0;

	if (!edit->options->progress || now - edit->told_at_us < PROGRESS_US)
		return;
	edit->told_at_us = now;
	edit->options->progress(edit->options->context, fraction > 1 ? 1 : fraction);
}

/* The rate that headers give may be a fiction; what no clip has becomes 30. */
static AVRational sane_rate(double fps)
{
	if (!(fps >= 1 && fps <= 120))
		return (AVRational){ 30, 1 };
	if (fabs(fps - rint(fps)) < 0.02) /* 29.99 of a clip that lost a frame is 30 */
		return (AVRational){ (int)rint(fps), 1 };
	if (fabs(fps * 1.001 - rint(fps)) < 0.005)
		return (AVRational){ (int)rint(fps) * 1000, 1001 };
	return av_d2q(fps, 100000);
}

static bool open_input(struct edit *edit, struct err *err)
{
	const struct media_edit_options *options = edit->options;

	if (!media_probe(options->input, options->limits, &edit->facts, err))
		return false;
	if (edit->facts.kind == MEDIA_IMAGE)
		return err_set(
			err, ERR_REJECT,
			"%s: a still picture; edit takes clips, `generate: video` makes one of "
			"a picture",
			options->input);
	if (edit->facts.kind != MEDIA_VIDEO)
		return err_set(err, ERR_REJECT, "%s: has sound but no picture", options->input);
	return source_open(options->input, options->limits, 0, &edit->source, err);
}

/* Opens the input again with the decoders that turned out to be needed, at the window's start. */
static bool open_decoders(struct edit *edit, struct err *err)
{
	const struct edit_graph *graph = &edit->graph;
	unsigned want = (graph->must_encode[ENCODE_PICTURE] ? SOURCE_VIDEO : 0) |
			(graph->must_encode[ENCODE_SOUND] ? SOURCE_AUDIO : 0);

	source_freep(&edit->source);
	if (!source_open(edit->options->input, edit->options->limits, want, &edit->source, err))
		return false;
	edit->graph.input = edit->source;
	/* A little late: rounding must not step back before the key frame the window begins at. */
	return graph->start_s <= 0 ||
	       source_seek(edit->source, graph->start_s + graph->origin_s + 0.001, err);
}

static bool plan_operations(struct edit *edit, const struct operation *operations, size_t count,
			    struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (operations[i].type->plan &&
		    !operations[i].type->plan(&edit->graph, operations[i].args, err))
			return err_context(err, "%s", operations[i].path);
	/* The sound's shape is fixed from here on: filters are built for it. */
	if (!edit->format.sample_rate)
		edit->format.sample_rate = 48000;
	if (!edit->format.channels)
		edit->format.channels = 2;
	return true;
}

static bool graph_operations(struct edit *edit, const struct operation *operations, size_t count,
			     struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!operations[i].type->graph(&edit->graph, operations[i].args, err))
			return err_context(err, "%s", operations[i].path);
	return true;
}

static bool build_graph(struct edit *edit, const struct operation *operations, size_t count,
			struct err *err)
{
	struct edit_graph *graph = &edit->graph;

	graph->options = edit->options;
	graph->input = edit->source;
	graph->facts = &edit->facts;
	graph->origin_s = edit->source->format->start_time == AV_NOPTS_VALUE
				  ? 0
				  : (double)edit->source->format->start_time / AV_TIME_BASE;
	graph->format = &edit->format;
	graph->frame_rate = sane_rate(edit->facts.fps);
	if (!graph_init(graph, err) || !plan_operations(edit, operations, count, err) ||
	    !graph_operations(edit, operations, count, err))
		return false;
	graph->must_encode[ENCODE_PICTURE] = !edit_may_copy_picture(graph);
	graph->must_encode[ENCODE_SOUND] = !edit_may_copy_sound(graph);
	return graph_close(graph, err);
}

static bool open_output(struct edit *edit, struct err *err)
{
	struct encode_format *format = &edit->format;

	format->path = edit->options->output;
	format->width = edit->graph.width;
	format->height = edit->graph.height;
	format->frame_rate = edit->graph.frame_rate;
	format->threads = edit->options->encoder_threads;
	format->provenance = edit->options->provenance;
	for (int i = 0; i < 2; i++)
		if (!edit->graph.must_encode[i]) {
			format->copy[i] = graph_stream(&edit->graph, i)->codecpar;
			format->copy_time_base[i] = graph_stream(&edit->graph, i)->time_base;
		}
	if (!encode_open(format, &edit->encode, err))
		return false;
	if (edit->graph.sink[ENCODE_SOUND])
		av_buffersink_set_frame_size(edit->graph.sink[ENCODE_SOUND],
					     (unsigned)encode_sound_samples(edit->encode));
	return true;
}

/* How long a frame lasts, in its stream's time base: the last one must not be lost. */
static int64_t frame_length(const struct edit *edit, enum encode_stream which, const AVFrame *frame)
{
	double unit = av_q2d(graph_stream(&edit->graph, which)->time_base);

	if (which == ENCODE_SOUND)
		return llrint((double)frame->nb_samples / frame->sample_rate / unit);
	if (frame->pkt_duration > 0)
		return frame->pkt_duration;
	return llrint(1 / av_q2d(edit->graph.frame_rate) / unit);
}

static bool push(struct edit *edit, enum encode_stream which, AVFrame *frame, struct err *err)
{
	const AVStream *stream = graph_stream(&edit->graph, which);
	int code;

	if (which == ENCODE_PICTURE &&
	    (frame->width != stream->codecpar->width || frame->height != stream->codecpar->height ||
	     frame->format != stream->codecpar->format))
		return err_set(err, ERR_REJECT,
			       "%s: the picture changes to %dx%d in the middle of the clip",
			       edit->source->name, frame->width, frame->height);
	if (which == ENCODE_PICTURE)
		frame->sample_aspect_ratio = (AVRational){ 1, 1 }; /* the graph makes it square */
	if (frame->pts != AV_NOPTS_VALUE)
		frame->pts -= llrint(edit->graph.origin_s / av_q2d(stream->time_base));
	if (frame->pts != AV_NOPTS_VALUE)
		edit->input_end[which] = frame->pts + frame_length(edit, which, frame);
	code = av_buffersrc_add_frame(edit->graph.source[which], frame);
	/* End of file: what comes now is behind the window. */
	return code < 0 && code != AVERROR_EOF ? averror_set(err, code, "filtering") : true;
}

static bool drain_picture(struct edit *edit, struct err *err)
{
	while (!edit->is_picture_done) {
		int code = av_buffersink_get_frame(edit->graph.sink[ENCODE_PICTURE], edit->frame);
		bool is_well;

		if (code == AVERROR(EAGAIN))
			return true;
		if (code == AVERROR_EOF) {
			edit->is_picture_done = true;
			return true;
		}
		if (code < 0)
			return averror_set(err, code, "filtering the picture");
		edit->frame->pts = edit->pictures++;
		is_well = encode_picture(edit->encode, edit->frame, err);
		av_frame_unref(edit->frame);
		if (!is_well)
			return false;
		edit->picture_end_s = (double)edit->pictures / av_q2d(edit->graph.frame_rate);
	}
	return true;
}

/* Whole frames while the picture goes on, the rest when its length is known. */
static bool wants_sound(const struct edit *edit)
{
	int64_t until = llrint(edit->picture_end_s * edit->format.sample_rate);

	return edit->is_picture_done ? edit->samples < until
				     : edit->samples + encode_sound_samples(edit->encode) <= until;
}

/* Sound up to where the picture is, so that neither stream runs ahead in memory. */
static bool drain_sound(struct edit *edit, struct err *err)
{
	while (wants_sound(edit)) {
		int64_t left =
			llrint(edit->picture_end_s * edit->format.sample_rate) - edit->samples;
		int code = av_buffersink_get_frame(edit->graph.sink[ENCODE_SOUND], edit->frame);
		bool is_well;

		if (code == AVERROR(EAGAIN))
			return true;
		if (code < 0)
			return averror_set(err, code, "filtering the sound");
		if (edit->frame->nb_samples > left)
			edit->frame->nb_samples = (int)left;
		edit->frame->pts = edit->samples;
		edit->samples += edit->frame->nb_samples;
		is_well = encode_sound(edit->encode, edit->frame, err);
		av_frame_unref(edit->frame);
		if (!is_well)
			return false;
	}
	edit->is_sound_done = edit->is_picture_done;
	return true;
}

static bool drain(struct edit *edit, struct err *err)
{
	if (edit->graph.sink[ENCODE_PICTURE] && !drain_picture(edit, err))
		return false;
	if (edit->graph.sink[ENCODE_SOUND])
		return drain_sound(edit, err);
	return true;
}

/* Copies a packet that lies in the window; failures are kept for run(), the caller has no use for
 * them. */
static void copy_packet(void *context, const AVStream *stream, const AVPacket *original)
{
	struct edit *edit = context;
	enum encode_stream which =
		stream == edit->source->video_stream ? ENCODE_PICTURE : ENCODE_SOUND;
	double unit = av_q2d(stream->time_base), frame_s = (double)original->duration * unit;
	int64_t origin = llrint((edit->graph.start_s + edit->graph.origin_s) / unit);
	double at = (double)(original->pts - origin) * unit;
	AVPacket *packet;

	if (edit->graph.must_encode[which] || edit->copy_err.kind != ERR_NONE ||
	    original->pts == AV_NOPTS_VALUE || at < -frame_s / 2)
		return; /* not ours, before the window, or the AAC priming: see encode.c */
	if (edit->graph.end_s > 0 && at > edit->graph.length_s - frame_s / 2) {
		*(which == ENCODE_PICTURE ? &edit->is_picture_done : &edit->is_sound_done) = true;
		return;
	}
	if (which == ENCODE_PICTURE) {
		edit->pictures++;
		edit->picture_end_s = at + frame_s;
	}
	packet = av_packet_clone(original);
	packet->pts -= origin;
	packet->dts -= origin;
	if (!encode_copy(edit->encode, which, packet, &edit->copy_err))
		assert(edit->copy_err.kind != ERR_NONE);
	av_packet_free(&packet);
}

/* Both decoders are dry: ends what is filtered and calls what is copied complete. */
static bool end_streams(struct edit *edit, struct err *err)
{
	for (int i = 0; i < 2; i++)
		if (edit->graph.must_encode[i] && graph_stream(&edit->graph, i) &&
		    av_buffersrc_close(edit->graph.source[i], edit->input_end[i], 0) ==
			    AVERROR(ENOMEM))
			return err_set(err, ERR_RETRY, "out of memory");
	edit->is_picture_done |= !edit->graph.must_encode[ENCODE_PICTURE];
	edit->is_sound_done |= !edit->graph.must_encode[ENCODE_SOUND];
	return true;
}

static bool take_event(struct edit *edit, enum source_event event, AVFrame *frame, struct err *err)
{
	if (edit->copy_err.kind != ERR_NONE) {
		*err = edit->copy_err;
		return false;
	}
	switch (event) {
	case SOURCE_VIDEO_FRAME: return push(edit, ENCODE_PICTURE, frame, err);
	case SOURCE_AUDIO_FRAME: return push(edit, ENCODE_SOUND, frame, err);
	case SOURCE_END: return end_streams(edit, err);
	}
	return true;
}

static bool run(struct edit *edit, struct err *err)
{
	enum source_event event = SOURCE_VIDEO_FRAME;
	AVFrame *frame = av_frame_alloc();
	bool is_well = true;

	edit->source->on_packet = copy_packet;
	edit->source->context = edit;
	while (is_well && event != SOURCE_END && !(edit->is_picture_done && edit->is_sound_done)) {
		is_well = source_read(edit->source, frame, &event, err) &&
			  take_event(edit, event, frame, err) && drain(edit, err);
		tell(edit);
	}
	av_frame_free(&frame);
	if (is_well && !edit->pictures)
		return err_set(err, ERR_REJECT, "%s: no picture in it can be decoded",
			       edit->source->name);
	return is_well;
}

static void edit_done(struct edit *edit)
{
	encode_free(edit->encode);
	text_engine_drop(&edit->graph.text);
	graph_done(&edit->graph);
	source_free(edit->source);
	av_frame_free(&edit->frame);
}

bool media_edit(const struct media_edit_options *options, struct err *err)
{
	DEFER(edit_done) struct edit edit = { .options = options };
	DEFER(arena_done) struct arena arena = { 0 };
	struct operation *operations;
	size_t count;

	if (!operations_decode(options->operations, &arena, &operations, &count, err))
		return false;
	step(&edit, "open");
	edit.frame = av_frame_alloc();
	edit.graph.text = text_engine_take();
	if (!open_input(&edit, err) || !build_graph(&edit, operations, count, err) ||
	    !open_decoders(&edit, err) || !open_output(&edit, err))
		return false;
	step(&edit, edit.graph.must_encode[ENCODE_PICTURE] ? "encode" : "copy");
	if (!run(&edit, err))
		return false;
	step(&edit, "finish");
	return encode_finish(edit.encode, err);
}
