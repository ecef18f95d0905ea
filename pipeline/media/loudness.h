/*
 * The gain that brings a clip's sound to a loudness (EBU R 128 integrated).
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "pipeline/media/media.h"

/* Limiter at -1 dB, its look-ahead taken out again so that sound stays with the picture. */
#define LOUDNESS_LIMITER "limit=0.891:level=false:attack=5:release=60:latency=true"

/* Over [start, end) of the file, end 0: to its end. Gain 0: silent, or near enough (0.3 LU). */
bool loudness_gain(const char *path, const struct media_limits *limits, double start_s,
		   double end_s, double wanted_lufs, double *out_gain_db, bool *out_needs_limiter,
		   struct err *err) MUST_CHECK;
