/*
 * media_facts as the JSON that results and `require` see. The names are a public format:
 * docs/metrics.md lists them, and tests/unit/metrics.c holds both together.
 */
#include "pipeline/media/facts.h"

#include <math.h>

#include "base/alloc.h"

static const char *kind_name(enum media_kind kind)
{
	switch (kind) {
	case MEDIA_UNKNOWN: return "unknown";
	case MEDIA_IMAGE: return "image";
	case MEDIA_VIDEO: return "video";
	case MEDIA_AUDIO: return "audio";
	}
	return "unknown";
}

void facts_put_number(json_t *object, const char *name, double value, int digits)
{
	double scale = pow(10, digits);

	if (!isfinite(value))
		value = 0;
	json_object_set_new(object, name, json_real(round(value * scale) / scale));
}

static void put_text(json_t *object, const char *name, const char *text)
{
	if (*text)
		json_object_set_new(object, name, json_string(text));
}

static void put_int(json_t *object, const char *name, int64_t value)
{
	json_object_set_new(object, name, json_integer(value));
}

static void put_bool(json_t *object, const char *name, bool value)
{
	json_object_set_new(object, name, json_boolean(value));
}

static void put_picture(json_t *object, const struct media_facts *facts)
{
	put_int(object, "width", facts->width);
	put_int(object, "height", facts->height);
	facts_put_number(object, "ratio", (double)facts->width / fmax(1, facts->height), 4);
	put_int(object, "rotation", facts->rotation);
	put_text(object, "video_codec", facts->video_codec);
	put_text(object, "video_profile", facts->video_profile);
	put_text(object, "pixel_format", facts->pixel_format);
	put_int(object, "frames", facts->frames);
	put_bool(object, "hdr", facts->is_hdr);
}

static void put_video(json_t *object, const struct media_facts *facts)
{
	facts_put_number(object, "fps", facts->fps, 3);
	put_bool(object, "variable_rate", facts->is_variable_rate);
	put_bool(object, "interlaced", facts->is_interlaced);
	put_int(object, "video_bit_rate", facts->video_bit_rate);
	facts_put_number(object, "keyframe_interval", facts->keyframe_interval_s, 3);
	put_bool(object, "closed_gop", facts->is_closed_gop);
}

static void put_audio(json_t *object, const struct media_facts *facts)
{
	put_text(object, "audio_codec", facts->audio_codec);
	put_text(object, "audio_profile", facts->audio_profile);
	put_int(object, "sample_rate", facts->sample_rate);
	put_int(object, "channels", facts->channels);
	put_int(object, "audio_bit_rate", facts->audio_bit_rate);
}

json_t *media_facts_json(const struct media_facts *facts)
{
	json_t *object = json_object();

	put_text(object, "kind", kind_name(facts->kind));
	put_text(object, "container", facts->container);
	put_text(object, "mime", facts->mime);
	put_text(object, "extension", facts->extension);
	put_int(object, "bytes", facts->bytes);
	facts_put_number(object, "duration", facts->duration_s, 3);
	put_bool(object, "has_audio", facts->has_audio);
	if (facts->width)
		put_picture(object, facts);
	if (facts->kind == MEDIA_VIDEO)
		put_video(object, facts);
	if (facts->has_audio)
		put_audio(object, facts);
	if (facts->kind == MEDIA_IMAGE)
		return object;
	put_int(object, "bit_rate", facts->bit_rate);
	facts_put_number(object, "declared_duration", facts->declared_duration_s, 3);
	put_bool(object, "moov_first", facts->is_moov_first);
	put_text(object, "edit_list", facts->edit_list);
	put_bool(object, "fragmented", facts->is_fragmented);
	return object;
}
