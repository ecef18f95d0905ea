/*
 * The broker against a real redis-server: claims on a wake message, endings, a killed and restarted server,
 * a connection cut between call and reply, two brokers on one farm.
 */
// links: queue
#include "tests/unit/queue_fixture.h"

#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "queue/broker.h"

/* A supervisor that does nothing but end what it is given. */
struct host {
	struct broker *broker;
	struct event_base *base;
	bool is_holding; /* keeps what it gets */
	size_t claimed, revoked, cancelled, ups, downs;
	char why[600];
	struct {
		char stage[100];
		int64_t epoch;
	} held[1024];
	size_t held_count;
	char *last_task;
	bool is_stopped;
};

static void host_finish(struct host *h, const char *stage, int64_t epoch, enum verdict_class class)
{
	const struct broker_ending ending = { .stage = stage,
					      .epoch = epoch,
					      .class = class,
					      .message = class == VERDICT_DONE ? NULL : "because",
					      .result = class == VERDICT_DONE ? "{\"ok\":true}" : NULL };
	broker_finish(h->broker, &ending);
}

static void on_claimed(void *context, const struct broker_claim *claims, size_t count)
{
	struct host *h = context;

	for (size_t i = 0; i < count; i++) {
		h->claimed++;
		free(h->last_task);
		h->last_task = xstrndup(claims[i].task, claims[i].task_len);
		if (!h->is_holding) {
			host_finish(h, claims[i].stage, claims[i].epoch, VERDICT_DONE);
			continue;
		}
		assert_true(h->held_count < ARRAY_LEN(h->held));
		(void)snprintf(h->held[h->held_count].stage, 100, "%s", claims[i].stage);
		h->held[h->held_count++].epoch = claims[i].epoch;
	}
}

static void on_revoke(void *context, const char *stage, int64_t epoch, bool is_cancel)
{
	struct host *h = context;

	h->revoked++;
	h->cancelled += is_cancel;
	host_finish(h, stage, epoch, VERDICT_CANCELLED);
	for (size_t i = 0; i < h->held_count; i++) {
		if (h->held[i].epoch == epoch && !strcmp(h->held[i].stage, stage))
			h->held[i--] = h->held[--h->held_count];
	}
}

static void on_connection(void *context, bool is_up, const char *why)
{
	struct host *h = context;

	h->ups += is_up;
	h->downs += !is_up;
	(void)snprintf(h->why, sizeof(h->why), "%s", why);
}

static const struct broker_handler handler = { on_claimed, on_revoke, on_connection };

static struct host *host_new(struct event_base *base, const char *url, const char *name, size_t slots)
{
	struct host *h = xcalloc(1, sizeof(*h));
	const struct broker_options options = { .url = url,
						.farm = "t",
						.host = name,
						.version = "test",
						.heartbeat_ms = 100,
						.lease_ms = 1000,
						.poison_kills = 3 };
	h->base = base;
	h->broker = broker_new(base, &options, &handler, h);
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		broker_set_slots(h->broker, kind, slots);
	return h;
}

static void host_free(struct host *h)
{
	broker_free(h->broker);
	free(h->last_task);
	free(h);
}

static void turn_loop(struct event_base *base)
{
	const struct timeval tick = { 0, 5000 };
	event_base_loopexit(base, &tick);
	event_base_dispatch(base);
}

/* Runs the loop until the condition holds; fails after a generous while. */
#define UNTIL(base, condition)                                                          \
	do {                                                                            \
		int64_t limit_ = clock_monotonic_us() + FIXTURE_WAIT_MS * 1000ll;       \
		while (!(condition)) {                                                  \
			if (clock_monotonic_us() > limit_)                              \
				fail_msg("never: %s", #condition);                      \
			turn_loop(base);                                                \
		}                                                                       \
	} while (0)

static enum queue_end end_of(struct fixture *f, const char *id)
{
	struct queue_batch batch;
	struct err err;

	if (!queue_batch_get(f->client, id, &batch, &err))
		return QUEUE_END_NONE;
	enum queue_end end = batch.end;
	queue_batch_done(&batch);
	return end;
}

static const struct queue_stage_spec chain[] = { STAGE("a", .definition = "{\"echo\":1}"),
						 STAGE("b", .inputs = 1), STAGE("c", .inputs = 2) };

static void test_runs_a_batch(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 100);

	UNTIL(base, h->ups == 1);
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 500 }, chain, 3);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(h->claimed, 1500);
	struct broker_stats stats;
	broker_stats(h->broker, &stats);
	assert_int_equal(stats.finished, 1500);
	assert_int_equal(stats.running[BROKER_REMOTE], 0);
	host_free(h);
	event_base_free(base);
	free(id);
}

static void test_task_text(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 1);
	char expected[500];

	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, chain, 2);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	(void)snprintf(expected, sizeof(expected),
		       "{\"batch\":\"%s\",\"pipeline\":\"%s-1\",\"stage\":\"b\",\"type\":\"noop\",\"epoch\":1,"
		       "\"attempt\":1,\"prepare\":false,\"definition\":{},\"context\":{\"n\":1},"
		       "\"results\":{\"a\":{\"ok\":true}}}",
		       id, id);
	assert_string_equal(h->last_task, expected);
	host_free(h);
	event_base_free(base);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs_a_batch, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_task_text, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
