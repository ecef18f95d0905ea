/*
 * media_probe: opens through the gate of decode.h, reads every packet once without decoding, and
 * writes down what is there. Where header and packets disagree, the packets are right.
 */
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "pipeline/media/count.h"
#include "pipeline/media/decode.h"
#include "pipeline/media/media.h"

static void set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

#define SET_TEXT(member, text) set_text(member, sizeof(member), text)

/* Sound in a container that usually holds video is sound. */
static void name_container(struct media_facts *facts, const struct sniff_type *type)
{
	bool is_sound = facts->kind == MEDIA_AUDIO && type->kind == MEDIA_VIDEO;
	bool is_webm = strcmp(type->container, "webm") == 0;

	SET_TEXT(facts->container, type->container);
	SET_TEXT(facts->mime, is_sound ? (is_webm ? "audio/webm" : "audio/mp4") : type->mime);
	SET_TEXT(facts->extension, is_sound && !is_webm ? "m4a" : type->extension);
	if (facts->kind == MEDIA_VIDEO && type->kind == MEDIA_AUDIO)
		SET_TEXT(facts->mime, "video/mp4"); /* a picture track in a file branded as M4A */
}

static void set_size(struct media_facts *facts, int width, int height, int rotation)
{
	bool is_turned = rotation == 90 || rotation == 270;

	facts->width = is_turned ? height : width;
	facts->height = is_turned ? width : height;
	facts->rotation = rotation;
}

/* The container's rate is exact (30000/1001) but may be a lie; the counted one is true but rounded.
 */
static double choose_rate(AVRational declared, const struct track_timing *timing, int64_t packets)
{
	double claimed = declared.num > 0 && declared.den > 0 ? av_q2d(declared) : 0;

	if (timing->rate <= 0)
		return packets == 1 && timing->duration_s > 0 ? 1 / timing->duration_s : 0;
	if (!timing->is_variable && fabs(claimed - timing->rate) <= timing->rate * 0.02)
		return claimed;
	return timing->rate;
}

static void describe_video(struct media_facts *facts, const struct source *source,
			   struct packet_count *count)
{
	const AVCodecParameters *par = source->video_stream->codecpar;
	struct track_timing timing = count_timing(&count->video);
	AVRational aspect =
		av_guess_sample_aspect_ratio(source->format, source->video_stream, NULL);
	int width = par->width;

	if (aspect.num > 0 && aspect.den > 0)
		width = (int)fmin(65535, fmax(1, round(par->width * av_q2d(aspect))));
	set_size(facts, width, par->height, source->rotation);
	SET_TEXT(facts->video_codec, avcodec_get_name(par->codec_id));
	SET_TEXT(facts->video_profile, avcodec_profile_name(par->codec_id, par->profile));
	SET_TEXT(facts->pixel_format, av_get_pix_fmt_name(par->format));
	facts->frames = count->video.packets;
	facts->fps = choose_rate(source->frame_rate, &timing, count->video.packets);
	facts->is_variable_rate = timing.is_variable;
	facts->is_hdr =
		par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67;
	facts->is_interlaced =
		par->field_order > AV_FIELD_PROGRESSIVE && par->field_order <= AV_FIELD_BT;
	facts->duration_s = timing.duration_s;
	facts->keyframe_interval_s = timing.keyframe_interval_s;
	facts->is_closed_gop = !count->video.is_open_gop;
	if (timing.duration_s > 0)
		facts->video_bit_rate =
			(int64_t)((double)count->video.bytes * 8 / timing.duration_s);
}

static void describe_audio(struct media_facts *facts, const struct source *source,
			   struct packet_count *count)
{
	const AVCodecParameters *par = source->audio_stream->codecpar;
	struct track_timing timing = count_timing(&count->audio);

	facts->has_audio = true;
	SET_TEXT(facts->audio_codec, avcodec_get_name(par->codec_id));
	SET_TEXT(facts->audio_profile, avcodec_profile_name(par->codec_id, par->profile));
	facts->sample_rate = par->sample_rate;
	facts->channels = par->ch_layout.nb_channels;
	facts->duration_s = fmax(facts->duration_s, timing.duration_s);
	if (timing.duration_s > 0)
		facts->audio_bit_rate =
			(int64_t)((double)count->audio.bytes * 8 / timing.duration_s);
}

static void describe_structure(struct media_facts *facts, const struct source *source)
{
	static const char *const edits[] = {
		[BOXES_NO_EDITS] = "none",
		[BOXES_DELAY_EDITS] = "delay",
		[BOXES_REAL_EDITS] = "edits",
	};

	facts->is_moov_first = source->boxes.is_moov_first;
	facts->is_fragmented = source->boxes.is_fragmented;
	facts->has_edit_list = source->boxes.edits != BOXES_NO_EDITS;
	SET_TEXT(facts->edit_list, edits[source->boxes.edits]);
	if (source->format->duration > 0)
		facts->declared_duration_s = (double)source->format->duration / AV_TIME_BASE;
}

static bool count_all(struct source *source, struct packet_count *count, struct err *err)
{
	bool is_end = false;

	count->video_stream = source->video_stream;
	count->audio_stream = source->audio_stream;
	source->on_packet = count_packet;
	source->context = count;
	while (!is_end)
		if (!source_read_packet(source, &is_end, err))
			return false;
	if (source->video_stream && !count->video.packets)
		return err_set(err, ERR_REJECT,
			       "%s: its header promises %s video, but there is not one frame in it",
			       source->name,
			       avcodec_get_name(source->video_stream->codecpar->codec_id));
	if (!source->video_stream && !count->audio.packets)
		return err_set(err, ERR_REJECT,
			       "%s: its header promises sound, but there is none in it",
			       source->name);
	return true;
}

static bool describe_media(struct source *source, const struct media_limits *limits,
			   struct media_facts *facts, struct err *err)
{
	DEFER(count_done) struct packet_count count = { 0 };

	if (!count_all(source, &count, err))
		return false;
	describe_structure(facts, source);
	facts->kind = source->video_stream ? MEDIA_VIDEO : MEDIA_AUDIO;
	if (source->video_stream)
		describe_video(facts, source, &count);
	if (count.audio.packets)
		describe_audio(facts, source, &count);
	if (source->type->kind == MEDIA_IMAGE && facts->frames == 1) {
		facts->kind = MEDIA_IMAGE; /* a GIF that does not move */
		facts->duration_s = facts->fps = 0;
	}
	if (limits->max_seconds > 0 && facts->duration_s > limits->max_seconds)
		return err_set(err, ERR_REJECT, "%s: %.1f s long, more than the limit of %.1f s",
			       source->name, facts->duration_s, limits->max_seconds);
	if (facts->duration_s > 0)
		facts->bit_rate = (int64_t)((double)source->bytes * 8 / facts->duration_s);
	return true;
}

static void describe_picture(struct media_facts *facts, const struct source *source)
{
	facts->kind = MEDIA_IMAGE;
	set_size(facts, source->picture.width, source->picture.height, source->rotation);
	SET_TEXT(facts->video_codec, source->type->container);
	SET_TEXT(facts->pixel_format, source->picture.pixel_format);
	SET_TEXT(facts->edit_list, "none");
	facts->frames = 1;
	facts->is_closed_gop = true;
}

bool media_probe(const char *path, const struct media_limits *limits, struct media_facts *out,
		 struct err *err)
{
	DEFER(source_freep) struct source *source = NULL;
	struct media_facts facts = { 0 };

	if (!source_open(path, limits, 0, &source, err))
		return false;
	facts.bytes = source->bytes;
	if (!source->format)
		describe_picture(&facts, source);
	else if (!describe_media(source, limits, &facts, err))
		return false;
	name_container(&facts, source->type);
	*out = facts;
	return true;
}
