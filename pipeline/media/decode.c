/*
 * The pump: hands out packets or frames of an opened file, in file order. Two decoders at most are
 * fed from one loop:
 *
 *      packet ──> video or audio decoder ──> its frames, until it wants more ──> next packet
 *      end    ──> flush video ──> flush audio ──> SOURCE_END
 */
#include "pipeline/media/decode_private.h"

#include <errno.h>
#include <unistd.h>

#include "pipeline/media/averror.h"

/* Errors in one packet before its rest is given up. */
enum { DAMAGE_IN_A_ROW = 64 };

static bool read_picture_packet(struct source *source, bool *out_end, struct err *err)
{
	ssize_t got;

	*out_end = source->private->is_picture_given;
	if (*out_end)
		return true;
	if (av_new_packet(source->packet, (int)source->bytes) < 0)
		return err_set(err, ERR_RETRY, "%s: out of memory", source->name);
	got = pread(source->fd, source->packet->data, (size_t)source->bytes, 0);
	if (got < 0)
		return err_errno(err, ERR_RETRY, "%s: cannot be read", source->name);
	av_shrink_packet(source->packet, (int)got); /* what shrank meanwhile is cut short */
	source->packet->flags |= AV_PKT_FLAG_KEY;
	source->packet->pts = source->packet->dts = 0;
	source->private->is_picture_given = true;
	return true;
}

static AVStream *stream_of(const struct source *source)
{
	int index = source->packet->stream_index;

	if (source->video_stream && source->video_stream->index == index)
		return source->video_stream;
	if (source->audio_stream && source->audio_stream->index == index)
		return source->audio_stream;
	return NULL;
}

bool source_read_packet(struct source *source, bool *out_end, struct err *err)
{
	AVStream *stream;
	int code;

	av_packet_unref(source->packet);
	if (!source->format)
		return read_picture_packet(source, out_end, err);
	do {
		if (source->packets_left-- <= 0)
			return err_set(err, ERR_REJECT,
				       "%s: it has more packets than its allowed length could hold",
				       source->name);
		av_packet_unref(source->packet);
		code = av_read_frame(source->format, source->packet);
	} while (code >= 0 && !stream_of(source));
	*out_end = code < 0;
	if (code >= 0) {
		stream = stream_of(source);
		if (source->on_packet)
			source->on_packet(source->context, stream, source->packet);
		return true;
	}
	/* Damage ends a file like its end does; what was read so far is what there is. */
	if (code == AVERROR(ENOMEM) || code == AVERROR(EIO))
		return averror_set(err, code, "%s: reading", source->name);
	if (code != AVERROR_EOF)
		source->decode_errors++;
	return true;
}

/* True when `frame` was filled. Damage is counted, not fatal. */
static bool receive(struct source *source, AVCodecContext *decoder, AVFrame *frame)
{
	int code, tries = 0;

	do {
		code = avcodec_receive_frame(decoder, frame);
		source->decode_errors += code == AVERROR_INVALIDDATA;
	} while (code == AVERROR_INVALIDDATA && ++tries < DAMAGE_IN_A_ROW);
	if (code < 0)
		return false;
	if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT))
		source->decode_errors++;
	frame->pts = frame->best_effort_timestamp;
	return true;
}

static void send(struct source *source, AVCodecContext *decoder, const AVPacket *packet)
{
	int code = avcodec_send_packet(decoder, packet);

	if (code < 0 && code != AVERROR_EOF)
		source->decode_errors++;
	source->private->pending = decoder;
}

static AVCodecContext *decoder_of(const struct source *source)
{
	if (!source->format || stream_of(source) == source->video_stream)
		return source->video;
	return source->audio;
}

static bool is_wanted(const struct source *source, const AVCodecContext *decoder)
{
	return decoder &&
	       (decoder != source->video || !(source->private->want & SOURCE_KEY_FRAMES) ||
		(source->packet->flags & AV_PKT_FLAG_KEY));
}

/* Feeds one packet, or at the end flushes one decoder. False when there is nothing left to feed. */
static bool feed(struct source *source, bool *out_fed, struct err *err)
{
	struct source_private *p = source->private;

	*out_fed = true;
	if (!p->is_ended) {
		if (!source_read_packet(source, &p->is_ended, err))
			return false;
		if (!p->is_ended && is_wanted(source, decoder_of(source)))
			send(source, decoder_of(source), source->packet);
	} else if (source->video && !p->is_video_flushed) {
		p->is_video_flushed = true;
		send(source, source->video, NULL);
	} else if (source->audio && !p->is_audio_flushed) {
		p->is_audio_flushed = true;
		send(source, source->audio, NULL);
	} else {
		*out_fed = false;
	}
	return true;
}

bool source_read(struct source *source, AVFrame *frame, enum source_event *out, struct err *err)
{
	struct source_private *p = source->private;
	bool is_fed;

	av_frame_unref(frame);
	for (;;) {
		if (p->pending && receive(source, p->pending, frame)) {
			*out = p->pending == source->video ? SOURCE_VIDEO_FRAME
							   : SOURCE_AUDIO_FRAME;
			return true;
		}
		p->pending = NULL;
		if (!feed(source, &is_fed, err))
			return false;
		if (!is_fed) {
			*out = SOURCE_END;
			return true;
		}
	}
}

bool source_seek(struct source *source, double seconds, struct err *err)
{
	struct source_private *p = source->private;
	int64_t to = (int64_t)(seconds * AV_TIME_BASE);
	int code;

	if (!source->format)
		return true;
	code = avformat_seek_file(source->format, -1, INT64_MIN, to, to, 0);
	if (code < 0)
		return averror_set(err, code, "%s: going to %.3f s", source->name, seconds);
	if (source->video)
		avcodec_flush_buffers(source->video);
	if (source->audio)
		avcodec_flush_buffers(source->audio);
	p->pending = NULL;
	p->is_ended = p->is_video_flushed = p->is_audio_flushed = false;
	return true;
}
