/*
 * The first picture of a still or a clip.
 */
#pragma once

#include <libavutil/frame.h>

#include "base/err.h"
#include "pipeline/media/media.h"

/* As stored: *out_rotation clockwise degrees make it upright. Caller frees. */
bool first_picture(const char *path, const struct media_limits *limits, AVFrame **out,
		   int *out_rotation, struct err *err) MUST_CHECK;

/* Turned upright, scaled to a width and height (0: in proportion) and given another pixel format in
 * BT.709, with an opacity. The original stays the caller's. */
bool first_picture_fit(AVFrame *picture, int rotation, int width, int height, const char *format,
		       double opacity, AVFrame **out, struct err *err) MUST_CHECK;
