/*
 * One MP4 that every platform takes: H.264 High without B-frames, closed groups, AAC-LC, moov
 * first, no edit list, BT.709, square pixels, constant rate, no wall time. The same frames give the
 * same bytes.
 *
 *      encode_open -> encode_picture / encode_sound / encode_copy, in any order -> encode_finish
 *
 * Shared by edit and animatic. It starts no thread unless asked to.
 */
#pragma once

#include <libavcodec/avcodec.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum encode_stream { ENCODE_PICTURE, ENCODE_SOUND };

struct encode_format {
	const char *path;
	int width, height; /* even */
	AVRational frame_rate;
	double gop_s;		/* 0: 2 s */
	bool has_even_groups;	/* key frames every gop_s and nowhere else */
	int64_t video_bit_rate; /* 0: by quality alone, else that many bits on average */
	int64_t max_rate;	/* ceiling of the rate over 1.5 s; 0: 12 Mbit/s */
	int64_t audio_bit_rate; /* 0: 128 kbit/s */
	int sample_rate;	/* 0: 48000 */
	int channels;		/* 0: 2 */
	int threads;		/* of x264; 0 is 1: many jobs run side by side */
	const char *preset;	/* of x264; NULL: veryfast */
	const char *provenance; /* container comment; NULL: none */
	const AVCodecParameters
		*copy[2]; /* by encode_stream: packets are copied, nothing is encoded */
	AVRational copy_time_base[2];
};

struct encode;

/* Fills the zeros of a format with the defaults above. */
void encode_defaults(struct encode_format *format);

/* The format's texts and parameters are borrowed until encode_open returns. */
bool encode_open(const struct encode_format *format, struct encode **out,
		 struct err *err) MUST_CHECK;

/* A yuv420p frame; its pts counts frames from 0. The frame stays the caller's. */
bool encode_picture(struct encode *encode, AVFrame *frame, struct err *err) MUST_CHECK;

/* A fltp frame of encode_sound_samples() samples, only the last may be shorter; pts counts samples
 * from 0. */
bool encode_sound(struct encode *encode, AVFrame *frame, struct err *err) MUST_CHECK;
int encode_sound_samples(const struct encode *encode);

/* A packet of the original, its times already moved to begin at 0, in the stream's
 * copy_time_base. The packet is emptied. */
bool encode_copy(struct encode *encode, enum encode_stream stream, AVPacket *packet,
		 struct err *err) MUST_CHECK;

/* Flushes, writes the index, moves it to the front, closes. Only now is the file complete. */
bool encode_finish(struct encode *encode, struct err *err) MUST_CHECK;

/* Without encode_finish the half file is removed. */
void encode_free(struct encode *encode);
void encode_freep(struct encode **encode);
