// links: spec
/*
 * Cron's five fields, and names of time zones.
 */
#include "pipeline/spec/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void reads_fields(void **state)
{
	static const struct {
		const char *text;
		uint64_t minutes;
		uint32_t hours, days, months, weekdays;
	} rows[] = {
		{ "0 9 * * 1-5", 1, 1 << 9, 0xfffffffe, 0x1ffe, 0x3e },
		{ "*/15 0-4/2 1,15 jan,DEC sun", 1ull | 1ull << 15 | 1ull << 30 | 1ull << 45, 0x15,
		  1 << 1 | 1 << 15, 1 << 1 | 1 << 12, 1 },
		{ "5/20 * * * *", 1ull << 5 | 1ull << 25 | 1ull << 45, 0xffffff, 0xfffffffe, 0x1ffe,
		  0x7f },
		{ "0 0 * * 7", 1, 1, 0xfffffffe, 0x1ffe, 1 },
		{ "0 0 * * fri-sat", 1, 1, 0xfffffffe, 0x1ffe, 0x60 },
		{ "@hourly", 1, 0xffffff, 0xfffffffe, 0x1ffe, 0x7f },
		{ "@daily", 1, 1, 0xfffffffe, 0x1ffe, 0x7f },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cron cron;
		struct err err = { 0 };

		if (!cron_parse(rows[i].text, &cron, &err))
			fail_msg("%s: %s", rows[i].text, err.text);
		if (cron.minutes != rows[i].minutes || cron.hours != rows[i].hours ||
		    cron.days != rows[i].days || cron.months != rows[i].months ||
		    cron.weekdays != rows[i].weekdays)
			fail_msg("%s: %llx %x %x %x %x", rows[i].text,
				 (unsigned long long)cron.minutes, cron.hours, cron.days,
				 cron.months, cron.weekdays);
	}
}

static void refuses(void **state)
{
	static const char *const rows[][2] = {
		{ "",
		  "expected five fields (minute hour day month weekday), such as \"0 9 * * 1-5\", "
		  "found 0" },
		{ "0 9 * * * *",
		  "expected five fields (minute hour day month weekday), such as \"0 9 * "
		  "* 1-5\", found 6" },
		{ "60 * * * *", "minute: expected 0 to 59, *, a range or a list, found '60'" },
		{ "* 24 * * *", "hour: expected 0 to 23, *, a range or a list, found '24'" },
		{ "* * 0 * *", "day: expected 1 to 31, *, a range or a list, found '0'" },
		{ "* * * foo *",
		  "month: expected 1 to 12 or a name, *, a range or a list, found 'foo'" },
		{ "5-3 * * * *", "minute: expected 0 to 59, *, a range or a list, found '5-3'" },
		{ "*/0 * * * *", "minute: expected 0 to 59, *, a range or a list, found '*/0'" },
		{ "1,,2 * * * *", "minute: expected 0 to 59, *, a range or a list, found '1,,2'" },
		{ "-1 * * * *", "minute: expected 0 to 59, *, a range or a list, found '-1'" },
		{ "0 0 31 4,6 *", "there is no such day in any year" },
		{ "@reboot",
		  "expected five fields (minute hour day month weekday), such as \"0 9 * * "
		  "1-5\", found 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cron cron;
		struct err err = { 0 };

		if (cron_parse(rows[i][0], &cron, &err))
			fail_msg("%s was taken", rows[i][0]);
		assert_string_equal(err.text, rows[i][1]);
	}
}

/* Both restricted: either suffices. */
static void knows_its_days(void **state)
{
	static const struct {
		const char *text;
		int month, day, weekday;
		bool fires;
	} rows[] = {
		{ "0 0 13 * *", 2, 13, 2, true },  { "0 0 13 * *", 2, 14, 2, false },
		{ "0 0 * * 5", 2, 14, 5, true },   { "0 0 * * 5", 2, 14, 4, false },
		{ "0 0 13 * 5", 2, 13, 1, true },  { "0 0 13 * 5", 2, 14, 5, true },
		{ "0 0 13 * 5", 2, 14, 4, false }, { "0 0 * 3 *", 2, 14, 4, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cron cron;
		struct err err = { 0 };

		assert_true(cron_parse(rows[i].text, &cron, &err));
		assert_int_equal(cron_fires_on(&cron, rows[i].month, rows[i].day, rows[i].weekday),
				 rows[i].fires);
	}
}

static void knows_time_zones(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_true(cron_check_timezone("UTC", &err));
	assert_true(cron_check_timezone("Europe/Berlin", &err));
	assert_false(cron_check_timezone("../etc/passwd", &err));
	assert_string_equal(err.text, "expected a time zone such as Europe/Berlin or UTC, found "
				      "'../etc/passwd'");
	if (access("/usr/share/zoneinfo/tzdata.zi", R_OK))
		skip();
	assert_true(cron_check_timezone("Asia/Kolkata", &err));
	assert_true(cron_check_timezone("Asia/Calcutta", &err)); /* a link */
	assert_false(cron_check_timezone("Europe/Berln", &err));
	assert_string_equal(err.text,
			    "unknown time zone 'Europe/Berln', did you mean 'Europe/Berlin'?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_fields),
		cmocka_unit_test(refuses),
		cmocka_unit_test(knows_its_days),
		cmocka_unit_test(knows_time_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
