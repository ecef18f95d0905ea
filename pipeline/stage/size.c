/*
 * Picture sizes from the words that specs use.
 */
#include "pipeline/stage/size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

enum { SIDE_MIN = 64, SIDE_MAX = 7680 };

static bool read_pair(const char *text, char between, double *first, double *second)
{
	char separator = 0;
	int used = 0;

	return sscanf(text, "%lf%c%lf%n", first, &separator, second, &used) == 3 &&
	       separator == between && !text[used] && *first > 0 && *second > 0 &&
	       isfinite(*first) && isfinite(*second);
}

static bool read_short_side(const char *text, double *side)
{
	static const struct {
		const char *name;
		double side;
	} words[] = { { "hd", 720 }, { "fullhd", 1080 }, { "2k", 1440 }, { "4k", 2160 } };
	int used = 0;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(text, words[i].name)) {
			*side = words[i].side;
			return true;
		}
	}
	return sscanf(text, "%lfp%n", side, &used) == 1 && used && !text[used] && *side > 0;
}

static int even(double value)
{
	return 2 * (int)lround(value / 2);
}

bool size_of(const char *aspect_ratio, const char *resolution, int *out_width, int *out_height,
	     struct err *err)
{
	const char *ratio = aspect_ratio ? aspect_ratio : "9:16";
	const char *size = resolution ? resolution : "1080p";
	double across, down, side, width, height;

	if (read_pair(size, 'x', &width, &height)) {
		side = 0;
	} else if (!read_short_side(size, &side)) {
		return err_set(err, ERR_REJECT,
			       "resolution '%s': expected like 1080p, 4k or 1080x1920", size);
	} else if (!read_pair(ratio, ':', &across, &down)) {
		return err_set(err, ERR_REJECT, "aspect_ratio '%s': expected like 9:16", ratio);
	} else {
		width = across < down ? side : side * across / down;
		height = across < down ? side * down / across : side;
	}
	if (width < SIDE_MIN || height < SIDE_MIN || width > SIDE_MAX || height > SIDE_MAX)
		return err_set(err, ERR_REJECT,
			       "%s at %s is %.0fx%.0f; each side must be from %d to %d pixels",
			       ratio, size, width, height, SIDE_MIN, SIDE_MAX);
	*out_width = even(width);
	*out_height = even(height);
	return true;
}
