/*
 * Durations and sizes as people write them.
 */
// links: base
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

static const struct {
	const char *text;
	int64_t ms; /* -1: refused */
} durations[] = {
	{ "250ms", 250 },
	{ "8s", 8000 },
	{ "8", 8000 },
	{ "1.5m", 90000 },
	{ "2h", 7200000 },
	{ "30d", 2592000000 },
	{ "1h30m", 5400000 },
	{ "0", 0 },
	{ "0.0004s", 0 },
	{ "", -1 },
	{ "s", -1 },
	{ "-1s", -1 },
	{ "+1s", -1 },
	{ "1 s", -1 },
	{ "1e3s", -1 },
	{ "0x10", -1 },
	{ "inf", -1 },
	{ "nan", -1 },
	{ "1.2.3s", -1 },
	{ ".", -1 },
	{ "5w", -1 },
	{ "5S", -1 },
	{ "99999999999999999999d", -1 },
	{ "1111111111111111111111111111111111s", -1 },
};

static void parses_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		int64_t ms = -1;
		bool is_fine = units_parse_duration_ms(durations[i].text, &ms);

		if (is_fine != (durations[i].ms >= 0) || ms != durations[i].ms)
			fail_msg("'%s': got %s %lld", durations[i].text, is_fine ? "yes" : "no",
				 (long long)ms);
	}
}

static const struct {
	const char *text;
	int64_t bytes;
} sizes[] = {
	{ "512", 512 },	     { "512B", 512 },	       { "64KiB", 65536 },
	{ "4MiB", 4194304 }, { "1.5GiB", 1610612736 }, { "1KB", 1000 },
	{ "2MB", 2000000 },  { "3GB", 3000000000 },    { "", -1 },
	{ "KiB", -1 },	     { "4mib", -1 },	       { "1MiB1KiB", -1 },
	{ "-1", -1 },	     { "99999999999GiB", -1 },
};

static void parses_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int64_t bytes = -1;
		bool is_fine = units_parse_bytes(sizes[i].text, &bytes);

		if (is_fine != (sizes[i].bytes >= 0) || bytes != sizes[i].bytes)
			fail_msg("'%s': got %s %lld", sizes[i].text, is_fine ? "yes" : "no",
				 (long long)bytes);
	}
}

static void shows_for_people(void **state)
{
	char out[32];

	(void)state;
	assert_string_equal(units_show_duration(0, out), "0 ms");
	assert_string_equal(units_show_duration(820, out), "820 ms");
	assert_string_equal(units_show_duration(4299, out), "4.2 s");
	assert_string_equal(units_show_duration(185000, out), "3 m 05 s");
	assert_string_equal(units_show_duration(7800000, out), "2 h 10 m");
	assert_string_equal(units_show_bytes(731, out), "731 B");
	assert_string_equal(units_show_bytes(1000, out), "1.0 kB");
	assert_string_equal(units_show_bytes(12400000, out), "12.4 MB");
	assert_string_equal(units_show_bytes(5000000000, out), "5.0 GB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_durations),
		cmocka_unit_test(parses_sizes),
		cmocka_unit_test(shows_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
