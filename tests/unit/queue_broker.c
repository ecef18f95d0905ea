/*
 * The broker against a real redis-server: claims on a wake message, endings, a killed and restarted
 * server, a connection cut between call and reply, two brokers on one farm.
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
	char *last_task, *last_lane;
	const char *prepared; /* the result of a prepare step */
	bool is_stopped;
};

static void host_finish(struct host *h, const char *stage, int64_t epoch, enum verdict_class class)
{
	const struct broker_ending ending = { .stage = stage,
					      .epoch = epoch,
					      .class = class,
					      .message = class == VERDICT_DONE ? NULL : "because",
					      .result = class == VERDICT_DONE ? "{\"ok\":true}"
									      : NULL };
	broker_finish(h->broker, &ending);
}

static void host_prepared(struct host *h, const struct broker_claim *claim)
{
	const struct broker_ending ending = { .stage = claim->stage,
					      .epoch = claim->epoch,
					      .class = VERDICT_PREPARED,
					      .result = h->prepared };
	broker_finish(h->broker, &ending);
}

static void on_claimed(void *context, const struct broker_claim *claims, size_t count)
{
	struct host *h = context;

	for (size_t i = 0; i < count; i++) {
		h->claimed++;
		free(h->last_task);
		h->last_task = xstrndup(claims[i].task, claims[i].task_len);
		free(h->last_lane);
		h->last_lane = xstrdup(claims[i].lane);
		if (strstr(h->last_task, "\"prepare\":true")) {
			assert_int_equal(claims[i].kind, BROKER_MEDIA);
			host_prepared(h, &claims[i]);
			continue;
		}
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
	for (size_t i = 0; i < h->held_count; i++) {
		if (h->held[i].epoch == epoch && !strcmp(h->held[i].stage, stage))
			h->held[i--] = h->held[--h->held_count];
	}
	host_finish(h, stage, epoch, VERDICT_CANCELLED);
}

static void on_connection(void *context, bool is_up, const char *why)
{
	struct host *h = context;

	h->ups += is_up;
	h->downs += !is_up;
	(void)snprintf(h->why, sizeof(h->why), "%s", why);
}

static const struct broker_handler handler = { on_claimed, on_revoke, on_connection };

static struct host *host_new(struct event_base *base, const char *url, const char *name,
			     size_t slots)
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
	free(h->last_lane);
	free(h);
}

static void turn_loop(struct event_base *base)
{
	const struct timeval tick = { 0, 5000 };
	event_base_loopexit(base, &tick);
	event_base_dispatch(base);
}

/* Runs the loop until the condition holds; fails after a generous while. */
#define UNTIL(base, condition)                                                    \
	do {                                                                      \
		int64_t limit_ = clock_monotonic_us() + FIXTURE_WAIT_MS * 1000ll; \
		while (!(condition)) {                                            \
			if (clock_monotonic_us() > limit_)                        \
				fail_msg("never: %s", #condition);                \
			turn_loop(base);                                          \
		}                                                                 \
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
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 500 }, chain,
			  3);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_consistent(f);
	assert_int_equal(h->claimed, 1500);
	struct broker_stats stats;
	UNTIL(base, (broker_stats(h->broker, &stats), stats.finished == 1500));
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
	(void)snprintf(
		expected, sizeof(expected),
		"{\"batch\":\"%s\",\"pipeline\":\"%s-1\",\"stage\":\"b\",\"type\":\"noop\",\"epoch\":1,"
		"\"attempt\":1,\"prepare\":false,\"definition\":{},\"context\":{\"n\":1},"
		"\"results\":{\"a\":{\"ok\":true}}}",
		id, id);
	assert_string_equal(h->last_task, expected);
	host_free(h);
	event_base_free(base);
	free(id);
}

/* From claim to run: rendered by a media worker, then run as what was rendered, in the lane that
 * was named or else the one it was submitted for. */
static void test_prepared_then_run(void **state)
{
	static const struct {
		const char *result, *lane;
	} rows[] = {
		{ "{\"definition\":{\"p\":\"rendered\"}}", "account:x" },
		{ "{\"definition\":{\"p\":\"rendered\"},\"lane\":\"account:y\"}", "account:y" },
	};
	const struct queue_stage_spec stages[] = { STAGE_IN("a", "account:x", .needs_prepare = true,
							    .definition = "{\"p\":\"${{x}}\"}") };
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 1);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		h->prepared = rows[i].result;
		h->claimed = 0;
		char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);
		UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
		assert_int_equal(h->claimed, 2);
		assert_string_equal(h->last_lane, rows[i].lane);
		assert_non_null(strstr(h->last_task, "\"attempt\":1,\"prepare\":false,"
						     "\"definition\":{\"p\":\"rendered\"}"));
		free(id);
	}
	host_free(h);
	event_base_free(base);
}

/* A prepare step that leaves no definition: there is nothing that could run. */
static void test_prepared_without_a_definition_fails(void **state)
{
	static const char *const results[] = { NULL, "{}", "{\"definition\":7}", "{\"p\":" };
	const struct queue_stage_spec stages[] = { STAGE("a", .needs_prepare = true) };
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 1);

	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		char stage[64], *why = NULL;
		struct err err;

		h->prepared = results[i];
		char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, stages, 1);
		UNTIL(base, end_of(f, id) == QUEUE_END_FAILED);
		(void)snprintf(stage, sizeof(stage), "%s-1/a", id);
		assert_true(queue_why(f->client, stage, &why, &err));
		assert_string_equal(why, "failed: its prepare step gave no definition");
		free(why);
		free(id);
	}
	assert_int_equal(h->claimed, ARRAY_LEN(results));
	host_free(h);
	event_base_free(base);
}

static size_t all_running(struct fixture *f)
{
	return (size_t)(command_int(f, "SCARD reel:{t}:run:h1") +
			command_int(f, "SCARD reel:{t}:run:h2"));
}

static void finish_held(struct host *h)
{
	h->is_holding = false;
	for (size_t i = 0; i < h->held_count; i++)
		host_finish(h, h->held[i].stage, h->held[i].epoch, VERDICT_DONE);
	h->held_count = 0;
}

/* 15, 16: redis-server dies with attempts in the air and comes back; they go on and are reported.
 */
static void test_redis_killed_and_restarted(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 50);
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 200 }, chain,
			  2);

	h->is_holding = true;
	UNTIL(base, h->held_count == 50);
	nap(1200); /* appendfsync everysec: the claims are on disk */
	fixture_stop_redis(f, SIGKILL);
	UNTIL(base, h->downs > 0);
	finish_held(h); /* endings wait for Redis */
	fixture_start_redis(f);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(h->claimed, 400); /* nothing ran twice */
	assert_int_equal(h->revoked, 0);
	host_free(h);
	event_base_free(base);
	free(id);
}

/* Redis comes back without its tail: what it does not know of is stopped, what it thinks runs goes
 * back. */
static void test_redis_loses_its_tail(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 20);
	char *id = submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 1500 },
			  chain, 2);
	char from[300], to[300], cmd[1000];

	UNTIL(base, h->ups == 1 && h->claimed > 0);
	broker_set_slots(h->broker, BROKER_REMOTE, 0);
	UNTIL(base, all_running(f) == 0);
	freeReplyObject(command(f, "BGREWRITEAOF"));
	UNTIL(base, command_int(f, "EXISTS reel:{t}:farm") == 1 && (nap(300), true));
	(void)snprintf(from, sizeof(from), "%s/appendonlydir", f->dir);
	(void)snprintf(to, sizeof(to), "%s/old", f->dir);
	(void)snprintf(cmd, sizeof(cmd), "cp -r '%s' '%s'", from, to);
	assert_int_equal(system(cmd), 0);
	h->is_holding = true;
	broker_set_slots(h->broker, BROKER_REMOTE, 20);
	UNTIL(base, h->held_count == 20);
	fixture_stop_redis(f, SIGKILL);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s' && mv '%s' '%s'", from, to, from);
	assert_int_equal(system(cmd), 0);
	h->is_holding = false;
	fixture_start_redis(f);
	UNTIL(base, h->revoked == 20); /* Redis never heard of these claims */
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(all_running(f), 0);
	host_free(h);
	event_base_free(base);
	free(id);
}

/* ---- a proxy that can swallow answers: it forwards all, until told to cut before the next big
 * answer */

struct proxy {
	pid_t pid;
	char url[250];
};

static void pump_pair(int client, int server, bool is_cutting)
{
	char bytes[65536];

	for (;;) {
		struct pollfd fds[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0)
			return;
		for (int i = 0; i < 2; i++) {
			if (!fds[i].revents)
				continue;
			ssize_t n = read(fds[i].fd, bytes, sizeof(bytes));
			if (n <= 0)
				return;
			/* The first answer that carries claims dies on its way. */
			if (i == 1 && is_cutting && memmem(bytes, (size_t)n, "noop", 4))
				return;
			if (write(fds[1 - i].fd, bytes, (size_t)n) != n)
				return;
		}
	}
}

static int unix_socket(const char *path, bool is_server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (is_server) {
		assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(listen(fd, 16), 0);
	} else if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One child per connection; the first two connections (commands, subscription) are cut at a claim's
 * answer. */
static void proxy_start(struct fixture *f, struct proxy *proxy)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%.150s/proxy", f->dir);
	(void)snprintf(proxy->url, sizeof(proxy->url), "unix://%s", path);
	int listener = unix_socket(path, true);
	proxy->pid = fork();
	if (proxy->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		for (int n = 0;; n++) {
			int client = accept(listener, NULL, NULL);
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				pump_pair(client, unix_socket(f->socket, false), n < 2);
				_exit(0);
			}
			close(client);
		}
	}
	close(listener);
}

/* 15: the claim was made, its answer was lost, the connection came back. */
static void test_15_claim_answer_lost(void **state)
{
	struct fixture *f = *state;
	struct proxy proxy;
	struct event_base *base = event_base_new();
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 40 }, chain, 3);

	proxy_start(f, &proxy);
	struct host *h = host_new(base, proxy.url, "h1", 100);
	UNTIL(base, h->downs == 1);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(h->claimed, 120);
	assert_int_equal(all_running(f), 0);
	host_free(h);
	event_base_free(base);
	kill(proxy.pid, SIGKILL);
	waitpid(proxy.pid, NULL, 0);
	free(id);
}

/* 16: a host that is gone is reaped by another, after its lease; the batch ends. */
static void test_16_host_reaped_by_another(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct event_base *dead_base = event_base_new();
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 30 }, chain, 2);
	struct host *dead = host_new(dead_base, f->url, "h1", 10);

	dead->is_holding = true;
	UNTIL(dead_base, dead->held_count == 10);
	/* its loop stands still from here on, as if its machine did */
	struct host *h = host_new(base, f->url, "h2", 100);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(command_int(f, "HGET reel:{t}:host:h1 lapsed"), 1);
	/* it wakes up: told that none of it is its own any more, its endings change nothing */
	UNTIL(dead_base, dead->revoked == 10 && dead->held_count == 0);
	assert_int_equal(end_of(f, id), QUEUE_END_DONE);
	host_free(dead);
	host_free(h);
	event_base_free(base);
	event_base_free(dead_base);
	free(id);
}

/* 16: when Redis was away for longer than a lease, nobody is reaped on its return. */
static void test_16_outage_reaps_nobody(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 40 }, chain, 1);
	struct host *a = host_new(base, f->url, "h1", 20), *b = host_new(base, f->url, "h2", 20);

	a->is_holding = b->is_holding = true;
	UNTIL(base, a->held_count == 20 && b->held_count == 20);
	nap(1200);
	fixture_stop_redis(f, SIGKILL);
	UNTIL(base, a->downs && b->downs);
	nap(1500); /* more than the lease */
	fixture_start_redis(f);
	UNTIL(base, a->ups == 2 && b->ups == 2);
	finish_held(a);
	finish_held(b);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	assert_int_equal(a->revoked + b->revoked, 0);
	assert_int_equal(a->claimed + b->claimed, 40);
	host_free(a);
	host_free(b);
	event_base_free(base);
	free(id);
}

/* A cancel reaches the holder at once, by message. */
static void test_cancel_is_told(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 5);
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 9 }, chain, 2);
	struct err err;

	h->is_holding = true;
	UNTIL(base, h->held_count == 5);
	assert_true(queue_cancel(f->client, id, NULL, &err));
	UNTIL(base, end_of(f, id) == QUEUE_END_CANCELLED);
	assert_int_equal(h->cancelled, 5);
	host_free(h);
	event_base_free(base);
	free(id);
}

/* 19: work that comes while a host is connecting, or whose message is lost, is found. */
static void test_19_lost_wake_costs_a_beat(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 5);

	UNTIL(base, h->ups == 1);
	/* The message goes to nobody: published under a name that no script uses, by hiding the
	 * subscription. */
	redisReply *list = command(f, "CLIENT LIST TYPE pubsub");
	const char *at = strstr(redis_text(list), "id=");
	assert_non_null(at);
	freeReplyObject(command(f, "CLIENT KILL ID %ld", strtol(at + 3, NULL, 10)));
	freeReplyObject(list);
	char *id = submit(f, (struct queue_batch_spec){ .name = "x" }, chain, 3);
	UNTIL(base, end_of(f, id) == QUEUE_END_DONE);
	free(id);
	/* And a wake counter that moved without any message. */
	freeReplyObject(command(f, "HINCRBY reel:{t}:farm wake 1"));
	struct broker_stats before, after;
	broker_stats(h->broker, &before);
	nap(150);
	UNTIL(base, (broker_stats(h->broker, &after), after.calls >= before.calls + 2));
	host_free(h);
	event_base_free(base);
}

static void on_stopped(void *context)
{
	struct host *h = context;
	h->is_stopped = true;
}

/* A host that stops in order gives back what it holds at once. */
static void test_clean_stop_gives_back(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, f->url, "h1", 5);
	char *id =
		submit(f, (struct queue_batch_spec){ .name = "x", .pipeline_count = 9 }, chain, 1);

	h->is_holding = true;
	UNTIL(base, h->held_count == 5);
	host_finish(h, h->held[0].stage, h->held[0].epoch, VERDICT_DONE);
	broker_stop(h->broker, 5000, on_stopped, h);
	UNTIL(base, h->is_stopped);
	assert_int_equal(all_running(f), 0);
	struct queue_batch batch;
	struct err err;
	assert_true(queue_batch_get(f->client, id, &batch, &err));
	assert_int_equal(batch.done, 1);
	assert_int_equal(batch.stages[QUEUE_READY], 8);
	queue_batch_done(&batch);
	host_free(h);
	event_base_free(base);
	free(id);
}

/* 29: a wrong password is a person's to mend: said clearly, and not hammered. */
static void test_29_wrong_password(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	char url[300];
	struct queue_client *client = NULL;
	struct err err;

	freeReplyObject(command(f, "CONFIG SET requirepass right"));
	struct host *h = host_new(base, f->url, "h1", 5);
	UNTIL(base, h->downs == 1);
	assert_non_null(strstr(h->why, "password"));
	for (int i = 0; i < 100; i++)
		turn_loop(base);
	assert_int_equal(h->downs, 1);
	host_free(h);
	event_base_free(base);

	assert_false(queue_client_open("redis://:wrong@127.0.0.1:1/x", "t", &client, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	(void)snprintf(url, sizeof(url), "rediss://example.com");
	assert_false(queue_client_open(url, "t", &client, &err));
	assert_non_null(strstr(err.text, "TLS"));
	assert_false(queue_client_open("redis://127.0.0.1:1", "t", &client, &err));
	assert_int_equal(err.kind, ERR_RETRY);
}

/* 29: names are resolved without blocking, an address that leads nowhere is given up. */
static void test_29_no_such_name(void **state)
{
	struct fixture *f = *state;
	struct event_base *base = event_base_new();
	struct host *h = host_new(base, "redis://no-such-host.invalid:6379", "h1", 5);

	(void)f;
	UNTIL(base, h->downs >= 1);
	host_free(h);
	event_base_free(base);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	const struct CMUnitTest tests[] = {
		T(test_runs_a_batch),
		T(test_task_text),
		T(test_prepared_then_run),
		T(test_prepared_without_a_definition_fails),
		T(test_redis_killed_and_restarted),
		T(test_redis_loses_its_tail),
		T(test_15_claim_answer_lost),
		T(test_16_host_reaped_by_another),
		T(test_16_outage_reaps_nobody),
		T(test_cancel_is_told),
		T(test_19_lost_wake_costs_a_beat),
		T(test_clean_stop_gives_back),
		T(test_29_wrong_password),
		T(test_29_no_such_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
