/*
 * media_analyse: the facts, then one decode pass whose frames go to look (pictures), sound and
 * poster. It decides nothing: numbers come out, and `require` or a profile judges them.
 */
#include <libavutil/frame.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "pipeline/media/decode.h"
#include "pipeline/media/facts.h"
#include "pipeline/media/look.h"
#include "pipeline/media/media.h"
#include "pipeline/media/poster.h"
#include "pipeline/media/sound.h"

struct analysis {
	const struct media_analysis_options *options;
	struct media_facts facts;
	struct source *source;
	struct look *look;
	struct sound *sound;
	struct poster_maker poster;
	int64_t pictures, sounds; /* frames decoded */
	double start_s, end_s;	  /* of the pictures */
	int percent;		  /* last told to progress */
};

static void analysis_done(struct analysis *analysis)
{
	poster_done(&analysis->poster);
	look_free(analysis->look);
	sound_free(analysis->sound);
	source_free(analysis->source);
}

static bool parse_depth(const char *depth, unsigned *out, struct err *err)
{
	if (!depth || strcmp(depth, "full") == 0)
		*out = SOURCE_VIDEO | SOURCE_AUDIO;
	else if (strcmp(depth, "quick") == 0)
		*out = SOURCE_VIDEO | SOURCE_AUDIO | SOURCE_KEY_FRAMES;
	else
		return err_set(err, ERR_REJECT, "depth: expected \"full\" or \"quick\", got \"%s\"",
			       depth);
	return true;
}

static void tell_progress(struct analysis *analysis, double at_s)
{
	double fraction = analysis->facts.duration_s > 0 ? at_s / analysis->facts.duration_s : 1;
	int percent = (int)(fmin(1, fmax(0, fraction)) * 100);

	if (!analysis->options->progress || percent <= analysis->percent)
		return;
	analysis->percent = percent;
	analysis->options->progress(analysis->options->context, percent / 100.0);
}

/* A frame without a time follows the one before. */
static double time_of(const struct analysis *analysis, const AVFrame *frame)
{
	if (frame->pts == AV_NOPTS_VALUE)
		return analysis->pictures ? analysis->end_s : 0;
	return (double)frame->pts * av_q2d(analysis->source->video_time_base);
}

static bool take_picture(struct analysis *analysis, const AVFrame *frame, struct err *err)
{
	double at_s = time_of(analysis, frame);

	if (!analysis->pictures++)
		analysis->start_s = at_s;
	analysis->end_s = at_s + (analysis->facts.fps > 0 ? 1 / analysis->facts.fps : 0);
	tell_progress(analysis, at_s);
	return look_take(analysis->look, frame, at_s, err) &&
	       poster_take(&analysis->poster, frame, at_s - analysis->start_s, err);
}

static bool take_sound(struct analysis *analysis, const AVFrame *frame, struct err *err)
{
	analysis->sounds++;
	return sound_take(analysis->sound, frame, err);
}

static bool decode_all(struct analysis *analysis, struct err *err)
{
	DEFER(av_frame_free) AVFrame *frame = av_frame_alloc();
	enum source_event event = SOURCE_VIDEO_FRAME;

	if (!frame)
		return err_set(err, ERR_RETRY, "out of memory");
	while (event != SOURCE_END) {
		if (!source_read(analysis->source, frame, &event, err))
			return false;
		switch (event) {
		case SOURCE_VIDEO_FRAME:
			if (!take_picture(analysis, frame, err))
				return false;
			break;
		case SOURCE_AUDIO_FRAME:
			if (!take_sound(analysis, frame, err))
				return false;
			break;
		case SOURCE_END: break;
		}
	}
	return true;
}

/* Success with nothing decoded is how libav reports some damage. */
static bool check_yield(const struct analysis *analysis, struct err *err)
{
	const struct source *source = analysis->source;

	if (source->video && !analysis->pictures)
		return err_set(err, ERR_REJECT,
			       "%s: not one picture in it can be decoded (%lld damaged packets)",
			       source->name, (long long)source->decode_errors);
	if (!source->video && source->audio && !analysis->sounds)
		return err_set(err, ERR_REJECT,
			       "%s: no sound in it can be decoded (%lld damaged packets)",
			       source->name, (long long)source->decode_errors);
	return true;
}

static void put_sound(struct analysis *analysis, json_t *metrics)
{
	struct sound_result sound = sound_finish(analysis->sound);

	facts_put_number(metrics, "audio_duration", sound.seconds, 3);
	facts_put_number(metrics, "loudness", sound.loudness, 2);
	facts_put_number(metrics, "true_peak", sound.true_peak, 2);
	facts_put_number(metrics, "sample_peak", sound.peak, 2);
	facts_put_number(metrics, "silence_ratio", sound.silence_ratio, 4);
	facts_put_number(metrics, "longest_silence", sound.longest_silence_s, 1);
	facts_put_number(metrics, "clipping_ratio", sound.clipping_ratio, 6);
}

static bool put_all(struct analysis *analysis, json_t *metrics, struct err *err)
{
	bool is_still = analysis->facts.kind == MEDIA_IMAGE;
	const char *depth = analysis->options->depth;
	/* in quick depth the last key frame stands for everything behind it */
	double end_s = fmax(analysis->end_s, analysis->start_s + analysis->facts.duration_s);

	json_object_set_new(metrics, "depth", json_string(depth ? depth : "full"));
	json_object_set_new(metrics, "decode_errors",
			    json_integer(analysis->source->decode_errors));
	if (analysis->pictures) {
		json_object_set_new(metrics, "frames_decoded", json_integer(analysis->pictures));
		look_put(analysis->look, is_still ? LOOK_AT_STILL : LOOK_AT_CLIP, end_s, metrics);
	}
	if (analysis->sounds)
		put_sound(analysis, metrics);
	return poster_finish(&analysis->poster, metrics, err);
}

static void prepare(struct analysis *analysis)
{
	const struct media_analysis_options *options = analysis->options;
	struct source *source = analysis->source;

	analysis->look = look_new(source->rotation);
	analysis->sound = sound_new();
	analysis->poster.dir = options->poster_dir;
	analysis->poster.wanted = options->poster_count;
	analysis->poster.rotation = source->rotation;
	analysis->poster.duration_s = analysis->facts.duration_s;
	if (source->video_stream)
		analysis->poster.aspect =
			av_guess_sample_aspect_ratio(source->format, source->video_stream, NULL);
}

bool media_analyse(const char *path, const struct media_limits *limits,
		   const struct media_analysis_options *options, json_t **out_metrics,
		   struct err *err)
{
	DEFER(analysis_done) struct analysis analysis = { .options = options };
	DEFER(json_freep) json_t *metrics = NULL;
	unsigned want = 0;

	if (!parse_depth(options->depth, &want, err) ||
	    !media_probe(path, limits, &analysis.facts, err) ||
	    !source_open(path, limits, want, &analysis.source, err))
		return false;
	prepare(&analysis);
	if (!decode_all(&analysis, err) || !check_yield(&analysis, err))
		return false;
	metrics = media_facts_json(&analysis.facts);
	if (!put_all(&analysis, metrics, err))
		return err_context(err, "%s", analysis.source->name);
	*out_metrics = TAKE(metrics);
	return true;
}
