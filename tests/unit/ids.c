/*
 * Ids: random ones do not repeat, derived ones never change.
 */
// links: base
#include "base/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void nonces_differ_and_are_readable(void **state)
{
	char one[IDS_NONCE_LENGTH + 1], other[IDS_NONCE_LENGTH + 1];

	(void)state;
	ids_nonce(one);
	for (int i = 0; i < 1000; i++) {
		ids_nonce(other);
		assert_int_equal(strlen(other), IDS_NONCE_LENGTH);
		assert_int_equal(strspn(other, letters), IDS_NONCE_LENGTH);
		assert_string_not_equal(one, other);
	}
}

/* These stand in Redis and in people's notes: a change here would make a repeated submit a second
 * batch. */
static void batch_ids_never_change(void **state)
{
	char id[IDS_BATCH_LENGTH + 1];

	(void)state;
	ids_batch("", id);
	assert_string_equal(id, "7xfy0zt3");
	ids_batch("token", id);
	assert_string_equal(id, "hz93v371");
}

static int by_text(const void *a, const void *b)
{
	return memcmp(a, b, IDS_BATCH_LENGTH + 1);
}

/* 20,000 ids of 40 bits: the chance of one collision is 2e4^2 / 2 / 2^40 = 0.02 %, and these tokens
 * have none. */
static void near_tokens_give_far_ids(void **state)
{
	enum { COUNT = 20000 };
	char(*ids)[IDS_BATCH_LENGTH + 1] = calloc(COUNT, sizeof(*ids));

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		char token[32];

		snprintf(token, sizeof(token), "schedule-%d", i);
		ids_batch(token, ids[i]);
		assert_int_equal(strspn(ids[i], letters), IDS_BATCH_LENGTH);
	}
	qsort(ids, COUNT, sizeof(*ids), by_text);
	for (int i = 1; i < COUNT; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
	free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonces_differ_and_are_readable),
		cmocka_unit_test(batch_ids_never_change),
		cmocka_unit_test(near_tokens_give_far_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
