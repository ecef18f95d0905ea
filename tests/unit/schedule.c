// links: daemon
/* The rules of upkeep: named cases, then every combination against what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/schedule.h"

enum { NOW = 1000000000, SECOND = 1000000 };

/* A snapshot in which only the media kind has something to say. */
static struct schedule_snapshot media(struct schedule_kind kind)
{
	struct schedule_snapshot now_is = { .is_draining = false };

	kind.writes = true;
	now_is.kinds[BROKER_MEDIA] = kind;
	return now_is;
}

static struct schedule_actions make(const struct schedule_snapshot *now_is, struct schedule *out)
{
	schedule_make(now_is, NOW, out);
	return out->kinds[BROKER_MEDIA];
}

static void test_starts_what_is_missing(void **state)
{
	struct schedule_snapshot now_is = media((struct schedule_kind){ .slots = 4 });
	struct schedule out;
	struct schedule_actions actions = make(&now_is, &out);

	(void)state;
	assert_true(actions.start);
	assert_int_equal(actions.slots, 0); /* nothing is offered before it is ready */
	assert_int_equal(out.look_again_us, INT64_MAX);
}

static void test_offers_when_ready(void **state)
{
	struct schedule_snapshot now_is =
		media((struct schedule_kind){ .slots = 4, .phase = SCHEDULE_READY });
	struct schedule out;
	struct schedule_actions actions = make(&now_is, &out);

	(void)state;
	assert_false(actions.start);
	assert_false(actions.dismiss);
	assert_int_equal(actions.slots, 4);
}

static void test_full_disk_stops_what_writes(void **state)
{
	struct schedule_snapshot now_is =
		media((struct schedule_kind){ .slots = 4, .phase = SCHEDULE_READY });
	struct schedule out;

	(void)state;
	now_is.is_disk_full = true;
	now_is.kinds[BROKER_REMOTE] = (struct schedule_kind){ .slots = 9, .phase = SCHEDULE_READY };
	assert_int_equal(make(&now_is, &out).slots, 0);
	assert_false(out.kinds[BROKER_MEDIA].dismiss);
	assert_int_equal(out.kinds[BROKER_REMOTE].slots, 9);
}

static void test_stale_worker_is_replaced(void **state)
{
	struct schedule_snapshot now_is = media(
		(struct schedule_kind){ .slots = 4, .phase = SCHEDULE_READY, .is_stale = true });
	struct schedule out;
	struct schedule_actions actions = make(&now_is, &out);

	(void)state;
	assert_true(actions.dismiss);
	assert_int_equal(actions.slots, 0);
	/* and then its successor starts beside it */
	now_is = media((struct schedule_kind){ .slots = 4, .leaving = 1 });
	assert_true(make(&now_is, &out).start);
}

static void test_unwanted_kind_goes(void **state)
{
	struct schedule_snapshot now_is = media((struct schedule_kind){ .phase = SCHEDULE_READY });
	struct schedule out;

	(void)state;
	assert_true(make(&now_is, &out).dismiss);
	now_is = media((struct schedule_kind){ .slots = 0 });
	assert_false(make(&now_is, &out).start);
}

static void test_backoff(void **state)
{
	static const struct {
		unsigned deaths;
		int64_t wait_us;
	} rows[] = { { 0, 0 },	       { 1, 0 },
		     { 2, 0 },	       { 3, 250000 },
		     { 4, 500000 },    { 5, 1000000 },
		     { 9, 16000000 },  { 10, 30000000 },
		     { 11, 30000000 }, { 4000000000u, 30000000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(schedule_backoff_us(rows[i].deaths), rows[i].wait_us);
}

static void test_quick_deaths_wait(void **state)
{
	struct schedule_snapshot now_is =
		media((struct schedule_kind){ .slots = 1, .deaths = 4, .died_us = NOW - 100000 });
	struct schedule out;

	(void)state;
	assert_false(make(&now_is, &out).start);
	assert_int_equal(out.look_again_us, NOW + 400000);
	now_is.kinds[BROKER_MEDIA].died_us = NOW - 500000;
	assert_true(make(&now_is, &out).start);
}

static void test_drain_goes_step_by_step(void **state)
{
	struct schedule_snapshot now_is =
		media((struct schedule_kind){ .slots = 4, .phase = SCHEDULE_READY });
	struct schedule out;

	(void)state;
	now_is.is_draining = true;
	now_is.drain_until_us = NOW + 5 * SECOND;
	assert_true(make(&now_is, &out).dismiss);
	assert_false(out.is_over);
	assert_int_equal(out.look_again_us, NOW + 5 * SECOND);

	now_is.kinds[BROKER_MEDIA] = (struct schedule_kind){ .slots = 4, .leaving = 1 };
	assert_false(make(&now_is, &out).kill);
	assert_false(out.is_over);

	now_is.drain_until_us = NOW;
	assert_true(make(&now_is, &out).kill);
	assert_false(out.is_over);

	now_is.kinds[BROKER_MEDIA] = (struct schedule_kind){ .slots = 4 };
	assert_false(make(&now_is, &out).kill);
	assert_true(out.is_over);
}

static void test_a_worker_that_only_starts_is_not_waited_for(void **state)
{
	struct schedule_snapshot now_is =
		media((struct schedule_kind){ .slots = 4, .phase = SCHEDULE_STARTING });
	struct schedule out;

	(void)state;
	now_is.is_draining = true;
	now_is.drain_until_us = NOW + SECOND;
	assert_true(make(&now_is, &out).kill);
}

static void check_invariants(const struct schedule_snapshot *now_is)
{
	const struct schedule_kind *kind = &now_is->kinds[BROKER_MEDIA];
	struct schedule out;
	struct schedule_actions actions = make(now_is, &out);

	assert_false(actions.start && kind->phase != SCHEDULE_NONE);
	assert_false(actions.start && (now_is->is_draining || !kind->slots));
	assert_false(actions.slots && (kind->phase != SCHEDULE_READY || now_is->is_draining));
	assert_false(actions.slots && (actions.dismiss || kind->is_stale));
	assert_false(actions.slots && now_is->is_disk_full && kind->writes);
	assert_true(actions.slots == 0 || actions.slots == kind->slots);
	assert_false(actions.dismiss && kind->phase != SCHEDULE_READY);
	assert_false(actions.dismiss && actions.kill);
	assert_false(actions.kill && !now_is->is_draining);
	assert_false(out.is_over && !now_is->is_draining);
	assert_false(out.is_over && (kind->phase != SCHEDULE_NONE || kind->leaving));
	assert_true(out.look_again_us > NOW);
	/* Something is always going on or a look is due: nothing is waited for without end. */
	if (!now_is->is_draining && kind->slots && kind->phase == SCHEDULE_NONE)
		assert_true(actions.start || out.look_again_us < INT64_MAX);
	if (now_is->is_draining && !out.is_over && kind->phase == SCHEDULE_NONE)
		assert_true(actions.kill || out.look_again_us < INT64_MAX);
}

static void test_every_combination(void **state)
{
	static const int64_t until[] = { NOW - SECOND, NOW, NOW + SECOND };

	(void)state;
	for (unsigned bits = 0; bits < 1 << 5; bits++)
		for (int phase = SCHEDULE_NONE; phase <= SCHEDULE_READY; phase++)
			for (unsigned deaths = 0; deaths < 6; deaths++)
				for (int i = 0; i < 3; i++) {
					struct schedule_snapshot now_is = {
						.is_draining = bits & 1,
						.is_disk_full = bits & 2,
						.drain_until_us = until[i],
					};

					now_is.kinds[BROKER_MEDIA] = (struct schedule_kind){
						.slots = bits & 4 ? 3 : 0,
						.writes = true,
						.phase = (enum schedule_phase)phase,
						.is_stale = bits & 8,
						.leaving = bits & 16 ? 2 : 0,
						.deaths = deaths,
						.died_us = NOW - 300000,
					};
					check_invariants(&now_is);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_what_is_missing),
		cmocka_unit_test(test_offers_when_ready),
		cmocka_unit_test(test_full_disk_stops_what_writes),
		cmocka_unit_test(test_stale_worker_is_replaced),
		cmocka_unit_test(test_unwanted_kind_goes),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_quick_deaths_wait),
		cmocka_unit_test(test_drain_goes_step_by_step),
		cmocka_unit_test(test_a_worker_that_only_starts_is_not_waited_for),
		cmocka_unit_test(test_every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
