/*
 * What the two halves of decode.h share: decode_open.c fills it, decode.c works with it.
 */
#pragma once

#include "pipeline/media/decode.h"

struct source_private {
	const struct media_limits *limits;
	int64_t at; /* where AVIO reads next */
	AVIOContext *io;
	unsigned want;
	AVCodecContext *pending; /* may hold frames of the last packet */
	bool is_ended, is_video_flushed, is_audio_flushed, is_picture_given;
};
