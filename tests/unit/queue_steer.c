/*
 * What people and programs ask of the queue from outside, through the C API against a real
 * redis-server: limits changed by two at once, facts of old attempts, batches not sealed yet, why a
 * batch does not run. A number in a name is that of the race it closes.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

static struct hand_turn turn;

static void steer(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->text);
}

/* ---- limits of a lane */

static void assert_limits(struct fixture *f, int64_t limit, double rate, int64_t burst)
{
	struct queue_lane *list;
	size_t count;
	struct err err;

	steer(queue_lanes(f->client, &list, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].limit, limit);
	assert_true(list[0].rate == rate);
	assert_int_equal(list[0].burst, burst);
	queue_lane_done(&list[0]);
	free(list);
}

static void test_limits_not_named_stay(void **state)
{
	struct fixture *f = *state;
	const char *lane = "account:x";
	struct err err;

	steer(queue_lane_limits(f->client, lane, QUEUE_KEEP, 2.5, QUEUE_KEEP, &err), &err);
	assert_limits(f, 0, 2.5, 0); /* a new lane has none */
	steer(queue_lane_limits(f->client, lane, 3, QUEUE_KEEP, 4, &err), &err);
	assert_limits(f, 3, 2.5, 4);
	steer(queue_lane_limits(f->client, lane, 0, QUEUE_KEEP, QUEUE_KEEP, &err), &err);
	assert_limits(f, 0, 2.5, 4);
	assert_false(queue_lane_limits(f->client, lane, QUEUE_KEEP, QUEUE_KEEP, QUEUE_KEEP, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_false(queue_lane_limits(f->client, lane, -2, QUEUE_KEEP, QUEUE_KEEP, &err));
	assert_false(queue_lane_limits(f->client, lane, 1, -0.5, QUEUE_KEEP, &err));
	assert_false(queue_lane_limits(f->client, lane, 1, strtod("nan", NULL), 1, &err));
	assert_false(queue_lane_limits(f->client, "", 1, 1, 1, &err));
	assert_limits(f, 0, 2.5, 4);
}

/* Another client, in a process of its own: sets the burst 200 times. */
static pid_t start_burst_setter(struct fixture *f)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct queue_client *client = NULL;
	struct err err;
	if (!queue_client_open(f->url, "t", &client, &err))
		_exit(1);
	for (int i = 1; i <= 200; i++) {
		if (!queue_lane_limits(client, "account:x", QUEUE_KEEP, QUEUE_KEEP, i, &err))
			_exit(1);
	}
	_exit(0);
}

static void test_limits_set_by_two_at_once(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int status;

	steer(queue_lane_limits(f->client, "account:x", 0, 7, 0, &err), &err);
	pid_t pid = start_burst_setter(f);
	assert_true(pid > 0);
	for (int i = 1; i <= 200; i++)
		steer(queue_lane_limits(f->client, "account:x", i, QUEUE_KEEP, QUEUE_KEEP, &err),
		      &err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_limits(f, 200, 7, 200); /* neither took back what the other had set */
}

/* ---- 6: facts */

static enum queue_fact_level fact(struct fixture *f, const char *stage, int64_t epoch, int64_t seq,
				  enum queue_fact_level level, const char *payload)
{
	const struct queue_fact it = {
		.stage = stage, .epoch = epoch, .seq = seq, .level = level, .payload = payload
	};
	enum queue_fact_level now = 0;
	struct err err;

	steer(queue_fact(f->client, &it, &now, &err), &err);
	return now;
}

static void assert_fact(struct fixture *f, const char *batch, int level, const char *expected)
{
	redisReply *reply = command(f, "HGET reel:{t}:p:%s-1 f0.%d", batch, level);

	assert_string_equal(redis_text(reply), expected);
	freeReplyObject(reply);
}

/* The attempt was given back and another host runs the stage now: what the old one bought is kept,
 * and changes nothing for the new one. */
static void test_6_fact_of_a_stale_epoch(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);
	char stage[64];

	(void)snprintf(stage, sizeof(stage), "%s-1/a", id);
	hand_claim(f, &turn, "h", 1);
	assert_int_equal(fact(f, stage, 1, 1, QUEUE_FACT_INTENT, "{}"), QUEUE_FACT_INTENT);
	struct hand_end back = { .claim = &turn.claims[0], .is_return = true };
	static struct hand_turn returning;
	hand(f, &returning, "h", "", 0, &back, 1);
	hand_claim(f, &turn, "other", 1);
	assert_int_equal(turn.claims[0].epoch, 2);

	assert_int_equal(fact(f, stage, 1, 2, QUEUE_FACT_HANDLE, "{\"job\":1}"), QUEUE_FACT_HANDLE);
	assert_int_equal(fact(f, stage, 1, 2, QUEUE_FACT_HANDLE, "{\"job\":1}"), QUEUE_FACT_HANDLE);
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_RUNNING);
	/* never back: an intent that comes late is kept beside it; a handle of before is not */
	assert_int_equal(fact(f, stage, 2, 1, QUEUE_FACT_INTENT, "{}"), QUEUE_FACT_HANDLE);
	assert_int_equal(fact(f, stage, 1, 1, QUEUE_FACT_HANDLE, "{\"job\":0}"), QUEUE_FACT_HANDLE);
	assert_fact(f, id, 1, "2 1 {}");
	assert_fact(f, id, 2, "1 2 {\"job\":1}");
	assert_int_equal(hand_end(f, "other", &turn.claims[0], VERDICT_DONE, NULL), 'k');
	/* also of a stage that is over */
	assert_int_equal(fact(f, stage, 1, 3, QUEUE_FACT_SETTLED, "{\"cost\":2}"),
			 QUEUE_FACT_SETTLED);
	assert_fact(f, id, 3, "1 3 {\"cost\":2}");
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_DONE);
	assert_consistent(f);
	hand_clear(&turn);
	free(id);
}

static void test_6_fact_of_no_such_stage(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);
	static const char *const wrong[] = { "-1/b", "-2/a", "-1", "" };
	struct err err;
	char stage[64];

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		(void)snprintf(stage, sizeof(stage), "%s%s", id, wrong[i]);
		const struct queue_fact it = {
			.stage = stage, .epoch = 1, .seq = 1, .level = QUEUE_FACT_INTENT
		};
		assert_false(queue_fact(f->client, &it, NULL, &err));
		assert_int_equal(err.kind, ERR_REJECT);
	}
	(void)snprintf(stage, sizeof(stage), "%s-1/a", id);
	const struct queue_fact odd = { .stage = stage, .epoch = 1, .seq = 1, .level = 4 };
	assert_false(queue_fact(f->client, &odd, NULL, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	free(id);
}

/* ---- 30: what is not sealed is not shown */

static void test_30_unsealed_pipeline_is_not_shown(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	const struct queue_pipeline_spec pipeline = {
		.name = "p", .context = "{}", .stages = stages, .stage_count = 1
	};
	const struct queue_batch_spec batch = {
		.token = "tok", .name = "x", .pipeline_count = 300, .retention_ms = 1000
	};
	struct queue_submit *submission = NULL;
	struct queue_pipeline found;
	struct err err;
	char batch_id[IDS_BATCH_LENGTH + 1], id[64], *sealed = NULL;

	ids_batch("tok", batch_id);
	(void)snprintf(id, sizeof(id), "%s-1", batch_id);
	steer(queue_submit_begin(f->client, &batch, &submission, NULL, &err), &err);
	for (int i = 0; i < 300; i++)
		steer(queue_submit_add(submission, &pipeline, &err), &err);
	assert_int_equal(command_int(f, "EXISTS reel:{t}:p:%s", id), 1); /* it is there */
	assert_false(queue_pipeline_get(f->client, id, &found, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_non_null(strstr(err.text, "no such pipeline"));
	steer(queue_submit_seal(submission, &sealed, &err), &err);
	queue_submit_freep(&submission);
	steer(queue_pipeline_get(f->client, id, &found, &err), &err);
	queue_pipeline_done(&found);
	free(sealed);
}

/* ---- why a batch does not run */

static void assert_why(struct fixture *f, const char *target, const char *part, bool is_said)
{
	struct err err;
	char *text = NULL;

	steer(queue_why(f->client, target, &text, &err), &err);
	if (!strstr(text, part) == is_said)
		fail_msg("why %s: \"%s\" %s \"%s\"", target, text,
			 is_said ? "does not say" : "says", part);
	free(text);
}

static void test_why_batch_names_its_closed_lane(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "account:x"),
						   STAGE("b", .inputs = 1) };
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 3 }, stages, 2);
	struct err err;

	assert_why(f, id, "account:x", false);
	steer(queue_lane_cordon(f->client, "account:x", true, "account closed", &err), &err);
	assert_why(f, id, "lane account:x is cordoned: account closed", true);
	assert_why(f, id, "0 of 3 pipelines done", true);
	steer(queue_lane_cordon(f->client, "account:x", false, "", &err), &err);
	steer(queue_lane_pause(f->client, "account:x", true, &err), &err);
	assert_why(f, id, "reel lanes resume account:x", true);
	/* a lane that is closed and has none of its work says nothing */
	steer(queue_lane_pause(f->client, "noop", true, &err), &err);
	assert_why(f, id, "lane noop", false);
	steer(queue_batch_pause(f->client, id, true, &err), &err);
	assert_why(f, id, "account:x", false); /* its own pause comes first */
	free(id);
}

static void test_why_batch_with_an_open_lane_goes_on(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "account:x"), STAGE("b") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 2);
	struct err err;

	steer(queue_lane_pause(f->client, "account:x", true, &err), &err);
	assert_why(f, id, "paused", false); /* "b" can run */
	steer(queue_lane_cordon(f->client, "noop", true, "no more noops", &err), &err);
	assert_why(f, id, "lane account:x is paused", true);
	assert_why(f, id, "lane noop is cordoned: no more noops", true);
	steer(queue_cancel(f->client, id, NULL, &err), &err);
	assert_why(f, id, "lane", false);
	free(id);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_limits_not_named_stay),
		T(test_limits_set_by_two_at_once),
		T(test_6_fact_of_a_stale_epoch),
		T(test_6_fact_of_no_such_stage),
		T(test_30_unsealed_pipeline_is_not_shown),
		T(test_why_batch_names_its_closed_lane),
		T(test_why_batch_with_an_open_lane_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
