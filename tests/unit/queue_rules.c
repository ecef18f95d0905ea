/*
 * The rules of the queue, one test each, against a real redis-server: gates, facts, priorities,
 * fairness, limits, tokens, breaker, holds, poison, approvals, retries, cancelling, limits of time,
 * submits that were cut. A number in a name is that of the race it closes.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

static struct hand_turn turn;

static enum queue_end end_of(struct fixture *f, const char *id)
{
	struct queue_batch batch;
	struct err err;

	if (!queue_batch_get(f->client, id, &batch, &err))
		fail_msg("%s", err.text);
	enum queue_end end = batch.end;
	queue_batch_done(&batch);
	return end;
}

static struct queue_lane lane_named(struct fixture *f, const char *name)
{
	struct queue_lane *list, found = { 0 };
	size_t count;
	struct err err;

	if (!queue_lanes(f->client, &list, &count, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i].name, name))
			found = list[i];
		else
			queue_lane_done(&list[i]);
	}
	free(list);
	return found;
}

/* Claims up to n and ends all of them alike; how many there were. */
static size_t run_some(struct fixture *f, int n, enum verdict_class class, const char *message)
{
	static struct hand_turn mine;

	hand_claim(f, &mine, "h", n);
	for (size_t i = 0; i < mine.count; i++)
		assert_int_equal(hand_end(f, "h", &mine.claims[i], class, message), 'k');
	return mine.count;
}

static void assert_why(struct fixture *f, const char *target, const char *part)
{
	struct err err;
	char *text = NULL;

	if (!queue_why(f->client, target, &text, &err))
		fail_msg("%s", err.text);
	if (!strstr(text, part))
		fail_msg("why %s: \"%s\" does not say \"%s\"", target, text, part);
	free(text);
}

static void assert_stage_why(struct fixture *f, const char *batch, const char *stage,
			     const char *part)
{
	char id[200];

	(void)snprintf(id, sizeof(id), "%s-1/%s", batch, stage);
	assert_why(f, id, part);
}

static void steer(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->text);
}

/* ---- 1: gates hold */

static void test_1_failed_gate_stops_the_post(void **state)
{
	struct fixture *f = *state;
	/* draft; check gates draft; caption uses draft behind check; post uses caption */
	const struct queue_stage_spec stages[] = { STAGE("draft"), STAGE("check", .inputs = 1),
						   STAGE("caption", .inputs = 1, .needs = 2),
						   STAGE("post", .inputs = 4) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 4);

	run_some(f, 10, VERDICT_DONE, NULL);
	assert_stage_why(f, id, "caption", "check (ready)");
	assert_int_equal(run_some(f, 10, VERDICT_REJECTED, "too short"), 1);
	assert_int_equal(state_of(f, id, 1, "post"), QUEUE_SKIPPED);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 0);
	assert_int_equal(end_of(f, id), QUEUE_END_FAILED);
	free(id);
}

/* A gate that is skipped because something before it failed does not open. */
static void test_1_tainted_gate_stays_shut(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("draft"), STAGE("probe"),
						   STAGE("check", .inputs = 1, .needs = 2),
						   STAGE("post", .inputs = 1, .needs = 4) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 4);

	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 2);
	for (size_t i = 0; i < 2; i++) {
		bool is_probe = strstr(turn.claims[i].stage, "/probe");
		hand_end(f, "h", &turn.claims[i], is_probe ? VERDICT_PERMANENT : VERDICT_DONE,
			 "no");
	}
	assert_int_equal(state_of(f, id, 1, "check"), QUEUE_SKIPPED);
	assert_int_equal(state_of(f, id, 1, "post"), QUEUE_SKIPPED);
	free(id);
}

static void test_1_gate_skipped_by_if_is_open(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("draft"), STAGE("check", .inputs = 1),
						   STAGE("post", .inputs = 1, .needs = 2) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 3);

	run_some(f, 10, VERDICT_DONE, NULL);
	run_some(f, 10, VERDICT_SKIPPED, "");
	assert_int_equal(state_of(f, id, 1, "post"), QUEUE_READY);
	run_some(f, 10, VERDICT_DONE, NULL);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

/* ---- 6, 22, 23: facts */

static const char *fact(struct fixture *f, const struct hand_claim *claim, int64_t epoch,
			int64_t seq, int level, const char *payload, int64_t *level_now)
{
	static char word[32];
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;

	redis_args_script(&args, SCRIPT_FACT, client_prefix(f->client));
	redis_args_text(&args, claim->pipeline);
	redis_args_text(&args, strchr(claim->stage, '/') + 1);
	redis_args_int(&args, epoch);
	redis_args_int(&args, seq);
	redis_args_int(&args, level);
	redis_args_text(&args, payload);
	steer(client_call(f->client, &args, &reply, &err), &err);
	(void)snprintf(word, sizeof(word), "%s", redis_text(redis_item(reply, 0)));
	*level_now = redis_int(redis_item(reply, 1));
	freeReplyObject(reply);
	redis_args_done(&args);
	return word;
}

static void test_6_22_facts_from_any_epoch_only_forward(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);
	int64_t level;

	hand_claim(f, &turn, "h", 1);
	struct hand_claim first = turn.claims[0];
	struct hand_end back = { .claim = &first, .is_return = true };
	hand(f, &turn, "h", "", 0, &back, 1);
	hand_claim(f, &turn, "other", 1); /* epoch 2, elsewhere */
	assert_int_equal(turn.claims[0].epoch, 2);

	/* the decision of the old attempt is refused, its fact is taken */
	assert_int_equal(hand_end(f, "h", &first, VERDICT_DONE, NULL), 'o');
	assert_string_equal(fact(f, &first, 1, 5, 2, "job-1", &level), "ok");
	assert_int_equal(level, 2);
	/* never back, and one level's payload only by a greater (epoch, seq) */
	assert_string_equal(fact(f, &first, 2, 1, 1, "intent", &level), "ok");
	assert_int_equal(level, 2);
	assert_string_equal(fact(f, &first, 1, 4, 2, "job-0", &level), "old");
	assert_string_equal(fact(f, &first, 1, 5, 2, "job-0", &level), "old");
	assert_string_equal(fact(f, &first, 2, 1, 2, "job-2", &level), "ok");
	assert_string_equal(fact(f, &first, 2, 2, 3, "paid", &level), "ok");
	assert_int_equal(level, 3);
	free(id);
}

static void test_23_live_handle_keeps_its_slot(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a", .retry.max_attempts = 5) };
	struct err err;
	int64_t level;

	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, stages, 1);
	steer(queue_lane_limits(f->client, "noop", 1, 0, 0, &err), &err);
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 1);
	struct hand_claim first = turn.claims[0];
	fact(f, &first, first.epoch, 1, 2, "job-1", &level);
	hand_end(f, "h", &first, VERDICT_TRANSIENT, "reset");
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 0); /* it waits, and its slot is not free */
	struct queue_lane lane = lane_named(f, "noop");
	assert_int_equal(lane.running, 1);
	queue_lane_done(&lane);
	advance_ms(f, 3600000);
	hand_claim(f, &turn, "h",
		   10); /* fires the backoff: it resumes in its own slot, before the other */
	assert_int_equal(turn.count, 1);
	assert_string_equal(turn.claims[0].stage, first.stage);
	fact(f, &first, 2, 2, 3, "settled", &level);
	hand_end(f, "h", &turn.claims[0], VERDICT_DONE, NULL);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 1);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

/* ---- 10, 30: submitting */

static void test_10_same_token_same_batch(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	struct queue_batch_spec batch = { .name = "x", .token = "tok-1", .pipeline_count = 3 };
	char *one = submit(f, batch, stages, 1);
	char *two = submit(f, batch, stages, 1);

	assert_string_equal(one, two);
	struct queue_batch record;
	struct err err;
	steer(queue_batch_get(f->client, one, &record, &err), &err);
	assert_int_equal(record.stages[QUEUE_READY], 3);
	queue_batch_done(&record);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 3);
	free(one);
	free(two);
}

static void test_10_clash_gets_a_longer_id(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char id[IDS_BATCH_LENGTH + 1];

	ids_batch("mine", id);
	freeReplyObject(command(f, "HSET reel:{t}:b:%s token theirs sealed 1 total 1", id));
	char *got = submit(f, (struct queue_batch_spec){ .name = "x", .token = "mine" }, stages, 1);
	assert_int_equal(strlen(got), 2 * IDS_BATCH_LENGTH);
	assert_memory_equal(got, id, IDS_BATCH_LENGTH);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 1);
	assert_int_equal(end_of(f, got), QUEUE_END_DONE);
	free(got);
}

static struct queue_submit *begin(struct fixture *f, const char *token, size_t count, bool *known)
{
	const struct queue_batch_spec batch = {
		.token = token, .name = "x", .pipeline_count = count, .retention_ms = 1000
	};
	struct queue_submit *submission = NULL;
	struct err err;

	steer(queue_submit_begin(f->client, &batch, &submission, known, &err), &err);
	return submission;
}

static void add(struct queue_submit *submission, size_t count)
{
	const struct queue_stage_spec stages[] = { STAGE("a") };
	const struct queue_pipeline_spec pipeline = { .stages = stages, .stage_count = 1 };
	struct err err;

	for (size_t i = 0; i < count; i++)
		steer(queue_submit_add(submission, &pipeline, &err), &err);
}

static void test_30_unsealed_is_invisible_and_completed_later(void **state)
{
	struct fixture *f = *state;
	bool known = true;
	struct err err;
	char *id = NULL;

	struct queue_submit *dies = begin(f, "tok", 600, &known);
	assert_false(known);
	add(dies, 600); /* two chunks of 256 have gone, the rest has not */
	queue_submit_freep(&dies);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 0);

	struct queue_submit *again = begin(f, "tok", 600, &known);
	assert_true(known);
	add(again, 600);
	steer(queue_submit_seal(again, &id, &err), &err);
	queue_submit_freep(&again);
	hand_claim(f, &turn, "h", 500);
	assert_int_equal(turn.count, 500);
	free(id);
}

static void test_30_unsealed_is_swept_after_an_hour(void **state)
{
	struct fixture *f = *state;
	struct queue_submit *dies = begin(f, "tok", 300, NULL);

	add(dies, 300);
	queue_submit_freep(&dies);
	char id[IDS_BATCH_LENGTH + 1];
	ids_batch("tok", id);
	assert_int_equal(command_int(f, "EXISTS reel:{t}:p:%s-1", id), 1);
	advance_ms(f, 3600001);
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;
	redis_args_script(&args, SCRIPT_EXPIRE, client_prefix(f->client));
	redis_args_text(&args, id);
	steer(client_call(f->client, &args, &reply, &err), &err);
	assert_int_equal(redis_int(reply), 0);
	freeReplyObject(reply);
	redis_args_done(&args);
	assert_int_equal(command_int(f, "EXISTS reel:{t}:p:%s-1", id), 0);
	assert_int_equal(command_int(f, "EXISTS reel:{t}:b:%s", id), 0);
}

/* ---- fairness */

static void test_urgent_before_bulk(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *bulk = submit(f,
			    (struct queue_batch_spec){
				    .name = "x", .priority = QUEUE_BULK, .pipeline_count = 1000 },
			    stages, 1);
	hand_claim(f, &turn, "h", 5);
	char *urgent = submit(f, (struct queue_batch_spec){ .name = "y", .priority = QUEUE_URGENT },
			      stages, 1);
	hand_claim(f, &turn, "h", 1);
	assert_int_equal(turn.count, 1);
	assert_memory_equal(turn.claims[0].stage, urgent, strlen(urgent));
	free(bulk);
	free(urgent);
}

static void test_batches_take_turns(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *large = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 1000 },
			     stages, 1);
	char *small = submit(f, (struct queue_batch_spec){ .name = "y", .pipeline_count = 10 },
			     stages, 1);
	size_t of_small = 0;

	for (int i = 0; i < 20; i++) {
		hand_claim(f, &turn, "h", 1);
		of_small += !strncmp(turn.claims[0].stage, small, strlen(small));
	}
	assert_int_equal(of_small, 10);
	free(large);
	free(small);
}

static void test_max_parallel_admits_as_pipelines_end(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1) };
	char *id = submit(
		f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 5, .max_parallel = 2 },
		stages, 2);
	char last[64];

	(void)snprintf(last, sizeof(last), "%s-5/a", id);
	assert_why(f, last, "max_parallel");
	for (int i = 0; i < 5; i++) {
		hand_claim(f, &turn, "h", 10);
		assert_true(turn.count <= 2);
		struct hand_claim claims[2] = { turn.claims[0], turn.claims[1] };
		size_t count = turn.count;
		for (size_t c = 0; c < count; c++) {
			struct hand_end end = { .claim = &claims[c], .result = "{}" };
			struct hand_turn *none = xcalloc(1, sizeof(*none));
			hand(f, none, "h", "", 0, &end, 1);
			free(none);
		}
	}
	while (run_some(f, 10, VERDICT_DONE, NULL))
		;
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

/* ---- lanes */

static void test_lane_limit_and_tokens(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "account:x") };
	struct err err;
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 20 }, stages,
			  1);

	steer(queue_lane_limits(f->client, "account:x", 3, 0, 0, &err), &err);
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 3);
	struct hand_claim one = turn.claims[0];
	hand_claim(f, &turn, "other", 10); /* farm-wide */
	assert_int_equal(turn.count, 0);
	hand_end(f, "h", &one, VERDICT_DONE, NULL);
	hand_claim(f, &turn, "other", 10);
	assert_int_equal(turn.count, 1);

	steer(queue_lane_limits(f->client, "account:x", 0, 2, 4, &err), &err);
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 4); /* the burst */
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 0);
	assert_in_range(turn.due_us, 1, 1000000); /* and it says when the next token comes */
	advance_ms(f, 1000);
	hand_claim(f, &turn, "h", 10);
	assert_in_range(turn.count, 2, 4); /* two a second, plus what the test took */
	free(id);
}

static void test_paused_lane_and_batch(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1) };
	struct err err;
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 2);

	freeReplyObject(command(f, "ZADD reel:{t}:hosts 1 h"));
	freeReplyObject(command(f, "HSET reel:{t}:host:h seen 9999999999999999 lease 1"));
	steer(queue_lane_pause(f->client, "noop", true, &err), &err);
	assert_int_equal(run_some(f, 1, VERDICT_DONE, NULL), 0);
	assert_stage_why(f, id, "a", "is paused");
	steer(queue_lane_pause(f->client, "noop", false, &err), &err);
	hand_claim(f, &turn, "h", 10);
	steer(queue_batch_pause(f->client, id, true, &err), &err);
	hand_end(f, "h", &turn.claims[0], VERDICT_DONE, NULL); /* what runs goes on */
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 0);
	assert_stage_why(f, id, "b", "is paused");
	steer(queue_batch_pause(f->client, id, false, &err), &err);
	assert_int_equal(run_some(f, 10, VERDICT_DONE, NULL), 1);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

/* ---- 24: breaker */

static void test_24_breaker_cordons_probes_and_reopens(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a", .retry.max_attempts = 9) };
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 8 }, stages, 1);

	assert_int_equal(run_some(f, 5, VERDICT_TRANSIENT, "HTTP 503"), 5);
	struct queue_lane lane = lane_named(f, "noop");
	assert_true(lane.is_cordoned);
	assert_string_equal(lane.reason, "transient: HTTP 503");
	queue_lane_done(&lane);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 0);
	advance_ms(f, 30000);
	hand_claim(f, &turn, "h", 5);
	assert_int_equal(turn.count, 1); /* the probe, alone */
	struct hand_claim probe = turn.claims[0];
	hand_end(f, "h", &probe, VERDICT_TRANSIENT, "HTTP 503");
	advance_ms(f, 30000);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 0); /* twice as long now */
	advance_ms(f, 30000);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
	lane = lane_named(f, "noop");
	assert_false(lane.is_cordoned);
	queue_lane_done(&lane);
	advance_ms(f, 600000);
	while (run_some(f, 5, VERDICT_DONE, NULL))
		;
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

static void test_24_one_banned_word_does_not_cordon(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 50 }, stages,
			  1);

	assert_int_equal(run_some(f, 50, VERDICT_CONTENT_POLICY, "banned word"), 50);
	struct queue_lane lane = lane_named(f, "noop");
	assert_false(lane.is_cordoned);
	queue_lane_done(&lane);
	assert_int_equal(end_of(f, id), QUEUE_END_FAILED);
	free(id);
}

static void test_24_permanent_needs_two_batches_then_holds(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *one = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 20 },
			   stages, 1);
	struct err err;
	int64_t released;

	assert_int_equal(run_some(f, 12, VERDICT_PERMANENT, "gone: v1 was removed"), 12);
	struct queue_lane lane = lane_named(f, "noop");
	assert_false(lane.is_cordoned); /* one batch may be at fault itself */
	queue_lane_done(&lane);
	char *two =
		submit(f, (struct queue_batch_spec){ .name = "y", .pipeline_count = 2 }, stages, 1);
	run_some(f, 4, VERDICT_PERMANENT, "gone: v1 was removed");
	lane = lane_named(f, "noop");
	assert_true(lane.is_cordoned);
	queue_lane_done(&lane);
	struct queue_batch batch;
	steer(queue_batch_get(f->client, two, &batch, &err), &err);
	assert_true(batch.stages[QUEUE_HELD] >= 1);
	queue_batch_done(&batch);
	steer(queue_release(f->client, two, &released, &err), &err);
	assert_true(released >= 1);
	free(one);
	free(two);
}

static void test_auth_holds_the_lane_and_harms_no_stage(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	struct err err;
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 3 }, stages, 1);

	assert_int_equal(run_some(f, 2, VERDICT_AUTH, "401: key expired"), 2);
	struct queue_lane lane = lane_named(f, "noop");
	assert_true(lane.is_paused);
	assert_string_equal(lane.reason, "auth: 401: key expired");
	assert_int_equal(lane.ready, 3);
	queue_lane_done(&lane);
	steer(queue_lane_pause(f->client, "noop", false, &err), &err);
	hand_claim(f, &turn, "h", 3);
	assert_int_equal(turn.count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(turn.claims[i].attempt, 1); /* no attempt was used */
	free(id);
}

static void test_operator_on_cpu_heals_by_itself(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "cpu") };
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, stages, 1);

	hand_claim(f, &turn, "h", 1);
	struct hand_claim first = turn.claims[0];
	hand_end(f, "h", &first, VERDICT_OPERATOR, "disk full");
	struct queue_lane lane = lane_named(f, "cpu");
	assert_true(lane.is_cordoned && !lane.is_paused && lane.probe_at > 0);
	queue_lane_done(&lane);
	advance_ms(f, 30000);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

/* ---- 18: poison; retries */

static void test_18_poison_fails_alone(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a", .retry.max_attempts = 10) };
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, stages, 1);
	char victim[200] = "";

	for (int round = 0; round < 3; round++) {
		advance_ms(f, 600000);
		hand_claim(f, &turn, "h", 5);
		struct hand_turn *both = xcalloc(1, sizeof(*both));
		*both = turn;
		turn.count = 0;
		for (size_t i = 0; i < both->count; i++) {
			if (!victim[0])
				(void)snprintf(victim, sizeof(victim), "%s", both->claims[i].stage);
			bool is_kill = !strcmp(victim, both->claims[i].stage);
			struct hand_end end = { .claim = &both->claims[i],
						.class = VERDICT_CRASH,
						.is_kill = is_kill,
						.message = "signal 11" };
			hand(f, &turn, "h", "", 0, &end, 1);
		}
		hand_clear(both);
		free(both);
	}
	assert_why(f, victim, "poison: it took 3 workers along");
	struct queue_batch batch;
	struct err err;
	steer(queue_batch_get(f->client, id, &batch, &err), &err);
	assert_int_equal(batch.failed, 1);
	assert_int_equal(batch.stages[QUEUE_BACKOFF], 1); /* the bystander was only unlucky */
	queue_batch_done(&batch);
	free(id);
}

static void test_retry_honours_after_and_gives_up(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a", .retry.max_attempts = 2) };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);

	hand_claim(f, &turn, "h", 1);
	struct hand_claim claim = turn.claims[0];
	struct hand_end end = {
		.claim = &claim, .class = VERDICT_RATE_LIMITED, .after_ms = 60000, .message = "429"
	};
	hand(f, &turn, "h", "", 0, &end, 1);
	assert_true(turn.due_us >= 50000000);
	assert_stage_why(f, id, "a", "tries again at");
	advance_ms(f, 59000);
	assert_int_equal(run_some(f, 1, VERDICT_DONE, NULL), 0);
	advance_ms(f, 61000);
	assert_int_equal(run_some(f, 1, VERDICT_TRANSIENT, "again"), 1);
	assert_int_equal(end_of(f, id), QUEUE_END_FAILED);
	struct queue_pipeline pipeline;
	char pid[64];
	struct err err;
	(void)snprintf(pid, sizeof(pid), "%s-1", id);
	steer(queue_pipeline_get(f->client, pid, &pipeline, &err), &err);
	assert_int_equal(pipeline.stages[0].attempts, 2);
	assert_non_null(strstr(pipeline.stages[0].history, "\"class\":\"rate_limited\""));
	assert_non_null(strstr(pipeline.stages[0].history, "\"class\":\"transient\""));
	queue_pipeline_done(&pipeline);
	free(id);
}

static void test_retry_redoes_only_what_failed(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1),
						   STAGE("c", .inputs = 2) };
	char *id = submit(
		f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 3, .max_parallel = 1 },
		stages, 3);
	struct err err;
	int64_t reset;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
		assert_int_equal(run_some(f, 5, VERDICT_PERMANENT, "no"), 1);
	}
	assert_int_equal(end_of(f, id), QUEUE_END_FAILED);
	steer(queue_retry(f->client, id, true, &reset, &err), &err);
	assert_int_equal(reset, 6);
	assert_int_equal(end_of(f, id), QUEUE_END_NONE);
	for (int i = 0; i < 3; i++) { /* max_parallel still holds, and a is not made again */
		hand_claim(f, &turn, "h", 5);
		assert_int_equal(turn.count, 1);
		assert_int_equal(turn.claims[0].index, 1);
		assert_int_equal(turn.claims[0].attempt, 1);
		struct hand_claim claim = turn.claims[0];
		hand_end(f, "h", &claim, VERDICT_DONE, NULL);
		assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
	}
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	assert_false(queue_retry(f->client, id, true, &reset, &err) && reset > 0);
	free(id);
}

/* ---- prepare, approve */

static void test_prepare_then_its_lane(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "account:x", .needs_prepare = true,
							    .definition = "{\"p\":\"${{x}}\"}") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);

	hand_claim(f, &turn, "h", 1);
	assert_true(turn.claims[0].is_prepare);
	assert_string_equal(turn.claims[0].lane, "cpu");
	assert_int_equal(state_of(f, id, 1, "a"), QUEUE_PREPARING);
	struct hand_claim claim = turn.claims[0];
	struct hand_end end = { .claim = &claim,
				.class = VERDICT_PREPARED,
				.message = "account:y",
				.result = "{\"p\":\"rendered\"}" };
	hand(f, &turn, "h", "", 0, &end, 1);
	hand_claim(f, &turn, "h", 1);
	assert_false(turn.claims[0].is_prepare);
	assert_string_equal(turn.claims[0].lane, "account:y");
	assert_string_equal(turn.claims[0].definition, "{\"p\":\"rendered\"}");
	assert_int_equal(turn.claims[0].attempt, 1);
	claim = turn.claims[0];
	hand_end(f, "h", &claim, VERDICT_DONE, NULL);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	free(id);
}

static void test_approval(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = {
		STAGE("a"),
		{ .id = "ok", .type = "approve", .lane = "cpu", .inputs = 1 },
		STAGE("post", .inputs = 1, .needs = 2),
	};
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 2 }, stages, 3);
	char stage[64];
	struct err err;

	run_some(f, 5, VERDICT_DONE, NULL);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 0);
	assert_stage_why(f, id, "ok", "waits for approval: reel approve");
	(void)snprintf(stage, sizeof(stage), "%s-1/ok", id);
	assert_false(queue_release(f->client, stage, NULL, &err));
	steer(queue_approve(f->client, stage, true, "ann", "nice \"one\"", &err), &err);
	assert_false(queue_approve(f->client, stage, true, "ann", "", &err));
	assert_int_equal(err.kind, ERR_REJECT);
	(void)snprintf(stage, sizeof(stage), "%s-2/ok", id);
	steer(queue_approve(f->client, stage, false, "bob", "ugly", &err), &err);
	assert_int_equal(state_of(f, id, 2, "post"), QUEUE_SKIPPED);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 1);
	assert_int_equal(end_of(f, id), QUEUE_END_PARTIAL);
	free(id);
}

/* ---- cancelling */

static void test_30_cancel_in_chunks(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a"), STAGE("b", .inputs = 1) };
	char *id = submit(f,
			  (struct queue_batch_spec){
				  .name = "x", .pipeline_count = 700, .max_parallel = 600 },
			  stages, 2);
	struct err err;
	int64_t stopped;

	hand_claim(f, &turn, "h", 2);
	struct hand_claim one = turn.claims[0], two = turn.claims[1];
	turn.count = 0; /* these two are ours now */
	steer(queue_cancel(f->client, id, &stopped, &err), &err);
	assert_int_equal(stopped, 1400);
	hand_claim(f, &turn, "h", 10);
	assert_int_equal(turn.count, 0);
	assert_int_equal(end_of(f, id), QUEUE_END_NONE); /* two are still in the air */
	hand_end(f, "h", &one, VERDICT_CANCELLED, "stopped");
	hand_end(f, "h", &two, VERDICT_DONE, NULL); /* finished before it could be told */
	assert_int_equal(end_of(f, id), QUEUE_END_CANCELLED);
	struct queue_batch batch;
	steer(queue_batch_get(f->client, id, &batch, &err), &err);
	assert_int_equal(batch.stages[QUEUE_DONE], 1);
	assert_int_equal(batch.stages[QUEUE_CANCELLED], 1399);
	assert_int_equal(batch.cancelled, 700);
	queue_batch_done(&batch);
	/* and back again */
	steer(queue_retry(f->client, id, false, &stopped, &err), &err);
	assert_int_equal(stopped, 1399);
	assert_int_equal(run_some(f, 500, VERDICT_DONE, NULL), 500);
	free(id);
	free(one.definition);
	free(one.results);
	free(two.definition);
	free(two.results);
}

/* ---- limits of time */

static void test_queue_and_total_limits(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec waits[] = { STAGE("a", .queue_ms = 5000) };
	const struct queue_stage_spec total[] = { STAGE("a", .total_ms = 60000, .attempt_ms = 90000,
							.retry.max_attempts = 99) };
	char *one = submit(f, (struct queue_batch_spec){ .name = "x" }, waits, 1);

	advance_ms(f, 6000);
	assert_int_equal(run_some(f, 5, VERDICT_DONE, NULL), 0);
	assert_stage_why(f, one, "a", "longer than its limit of 5000 ms");
	char *two = submit(f, (struct queue_batch_spec){ .name = "x" }, total, 1);
	hand_claim(f, &turn, "h", 5);
	assert_true(turn.claims[0].timeout_ms > 50000 && turn.claims[0].timeout_ms <= 60000);
	struct hand_claim claim = turn.claims[0];
	struct hand_end end = {
		.claim = &claim, .class = VERDICT_RATE_LIMITED, .after_ms = 300000, .message = "429"
	};
	hand(f, &turn, "h", "", 0, &end, 1);
	advance_ms(f, 61000);
	run_some(f, 5, VERDICT_DONE, NULL);
	assert_stage_why(f, two, "a", "limit of 60000 ms in total");
	free(one);
	free(two);
}

/* ---- 35: events */

static void test_35_events_and_gaps(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	struct queue_event *events;
	size_t count;
	bool gap;
	struct err err;
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 3 }, stages, 1);

	run_some(f, 5, VERDICT_DONE, NULL);
	steer(queue_events(f->client, "0", 0, 100, &events, &count, &gap, &err), &err);
	assert_int_equal(count,
			 1 + 3 + 3 + 3 + 1); /* sealed; running, done, ended of three; ended */
	assert_false(gap);
	assert_string_equal(events[0].what, "sealed");
	assert_string_equal(events[count - 1].stage, id);
	char *middle = xstrdup(events[4].cursor);
	char *after = xstrdup(events[5].stage);
	for (size_t i = 0; i < count; i++)
		queue_event_done(&events[i]);
	free(events);
	steer(queue_events(f->client, middle, 0, 100, &events, &count, &gap, &err), &err);
	assert_string_equal(events[0].stage, after); /* goes on inside an entry */
	assert_false(gap);
	for (size_t i = 0; i < count; i++)
		queue_event_done(&events[i]);
	free(events);
	freeReplyObject(command(f, "XTRIM reel:{t}:events MAXLEN 1"));
	steer(queue_events(f->client, "1", 0, 100, &events, &count, &gap, &err), &err);
	assert_true(gap);
	for (size_t i = 0; i < count; i++)
		queue_event_done(&events[i]);
	free(events);
	free(middle);
	free(after);
	free(id);
}

/* ---- 15: the claim whose reply was lost */

static void test_15_claim_repeated_under_its_nonce(void **state)
{
	struct fixture *f = *state;
	const struct queue_stage_spec stages[] = { STAGE("a") };
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 10 }, stages,
			  1);

	hand(f, &turn, "h", "nonce-1", 4, NULL, 0);
	assert_int_equal(turn.count, 4);
	char first[200];
	(void)snprintf(first, sizeof(first), "%s", turn.claims[0].stage);
	hand(f, &turn, "h", "nonce-1", 4, NULL, 0);
	assert_int_equal(turn.count, 4);
	assert_string_equal(turn.claims[0].stage, first);
	assert_int_equal(turn.claims[0].epoch, 1);
	hand(f, &turn, "h", "nonce-2", 10, NULL, 0);
	assert_int_equal(turn.count, 6);
	free(id);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_1_failed_gate_stops_the_post),
		T(test_1_tainted_gate_stays_shut),
		T(test_1_gate_skipped_by_if_is_open),
		T(test_6_22_facts_from_any_epoch_only_forward),
		T(test_23_live_handle_keeps_its_slot),
		T(test_10_same_token_same_batch),
		T(test_10_clash_gets_a_longer_id),
		T(test_30_unsealed_is_invisible_and_completed_later),
		T(test_30_unsealed_is_swept_after_an_hour),
		T(test_urgent_before_bulk),
		T(test_batches_take_turns),
		T(test_max_parallel_admits_as_pipelines_end),
		T(test_lane_limit_and_tokens),
		T(test_paused_lane_and_batch),
		T(test_24_breaker_cordons_probes_and_reopens),
		T(test_24_one_banned_word_does_not_cordon),
		T(test_24_permanent_needs_two_batches_then_holds),
		T(test_auth_holds_the_lane_and_harms_no_stage),
		T(test_operator_on_cpu_heals_by_itself),
		T(test_18_poison_fails_alone),
		T(test_retry_honours_after_and_gives_up),
		T(test_retry_redoes_only_what_failed),
		T(test_prepare_then_its_lane),
		T(test_approval),
		T(test_30_cancel_in_chunks),
		T(test_queue_and_total_limits),
		T(test_35_events_and_gaps),
		T(test_15_claim_repeated_under_its_nonce),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
