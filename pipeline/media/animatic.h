/*
 * The parts of local/animatic. A scene is drawn frame by frame into planar 4:2:0, BT.709:
 *
 *      base (a still seen by a moving camera, or nothing) + light (low resolution, moving)
 *      + grain + type (words that come and go) + label
 *
 * Everything follows from the words, the seed and the time: nothing random, no state between
 * frames.
 */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/media/encode.h"
#include "pipeline/media/media.h"
#include "pipeline/media/text.h"

/* A sequence of numbers that belongs to a seed. */
struct dice {
	uint64_t state;
};
struct dice dice_of(int64_t seed, const char *salt);
double dice_roll(struct dice *dice); /* [0, 1) */

struct tone { /* R'G'B' as on the screen, 0..1 */
	float r, g, b;
};
struct yuv { /* BT.709 limited, in 8-bit units */
	float y, u, v;
};
struct yuv tone_yuv(struct tone tone);

/* What style words of the prompt ask for. */
enum { LOOK_COLOURS = 5 };
enum light_kind { LIGHT_SOFT, LIGHT_SUN, LIGHT_NEON, LIGHT_SPOT, LIGHT_BOKEH };
struct look {
	const char *name;
	struct tone colours[LOOK_COLOURS];    /* of a background, darkest first */
	struct tone ink, accent;	      /* of type */
	float contrast, saturation, exposure; /* grading of a still; 1, 1, 0 is none */
	struct tone shadows, highlights;      /* added to dark and bright parts of a still */
	float vignette;			      /* 0..1 */
	enum light_kind light;
	struct tone glow[2];
};
void look_choose(const char *prompt, struct dice *dice, bool is_still, struct look *out);

/* Where the camera looks at one moment. */
struct view {
	double x, y;	       /* centre, in parts of the canvas */
	double zoom;	       /* 1: the whole canvas; 1.2: pixel for pixel */
	double roll;	       /* radians */
	double tilt_x, tilt_y; /* perspective: how much nearer the right and lower edges are */
};
struct motion {
	unsigned moves; /* bits, private to animatic_motion.c */
	double pace, phase, towards_x, towards_y;
};
struct motion motion_read(const char *words, struct dice *dice);
struct view motion_at(const struct motion *motion, double fraction, double seconds);

/* The still on a canvas 1.2 times the frame, covering it or on a blurred filling, graded. Caller
 * frees. */
bool canvas_make(const char *path, const struct media_limits *limits, int width, int height,
		 const struct look *look, AVFrame **out, struct err *err) MUST_CHECK;
/* Samples the canvas through the view into the frame. */
void canvas_draw(const AVFrame *canvas, const struct view *view, AVFrame *frame);

/* Light and grain. */
struct light;
struct light *light_new(const struct look *look, struct dice *dice, int width, int height,
			bool is_still);
void light_free(struct light *light);
/* Over a still: adds to the frame; otherwise fills it. */
void light_draw(struct light *light, double seconds, AVFrame *frame);

/* Words in motion. */
struct type;
bool type_new(const char *prompt, const struct look *look, struct dice *dice, int width, int height,
	      double duration_s, struct type **out, struct err *err) MUST_CHECK;
void type_free(struct type *type);
void type_draw(const struct type *type, double seconds, AVFrame *frame);

/* A small line at the bottom; caller frees. */
bool label_make(const char *label, int width, int height, AVFrame **out,
		struct err *err) MUST_CHECK;
void label_draw(const AVFrame *label, AVFrame *frame);

/* A quiet chord of 48 kHz stereo, written up to a time and, at the end, exactly to it. */
struct score;
struct score *score_new(struct dice *dice, int frame_samples);
void score_free(struct score *sound);
bool score_write(struct score *sound, struct encode *encode, double until_s, double duration_s,
		 struct err *err) MUST_CHECK;

/* The frame as PNG with a comment. */
bool png_write(const char *path, AVFrame *frame, const char *comment, struct err *err) MUST_CHECK;

/* True when the text has the phrase at word boundaries, whatever the case; '-' and ' ' are the
 * same. */
bool words_have(const char *text, const char *phrase);
