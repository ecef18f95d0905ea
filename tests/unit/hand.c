// links: daemon
/* The table of attempts: two keys, one object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "daemon/hand.h"

static void test_found_by_both_keys(void **state)
{
	struct hand *hand = hand_new();
	struct attempt_list list = TAILQ_HEAD_INITIALIZER(list);
	struct attempt *a = hand_add(hand, &list, "b-1/draft", 3);
	struct attempt *b = hand_add(hand, &list, "b-1/draft", 4);

	(void)state;
	assert_int_not_equal(a->tag, 0);
	assert_int_not_equal(a->tag, b->tag);
	assert_ptr_equal(hand_by_tag(hand, a->tag), a);
	assert_ptr_equal(hand_by_stage(hand, "b-1/draft", 3), a);
	assert_ptr_equal(hand_by_stage(hand, "b-1/draft", 4), b);
	assert_null(hand_by_stage(hand, "b-1/draft", 5));
	assert_null(hand_by_stage(hand, "b-1/draf", 3));
	assert_null(hand_by_tag(hand, 0));
	hand_drop(hand, &list, a);
	assert_null(hand_by_stage(hand, "b-1/draft", 3));
	assert_int_equal(hand_count(hand), 1);
	hand_free(hand);
}

static void test_tags_are_never_reused(void **state)
{
	struct hand *hand = hand_new();
	struct attempt_list list = TAILQ_HEAD_INITIALIZER(list);
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct attempt *attempt = hand_add(hand, &list, "x", i);

		assert_true(attempt->tag > last);
		last = attempt->tag;
		hand_drop(hand, &list, attempt);
	}
	assert_true(TAILQ_EMPTY(&list));
	hand_free(hand);
}

static void test_twenty_thousand(void **state)
{
	struct hand *hand = hand_new();
	struct attempt_list list = TAILQ_HEAD_INITIALIZER(list);
	struct attempt *attempt;
	char stage[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(stage, sizeof(stage), "batch-%d/s", i);
		hand_add(hand, &list, stage, 1);
	}
	for (int i = 19999; i >= 0; i--) {
		snprintf(stage, sizeof(stage), "batch-%d/s", i);
		attempt = hand_by_stage(hand, stage, 1);
		assert_non_null(attempt);
		assert_ptr_equal(hand_by_tag(hand, attempt->tag), attempt);
		if (i % 2)
			hand_drop(hand, &list, attempt);
	}
	assert_int_equal(hand_count(hand), 10000);
	hand_free(hand); /* frees what is left */
	hand_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_by_both_keys),
		cmocka_unit_test(test_tags_are_never_reused),
		cmocka_unit_test(test_twenty_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
