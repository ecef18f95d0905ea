/*
 * Five fields of cron (minute hour day month weekday), names and macros included, as bits. When a
 * schedule fires next is worked out from these bits alone.
 *
 * As in every cron: when both day and weekday are restricted, either one suffices.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cron {
	uint64_t minutes;	   /* bit 0..59 */
	uint32_t hours;		   /* bit 0..23 */
	uint32_t days;		   /* bit 1..31 */
	uint32_t months;	   /* bit 1..12 */
	uint32_t weekdays;	   /* bit 0..6, Sunday is 0 */
	bool any_day, any_weekday; /* written as * */
};

/* ERR_REJECT says which field is wrong and what it may hold; a time that never comes is refused. */
bool cron_parse(const char *text, struct cron *out, struct err *err) MUST_CHECK;

/* Is the day one on which it fires? weekday 0 is Sunday. */
bool cron_fires_on(const struct cron *cron, int month, int day, int weekday);

/* A name of the time zone database (or UTC). Where the database is installed the name is looked up
 * in its list; elsewhere only its form is checked. */
bool cron_check_timezone(const char *name, struct err *err) MUST_CHECK;
