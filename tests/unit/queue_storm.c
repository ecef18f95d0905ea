/*
 * A storm: thousands of seeded random operations by clients and hosts, some of them cut off between
 * two calls; after every few all counters are compared with a recount of the records, and at the
 * end everything must be able to end. A failure names its seed: `unit-queue_storm SEED` repeats it.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

enum { HOSTS = 3, HOLD_MAX = 200, BATCH_MAX = 40, STEPS = 600 };

struct storm {
	struct fixture *f;
	uint64_t random;
	struct hand_claim held[HOSTS][HOLD_MAX];
	size_t held_count[HOSTS];
	char *batches[BATCH_MAX];
	size_t batch_count;
	struct hand_turn turn;
};

static uint64_t seed_given;

static unsigned roll(struct storm *s, unsigned sides)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (unsigned)(s->random >> 33) % sides;
}

static const char *host_name(size_t host)
{
	static const char *const names[HOSTS] = { "h0", "h1", "h2" };
	return names[host];
}

static void op_submit(struct storm *s)
{
	static const char *const names[] = { "s0", "s1", "s2", "s3", "s4", "s5" };
	static const char *const lanes[] = { "noop", "cpu", "account:x" };
	struct queue_stage_spec stages[6] = { 0 };
	size_t count = 1 + roll(s, 6);

	if (s->batch_count == BATCH_MAX)
		return;
	for (size_t i = 0; i < count; i++) {
		uint32_t before = (1u << i) - 1;
		bool is_approve = roll(s, 12) == 0;
		stages[i] = (struct queue_stage_spec){
			.id = names[i],
			.type = is_approve ? "approve" : "noop",
			.lane = lanes[roll(s, 3)],
			.inputs = roll(s, 64) & before & roll(s, 64),
			.needs = roll(s, 64) & before & roll(s, 64),
			.needs_prepare = roll(s, 5) == 0,
			.queue_ms = roll(s, 10) ? 0 : 20000,
			.total_ms = roll(s, 10) ? 0 : 60000,
		};
	}
	s->batches[s->batch_count++] =
		submit(s->f,
		       (struct queue_batch_spec){ .name = "storm",
						  .pipeline_count = 1 + roll(s, 12),
						  .max_parallel = roll(s, 2) ? 0 : 1 + roll(s, 4),
						  .priority = (enum queue_priority)roll(s, 3) },
		       stages, count);
}

static void hold(struct storm *s, size_t host)
{
	for (size_t i = 0; i < s->turn.count; i++) {
		free(s->turn.claims[i].definition);
		free(s->turn.claims[i].results);
		s->turn.claims[i].definition = s->turn.claims[i].results = NULL;
		if (s->held_count[host] < HOLD_MAX)
			s->held[host][s->held_count[host]++] = s->turn.claims[i];
	}
	s->turn.count = 0;
}

static void op_claim(struct storm *s)
{
	size_t host = roll(s, HOSTS);

	if (s->held_count[host] > HOLD_MAX / 2)
		return;
	hand_claim(s->f, &s->turn, host_name(host), 1 + (int)roll(s, 12));
	if (roll(s, 20) == 0)
		hand_clear(&s->turn); /* the answer was lost */
	hold(s, host);
}

static enum verdict_class any_class(struct storm *s, bool is_prepare)
{
	if (roll(s, 3))
		return is_prepare ? VERDICT_PREPARED : VERDICT_DONE;
	enum verdict_class class = (enum verdict_class)roll(s, VERDICT_CLASSES);
	return class == VERDICT_PREPARED && !is_prepare ? VERDICT_DONE : class;
}

/* Ends up to a few of what a host holds, and claims in the same call. */
static void op_turn(struct storm *s)
{
	struct hand_end ends[8] = { 0 };
	struct hand_claim ended[8];
	char nonce[IDS_NONCE_LENGTH + 1];
	size_t host = roll(s, HOSTS), count = 0, want = 1 + roll(s, 8);

	while (count < want && s->held_count[host]) {
		size_t pick = roll(s, (unsigned)s->held_count[host]);
		ended[count] = s->held[host][pick];
		s->held[host][pick] = s->held[host][--s->held_count[host]];
		enum verdict_class class = any_class(s, ended[count].is_prepare);
		ends[count] =
			(struct hand_end){ .claim = &ended[count],
					   .class = class,
					   .is_return = roll(s, 8) == 0,
					   .is_kill = class == VERDICT_CRASH && roll(s, 2),
					   .after_ms = roll(s, 4) ? 0 : 5000,
					   .message =
						   class == VERDICT_PREPARED ? "" : "code: because",
					   .result = "{}" };
		count++;
	}
	ids_nonce(nonce);
	hand(s->f, &s->turn, host_name(host), nonce, (int)roll(s, 6), ends, count);
	hold(s, host);
	if (roll(s, 5) == 0) /* the answer was lost: all of it is said again */
		hand(s->f, &s->turn, host_name(host), "", 0, ends, count);
	hold(s, host);
}

static void any_target(struct storm *s, char *out, size_t size)
{
	const char *batch = s->batches[roll(s, (unsigned)s->batch_count)];

	switch (roll(s, 3)) {
	case 0: (void)snprintf(out, size, "%s", batch); break;
	case 1: (void)snprintf(out, size, "%s-%u", batch, 1 + roll(s, 8)); break;
	default: (void)snprintf(out, size, "%s-%u/s%u", batch, 1 + roll(s, 8), roll(s, 5)); break;
	}
}

/* A client that died after the first call of its cancel. */
static void half_cancel(struct storm *s)
{
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;

	redis_args_script(&args, SCRIPT_CANCEL, client_prefix(s->f->client));
	redis_args_text(&args, "batch");
	redis_args_text(&args, s->batches[roll(s, (unsigned)s->batch_count)]);
	redis_args_text(&args, "");
	if (!client_call(s->f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	freeReplyObject(reply);
	redis_args_done(&args);
}

static void ignore(bool ok, const struct err *err)
{
	if (!ok && err->kind != ERR_REJECT && err->kind != ERR_RETRY)
		fail_msg("%s", err->text);
}

static void op_steer(struct storm *s)
{
	struct queue_client *client = s->f->client;
	char target[100];
	struct err err;

	any_target(s, target, sizeof(target));
	switch (roll(s, 9)) {
	case 0:
		if (roll(s, 4) == 0)
			ignore(queue_cancel(client, target, NULL, &err), &err);
		break;
	case 1:
	case 2: ignore(queue_retry(client, target, roll(s, 2), NULL, &err), &err); break;
	case 3: ignore(queue_release(client, target, NULL, &err), &err); break;
	case 4: ignore(queue_approve(client, target, roll(s, 3), "a", "b", &err), &err); break;
	case 5:
		ignore(queue_batch_pause(client, s->batches[roll(s, (unsigned)s->batch_count)],
					 roll(s, 3) == 0, &err),
		       &err);
		break;
	case 6: ignore(queue_lane_pause(client, "noop", roll(s, 4) == 0, &err), &err); break;
	case 7:
		ignore(queue_lane_limits(client, roll(s, 2) ? "cpu" : "account:x", roll(s, 6),
					 roll(s, 4) ? 0 : 3, 2, &err),
		       &err);
		break;
	default:
		if (roll(s, 8) == 0)
			half_cancel(s);
		else
			ignore(queue_lane_cordon(client, "account:x", roll(s, 3) == 0, "test",
						 &err),
			       &err);
		break;
	}
}

static void script_call(struct storm *s, enum script script, const char *host, bool is_lost)
{
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;
	size_t h = (size_t)(host[1] - '0');

	redis_args_script(&args, script, client_prefix(s->f->client));
	redis_args_text(&args, host);
	if (script == SCRIPT_DEPART)
		redis_args_text(&args, "i");
	if (script == SCRIPT_REAP)
		redis_args_int(&args, 1000);
	if (is_lost)
		s->held_count[h] = 0;
	for (size_t i = 0; script == SCRIPT_COMPARE && i < s->held_count[h]; i++)
		redis_args_printf(&args, "%s.%u.%lld", s->held[h][i].pipeline, s->held[h][i].index,
				  (long long)s->held[h][i].epoch);
	if (!client_call(s->f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	freeReplyObject(reply);
	redis_args_done(&args);
}

static void op_host(struct storm *s)
{
	const char *host = host_name(roll(s, HOSTS));

	switch (roll(s, 4)) {
	case 0: script_call(s, SCRIPT_COMPARE, host, false); break;
	case 1: script_call(s, SCRIPT_COMPARE, host, true); break;
	case 2: script_call(s, SCRIPT_REAP, host, false); break; /* its endings are late then */
	default: script_call(s, SCRIPT_DEPART, host, false); break;
	}
}

static void op_fact(struct storm *s)
{
	size_t host = roll(s, HOSTS);
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;

	if (!s->held_count[host])
		return;
	const struct hand_claim *claim = &s->held[host][roll(s, (unsigned)s->held_count[host])];
	redis_args_script(&args, SCRIPT_FACT, client_prefix(s->f->client));
	redis_args_text(&args, claim->pipeline);
	redis_args_int(&args, claim->index);
	redis_args_int(&args, claim->epoch);
	redis_args_int(&args, roll(s, 100));
	redis_args_int(&args, 1 + roll(s, 3));
	redis_args_text(&args, "p");
	if (!client_call(s->f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	freeReplyObject(reply);
	redis_args_done(&args);
}

static void step(struct storm *s)
{
	unsigned what = roll(s, 100);

	if (!s->batch_count || what < 5)
		op_submit(s);
	else if (what < 30)
		op_claim(s);
	else if (what < 65)
		op_turn(s);
	else if (what < 85)
		op_steer(s);
	else if (what < 90)
		op_host(s);
	else if (what < 95)
		op_fact(s);
	else
		advance_ms(s->f, roll(s, 20000));
}

static bool all_ended(struct storm *s)
{
	for (size_t i = 0; i < s->batch_count; i++) {
		if (command_int(s->f, "HGET reel:{t}:b:%s end", s->batches[i]) == 0)
			return false;
	}
	return true;
}

/* One round of a world in which everybody helps. */
static void heal(struct storm *s)
{
	static const char *const lanes[] = { "noop", "cpu", "account:x" };
	struct err err;

	for (size_t i = 0; i < 3; i++) {
		ignore(queue_lane_pause(s->f->client, lanes[i], false, &err), &err);
		ignore(queue_lane_cordon(s->f->client, lanes[i], false, "", &err), &err);
		ignore(queue_lane_limits(s->f->client, lanes[i], 0, 0, 0, &err), &err);
	}
	for (size_t i = 0; i < s->batch_count; i++) {
		ignore(queue_batch_pause(s->f->client, s->batches[i], false, &err), &err);
		ignore(queue_release(s->f->client, s->batches[i], NULL, &err), &err);
		if (command_int(s->f, "HGET reel:{t}:b:%s cancel", s->batches[i]))
			ignore(queue_cancel(s->f->client, s->batches[i], NULL, &err), &err);
		for (int p = 1; p <= 12; p++) {
			for (int n = 0; n < 6; n++) {
				char stage[100];
				(void)snprintf(stage, sizeof(stage), "%s-%d/s%d", s->batches[i], p,
					       n);
				ignore(queue_approve(s->f->client, stage, true, "a", "", &err),
				       &err);
			}
		}
	}
	advance_ms(s->f, 400000);
	for (size_t host = 0; host < HOSTS; host++) {
		script_call(s, SCRIPT_COMPARE, host_name(host), true);
		hand_claim(s->f, &s->turn, host_name(host), 400);
		while (s->turn.count) {
			size_t count = s->turn.count;
			struct hand_claim *list = xcalloc(count, sizeof(*list));
			memcpy(list, s->turn.claims, count * sizeof(*list));
			s->turn.count = 0;
			for (size_t i = 0; i < count; i++) {
				hand_end(s->f, host_name(host), &list[i],
					 list[i].is_prepare ? VERDICT_PREPARED : VERDICT_DONE, "");
				free(list[i].definition);
				free(list[i].results);
			}
			free(list);
			hand_claim(s->f, &s->turn, host_name(host), 400);
		}
	}
}

static void storm(struct fixture *f, uint64_t seed)
{
	struct storm *s = xcalloc(1, sizeof(*s));

	s->f = f;
	s->random = seed * 0x9e3779b97f4a7c15u + 1;
	(void)fprintf(stderr, "storm seed=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < STEPS; i++) {
		step(s);
		if (i % 20 == 19)
			assert_consistent(f);
	}
	for (int round = 0; round < 60 && !all_ended(s); round++)
		heal(s);
	assert_consistent(f);
	assert_true(all_ended(s));
	for (size_t i = 0; i < s->batch_count; i++)
		free(s->batches[i]);
	free(s);
}

static void test_storm(void **state)
{
	struct fixture *f = *state;
	uint64_t first = seed_given ? seed_given : 1, last = seed_given ? seed_given : 6;

	for (uint64_t seed = first; seed <= last; seed++) {
		freeReplyObject(command(f, "FLUSHALL"));
		storm(f, seed);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_storm, fixture_setup, fixture_teardown),
	};
	seed_given = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
