/*
 * The copy rule. A copy must be as good a file as an encode would make, so everything that encode.h
 * promises is looked for in the original; B-frames would bring the edit list back.
 */
#include "pipeline/media/edit_copy.h"

#include <math.h>
#include <string.h>

static bool is_mp4(const struct edit_graph *graph)
{
	return strstr(graph->input->format->iformat->name, "mp4") != NULL;
}

static bool has_constant_rate(const struct edit_graph *graph, const AVStream *stream)
{
	return av_cmp_q(stream->avg_frame_rate, stream->r_frame_rate) == 0 &&
	       fabs(av_q2d(stream->avg_frame_rate) - av_q2d(graph->frame_rate)) < 0.001;
}

static bool has_right_shape(const struct edit_graph *graph, const AVCodecParameters *picture)
{
	AVRational shape = picture->sample_aspect_ratio;

	return picture->codec_id == AV_CODEC_ID_H264 && picture->format == AV_PIX_FMT_YUV420P &&
	       picture->video_delay == 0 && graph->input->rotation == 0 &&
	       (shape.num == shape.den || shape.num == 0) &&
	       picture->field_order <= AV_FIELD_PROGRESSIVE && picture->extradata_size > 0 &&
	       picture->color_range != AVCOL_RANGE_JPEG &&
	       picture->color_trc != AVCOL_TRC_SMPTE2084 &&
	       picture->color_trc != AVCOL_TRC_ARIB_STD_B67 && graph->width == picture->width &&
	       graph->height == picture->height && !((picture->width | picture->height) & 1);
}

/* Key frames by the container's own index: no packet is read. */
static bool has_key_frames(const struct edit_graph *graph, AVStream *stream)
{
	double frame_s = 1 / av_q2d(graph->frame_rate), last = NAN;
	int count = avformat_index_get_entries_count(stream);
	bool begins = false;

	for (int i = 0; i < count; i++) {
		const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
		double at = (double)entry->timestamp * av_q2d(stream->time_base) - graph->origin_s;

		if (!(entry->flags & AVINDEX_KEYFRAME))
			continue;
		begins |= fabs(at - graph->start_s) < frame_s / 2;
		if (graph->format->gop_s > 0 && at - last > graph->format->gop_s + frame_s)
			return false;
		last = at;
	}
	return begins;
}

bool edit_may_copy_picture(const struct edit_graph *graph)
{
	AVStream *stream = graph_stream(graph, ENCODE_PICTURE);
	const AVCodecParameters *picture = stream->codecpar;

	return !graph->source[ENCODE_PICTURE] && !graph->must_encode[ENCODE_PICTURE] &&
	       is_mp4(graph) && has_right_shape(graph, picture) &&
	       has_constant_rate(graph, stream) && has_key_frames(graph, stream) &&
	       (!graph->format->max_rate || picture->bit_rate <= graph->format->max_rate);
}

bool edit_may_copy_sound(const struct edit_graph *graph)
{
	const AVStream *stream = graph_stream(graph, ENCODE_SOUND);
	const AVCodecParameters *sound = stream ? stream->codecpar : NULL;

	return sound && !graph->source[ENCODE_SOUND] && !graph->must_encode[ENCODE_SOUND] &&
	       is_mp4(graph) && sound->codec_id == AV_CODEC_ID_AAC &&
	       sound->profile == FF_PROFILE_AAC_LOW && sound->extradata_size > 0 &&
	       sound->sample_rate == graph->format->sample_rate &&
	       sound->ch_layout.nb_channels == graph->format->channels;
}
