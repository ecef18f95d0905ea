/*
 * Measures by libavfilter's ebur128 over the sound stream only; the demuxer is told to skip the
 * picture.
 */
#include "pipeline/media/loudness.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/media/averror.h"
#include "pipeline/media/decode.h"
#include "pipeline/media/graph.h"

/* ebur128 reports this much for silence. */
static const double silence_lufs = -69.9;

struct meter {
	AVFilterGraph *graph;
	AVFilterContext *source, *sink;
	AVFrame *frame;
	double lufs, peak; /* peak: largest sample, 1.0 is full scale */
};

static bool meter_open(struct meter *meter, const struct source *input, double start_s,
		       double end_s, const char *extra, struct err *err)
{
	AVFilterInOut *inputs = NULL, *outputs = NULL;
	char chain[800], source[256], until[48] = "";
	int code;

	if (end_s > 0)
		snprintf(until, sizeof(until), ":end=%.6f", end_s);
	graph_sound_source(input, source, sizeof(source));
	snprintf(chain, sizeof(chain),
		 "abuffer=%s,"
		 "atrim=start=%.6f%s,aformat=sample_fmts=fltp:sample_rates=48000:channel_layouts="
		 "stereo%s,astats=metadata=1:measure_perchannel=none:measure_overall=Peak_level,"
		 "ebur128=metadata=1:framelog=verbose,abuffersink",
		 source, start_s, until, extra);
	meter->graph = avfilter_graph_alloc();
	meter->graph->nb_threads = 1;
	meter->frame = av_frame_alloc();
	code = avfilter_graph_parse2(meter->graph, chain, &inputs, &outputs);
	avfilter_inout_free(&inputs);
	avfilter_inout_free(&outputs);
	if (code >= 0)
		code = avfilter_graph_config(meter->graph, NULL);
	if (code < 0)
		return averror_set(err, code, "loudness meter");
	for (unsigned i = 0; i < meter->graph->nb_filters; i++) {
		AVFilterContext *filter = meter->graph->filters[i];

		if (!filter->nb_inputs)
			meter->source = filter;
		if (!filter->nb_outputs)
			meter->sink = filter;
	}
	return true;
}

static void meter_done(struct meter *meter)
{
	av_frame_free(&meter->frame);
	avfilter_graph_free(&meter->graph);
}

static double metadata_number(const AVFrame *frame, const char *name, double otherwise)
{
	const AVDictionaryEntry *entry = av_dict_get(frame->metadata, name, NULL, 0);

	return entry ? strtod(entry->value, NULL) : otherwise;
}

static void meter_drain(struct meter *meter)
{
	while (av_buffersink_get_frame(meter->sink, meter->frame) >= 0) {
		meter->lufs = metadata_number(meter->frame, "lavfi.r128.I", meter->lufs);
		meter->peak = metadata_number(meter->frame, "lavfi.astats.Overall.Peak_level",
					      meter->peak);
		av_frame_unref(meter->frame);
	}
}

static bool feed(struct meter *meter, struct source *source, double end_s, struct err *err)
{
	enum source_event event = SOURCE_AUDIO_FRAME;
	AVFrame *frame = av_frame_alloc();
	bool is_well = true;
	int code = 0;

	while (is_well && event != SOURCE_END && code >= 0) {
		is_well = source_read(source, frame, &event, err);
		if (!is_well || event != SOURCE_AUDIO_FRAME)
			continue;
		if (end_s > 0 && (double)frame->pts * av_q2d(source->audio_time_base) > end_s)
			event = SOURCE_END;
		code = av_buffersrc_add_frame(meter->source, frame);
		meter_drain(meter);
	}
	av_frame_free(&frame);
	if (is_well && code < 0 && code != AVERROR_EOF) /* end of file: behind the window */
		return averror_set(err, code, "loudness meter");
	if (is_well && av_buffersrc_add_frame(meter->source, NULL) >= 0)
		meter_drain(meter);
	return is_well;
}

static bool measure(const char *path, const struct media_limits *limits, double start_s,
		    double end_s, const char *extra, double *out_lufs, double *out_peak,
		    struct err *err)
{
	DEFER(source_freep) struct source *source = NULL;
	DEFER(meter_done) struct meter meter = { .lufs = -70, .peak = -100 };
	double origin;

	if (!source_open(path, limits, SOURCE_AUDIO, &source, err))
		return false;
	if (source->video_stream)
		source->video_stream->discard = AVDISCARD_ALL;
	origin = source->format->start_time == AV_NOPTS_VALUE
			 ? 0
			 : (double)source->format->start_time / AV_TIME_BASE;
	start_s += origin;
	end_s = end_s > 0 ? end_s + origin : 0;
	if (!meter_open(&meter, source, start_s, end_s, extra, err) ||
	    !feed(&meter, source, end_s, err))
		return false;
	*out_lufs = meter.lufs;
	*out_peak = meter.peak;
	return true;
}

bool loudness_gain(const char *path, const struct media_limits *limits, double start_s,
		   double end_s, double wanted_lufs, double *out_gain_db, bool *out_needs_limiter,
		   struct err *err)
{
	double lufs, peak, gain;
	char chain[160];

	if (!measure(path, limits, start_s, end_s, "", &lufs, &peak, err))
		return false;
	gain = wanted_lufs - lufs;
	*out_gain_db = 0;
	*out_needs_limiter = false;
	if (lufs < silence_lufs || fabs(gain) < 0.3)
		return true;
	*out_needs_limiter = peak + gain > -1;
	/* The limiter takes loudness away; what it took is given back, at most 6 dB, as far as
	 * another two tries bring it. */
	for (int i = 0; *out_needs_limiter && i < 2; i++) {
		snprintf(chain, sizeof(chain), ",volume=%.2fdB:precision=float,alimiter=%s", gain,
			 LOUDNESS_LIMITER);
		if (!measure(path, limits, start_s, end_s, chain, &lufs, &peak, err))
			return false;
		if (fabs(wanted_lufs - lufs) < 0.3)
			break;
		gain += fmax(-6, fmin(6, wanted_lufs - lufs));
	}
	*out_gain_db = gain;
	return true;
}
