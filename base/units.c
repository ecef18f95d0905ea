/*
 * Parsing and printing of durations and sizes; no locale, no allocation.
 */
#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

/* Parses one "number unit" at *text and moves past it. Only digits and one point: no sign,
 * exponent, hex or inf. */
static bool parse_part(const char **text, const struct unit *units, size_t count, double *out)
{
	size_t digits = strspn(*text, "0123456789."), letters;
	char number[32];
	char *end;

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, *text, digits);
	number[digits] = '\0';
	*out = strtod(number, &end);
	if (*end)
		return false;
	*text += digits;
	letters = strcspn(*text, "0123456789.");
	for (size_t i = 0; i < count; i++) {
		if (strlen(units[i].name) == letters && !strncmp(units[i].name, *text, letters)) {
			*out *= units[i].factor;
			*text += letters;
			return true;
		}
	}
	return false;
}

bool units_parse_duration_ms(const char *text, int64_t *out_ms)
{
	static const struct unit units[] = { { "", 1e3 },  { "ms", 1 },	   { "s", 1e3 },
					     { "m", 6e4 }, { "h", 3.6e6 }, { "d", 8.64e7 } };
	double total = 0, part;

	if (!*text)
		return false;
	while (*text) {
		if (!parse_part(&text, units, sizeof(units) / sizeof(*units), &part))
			return false;
		total += part;
	}
	if (total > 9e15)
		return false;
	*out_ms = (int64_t)llround(total);
	return true;
}

bool units_parse_bytes(const char *text, int64_t *out_bytes)
{
	static const struct unit units[] = { { "", 1 },		 { "B", 1 },
					     { "KB", 1e3 },	 { "MB", 1e6 },
					     { "GB", 1e9 },	 { "KiB", 1024 },
					     { "MiB", 1048576 }, { "GiB", 1073741824 } };
	double total;

	if (!parse_part(&text, units, sizeof(units) / sizeof(*units), &total) || *text ||
	    total > 9e15)
		return false;
	*out_bytes = (int64_t)llround(total);
	return true;
}

const char *units_show_duration(int64_t ms, char out[32])
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(out, 32, "%" PRId64 " ms", ms);
	else if (s < 60)
		snprintf(out, 32, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
	else if (s < 3600)
		snprintf(out, 32, "%" PRId64 " m %02" PRId64 " s", s / 60, s % 60);
	else
		snprintf(out, 32, "%" PRId64 " h %02" PRId64 " m", s / 3600, s % 3600 / 60);
	return out;
}

const char *units_show_bytes(int64_t bytes, char out[32])
{
	if (bytes < 1000)
		snprintf(out, 32, "%" PRId64 " B", bytes);
	else if (bytes < 1000000)
		snprintf(out, 32, "%.1f kB", (double)bytes / 1e3);
	else if (bytes < 1000000000)
		snprintf(out, 32, "%.1f MB", (double)bytes / 1e6);
	else
		snprintf(out, 32, "%.1f GB", (double)bytes / 1e9);
	return out;
}
