/*
 * Parsing of cron's fields into bits. The list of time zones is the one file that the spec's own
 * code reads: it is part of the system as the locale is, and a schedule in "Europe/Berln" would be
 * found out at the first morning without a post.
 */
#include "pipeline/spec/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/nearest.h"

struct cron_field {
	const char *name;
	int least, most;
	const char *const *words; /* of least, least + 1, … */
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
					   "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekday_words[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL
};

static const struct cron_field fields[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day", 1, 31, NULL },
	{ "month", 1, 12, month_words },
	{ "weekday", 0, 7, weekday_words }, /* 7 is Sunday, too */
};

static bool refuse(const struct cron_field *field, const char *part, struct err *err)
{
	return err_set(err, ERR_REJECT, "%s: expected %d to %d%s, *, a range or a list, found '%s'",
		       field->name, field->least, field->most, field->words ? " or a name" : "",
		       part);
}

/* A number or a name; moves past it. -1: neither. */
static int read_value(const struct cron_field *field, const char **at)
{
	char *end;
	long number;

	for (int i = 0; field->words && field->words[i]; i++) {
		size_t length = strlen(field->words[i]);

		if (!strncasecmp(*at, field->words[i], length) &&
		    !isalnum((unsigned char)(*at)[length])) {
			*at += length;
			return field->least + i;
		}
	}
	if (!isdigit((unsigned char)**at))
		return -1;
	number = strtol(*at, &end, 10);
	*at = end;
	return number < field->least || number > field->most ? -1 : (int)number;
}

/* One of a list: "*", "5", "1-5", each with "/step". */
static bool read_part(const struct cron_field *field, const char *part, uint64_t *bits,
		      struct err *err)
{
	const char *at = part;
	int first = field->least, last = field->most, step = 1;

	if (*at == '*') {
		at++;
	} else {
		first = last = read_value(field, &at);
		if (first >= 0 && *at == '-') {
			at++;
			last = read_value(field, &at);
		} else if (first >= 0 && *at == '/') {
			last = field->most; /* "5/15" counts on to the end */
		}
	}
	if (*at == '/' && isdigit((unsigned char)at[1])) {
		char *end;

		step = (int)strtol(at + 1, &end, 10);
		at = end;
	}
	if (*at || first < 0 || last < first || step < 1 || step > field->most)
		return refuse(field, part, err);
	for (int value = first; value <= last; value += step)
		*bits |= UINT64_C(1) << value;
	return true;
}

static bool read_field(const struct cron_field *field, char *text, uint64_t *bits, struct err *err)
{
	char *rest, *part;

	if (!*text || text[strlen(text) - 1] == ',' || *text == ',' || strstr(text, ",,"))
		return refuse(field, text, err);
	for (part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
		if (!read_part(field, part, bits, err))
			return false;
	return true;
}

static const char *expand_macro(const char *text)
{
	static const char *const macros[][2] = {
		{ "@yearly", "0 0 1 1 *" },  { "@annually", "0 0 1 1 *" },
		{ "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
		{ "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" },
	};

	for (size_t i = 0; i < ARRAY_LEN(macros); i++)
		if (!strcmp(macros[i][0], text))
			return macros[i][1];
	return text;
}

static bool ever_fires(const struct cron *cron)
{
	static const int lengths[] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (!cron->any_weekday)
		return true;
	for (int month = 1; month <= 12; month++)
		for (int day = 1; day <= lengths[month]; day++)
			if (cron_fires_on(cron, month, day, 0))
				return true;
	return false;
}

bool cron_parse(const char *text, struct cron *out, struct err *err)
{
	char copy[256], *parts[6], *rest;
	uint64_t bits[5] = { 0 };
	size_t count = 0;

	snprintf(copy, sizeof(copy), "%s", expand_macro(text));
	for (char *part = strtok_r(copy, " \t", &rest); part && count < 6;
	     part = strtok_r(NULL, " \t", &rest))
		parts[count++] = part;
	if (count != 5)
		return err_set(err, ERR_REJECT,
			       "expected five fields (minute hour day month weekday), such as "
			       "\"0 9 * * 1-5\", found %zu",
			       count);
	out->any_day = !strcmp(parts[2], "*");
	out->any_weekday = !strcmp(parts[4], "*");
	for (size_t i = 0; i < 5; i++)
		if (!read_field(&fields[i], parts[i], &bits[i], err))
			return false;
	out->minutes = bits[0];
	out->hours = (uint32_t)bits[1];
	out->days = (uint32_t)bits[2];
	out->months = (uint32_t)bits[3];
	out->weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f);
	return ever_fires(out) || err_set(err, ERR_REJECT, "there is no such day in any year");
}

bool cron_fires_on(const struct cron *cron, int month, int day, int weekday)
{
	bool by_day = cron->days >> day & 1, by_weekday = cron->weekdays >> weekday & 1;

	if (!(cron->months >> month & 1))
		return false;
	if (cron->any_day || cron->any_weekday)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

/* ---- time zones ---- */

static bool has_zone_form(const char *name)
{
	return *name && strlen(name) < 64 && *name != '/' && !strstr(name, "..") &&
	       !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "_/+-")];
}

/* tzdata.zi: "Z NAME …" begins a zone, "L TARGET NAME" a link. NULL: another line. */
static const char *zone_of_line(char *line)
{
	char *rest, *kind = strtok_r(line, " ", &rest), *name = strtok_r(NULL, " ", &rest);

	if (kind && !strcmp(kind, "L"))
		return strtok_r(NULL, " ", &rest);
	return kind && !strcmp(kind, "Z") ? name : NULL;
}

static bool is_listed(char *list, const char *wanted, struct nearest *nearest)
{
	char *rest;

	for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *name = zone_of_line(line);

		if (name && !strcmp(name, wanted))
			return true;
		if (name && nearest)
			nearest_offer(nearest, name);
	}
	return false;
}

bool cron_check_timezone(const char *name, struct err *err)
{
	DEFER(buf_done) struct buf list = { 0 };
	DEFER(freep) char *copy = NULL;
	struct err ignored;
	struct nearest nearest;

	if (!has_zone_form(name))
		return err_set(err, ERR_REJECT,
			       "expected a time zone such as Europe/Berlin or UTC, found '%.40s'",
			       name);
	if (!strcmp(name, "UTC") ||
	    !file_read("/usr/share/zoneinfo/tzdata.zi", 1 << 20, &list, &ignored))
		return true;
	copy = xstrdup(list.data);
	if (is_listed(list.data, name, NULL))
		return true;
	nearest_init(&nearest, name); /* 600 distances cost 5 ms: only now */
	(void)is_listed(copy, name, &nearest);
	return err_set(err, ERR_REJECT, "unknown time zone '%.40s'%s", name,
		       nearest_hint(&nearest));
}
