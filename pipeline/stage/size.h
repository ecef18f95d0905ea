/*
 * "9:16" and "1080p" as a width and a height.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* resolution: the shorter side ("720p", "1080p", "4k") or both ("1080x1920"), NULL: 1080p;
 * aspect_ratio: "W:H", NULL: 9:16. Both come out even, as video codecs want them. */
bool size_of(const char *aspect_ratio, const char *resolution, int *out_width, int *out_height,
	     struct err *err) MUST_CHECK;
