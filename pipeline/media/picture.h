/*
 * The header of a PNG, JPEG or WebP picture, read by our own bounded code, so that a picture bomb
 * is refused before any decoder has seen it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

struct picture {
	int width, height; /* as stored, before rotation */
	int rotation;	   /* from EXIF: clockwise degrees that make it upright */
	bool is_cut_short; /* the end that its format demands is missing */
	bool is_animated;
	char pixel_format[24]; /* as libav names it; "" where the header does not say */
};

/* `container` is sniff's: "png", "jpeg" or "webp". ERR_REJECT: the header is damaged. */
bool picture_read(int fd, int64_t bytes, const char *container, struct picture *out,
		  struct err *err) MUST_CHECK;
