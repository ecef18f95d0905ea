/*
 * Two encoders and the MP4 muxer. It knows nothing of graphs, operations or where frames come from.
 *
 * Options and why (shared/publishing facts, read 2026-11-20): Meta's text forbids edit lists and
 * wants moov first, so no B-frames and -use_editlist 0; X wants closed groups and 4:2:0; some
 * platforms refuse or mute clips without a sound track, so both streams are always there.
 *
 * AAC begins with 1024 samples of priming. An edit list would hide them; without one the sound
 * would come 21 ms late. So the first 1024 samples of the sound are dropped instead: the priming
 * plays in their place and everything after it is in time.
 */
#include "pipeline/media/encode.h"

#include <errno.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "pipeline/media/averror.h"

struct encode {
	char *path;
	AVFormatContext *muxer;
	AVCodecContext *coder[2]; /* NULL: that stream is copied */
	AVStream *stream[2];
	AVRational copy_time_base[2];
	AVPacket *packet;
	bool is_begun, is_finished;
};

void encode_defaults(struct encode_format *format)
{
	if (format->gop_s <= 0)
		format->gop_s = 2;
	if (!format->max_rate)
		format->max_rate =
			format->video_bit_rate ? format->video_bit_rate * 3 / 2 : 12000000;
	if (!format->audio_bit_rate)
		format->audio_bit_rate = 128000;
	if (!format->sample_rate)
		format->sample_rate = 48000;
	if (!format->channels)
		format->channels = 2;
	if (!format->threads)
		format->threads = 1;
	if (!format->preset)
		format->preset = "veryfast";
}

static void set_picture_shape(AVCodecContext *coder, const struct encode_format *format)
{
	coder->width = format->width;
	coder->height = format->height;
	coder->pix_fmt = AV_PIX_FMT_YUV420P;
	coder->sample_aspect_ratio = (AVRational){ 1, 1 };
	coder->framerate = format->frame_rate;
	coder->time_base = av_inv_q(format->frame_rate);
	coder->color_range = AVCOL_RANGE_MPEG;
	coder->colorspace = AVCOL_SPC_BT709;
	coder->color_primaries = AVCOL_PRI_BT709;
	coder->color_trc = AVCOL_TRC_BT709;
	coder->chroma_sample_location = AVCHROMA_LOC_LEFT;
}

static void set_picture_rate(AVCodecContext *coder, const struct encode_format *format,
			     AVDictionary **options)
{
	coder->gop_size = (int)(format->gop_s * av_q2d(format->frame_rate) + 0.5);
	coder->gop_size = coder->gop_size < 1 ? 1 : coder->gop_size;
	coder->max_b_frames = 0;
	coder->rc_max_rate = format->max_rate;
	coder->rc_buffer_size = (int)FFMIN(format->max_rate * 3 / 2, INT32_MAX);
	if (format->video_bit_rate)
		coder->bit_rate = format->video_bit_rate;
	else
		av_dict_set(options, "crf", "20", 0);
	if (format->has_even_groups)
		av_dict_set(options, "sc_threshold", "0", 0);
}

static bool open_picture(struct encode *encode, const struct encode_format *format, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *coder;
	AVDictionary *options = NULL;
	int code;

	if (!codec)
		return err_set(err, ERR_OPERATOR,
			       "this libavcodec has no libx264 encoder; install the distribution's "
			       "libavcodec with GPL parts");
	coder = encode->coder[ENCODE_PICTURE] = avcodec_alloc_context3(codec);
	set_picture_shape(coder, format);
	set_picture_rate(coder, format, &options);
	coder->thread_count = format->threads;
	coder->flags |=
		AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_CLOSED_GOP;
	av_dict_set(&options, "preset", format->preset, 0);
	av_dict_set(&options, "profile", "high", 0);
	code = avcodec_open2(coder, codec, &options);
	av_dict_free(&options);
	if (code < 0)
		return averror_set(err, code, "H.264 encoder for %dx%d", format->width,
				   format->height);
	return true;
}

static bool open_sound(struct encode *encode, const struct encode_format *format, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
	AVCodecContext *coder;
	AVDictionary *options = NULL;
	int code;

	if (!codec)
		return err_set(err, ERR_OPERATOR, "this libavcodec has no AAC encoder");
	coder = encode->coder[ENCODE_SOUND] = avcodec_alloc_context3(codec);
	coder->sample_fmt = AV_SAMPLE_FMT_FLTP;
	coder->sample_rate = format->sample_rate;
	coder->time_base = (AVRational){ 1, format->sample_rate };
	av_channel_layout_default(&coder->ch_layout, format->channels);
	coder->bit_rate = format->audio_bit_rate;
	coder->profile = FF_PROFILE_AAC_LOW;
	coder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
	/* The two-loop search costs three times as much and is not better at 128 kbit/s. */
	av_dict_set(&options, "aac_coder", "fast", 0);
	code = avcodec_open2(coder, codec, &options);
	av_dict_free(&options);
	if (code < 0)
		return averror_set(err, code, "AAC encoder at %d Hz", format->sample_rate);
	return true;
}

static bool add_stream(struct encode *encode, const struct encode_format *format,
		       enum encode_stream which, struct err *err)
{
	AVStream *stream = avformat_new_stream(encode->muxer, NULL);
	int code;

	encode->stream[which] = stream;
	if (format->copy[which]) {
		code = avcodec_parameters_copy(stream->codecpar, format->copy[which]);
		stream->codecpar->codec_tag = 0;
		stream->time_base = encode->copy_time_base[which] = format->copy_time_base[which];
	} else {
		code = avcodec_parameters_from_context(stream->codecpar, encode->coder[which]);
		stream->time_base = encode->coder[which]->time_base;
	}
	if (which == ENCODE_PICTURE) {
		stream->avg_frame_rate = format->frame_rate;
		stream->sample_aspect_ratio = (AVRational){ 1, 1 };
	}
	return code < 0 ? averror_set(err, code, "MP4 stream") : true;
}

/* A file too big is the input's fault when reading; here it is a limit that somebody has set. */
static bool write_failed(struct err *err, int code, const char *path)
{
	averror_set(err, code, "writing %s", path);
	if (code == AVERROR(EFBIG))
		err->kind = ERR_OPERATOR;
	return false;
}

static bool begin_file(struct encode *encode, const struct encode_format *format, struct err *err)
{
	AVDictionary *options = NULL;
	int code;

	encode->muxer->flags |= AVFMT_FLAG_BITEXACT;
	if (format->provenance)
		av_dict_set(&encode->muxer->metadata, "comment", format->provenance, 0);
	code = avio_open(&encode->muxer->pb, format->path, AVIO_FLAG_WRITE);
	if (code < 0)
		return write_failed(err, code, format->path);
	encode->is_begun = true;
	av_dict_set(&options, "movflags", "+faststart", 0);
	av_dict_set(&options, "use_editlist", "0", 0);
	code = avformat_write_header(encode->muxer, &options);
	av_dict_free(&options);
	return code < 0 ? write_failed(err, code, format->path) : true;
}

bool encode_open(const struct encode_format *wanted, struct encode **out, struct err *err)
{
	DEFER(encode_freep) struct encode *encode = xcalloc(1, sizeof(*encode));
	struct encode_format format = *wanted;

	av_log_set_level(AV_LOG_QUIET); /* what matters comes back as an err */
	encode_defaults(&format);
	encode->path = xstrdup(format.path);
	encode->packet = av_packet_alloc();
	if (avformat_alloc_output_context2(&encode->muxer, NULL, "mp4", format.path) < 0)
		return err_set(err, ERR_OPERATOR, "this libavformat has no MP4 muxer");
	if (!format.copy[ENCODE_PICTURE] && !open_picture(encode, &format, err))
		return false;
	if (!format.copy[ENCODE_SOUND] && !open_sound(encode, &format, err))
		return false;
	if (!add_stream(encode, &format, ENCODE_PICTURE, err) ||
	    !add_stream(encode, &format, ENCODE_SOUND, err) || !begin_file(encode, &format, err))
		return false;
	*out = TAKE(encode);
	return true;
}

static bool write_packet(struct encode *encode, enum encode_stream which, AVRational time_base,
			 AVPacket *packet, struct err *err)
{
	int code;

	av_packet_rescale_ts(packet, time_base, encode->stream[which]->time_base);
	packet->stream_index = encode->stream[which]->index;
	packet->pos = -1;
	code = av_interleaved_write_frame(encode->muxer, packet);
	/* The muxer buffers: a full disk may show in the file before it shows in a return value. */
	if (code >= 0)
		code = encode->muxer->pb->error;
	return code < 0 ? write_failed(err, code, encode->path) : true;
}

static bool run_coder(struct encode *encode, enum encode_stream which, AVFrame *frame,
		      struct err *err)
{
	AVCodecContext *coder = encode->coder[which];
	int code = avcodec_send_frame(coder, frame);

	while (code >= 0) {
		code = avcodec_receive_packet(coder, encode->packet);
		if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
			return true;
		if (code < 0)
			break;
		if (!encode->packet->duration && which == ENCODE_PICTURE)
			encode->packet->duration = 1;
		if (!write_packet(encode, which, coder->time_base, encode->packet, err))
			return false;
	}
	return averror_set(err, code, "encoding %s", which == ENCODE_PICTURE ? "picture" : "sound");
}

bool encode_picture(struct encode *encode, AVFrame *frame, struct err *err)
{
	/* What the decoder said about the frame would steer the encoder, differently each time. */
	frame->pict_type = AV_PICTURE_TYPE_NONE;
	frame->key_frame = 0;
	return run_coder(encode, ENCODE_PICTURE, frame, err);
}

int encode_sound_samples(const struct encode *encode)
{
	return encode->coder[ENCODE_SOUND]->frame_size;
}

bool encode_sound(struct encode *encode, AVFrame *frame, struct err *err)
{
	if (frame->pts < encode->coder[ENCODE_SOUND]->initial_padding)
		return true; /* the priming takes its place: see the top */
	return run_coder(encode, ENCODE_SOUND, frame, err);
}

bool encode_copy(struct encode *encode, enum encode_stream which, AVPacket *packet, struct err *err)
{
	return write_packet(encode, which, encode->copy_time_base[which], packet, err);
}

bool encode_finish(struct encode *encode, struct err *err)
{
	int code;

	for (int i = 0; i < 2; i++)
		if (encode->coder[i] && !run_coder(encode, i, NULL, err))
			return false;
	code = av_write_trailer(encode->muxer);
	if (code >= 0)
		code = encode->muxer->pb->error;
	if (code < 0) {
		(void)avio_closep(&encode->muxer->pb); /* the first error is the one to tell */
		return write_failed(err, code, encode->path);
	}
	code = avio_closep(&encode->muxer->pb);
	if (code < 0)
		return write_failed(err, code, encode->path);
	encode->is_finished = true;
	return true;
}

/* Only a regular file is ours to remove: the path may be a device. */
static void remove_half_file(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
		(void)unlink(path); /* the caller abandons the folder anyway */
}

void encode_free(struct encode *encode)
{
	if (!encode)
		return;
	if (encode->muxer && encode->muxer->pb)
		(void)avio_closep(&encode->muxer->pb); /* the file is given up */
	if (encode->is_begun && !encode->is_finished)
		remove_half_file(encode->path);
	for (int i = 0; i < 2; i++)
		avcodec_free_context(&encode->coder[i]);
	avformat_free_context(encode->muxer);
	av_packet_free(&encode->packet);
	free(encode->path);
	free(encode);
}

void encode_freep(struct encode **encode)
{
	encode_free(*encode);
	*encode = NULL;
}
