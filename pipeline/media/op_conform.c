/*
 * conform: makes the clip what a platform wants: size and ratio, frame rate, bit rates, loudness.
 * What already fits is left alone, down to copying the streams.
 *
 * Loudness: measured over the sound alone in a pass of its own (decoding sound is about 1 % of
 * decoding picture), then one constant gain and a limiter at -1 dBTP; where the limiter would bite,
 * the result is measured again and the gain corrected.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/media/loudness.h"
#include "pipeline/media/operations.h"

enum pad { PAD_BLUR, PAD_BLACK, PAD_CROP };

struct conform_args {
	json_t *profile, *loudness_value; /* borrowed from the definition */
	char *ratio, *pad;
	int64_t width, height, video_bit_rate;
	double fps;
};

/* The `conform` member of a profile. */
struct target {
	int64_t width, height, video_bit_rate, max_rate, audio_bit_rate, sample_rate, channels;
	double fps, gop_s, loudness, max_duration; /* loudness 0: leave it */
};

static const struct json_field conform_fields[] = {
	{ "profile", JSON_FIELD_ANY, offsetof(struct conform_args, profile), 0 },
	{ "ratio", JSON_FIELD_TEXT, offsetof(struct conform_args, ratio), 0 },
	{ "width", JSON_FIELD_INT, offsetof(struct conform_args, width), 0 },
	{ "height", JSON_FIELD_INT, offsetof(struct conform_args, height), 0 },
	{ "fps", JSON_FIELD_NUMBER, offsetof(struct conform_args, fps), 0 },
	{ "pad", JSON_FIELD_TEXT, offsetof(struct conform_args, pad), 0 },
	{ "loudness", JSON_FIELD_ANY, offsetof(struct conform_args, loudness_value), 0 },
	{ "video_bit_rate", JSON_FIELD_INT, offsetof(struct conform_args, video_bit_rate), 0 },
	{ 0 },
};

static double number_of(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static int64_t whole_of(const json_t *object, const char *name)
{
	return llrint(number_of(object, name));
}

static bool parse_ratio(const char *text, const char *path, double *out, struct err *err)
{
	double width, height;
	char rest;

	if (sscanf(text, "%lf:%lf%c", &width, &height, &rest) != 2 || width <= 0 || height <= 0 ||
	    width / height > 10 || height / width > 10)
		return err_set(err, ERR_REJECT,
			       "%s.ratio: expected width:height such as \"9:16\", found '%s'", path,
			       text);
	*out = width / height;
	return true;
}

static bool parse_pad(const char *text, const char *path, enum pad *out, struct err *err)
{
	static const char *const names[] = {
		[PAD_BLUR] = "blur", [PAD_BLACK] = "black", [PAD_CROP] = "crop"
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], text)) {
			*out = i;
			return true;
		}
	return err_set(err, ERR_REJECT, "%s.pad: expected blur, black or crop, found '%s'", path,
		       text);
}

/* Before `profile` is resolved by the spec it may still be its name. */
static bool check_profile(const json_t *profile, const char *path, struct err *err)
{
	if (!profile || json_is_string(profile) ||
	    json_is_object(json_object_get(profile, "conform")))
		return true;
	return err_set(err, ERR_REJECT,
		       "%s.profile: expected the name of a profile that says how to conform", path);
}

static bool check_loudness(const json_t *value, const char *path, struct err *err)
{
	double wanted = json_number_value(value);

	if (!value || json_is_false(value) ||
	    (json_is_number(value) && wanted >= -40 && wanted <= -5))
		return true;
	return err_set(err, ERR_REJECT, "%s.loudness: expected false or LUFS from -40 to -5", path);
}

static bool conform_check(const void *arguments, const char *path, struct err *err)
{
	const struct conform_args *args = arguments;
	enum pad pad;
	double ratio;

	return check_profile(args->profile, path, err) &&
	       (!args->ratio || parse_ratio(args->ratio, path, &ratio, err)) &&
	       (!args->width ||
		operation_range((double)args->width, 16, 8192, path, "width", err)) &&
	       (!args->height ||
		operation_range((double)args->height, 16, 8192, path, "height", err)) &&
	       (args->fps == 0 || operation_range(args->fps, 1, 120, path, "fps", err)) &&
	       (!args->video_bit_rate || operation_range((double)args->video_bit_rate, 50000, 200e6,
							 path, "video_bit_rate", err)) &&
	       (!args->pad || parse_pad(args->pad, path, &pad, err)) &&
	       check_loudness(args->loudness_value, path, err);
}

static struct target read_profile(const json_t *profile)
{
	const json_t *conform = json_object_get(profile, "conform");

	return (struct target){
		.width = whole_of(conform, "width"),
		.height = whole_of(conform, "height"),
		.fps = number_of(conform, "fps"),
		.gop_s = number_of(conform, "gop_s"),
		.video_bit_rate = whole_of(conform, "video_bit_rate"),
		.max_rate = whole_of(conform, "max_rate"),
		.audio_bit_rate = whole_of(conform, "audio_bit_rate"),
		.sample_rate = whole_of(conform, "sample_rate"),
		.channels = whole_of(conform, "channels"),
		.loudness = number_of(conform, "loudness_lufs"),
		.max_duration = number_of(conform, "max_duration"),
	};
}

/* The shorter side is 1080 unless a side is given: what the platforms advise for every ratio. */
static void size_from_ratio(struct target *target, double ratio)
{
	if (!target->width && !target->height) {
		target->width = ratio < 1 ? 1080 : llrint(1080 * ratio);
		target->height = ratio < 1 ? llrint(1080 / ratio) : 1080;
	} else if (!target->width) {
		target->width = llrint((double)target->height * ratio);
	} else if (!target->height) {
		target->height = llrint((double)target->width / ratio);
	}
}

static bool find_target(const struct edit_graph *graph, const struct conform_args *args,
			struct target *out, struct err *err)
{
	double ratio = (double)graph->width / graph->height;
	struct target target = read_profile(args->profile);

	if (json_is_string(args->profile))
		return err_set(err, ERR_REJECT, "conform: profile '%s' was not resolved",
			       json_string_value(args->profile));
	if (args->ratio || args->width || args->height) {
		target.width = args->width;
		target.height = args->height;
		if (args->ratio && !parse_ratio(args->ratio, "conform", &ratio, err))
			return false;
	}
	if (args->ratio || target.width || target.height)
		size_from_ratio(&target, ratio);
	else {
		target.width = graph->width;
		target.height = graph->height;
	}
	target.width &= ~1LL;
	target.height &= ~1LL;
	if (args->fps > 0)
		target.fps = args->fps;
	if (json_is_number(args->loudness_value))
		target.loudness = json_number_value(args->loudness_value);
	else if (json_is_false(args->loudness_value))
		target.loudness = 0;
	*out = target;
	return true;
}

static void keep_if(int64_t wanted, int *to)
{
	if (wanted > 0)
		*to = (int)wanted;
}

static bool conform_plan(struct edit_graph *graph, const void *arguments, struct err *err)
{
	const struct conform_args *args = arguments;
	struct encode_format *format = graph->format;
	struct target target;

	if (!find_target(graph, args, &target, err))
		return false;
	if (target.fps > 0)
		graph->frame_rate = av_d2q(target.fps, 1001000);
	if (target.gop_s > 0)
		format->gop_s = target.gop_s;
	/* Quality decides and the profile's rates are ceilings; a rate the user wrote is met. */
	format->max_rate = target.max_rate	   ? target.max_rate
			   : target.video_bit_rate ? target.video_bit_rate * 3 / 2
						   : format->max_rate;
	if (args->video_bit_rate) {
		format->video_bit_rate = args->video_bit_rate;
		format->max_rate = FFMAX(args->video_bit_rate * 3 / 2, args->video_bit_rate);
		graph->must_encode[ENCODE_PICTURE] = true;
	}
	if (target.audio_bit_rate)
		format->audio_bit_rate = target.audio_bit_rate;
	keep_if(target.sample_rate, &format->sample_rate);
	keep_if(target.channels, &format->channels);
	return true;
}

static bool scale_blurred(struct edit_graph *graph, int width, int height, struct err *err)
{
	char piece[640];

	/* The filling is blurred at an eighth of the size, where a blur costs a sixty-fourth. */
	snprintf(piece, sizeof(piece),
		 "split[front][back];"
		 "[back]scale=%d:%d:force_original_aspect_ratio=increase:flags=fast_bilinear,"
		 "crop=%d:%d,boxblur=6:2:4:2,lutyuv=y=16+(val-16)*0.72,scale=%d:%d:flags=bilinear,"
		 "setsar=1[filling];"
		 "[front]scale=%d:%d:force_original_aspect_ratio=decrease:force_divisible_by=2:"
		 "flags=bicubic,setsar=1[inner];"
		 "[filling][inner]overlay=(W-w)/2:(H-h)/2:eval=init:format=yuv420:shortest=1",
		 FFMAX(width / 8, 8) & ~1, FFMAX(height / 8, 8) & ~1, FFMAX(width / 8, 8) & ~1,
		 FFMAX(height / 8, 8) & ~1, width, height, width, height);
	return graph_picture_piece(graph, piece, err);
}

static bool scale(struct edit_graph *graph, int width, int height, enum pad pad, struct err *err)
{
	double from = (double)graph->width / graph->height, to = (double)width / height;

	if (graph->width == width && graph->height == height)
		return true;
	/* Within 2 % nobody sees the stretch and nobody wants the bars. */
	if (fabs(from / to - 1) < 0.02)
		return graph_picture(graph, err, "scale", "%d:%d:flags=bicubic", width, height) &&
		       graph_picture(graph, err, "setsar", "1");
	switch (pad) {
	case PAD_BLUR: return scale_blurred(graph, width, height, err);
	case PAD_BLACK:
		return graph_picture(graph, err, "scale",
				     "%d:%d:force_original_aspect_ratio=decrease:"
				     "force_divisible_by=2:flags=bicubic",
				     width, height) &&
		       graph_picture(graph, err, "pad", "%d:%d:(ow-iw)/2:(oh-ih)/2:black", width,
				     height) &&
		       graph_picture(graph, err, "setsar", "1");
	case PAD_CROP:
		return graph_picture(graph, err, "scale",
				     "%d:%d:force_original_aspect_ratio=increase:flags=bicubic",
				     width, height) &&
		       graph_picture(graph, err, "crop", "%d:%d", width, height) &&
		       graph_picture(graph, err, "setsar", "1");
	}
	return true;
}

static bool level_sound(struct edit_graph *graph, double wanted, struct err *err)
{
	double gain_db;
	bool needs_limiter;

	if (!wanted || !graph_stream(graph, ENCODE_SOUND))
		return true;
	if (!loudness_gain(graph->input->path, graph->options->limits, graph->start_s, graph->end_s,
			   wanted, &gain_db, &needs_limiter, err))
		return err_context(err, "loudness");
	if (gain_db == 0)
		return true;
	return graph_sound(graph, err, "volume", "%.2fdB:precision=float", gain_db) &&
	       (!needs_limiter || graph_sound(graph, err, "alimiter", "%s", LOUDNESS_LIMITER));
}

static bool cut_to(struct edit_graph *graph, double longest, struct err *err)
{
	char text[160];

	if (longest <= 0 || graph->length_s <= longest + 0.001)
		return true;
	snprintf(text, sizeof(text),
		 "the clip is %.2f s long, cut to the %.2f s the profile allows", graph->length_s,
		 longest);
	if (graph->options->warn)
		graph->options->warn(graph->options->context, text);
	return graph_cut(graph, 0, longest, err);
}

static bool conform_graph(struct edit_graph *graph, const void *arguments, struct err *err)
{
	const struct conform_args *args = arguments;
	struct target target;
	enum pad pad = PAD_BLUR;

	if (!find_target(graph, args, &target, err) ||
	    (args->pad && !parse_pad(args->pad, "conform", &pad, err)) ||
	    !cut_to(graph, target.max_duration, err) ||
	    !scale(graph, (int)target.width, (int)target.height, pad, err))
		return false;
	graph->width = (int)target.width;
	graph->height = (int)target.height;
	return level_sound(graph, target.loudness, err);
}

const struct edit_operation op_conform = {
	.args_size = sizeof(struct conform_args),
	.args = conform_fields,
	.check = conform_check,
	.plan = conform_plan,
	.graph = conform_graph,
};
