/*
 * Moving light, computed for every eighth pixel and spread evenly between, and a fine still grain
 * that keeps slow gradients from banding. Without a still it is the whole background: five colours
 * that drift into each other, and a few soft discs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/media/animatic.h"

enum {
	CELL = 8,
	GRAIN = 256,
	SPOTS = 7,
	PLANES = 4,
	GAIN = 3,
	BLOCK = 16, /* pixels in one step: loops of a known length become vector code */
};

struct drift { /* a place that wanders around another */
	float x, y, far_x, far_y, speed_x, speed_y, phase;
};

struct spot {
	struct drift drift;
	float radius, edge, strength; /* edge: how soft, in radii */
	struct tone tone;
};

struct light {
	struct look look;
	bool is_still;
	int width, height, columns, rows;
	struct drift colours[LOOK_COLOURS];
	struct spot spots[SPOTS];
	size_t spot_count;
	int16_t *cells[PLANES]; /* y, u, v in 8-bit units times 64; gain of luma times 128 */
	int16_t *row;		/* one row of cells, interpolated between two */
	int16_t *pixels;	/* one row of pixels */
	int16_t *gains;
	int8_t grain[GRAIN * GRAIN];
};

static struct drift new_drift(struct dice *dice, float x, float y, float far)
{
	return (struct drift){
		.x = x,
		.y = y,
		.far_x = far * (0.6f + 0.8f * (float)dice_roll(dice)),
		.far_y = far * (0.6f + 0.8f * (float)dice_roll(dice)),
		.speed_x = 0.35f + 0.45f * (float)dice_roll(dice),
		.speed_y = 0.35f + 0.45f * (float)dice_roll(dice),
		.phase = 6.2831853f * (float)dice_roll(dice),
	};
}

static void drift_at(const struct drift *drift, double seconds, float *x, float *y)
{
	*x = drift->x + drift->far_x * sinf(drift->speed_x * (float)seconds + drift->phase);
	*y = drift->y + drift->far_y * cosf(drift->speed_y * (float)seconds + drift->phase * 1.7f);
}

static void add_spot(struct light *light, struct dice *dice, float x, float y, float far,
		     float radius, float edge, float strength, int glow)
{
	light->spots[light->spot_count++] = (struct spot){
		.drift = new_drift(dice, x, y, far),
		.radius = radius,
		.edge = edge,
		.strength = strength,
		.tone = light->look.glow[glow],
	};
}

static float roll(struct dice *dice, float from, float to)
{
	return from + (to - from) * (float)dice_roll(dice);
}

static void place_spots(struct light *light, struct dice *dice)
{
	float side = dice_roll(dice) < 0.5 ? 0.08f : 0.92f;

	switch (light->look.light) {
	case LIGHT_SUN:
		add_spot(light, dice, side, 0.10f, 0.08f, 0.75f, 1, 0.36f, 0);
		add_spot(light, dice, 1 - side, 0.85f, 0.06f, 0.5f, 1, 0.12f, 1);
		add_spot(light, dice, side, 0.2f, 0.12f, 0.22f, 1, 0.14f, 0);
		break;
	case LIGHT_NEON:
		add_spot(light, dice, 0.0f, roll(dice, 0.2f, 0.7f), 0.10f, 0.55f, 1, 0.50f, 0);
		add_spot(light, dice, 1.0f, roll(dice, 0.3f, 0.8f), 0.10f, 0.55f, 1, 0.50f, 1);
		add_spot(light, dice, 0.5f, 1.0f, 0.15f, 0.35f, 1, 0.20f, 0);
		break;
	case LIGHT_SPOT:
		add_spot(light, dice, roll(dice, 0.4f, 0.6f), 0.32f, 0.14f, 0.55f, 1, 0.16f, 0);
		add_spot(light, dice, side, 0.7f, 0.10f, 0.4f, 1, 0.07f, 1);
		break;
	case LIGHT_BOKEH:
		for (int i = 0; i < 6; i++)
			add_spot(light, dice, roll(dice, 0, 1), roll(dice, 0.05f, 0.95f), 0.06f,
				 roll(dice, 0.035f, 0.09f), 0.25f, roll(dice, 0.10f, 0.24f), i & 1);
		break;
	case LIGHT_SOFT:
		add_spot(light, dice, side, 0.2f, 0.18f, 0.6f, 1, 0.15f, 0);
		add_spot(light, dice, 1 - side, 0.8f, 0.18f, 0.5f, 1, 0.10f, 1);
		break;
	}
}

/* Without a still: the colours' places, and discs that give the eye an edge to follow. */
static void place_background(struct light *light, struct dice *dice)
{
	static const float places[LOOK_COLOURS][2] = {
		{ 0.5f, 0.5f }, { 0.1f, 0.15f }, { 0.9f, 0.3f }, { 0.2f, 0.9f }, { 0.95f, 0.98f },
	};
	bool is_mirrored = dice_roll(dice) < 0.5, is_turned = dice_roll(dice) < 0.5;

	for (int i = 0; i < LOOK_COLOURS; i++)
		light->colours[i] = new_drift(dice, is_mirrored ? 1 - places[i][0] : places[i][0],
					      is_turned ? 1 - places[i][1] : places[i][1], 0.2f);
	while (light->spot_count < SPOTS - 1 && light->spot_count < 5)
		add_spot(light, dice, roll(dice, 0, 1), roll(dice, 0, 1), 0.15f,
			 roll(dice, 0.16f, 0.36f), 0.12f, roll(dice, 0.03f, 0.07f),
			 (int)light->spot_count & 1);
}

struct light *light_new(const struct look *look, struct dice *dice, int width, int height,
			bool is_still)
{
	struct light *light = xcalloc(1, sizeof(*light));

	light->look = *look;
	light->is_still = is_still;
	light->width = width;
	light->height = height;
	light->columns = width / CELL + 4; /* whole blocks at the right edge */
	light->rows = height / CELL + 2;
	for (int i = 0; i < PLANES; i++)
		light->cells[i] =
			xcalloc((size_t)light->columns * (size_t)light->rows, sizeof(int16_t));
	light->row = xcalloc((size_t)light->columns, sizeof(int16_t));
	light->pixels = xcalloc((size_t)width + BLOCK + CELL, sizeof(int16_t));
	light->gains = xcalloc((size_t)width + BLOCK + CELL, sizeof(int16_t));
	for (size_t i = 0; i < sizeof(light->grain); i++)
		light->grain[i] = (int8_t)lrint((dice_roll(dice) + dice_roll(dice) - 1) * 80);
	place_spots(light, dice);
	if (!is_still)
		place_background(light, dice);
	return light;
}

void light_free(struct light *light)
{
	if (!light)
		return;
	for (int i = 0; i < PLANES; i++)
		free(light->cells[i]);
	free(light->row);
	free(light->pixels);
	free(light->gains);
	free(light);
}

static float smooth(float at)
{
	at = at < 0 ? 0 : at > 1 ? 1 : at;
	return at * at * (3 - 2 * at);
}

struct moment { /* where everything is in this frame; x and y in units of the shorter side */
	float colour_x[LOOK_COLOURS], colour_y[LOOK_COLOURS];
	float spot_x[SPOTS], spot_y[SPOTS];
	float wide, high;
};

static struct moment moment_at(const struct light *light, double seconds)
{
	float shorter = (float)(light->width < light->height ? light->width : light->height);
	struct moment moment = { .wide = (float)light->width / shorter,
				 .high = (float)light->height / shorter };

	for (int i = 0; i < LOOK_COLOURS; i++) {
		drift_at(&light->colours[i], seconds, &moment.colour_x[i], &moment.colour_y[i]);
		moment.colour_x[i] *= moment.wide;
		moment.colour_y[i] *= moment.high;
	}
	for (size_t i = 0; i < light->spot_count; i++) {
		drift_at(&light->spots[i].drift, seconds, &moment.spot_x[i], &moment.spot_y[i]);
		moment.spot_x[i] *= moment.wide;
		moment.spot_y[i] *= moment.high;
	}
	return moment;
}

static struct tone mix_colours(const struct light *light, const struct moment *moment, float x,
			       float y)
{
	static const float shares[LOOK_COLOURS] = { 1.5f, 1.2f, 1, 0.9f, 0.55f };
	struct tone sum = { 0, 0, 0 };
	float total = 0;

	for (int i = 0; i < LOOK_COLOURS; i++) {
		float dx = x - moment->colour_x[i], dy = y - moment->colour_y[i];
		float near = 1 / (dx * dx + dy * dy + 0.06f), weight = shares[i] * near * near;

		sum.r += light->look.colours[i].r * weight;
		sum.g += light->look.colours[i].g * weight;
		sum.b += light->look.colours[i].b * weight;
		total += weight;
	}
	return (struct tone){ sum.r / total, sum.g / total, sum.b / total };
}

static void add_spots(const struct light *light, const struct moment *moment, float x, float y,
		      struct tone *sum)
{
	for (size_t i = 0; i < light->spot_count; i++) {
		const struct spot *spot = &light->spots[i];
		float dx = x - moment->spot_x[i], dy = y - moment->spot_y[i];
		float far = dx * dx + dy * dy, cover;

		if (far >= spot->radius * spot->radius)
			continue;
		cover = spot->strength * smooth((1 - sqrtf(far) / spot->radius) / spot->edge);
		sum->r += spot->tone.r * cover;
		sum->g += spot->tone.g * cover;
		sum->b += spot->tone.b * cover;
	}
}

static float vignette_at(const struct light *light, float x, float y, float wide, float high)
{
	float dx = x / wide - 0.5f, dy = y / high - 0.5f;

	return 1 - light->look.vignette * smooth((sqrtf(dx * dx + dy * dy) - 0.28f) / 0.5f);
}

static void put_cell(struct light *light, size_t at, struct tone tone, float gain)
{
	struct yuv yuv;

	if (!light->is_still) {
		tone.r *= gain;
		tone.g *= gain;
		tone.b *= gain;
	} else if (light->look.saturation <= 0) {
		tone.r = tone.b = tone.g;
	}
	yuv = tone_yuv(tone);
	light->cells[0][at] = (int16_t)lrintf((yuv.y - (light->is_still ? 16 : 0)) * 64);
	light->cells[1][at] = (int16_t)lrintf((yuv.u - (light->is_still ? 128 : 0)) * 64);
	light->cells[2][at] = (int16_t)lrintf((yuv.v - (light->is_still ? 128 : 0)) * 64);
	light->cells[GAIN][at] = (int16_t)lrintf(gain * 128);
}

static void fill_cells(struct light *light, double seconds)
{
	struct moment moment = moment_at(light, seconds);
	size_t at = 0;

	for (int row = 0; row < light->rows; row++)
		for (int column = 0; column < light->columns; column++, at++) {
			float x = (float)(column * CELL) / (float)light->width * moment.wide;
			float y = (float)(row * CELL) / (float)light->height * moment.high;
			struct tone tone = { 0, 0, 0 };

			if (!light->is_still)
				tone = mix_colours(light, &moment, x, y);
			add_spots(light, &moment, x, y, &tone);
			put_cell(light, at, tone,
				 vignette_at(light, x, y, moment.wide, moment.high));
		}
}

/* One row of a plane at full width, from the cells around it. `shift` is a constant at each call.
 */
static inline void spread(const struct light *light, int plane, int y, int shift, int width,
			  int16_t *restrict out)
{
	const int16_t *above = light->cells[plane] + (size_t)(y >> shift) * (size_t)light->columns;
	const int16_t *below = above + light->columns;
	int part = y & ((1 << shift) - 1), columns = light->columns;
	int16_t *restrict row = light->row;

	for (int i = 0; i < columns; i++)
		row[i] = (int16_t)(above[i] + (((below[i] - above[i]) * part) >> shift));
	for (int i = 0; i << shift < width; i++) {
		int value = row[i] * (1 << shift), step = row[i + 1] - row[i];

		for (int x = 0; x < 1 << shift; x++)
			out[(i << shift) + x] = (int16_t)((value + step * x) >> shift);
	}
}

static inline uint8_t clip(int value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Frames are padded to whole blocks on the right (av_frame_get_buffer aligns rows to 32). */
static void fill_row(uint8_t *restrict to, const int16_t *restrict light,
		     const int8_t *restrict grain, int width)
{
	for (int x = 0; x < width; x += BLOCK)
		for (int i = 0; i < BLOCK; i++)
			to[x + i] = clip((light[x + i] + 32 + grain[(x & (GRAIN - 1)) + i]) >> 6);
}

static void light_row(uint8_t *restrict to, const int16_t *restrict light,
		      const int16_t *restrict gains, const int8_t *restrict grain, int width)
{
	for (int x = 0; x < width; x += BLOCK)
		for (int i = 0; i < BLOCK; i++)
			to[x + i] =
				clip(16 + (int16_t)(((to[x + i] - 16) * gains[x + i]) >> 7) +
				     ((light[x + i] + 32 + grain[(x & (GRAIN - 1)) + i] / 4) >> 6));
}

static void draw_luma(struct light *light, AVFrame *frame)
{
	for (int y = 0; y < light->height; y++) {
		const int8_t *grain = light->grain + (size_t)(y % GRAIN) * GRAIN;
		uint8_t *to = frame->data[0] + y * frame->linesize[0];

		spread(light, 0, y, 3, light->width, light->pixels);
		if (light->is_still) {
			spread(light, GAIN, y, 3, light->width, light->gains);
			light_row(to, light->pixels, light->gains, grain, light->width);
		} else {
			fill_row(to, light->pixels, grain, light->width);
		}
	}
}

static void tint_row(uint8_t *restrict to, const int16_t *restrict light, int keep, int width)
{
	for (int x = 0; x < width; x += BLOCK)
		for (int i = 0; i < BLOCK; i++)
			to[x + i] = clip((to[x + i] & keep) + ((light[x + i] + 32) >> 6));
}

static void draw_chroma(struct light *light, AVFrame *frame, int plane)
{
	for (int y = 0; y < light->height / 2; y++) {
		uint8_t *to = frame->data[plane] + y * frame->linesize[plane];

		spread(light, plane, y, 2, light->width / 2, light->pixels);
		tint_row(to, light->pixels, light->is_still ? 255 : 0, light->width / 2);
	}
}

void light_draw(struct light *light, double seconds, AVFrame *frame)
{
	fill_cells(light, seconds);
	draw_luma(light, frame);
	draw_chroma(light, frame, 1);
	draw_chroma(light, frame, 2);
}
