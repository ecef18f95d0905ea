/*
 * A stage's way through the queue: submit, claim, end, dependents, gates, retries, ends of
 * pipelines and batches; each against a real redis-server.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

static struct hand_turn turn;

static struct queue_batch batch_of(struct fixture *f, const char *id)
{
	struct queue_batch batch;
	struct err err;

	if (!queue_batch_get(f->client, id, &batch, &err))
		fail_msg("%s", err.text);
	return batch;
}

static void assert_end(struct fixture *f, const char *id, enum queue_end end)
{
	struct queue_batch batch = batch_of(f, id);
	assert_string_equal(queue_end_name(batch.end), queue_end_name(end));
	queue_batch_done(&batch);
}

static void test_chain(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1),
						   STAGE("c", .inputs = 2) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "chain" }, stages, 3);

	for (int i = 0; i < 3; i++) {
		hand_claim(f, &turn, "h", 10);
		assert_int_equal(turn.count, 1);
		assert_int_equal(turn.claims[0].index, i);
		assert_string_equal(turn.claims[0].results, i == 0   ? ""
							    : i == 1 ? "\"a\":{\"ok\":1}"
								     : "\"b\":{\"ok\":1}");
		assert_int_equal(hand_end(f, "h", &turn.claims[0], VERDICT_DONE, NULL), 'k');
		/* said twice it changes nothing */
		assert_int_equal(hand_end(f, "h", &turn.claims[0], VERDICT_DONE, NULL), 'k');
	}
	struct queue_batch batch = batch_of(f, id);
	assert_int_equal(batch.end, QUEUE_END_DONE);
	assert_int_equal(batch.done, 1);
	assert_int_equal(batch.stages[QUEUE_DONE], 3);
	queue_batch_done(&batch);
	assert_int_equal(command_int(f, "SCARD reel:{t}:run:h"), 0);
	free(id);
}

static void test_claim_and_finish_in_one_call(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 2);

	hand_claim(f, &turn, "h", 10);
	struct hand_claim first = turn.claims[0];
	struct hand_end end = { .claim = &first, .class = VERDICT_DONE, .result = "{\"v\":7}" };
	struct hand_turn *second = xcalloc(1, sizeof(*second));
	hand(f, second, "h", "n2", 10, &end, 1);
	assert_int_equal(second->count, 1);
	assert_string_equal(second->claims[0].results, "\"a\":{\"v\":7}");
	hand_clear(second);
	free(second);
	free(id);
}

static void test_failure_skips_dependents(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1),
						   STAGE("c", .inputs = 2), STAGE("d") };
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, stages, 4);

	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 4);
	for (size_t i = 0; i < 4; i++) {
		const char *stage = strchr(turn.claims[i].stage, '/');
		bool bad = !strcmp(stage, "/a") && strstr(turn.claims[i].pipeline, "-1");
		struct hand_turn keep = turn;
		hand_end(f, "h", &keep.claims[i], bad ? VERDICT_PERMANENT : VERDICT_DONE,
			 bad ? "no good" : NULL);
	}
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_FAILED);
	assert_int_equal(state_of(f, id, 1, "b"), QUEUE_SKIPPED);
	assert_int_equal(state_of(f, id, 1, "c"), QUEUE_SKIPPED);
	assert_int_equal(state_of(f, id, 2, "b"), QUEUE_READY);
	for (int i = 0; i < 2; i++) {
		hand_claim(f, &turn, "h", 10);
		hand_end(f, "h", &turn.claims[0], VERDICT_DONE, NULL);
	}
	assert_end(f, id, QUEUE_END_PARTIAL);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_claim_and_finish_in_one_call, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_failure_skips_dependents, fixture_setup,
						fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
