/*
 * The brightness of a decoded picture at two smaller sizes, by area averaging: "middle" (short side
 * 540 to 1079) for sharpness, "small" (short side 160 to 319) for everything else. Small enough
 * that statistics on it cost a fraction of decoding.
 */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct plane {
	int width, height; /* rows follow each other without gaps */
	uint8_t *data;
};

struct luma {
	int source_width, source_height, format; /* of the last frame */
	int factor;				 /* source pixels per small pixel */
	bool is_limited; /* black is 16 and white 235 in middle; small is always 0 to 255 */
	struct plane middle, small;
	uint8_t *gray; /* the frame as plain gray, where its own layout has no such plane */
	uint16_t *sums;
	struct SwsContext *scaler;
};

/* Fills middle and small. *out_changed: the size is another than last time (or this is the first).
 */
bool luma_take(struct luma *luma, const AVFrame *frame, bool *out_changed,
	       struct err *err) MUST_CHECK;
void luma_done(struct luma *luma);

/* Variance of the Laplacian of the middle picture, in squared steps of 255: high is sharp. */
double luma_sharpness(const struct luma *luma);

/* Statistics of the small picture. */
struct luma_stats {
	double mean, deviation; /* 0 to 1 */
	double dark_share;	/* of pixels darker than a tenth */
};
struct luma_stats luma_measure(const struct plane *small);

/* Mean and largest difference of two planes of equal size, in steps of 255. */
void luma_compare(const struct plane *a, const struct plane *b, double *out_mean, int *out_largest);

/* 64 bits: whether each of 8 x 8 fields is brighter than its right neighbour (difference hash). */
uint64_t luma_hash(const struct plane *small);
