/*
 * One opened media file: sniffed, held open by descriptor, demuxed and decoded under limits.
 * Internal to pipeline/media; probe, analyse and edit all read through it, so that a hostile file
 * meets the same gate everywhere.
 *
 * The gate: only regular files; the demuxer is chosen by the sniffed bytes, never by libav's own
 * guess; demuxers cannot open a second file (no playlists, no references); codecs from a fixed
 * list; pixels are counted before a decoder opens and again inside it; one thread.
 */
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/media/boxes.h"
#include "pipeline/media/media.h"
#include "pipeline/media/picture.h"
#include "pipeline/media/sniff.h"

enum source_want {
	SOURCE_VIDEO = 1,      /* open a decoder for the picture, when there is one */
	SOURCE_AUDIO = 2,      /* and for the sound */
	SOURCE_KEY_FRAMES = 4, /* decode only key frames of the video */
};

struct source {
	const char *name; /* last part of the path, for messages; borrowed from `path` */
	char *path;
	int fd;
	int64_t bytes;
	const struct sniff_type *type;
	struct boxes boxes;	/* valid for MP4 and MOV */
	struct picture picture; /* valid for pictures */

	/* NULL for pictures, which need no demuxer */
	AVFormatContext *format;
	AVStream *video_stream, *audio_stream; /* NULL: none of that sort */

	AVCodecContext *video, *audio; /* NULL: not wanted or not there */
	AVRational video_time_base, audio_time_base, frame_rate;
	int rotation; /* clockwise degrees that make the picture upright: 0, 90, 180, 270 */

	AVPacket *packet;
	int64_t packets_left; /* bounds a sample table that names the same bytes for ever */
	int64_t decode_errors;
	/* Sees every packet of the two chosen streams in file order; may be NULL. */
	void (*on_packet)(void *context, const AVStream *stream, const AVPacket *packet);
	void *context;
	struct source_private *private;
};

enum source_event { SOURCE_VIDEO_FRAME, SOURCE_AUDIO_FRAME, SOURCE_END };

/* `want`: bits of enum source_want; 0 opens no decoder (then only source_read_packet serves).
 * `limits` is borrowed for the life of the source. */
bool source_open(const char *path, const struct media_limits *limits, unsigned want,
		 struct source **out, struct err *err) MUST_CHECK;
void source_free(struct source *source);
void source_freep(struct source **source);

/* The next decoded frame, into `frame` (unreferenced first). Damaged packets are counted in
 * decode_errors and skipped; a file whose every packet is damaged ends with no frame, which the
 * caller must refuse. pts is in the stream's time base (video_time_base, audio_time_base). */
bool source_read(struct source *source, AVFrame *frame, enum source_event *out,
		 struct err *err) MUST_CHECK;

/* The next packet of the chosen streams, undecoded, in source->packet; *out_end at the end. */
bool source_read_packet(struct source *source, bool *out_end, struct err *err) MUST_CHECK;

/* Goes to the last key frame at or before the time; decoders are flushed. Pictures: no effect. */
bool source_seek(struct source *source, double seconds, struct err *err) MUST_CHECK;
