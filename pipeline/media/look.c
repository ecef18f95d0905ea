/*
 * Takes samples of small pictures and draws conclusions from their series.
 *
 *      frame -> luma -> sample {time, brightness, dark share, change to the one before, hash, ...}
 *      all samples -> black, frozen, cuts, flicker, motion, sharpness
 *      brightest value ever of each small pixel -> bars at the edges
 *
 * A sample stands for the time until the next one, so that uneven frame rates weigh rightly.
 */
#include "pipeline/media/look.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/media/facts.h"
#include "pipeline/media/luma.h"

/* 30 fps: every second frame, 60 fps: every fourth, 24 fps: every second. */
static const double SAMPLE_STEP_S = 0.0599;

static const double BLACK_SHARE = 0.98;	  /* blackdetect's default: 98 % of the picture is dark */
static const double FROZEN_CHANGE = 0.3;  /* mean steps of 255; freezedetect's -60 dB is 0.255 */
static const double FREEZE_MIN_S = 0.5;	  /* shorter stillness is animation on twos and fours */
static const double CUT_CHANGE = 15;	  /* mean steps of 255 ... */
static const double CUT_SOFT_CHANGE = 8;  /* ... or fewer, when the composition changed as well */
static const double CUT_STANDS_OUT = 2.2; /* times the change around it */
static const double SHARP_HALF = 100;	  /* sharpness at which blur is 0.5 */

enum {
	FROZEN_LARGEST = 10, /* one small object that moves is no freeze */
	CUT_HASH_BITS = 18,
	CUTS_LISTED = 64,
	BAR_MEAN = 12, /* a bar: dark on the whole and nowhere bright, in the whole clip */
	BAR_LARGEST = 48,
};

struct sample {
	double at_s;
	float mean, deviation, dark_share, change, sharpness;
	bool is_frozen;
	uint64_t hash;
};

struct look {
	int rotation;
	struct luma luma;
	struct plane previous, brightest;
	uint32_t *sums; /* of every small pixel, for the hash of the whole */
	uint32_t sum_count;
	struct sample *samples;
	size_t count, room;
};

struct look *look_new(int rotation)
{
	struct look *look = xcalloc(1, sizeof(*look));

	look->rotation = rotation;
	return look;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	luma_done(&look->luma);
	free(look->previous.data);
	free(look->brightest.data);
	free(look->sums);
	free(look->samples);
	free(look);
}

void look_freep(struct look **look)
{
	look_free(*look);
	*look = NULL;
}

static size_t area(const struct plane *plane)
{
	return (size_t)plane->width * (size_t)plane->height;
}

/* The first picture, or one of another size: what was gathered over time starts again. */
static void restart(struct look *look)
{
	const struct plane *small = &look->luma.small;

	look->previous = (struct plane){ small->width, small->height,
					 xrealloc(look->previous.data, area(small)) };
	look->brightest = (struct plane){ small->width, small->height,
					  xrealloc(look->brightest.data, area(small)) };
	memset(look->brightest.data, 0, area(small));
	look->sums = xrealloc(look->sums, area(small) * sizeof(*look->sums));
	memset(look->sums, 0, area(small) * sizeof(*look->sums));
	look->sum_count = 0;
}

static void gather(struct look *look)
{
	const uint8_t *restrict from = look->luma.small.data;
	uint8_t *restrict brightest = look->brightest.data;
	uint32_t *restrict sums = look->sums;
	size_t count = area(&look->luma.small);

	for (size_t i = 0; i < count; i++) {
		brightest[i] = from[i] > brightest[i] ? from[i] : brightest[i];
		sums[i] += from[i];
	}
	look->sum_count++;
	memcpy(look->previous.data, from, count);
}

static struct sample *add_sample(struct look *look)
{
	if (look->count == look->room) {
		look->room = look->room ? look->room * 2 : 128;
		look->samples = xrealloc(look->samples, look->room * sizeof(*look->samples));
	}
	look->samples[look->count] = (struct sample){ 0 };
	return &look->samples[look->count++];
}

bool look_take(struct look *look, const AVFrame *frame, double at_s, struct err *err)
{
	struct luma_stats stats;
	struct sample *sample;
	double change = 0;
	bool is_changed;
	int largest = 0;

	if (look->count && at_s - look->samples[look->count - 1].at_s < SAMPLE_STEP_S)
		return true;
	if (!luma_take(&look->luma, frame, &is_changed, err))
		return false;
	if (is_changed)
		restart(look);
	else
		luma_compare(&look->luma.small, &look->previous, &change, &largest);
	stats = luma_measure(&look->luma.small);
	sample = add_sample(look);
	sample->at_s = at_s;
	sample->mean = (float)stats.mean;
	sample->deviation = (float)stats.deviation;
	sample->dark_share = (float)stats.dark_share;
	sample->change = (float)change;
	sample->is_frozen = look->count > 1 && !is_changed && change < FROZEN_CHANGE &&
			    largest <= FROZEN_LARGEST;
	sample->sharpness = (float)luma_sharpness(&look->luma);
	sample->hash = luma_hash(&look->luma.small);
	gather(look);
	return true;
}

/* How long a sample is on the screen. */
static double shown(const struct look *look, size_t i, double end_s)
{
	double until = i + 1 < look->count ? look->samples[i + 1].at_s : end_s;

	return fmax(0, until - look->samples[i].at_s);
}

static double black_ratio(const struct look *look, double end_s)
{
	double black = 0, all = 0;

	for (size_t i = 0; i < look->count; i++) {
		black += look->samples[i].dark_share >= BLACK_SHARE ? shown(look, i, end_s) : 0;
		all += shown(look, i, end_s);
	}
	if (all <= 0) /* a single picture without a duration */
		return look->samples[0].dark_share >= BLACK_SHARE;
	return black / all;
}

static void put_freeze(const struct look *look, json_t *metrics)
{
	double frozen = 0, longest = 0, run = 0;
	double all = look->samples[look->count - 1].at_s - look->samples[0].at_s;

	for (size_t i = 1; i < look->count; i++) {
		bool is_last = i + 1 == look->count;

		if (look->samples[i].is_frozen)
			run += look->samples[i].at_s - look->samples[i - 1].at_s;
		if (look->samples[i].is_frozen && !is_last)
			continue;
		frozen += run >= FREEZE_MIN_S ? run : 0;
		longest = run >= FREEZE_MIN_S ? fmax(longest, run) : longest;
		run = 0;
	}
	facts_put_number(metrics, "freeze_ratio", all > 0 ? frozen / all : 0, 4);
	facts_put_number(metrics, "longest_freeze", longest, 3);
}

/* The largest change within two samples on either side. */
static double change_around(const struct look *look, size_t i)
{
	double largest = 0;

	for (size_t j = i > 3 ? i - 2 : 1; j <= i + 2 && j < look->count; j++)
		if (j != i)
			largest = fmax(largest, look->samples[j].change);
	return largest;
}

static bool is_cut(const struct look *look, size_t i)
{
	const struct sample *at = &look->samples[i];
	int bits = __builtin_popcountll(at->hash ^ at[-1].hash);

	if (at->change < CUT_SOFT_CHANGE || (at->change < CUT_CHANGE && bits < CUT_HASH_BITS))
		return false;
	return at->change > change_around(look, i) * CUT_STANDS_OUT;
}

static void put_cuts(const struct look *look, json_t *metrics)
{
	json_t *times = json_array();
	int cuts = 0;

	for (size_t i = 1; i < look->count; i++) {
		if (!is_cut(look, i))
			continue;
		if (cuts++ < CUTS_LISTED)
			json_array_append_new(
				times, json_real(round(look->samples[i].at_s * 1000) / 1000));
	}
	json_object_set_new(metrics, "scene_cuts", json_integer(cuts));
	json_object_set_new(metrics, "scene_cut_times", times);
}

/* Brightness that goes up and down from sample to sample, cuts left out. */
static double flicker(const struct look *look)
{
	double sum = 0;
	size_t count = 0;

	for (size_t i = 2; i < look->count; i++) {
		const struct sample *at = &look->samples[i];

		if (at->change >= CUT_CHANGE || at[-1].change >= CUT_CHANGE)
			continue;
		sum += fabs(at->mean - 2.0 * at[-1].mean + at[-2].mean) / 2;
		count++;
	}
	return count ? sum / (double)count : 0;
}

static double motion(const struct look *look)
{
	double sum = 0;
	size_t count = 0;

	for (size_t i = 1; i < look->count; i++) {
		if (is_cut(look, i))
			continue;
		sum += look->samples[i].change / 255;
		count++;
	}
	return count ? sum / (double)count : 0;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The median: fades and black frames are not blurred, they are rare. */
static double sharpness(const struct look *look)
{
	float *values = xcalloc(look->count, sizeof(*values));
	size_t count = 0;
	double median;

	for (size_t i = 0; i < look->count; i++)
		if (look->samples[i].dark_share < BLACK_SHARE)
			values[count++] = look->samples[i].sharpness;
	qsort(values, count, sizeof(*values), compare);
	median = count ? values[count / 2] : 0;
	free(values);
	return median;
}

static bool is_bar(const struct plane *plane, size_t from, size_t step, int count)
{
	unsigned sum = 0;

	for (int i = 0; i < count; i++) {
		uint8_t value = plane->data[from + (size_t)i * step];

		if (value > BAR_LARGEST)
			return false;
		sum += value;
	}
	return sum <= (unsigned)count * BAR_MEAN;
}

static bool is_bar_row(const struct plane *plane, int y)
{
	return is_bar(plane, (size_t)y * (size_t)plane->width, 1, plane->width);
}

static bool is_bar_column(const struct plane *plane, int x)
{
	return is_bar(plane, (size_t)x, (size_t)plane->width, plane->height);
}

struct bars {
	int top, bottom, left, right;
};

/* In small pixels, as stored. A wholly black clip has none. */
static struct bars find_bars(const struct plane *plane)
{
	struct bars bars = { 0 };

	while (bars.top < plane->height && is_bar_row(plane, bars.top))
		bars.top++;
	if (bars.top == plane->height)
		return (struct bars){ 0 };
	while (is_bar_row(plane, plane->height - 1 - bars.bottom))
		bars.bottom++;
	while (is_bar_column(plane, bars.left))
		bars.left++;
	while (is_bar_column(plane, plane->width - 1 - bars.right))
		bars.right++;
	return bars;
}

static struct bars turn(struct bars b, int rotation)
{
	switch (rotation) {
	case 90: return (struct bars){ b.left, b.right, b.bottom, b.top };
	case 180: return (struct bars){ b.bottom, b.top, b.right, b.left };
	case 270: return (struct bars){ b.right, b.left, b.top, b.bottom };
	default: return b;
	}
}

static void put_int(json_t *metrics, const char *name, int64_t value)
{
	json_object_set_new(metrics, name, json_integer(value));
}

static void put_bars(const struct look *look, json_t *metrics)
{
	const struct luma *luma = &look->luma;
	bool is_turned = look->rotation == 90 || look->rotation == 270;
	struct bars bars = turn(find_bars(&look->brightest), look->rotation);
	int width = is_turned ? luma->source_height : luma->source_width;
	int height = is_turned ? luma->source_width : luma->source_height;
	int x = bars.left * luma->factor, y = bars.top * luma->factor;
	int shown_width = width - x - bars.right * luma->factor;
	int shown_height = height - y - bars.bottom * luma->factor;

	facts_put_number(metrics, "letterbox_ratio", 1 - (double)shown_height / height, 4);
	facts_put_number(metrics, "pillarbox_ratio", 1 - (double)shown_width / width, 4);
	put_int(metrics, "crop_x", x);
	put_int(metrics, "crop_y", y);
	put_int(metrics, "crop_width", shown_width);
	put_int(metrics, "crop_height", shown_height);
}

static void put_hash(json_t *metrics, const char *name, uint64_t hash)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	json_object_set_new(metrics, name, json_string(text));
}

/* Of the mean of all samples; `previous` is not needed any more and holds it. */
static uint64_t whole_hash(struct look *look)
{
	struct plane *mean = &look->previous;

	for (size_t i = 0; i < area(mean); i++)
		mean->data[i] = (uint8_t)(look->sums[i] / look->sum_count);
	return luma_hash(mean);
}

static void put_light(const struct look *look, json_t *metrics)
{
	double mean = 0, deviation = 0, sharp = sharpness(look);

	for (size_t i = 0; i < look->count; i++) {
		mean += look->samples[i].mean;
		deviation += look->samples[i].deviation;
	}
	facts_put_number(metrics, "brightness", mean / (double)look->count, 4);
	facts_put_number(metrics, "contrast", deviation / (double)look->count, 4);
	facts_put_number(metrics, "sharpness", sharp, 2);
	facts_put_number(metrics, "blur", SHARP_HALF / (SHARP_HALF + sharp), 4);
}

void look_put(struct look *look, enum look_subject subject, double end_s, json_t *metrics)
{
	put_int(metrics, "frames_measured", (int64_t)look->count);
	if (!look->count)
		return;
	facts_put_number(metrics, "black_ratio", black_ratio(look, end_s), 4);
	put_light(look, metrics);
	put_bars(look, metrics);
	put_hash(metrics, "phash", whole_hash(look));
	if (subject == LOOK_AT_STILL)
		return;
	put_freeze(look, metrics);
	put_cuts(look, metrics);
	facts_put_number(metrics, "flicker", flicker(look), 4);
	facts_put_number(metrics, "motion", motion(look), 4);
	put_hash(metrics, "phash_first", look->samples[0].hash);
	put_hash(metrics, "phash_middle", look->samples[look->count / 2].hash);
	put_hash(metrics, "phash_last", look->samples[look->count - 1].hash);
}
