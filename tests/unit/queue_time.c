/*
 * Time and the farm, against a real redis-server: Redis TIME set back, put right and set forward,
 * and what retention removes and keeps. A number in a name is that of the race it closes.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

enum { LEASE_MS = 15000, BEAT_MS = 2000, STEP_MS = 600000, RETENTION_MS = 60000 };

static struct hand_turn turn;

/* ---- a host's upkeep by hand */

static redisReply *script_call(struct fixture *f, struct redis_args *args)
{
	redisReply *reply = NULL;
	struct err err;

	if (!client_call(f->client, args, &reply, &err))
		fail_msg("%s", err.text);
	redis_args_done(args);
	return reply;
}

/* What a heartbeat's answer asks for. */
struct beat {
	char expire[64];
	size_t lapsed;
};

static struct beat beat(struct fixture *f, const char *host)
{
	enum { EXPIRE = 6, FIRST_LAPSED = 8 };
	struct redis_args args = { 0 };
	struct beat out;

	redis_args_script(&args, SCRIPT_BEAT, client_prefix(f->client));
	redis_args_text(&args, host);
	redis_args_text(&args, "instance");
	redis_args_text(&args, "test");
	redis_args_text(&args, "run-id");
	redis_args_int(&args, LEASE_MS);
	redis_args_int(&args, 0);
	redis_args_int(&args, 0);
	redis_args_text(&args, "");
	redisReply *reply = script_call(f, &args);
	assert_in_range(reply->elements, FIRST_LAPSED, 20);
	out.lapsed = reply->elements - FIRST_LAPSED;
	(void)snprintf(out.expire, sizeof(out.expire), "%s", redis_text(reply->element[EXPIRE]));
	freeReplyObject(reply);
	return out;
}

static int64_t reap(struct fixture *f, const char *host)
{
	struct redis_args args = { 0 };

	redis_args_script(&args, SCRIPT_REAP, client_prefix(f->client));
	redis_args_text(&args, host);
	redis_args_int(&args, LEASE_MS);
	redisReply *reply = script_call(f, &args);
	int64_t left = redis_int(reply);
	freeReplyObject(reply);
	return left;
}

static int64_t expire(struct fixture *f, const char *batch)
{
	struct redis_args args = { 0 };

	redis_args_script(&args, SCRIPT_EXPIRE, client_prefix(f->client));
	redis_args_text(&args, batch);
	redisReply *reply = script_call(f, &args);
	int64_t more = redis_int(reply);
	freeReplyObject(reply);
	return more;
}

static int64_t farm_clock(struct fixture *f)
{
	return command_int(f, "HGET reel:{t}:farm clock");
}

/* Both hosts beat; neither is to be reaped, nothing is to be removed, and the clock did not go
 * back. */
static void beat_in_peace(struct fixture *f)
{
	static const char *const hosts[] = { "h", "other" };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		int64_t before = farm_clock(f);
		struct beat answer = beat(f, hosts[i]);
		assert_int_equal(answer.lapsed, 0);
		assert_string_equal(answer.expire, "");
		assert_true(farm_clock(f) >= before);
	}
}

static void pass_in_peace(struct fixture *f, int64_t ms)
{
	for (; ms > 0; ms -= BEAT_MS) {
		advance_ms(f, ms < BEAT_MS ? ms : BEAT_MS);
		beat_in_peace(f);
	}
}

static void run_all(struct fixture *f, enum verdict_class class)
{
	static struct hand_turn mine;

	for (;;) {
		hand_claim(f, &mine, "h", 100);
		if (!mine.count)
			return;
		for (size_t i = 0; i < mine.count; i++)
			assert_int_equal(
				hand_end(f, "h", &mine.claims[i],
					 mine.claims[i].is_prepare ? VERDICT_PREPARED : class, "m"),
				'k');
	}
}

/* ---- 16: the clock of Redis */

static const struct queue_stage_spec one_stage[] = { STAGE("a") };

/* Two hosts past their first grace; one batch that ended; of another, one stage in backoff for a
 * minute and one that "other" runs. */
static struct hand_claim farm_at_work(struct fixture *f)
{
	free(submit(f, (struct queue_batch_spec){ .name = "old" }, one_stage, 1));
	run_all(f, VERDICT_DONE);
	beat_in_peace(f);
	pass_in_peace(f, LEASE_MS + BEAT_MS);
	free(submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, one_stage,
		    1));
	hand_claim(f, &turn, "h", 1);
	struct hand_claim fails = turn.claims[0];
	struct hand_end end = {
		.claim = &fails, .class = VERDICT_RATE_LIMITED, .after_ms = 60000, .message = "429"
	};
	static struct hand_turn ending;
	hand(f, &ending, "h", "", 0, &end, 1);
	hand_claim(f, &turn, "other", 1);
	assert_int_equal(turn.count, 1);
	return turn.claims[0];
}

static void assert_nothing_to_claim(struct fixture *f)
{
	static struct hand_turn none;

	hand_claim(f, &none, "h", 10);
	assert_int_equal(none.count, 0);
}

static void test_16_time_set_back_and_put_right(void **state)
{
	struct fixture *f = *state;
	struct hand_claim held = farm_at_work(f);
	int64_t before = farm_clock(f);
	static struct hand_turn due;

	advance_ms(f, -STEP_MS);
	assert_nothing_to_claim(f); /* a script before the first beat: time stands still */
	assert_true(farm_clock(f) >= before);
	beat_in_peace(f);
	assert_int_equal(reap(f, "other"), -1);
	/* and then goes on as before: the minute of the backoff is a minute */
	pass_in_peace(f, 30000);
	assert_in_range(farm_clock(f) - before, 30000000, 58000000);
	assert_nothing_to_claim(f);

	/* TIME is right again: no jump by what it had been set back, whichever script is first */
	advance_ms(f, STEP_MS);
	assert_nothing_to_claim(f);
	beat_in_peace(f);
	assert_in_range(farm_clock(f) - before, 30000000, 58000000);
	assert_int_equal(command_int(f, "HEXISTS reel:{t}:farm skew"), 0);
	pass_in_peace(f, 40000);
	hand_claim(f, &due, "h", 10);
	assert_int_equal(due.count, 1);
	hand_clear(&due);
	assert_int_equal(hand_end(f, "other", &held, VERDICT_DONE, NULL), 'k');
	hand_clear(&turn);
}

static void test_16_time_set_forward_reaps_nobody(void **state)
{
	struct fixture *f = *state;
	struct hand_claim held = farm_at_work(f);

	advance_ms(f, STEP_MS);
	assert_int_equal(beat(f, "h").lapsed,
			 0); /* "other" has not beaten for ten minutes, says TIME */
	assert_int_equal(reap(f, "other"), -1);
	beat_in_peace(f);
	pass_in_peace(f, 2 * LEASE_MS);
	assert_int_equal(reap(f, "other"), -1);
	int64_t before = farm_clock(f);
	advance_ms(f, -STEP_MS); /* put right */
	beat_in_peace(f);
	pass_in_peace(f, 2 * LEASE_MS);
	assert_true(farm_clock(f) >= before + 2 * LEASE_MS * 1000ll);
	assert_int_equal(hand_end(f, "other", &held, VERDICT_DONE, NULL), 'k');
	hand_clear(&turn);
}

/* The grace is no amnesty: one that stays silent is reaped after it. */
static void test_16_silent_host_is_reaped_after_the_grace(void **state)
{
	struct fixture *f = *state;
	struct hand_claim held = farm_at_work(f);

	advance_ms(f, STEP_MS);
	assert_int_equal(beat(f, "h").lapsed, 0);
	for (int ms = 0; ms < LEASE_MS; ms += BEAT_MS) {
		advance_ms(f, BEAT_MS);
		(void)beat(f, "h");
	}
	assert_int_equal(beat(f, "h").lapsed, 1);
	assert_int_equal(reap(f, "other"), 0);
	static struct hand_turn again;
	hand_claim(f, &again, "h", 10);
	assert_int_equal(again.count, 2); /* this one, and the backoff is over */
	assert_int_equal(hand_end(f, "other", &held, VERDICT_DONE, NULL), 'o');
	hand_clear(&again);
	hand_clear(&turn);
}

/* ---- retention */

/* Every place that still names the batch, but for what is a record of the past: the events, a
 * host's last claim, the texts of a lane's streak. */
static void assert_no_trace(struct fixture *f, const char *batch)
{
	static const char text[] =
		"local P, bid, found = 'reel:{t}:', ARGV[1], {} local call = redis.call "
		"local cursor = '0' "
		"repeat local page = call('SCAN', cursor, 'MATCH', P..'*', 'COUNT', 1000) "
		"  cursor = page[1] "
		"  for _, key in ipairs(page[2]) do "
		"    local kind, all = call('TYPE', key).ok, {} "
		"    if kind == 'list' then all = call('LRANGE', key, 0, -1) "
		"    elseif kind == 'set' then all = call('SMEMBERS', key) "
		"    elseif kind == 'zset' then all = call('ZRANGE', key, 0, -1) "
		"    elseif string.find(key, ':prog:', 1, true) then all = call('HKEYS', key) end "
		"    all[#all + 1] = key "
		"    for _, v in ipairs(all) do "
		"      if string.find(v, bid, 1, true) then found[#found + 1] = key..' '..v end "
		"    end "
		"  end "
		"until cursor == '0' "
		"return table.concat(found, '; ')";
	struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "EVAL");
	redis_args_text(&args, text);
	redis_args_text(&args, "0");
	redis_args_text(&args, batch);
	redisReply *reply = script_call(f, &args);
	if (redis_text(reply)[0])
		fail_msg("left of %s: %.2000s", batch, redis_text(reply));
	freeReplyObject(reply);
}

static const struct queue_stage_spec limited[] = { STAGE_IN("a", "account:x", .needs_prepare = true,
							    .queue_ms = 900000) };

/* Everything that leaves something behind: two lanes, rendering, limits of time, a wait for
 * admission, failures that were retried, and a cancel. */
static char *batch_of_all_kinds(struct fixture *f)
{
	const struct queue_stage_spec stages[] = {
		STAGE_IN("a", "account:x", .needs_prepare = true, .queue_ms = 900000),
		STAGE("b", .inputs = 1, .total_ms = 900000, .attempt_ms = 5000),
		STAGE_IN("c", "cpu", .inputs = 2, .retry.max_attempts = 1),
	};
	char *id = submit(f,
			  (struct queue_batch_spec){ .name = "x",
						     .pipeline_count = 300,
						     .max_parallel = 200,
						     .retention_ms = RETENTION_MS },
			  stages, 3);
	struct err err;
	char one[64];

	run_all(f, VERDICT_REJECTED);
	if (!queue_retry(f->client, id, true, NULL, &err))
		fail_msg("%s", err.text);
	(void)snprintf(one, sizeof(one), "%s-7", id);
	if (!queue_cancel(f->client, one, NULL, &err))
		fail_msg("%s", err.text);
	run_all(f, VERDICT_DONE);
	return id;
}

static void test_retention_removes_all_of_a_batch(void **state)
{
	struct fixture *f = *state;
	char *id = batch_of_all_kinds(f);
	struct queue_batch batch;
	struct queue_pipeline pipeline;
	struct err err;
	char first[64];

	(void)snprintf(first, sizeof(first), "%s-1", id);
	advance_ms(f, RETENTION_MS - 10000);
	assert_string_equal(beat(f, "h").expire, "");
	assert_int_equal(expire(f, id), 0); /* asked too early: nothing happens */
	assert_true(queue_batch_get(f->client, id, &batch, &err));
	assert_int_equal(batch.end, QUEUE_END_PARTIAL);
	queue_batch_done(&batch);

	advance_ms(f, 10001);
	assert_string_equal(beat(f, "h").expire, id);
	char *next = submit(f, (struct queue_batch_spec){ .name = "next" }, limited, 1);
	assert_int_equal(expire(f, id), 1); /* 256 of 300 */
	assert_string_equal(beat(f, "h").expire, id);
	assert_int_equal(command_int(f, "EXISTS reel:{t}:p:%s", first), 1);
	assert_false(queue_batch_get(f->client, id, &batch, &err));
	assert_false(queue_pipeline_get(f->client, first, &pipeline, &err));
	assert_int_equal(expire(f, id), 0);
	assert_string_equal(beat(f, "h").expire, "");
	assert_no_trace(f, id);
	assert_int_equal(state_of(f, next, 1, "a"),
			 QUEUE_PREPARING); /* another's are still there */
	assert_int_equal(command_int(f, "ZCARD reel:{t}:due"), 1);
	free(next);
	free(id);
}

static void test_retry_within_retention_keeps_the_batch(void **state)
{
	struct fixture *f = *state;
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .retention_ms = RETENTION_MS },
			  one_stage, 1);
	struct err err;

	run_all(f, VERDICT_REJECTED);
	advance_ms(f, RETENTION_MS - 10000);
	assert_true(queue_retry(f->client, id, false, NULL, &err));
	advance_ms(f, 10 * RETENTION_MS);
	assert_string_equal(beat(f, "h").expire, "");
	assert_int_equal(expire(f, id), 0); /* of a host whose answer is older than the retry */
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_READY);
	run_all(f, VERDICT_DONE);
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_DONE);
	/* the retention begins anew with the new end */
	advance_ms(f, RETENTION_MS - 10000);
	assert_string_equal(beat(f, "h").expire, "");
	advance_ms(f, 10001);
	assert_string_equal(beat(f, "h").expire, id);
	assert_int_equal(expire(f, id), 0);
	assert_no_trace(f, id);
	free(id);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_16_time_set_back_and_put_right),
		T(test_16_time_set_forward_reaps_nobody),
		T(test_16_silent_host_is_reaped_after_the_grace),
		T(test_retention_removes_all_of_a_batch),
		T(test_retry_within_retention_keeps_the_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
