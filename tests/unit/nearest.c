/*
 * "did you mean": helpful when near, silent when it would be a guess.
 */
// links: base
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static void offers_the_nearest_name(void **state)
{
	static const char *const names[] = { "prompt", "negative_prompt", "seed",
					     "model",  "duration",	  "if" };
	static const struct {
		const char *wanted, *hint, *why;
	} rows[] = {
		{ "promt", ", did you mean 'prompt'?", "a letter missing" },
		{ "prmopt", ", did you mean 'prompt'?", "two letters swapped count once" },
		{ "PROMPT", ", did you mean 'prompt'?", "case does not count" },
		{ "duratoin", ", did you mean 'duration'?", "swapped" },
		{ "negativ_promt", ", did you mean 'negative_prompt'?",
		  "two mistakes in a long name" },
		{ "of", ", did you mean 'if'?", "one mistake in a short name" },
		{ "colour", "", "nothing near" },
		{ "xy", "", "two mistakes in two letters are a guess" },
		{ "", "", "nothing was written" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nearest nearest;

		nearest_init(&nearest, rows[i].wanted);
		for (size_t j = 0; j < ARRAY_LEN(names); j++)
			nearest_offer(&nearest, names[j]);
		if (strcmp(nearest_hint(&nearest), rows[i].hint) != 0)
			fail_msg("'%s': got \"%s\" (%s)", rows[i].wanted, nearest.hint,
				 rows[i].why);
	}
}

static void long_names_are_harmless(void **state)
{
	char longest[500];
	struct nearest nearest;

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	nearest_init(&nearest, longest);
	nearest_offer(&nearest, longest);
	nearest_offer(&nearest, "a");
	assert_string_equal(nearest_hint(&nearest), "");
	nearest_init(&nearest, "a");
	nearest_offer(&nearest, longest);
	assert_string_equal(nearest_hint(&nearest), "");
}

static void no_candidate_no_hint(void **state)
{
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, "a");
	assert_string_equal(nearest_hint(&nearest), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_the_nearest_name),
		cmocka_unit_test(long_names_are_harmless),
		cmocka_unit_test(no_candidate_no_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
