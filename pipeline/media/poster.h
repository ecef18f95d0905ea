/*
 * JPEG stills of a clip for sheets: poster_0.jpg, poster_1.jpg, ..., evenly spaced, upright, at
 * most 540 pixels wide.
 */
#pragma once

#include <jansson.h>
#include <libavutil/frame.h>
#include <stdbool.h>

#include "base/err.h"
#include "pipeline/media/media.h"

struct poster_maker {
	const char *dir; /* NULL: makes none */
	int wanted, made, rotation;
	AVRational aspect; /* of a stored pixel; 0/1: square */
	double duration_s;
	AVFrame *last; /* kept in case nothing was made until the end */
};

/* Shown frames in order. Writes a still when the next one is due. */
bool poster_take(struct poster_maker *maker, const AVFrame *frame, double at_s,
		 struct err *err) MUST_CHECK;

/* At the end: at least one still is made if there was a frame. Adds "posters": [file names]. */
bool poster_finish(struct poster_maker *maker, json_t *metrics, struct err *err) MUST_CHECK;
void poster_done(struct poster_maker *maker);
