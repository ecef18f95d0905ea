// links: worker
/*
 * The event-loop shell: verdicts of no-op stages, waits, limits, cancelling, draining, the shared
 * page, and every way in which a supervisor can be wrong or gone.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/worker_peer.h"
#include "worker/remote.h"
#include "worker/shell.h"

struct fixture {
	struct peer peer;
	int page_fd;
	volatile uint64_t *page;
};

static int body(void *context, int fd)
{
	struct fixture *fixture = context;

	/* what these tests provoke is not worth a line on the screen */
	assert_int_equal(dup2(open("/dev/null", O_WRONLY), STDERR_FILENO), STDERR_FILENO);
	return remote_main(fd, fixture->page_fd);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	fixture->page_fd = memfd_create("page", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fixture->page_fd, 4096), 0);
	fixture->page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fixture->page_fd, 0);
	assert_ptr_not_equal(fixture->page, MAP_FAILED);
	peer_start(&fixture->peer, body, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	peer_done(&fixture->peer);
	munmap((void *)(uintptr_t)fixture->page, 4096);
	close(fixture->page_fd);
	free(fixture);
	return 0;
}

static void run(struct fixture *fixture, uint64_t tag, uint64_t timeout_ms, int attempt,
		const char *definition)
{
	DEFER(freep) char *task = noop_task(attempt, definition);

	peer_run(&fixture->peer, tag, timeout_ms, task);
}

static struct wire_message answer(struct fixture *fixture, uint64_t tag, enum verdict_class class)
{
	struct wire_message message = peer_take_end(&fixture->peer);

	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.tag, tag);
	assert_int_equal(message.verdict.class, class);
	return message;
}

static void answers_by_definition(void **state)
{
	static const struct {
		const char *definition;
		int attempt;
		enum verdict_class class;
		const char *result, *message;
	} cases[] = {
		{ "{}", 1, VERDICT_DONE, "{\"outputs\":[]}", "" },
		{ "{\"gate\":true}", 1, VERDICT_DONE, "{\"outputs\":[]}", "" },
		{ "{\"echo\":[1,\"a\"]}", 1, VERDICT_DONE, "{\"echo\":[1,\"a\"],\"outputs\":[]}",
		  "" },
		{ "{\"fail\":\"rate_limited\"}", 9, VERDICT_RATE_LIMITED, "", "rate_limited" },
		{ "{\"fail\":\"transient\",\"fail_times\":2}", 2, VERDICT_TRANSIENT, "",
		  "attempt 2" },
		{ "{\"fail\":\"transient\",\"fail_times\":2}", 3, VERDICT_DONE, "{\"outputs\":[]}",
		  "" },
		{ "{\"crash_times\":2}", 3, VERDICT_DONE, "{\"outputs\":[]}", "" },
		{ "{\"sleep_ms\":1}", 1, VERDICT_DONE, "{\"outputs\":[]}", "" },
		{ "{\"if\":false,\"crash_times\":9}", 1, VERDICT_SKIPPED, "", "`if` was false" },
		{ "{\"if\":true}", 1, VERDICT_DONE, "{\"outputs\":[]}", "" },
		{ "{\"fail\":\"sadness\"}", 1, VERDICT_PERMANENT, "", "sadness" },
		{ "{\"sleep_ms\":-1}", 1, VERDICT_PERMANENT, "", "negative" },
		{ "{\"sleep_ms\":\"x\"}", 1, VERDICT_PERMANENT, "", "definition.sleep_ms" },
	};
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 10);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_message message;

		run(fixture, i + 1, 0, cases[i].attempt, cases[i].definition);
		message = answer(fixture, i + 1, cases[i].class);
		assert_text(message.verdict.result, cases[i].result);
		assert_contains(message.verdict.message, cases[i].message);
	}
	assert_int_equal(*fixture->page, 0);
}

static void bad_tasks_end_permanently(void **state)
{
	static const struct {
		const char *task, *says;
	} cases[] = {
		{ "", "not valid JSON" },
		{ "{", "not valid JSON" },
		{ "[]", "expected an object" },
		{ "{}", "task.batch: expected text" },
		{ "{\"batch\":\"b\",\"pipeline\":\"b-1\",\"stage\":\"s\",\"type\":\"edit\","
		  "\"epoch\":1,\"attempt\":1,\"definition\":{},\"context\":{},\"results\":{}}",
		  "'edit' cannot run in the remote worker" },
		{ "{\"batch\":\"b\",\"pipeline\":\"b-1\",\"stage\":\"s\",\"type\":\"noop\","
		  "\"epoch\":\"x\",\"attempt\":1,\"definition\":{},\"context\":{},\"results\":{}}",
		  "task.epoch: expected an integer" },
	};
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 10);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		peer_run(&fixture->peer, i + 1, 0, cases[i].task);
		assert_contains(answer(fixture, i + 1, VERDICT_PERMANENT).verdict.message,
				cases[i].says);
	}
}

static void the_clock_echo_tells_when_it_started(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 1);
	run(fixture, 1, 0, 1, "{\"echo\":\"clock\"}");
	assert_contains(answer(fixture, 1, VERDICT_DONE).verdict.result, "\"started_us\":");
}

static void sleepers_do_not_wait_for_each_other(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 0, 1, "{\"sleep_ms\":60000}");
	run(fixture, 2, 0, 1, "{\"sleep_ms\":5}");
	run(fixture, 3, 0, 1, "{}");
	(void)answer(fixture, 3, VERDICT_DONE);
	(void)answer(fixture, 2, VERDICT_DONE);
}

static void an_attempt_has_a_limit(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 10, 1, "{\"sleep_ms\":60000}");
	assert_contains(answer(fixture, 1, VERDICT_TIMEOUT).verdict.message, "10 ms");
	run(fixture, 2, 60000, 1, "{\"sleep_ms\":1}");
	(void)answer(fixture, 2, VERDICT_DONE);
}

static void cancel_ends_one_stage_once(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 0, 1, "{\"sleep_ms\":60000}");
	run(fixture, 2, 0, 1, "{\"sleep_ms\":60000}");
	peer_cancel(&fixture->peer, 1);
	(void)answer(fixture, 1, VERDICT_CANCELLED);
	peer_cancel(&fixture->peer, 1); /* of one that has ended: nothing */
	peer_cancel(&fixture->peer, 99);
	run(fixture, 3, 0, 1, "{}");
	(void)answer(fixture, 3, VERDICT_DONE);
}

static void a_thousand_stages_in_one_write(void **state)
{
	struct fixture *fixture = *state;
	DEFER(buf_done) struct buf out = { 0 };
	DEFER(freep) char *task = noop_task(1, "{}");
	size_t sent = 0;

	peer_hello(&fixture->peer, 1000);
	for (uint64_t tag = 1; tag <= 1000; tag++)
		wire_put(&out, &(struct wire_message){ .type = WIRE_RUN,
						       .run = { tag, 0, wire_text(task) } });
	while (sent < out.len) {
		ssize_t put = send(fixture->peer.fd, out.data + sent, out.len - sent, MSG_NOSIGNAL);

		assert_true(put > 0);
		sent += (size_t)put;
	}
	for (uint64_t tag = 1; tag <= 1000; tag++)
		(void)answer(fixture, tag, VERDICT_DONE);
}

static void a_crash_leaves_its_tag_in_the_page(void **state)
{
	struct fixture *fixture = *state;
	int status;

	peer_hello(&fixture->peer, 3);
	run(fixture, 6, 0, 1, "{\"sleep_ms\":60000}");
	run(fixture, 7, 0, 1, "{\"crash_times\":1}");
	status = peer_wait(&fixture->peer);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_int_equal(*fixture->page, 7);
}

static void drain_waits_for_what_ends_in_time(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 0, 1, "{\"sleep_ms\":30}");
	peer_drain(&fixture->peer, 60000);
	(void)answer(fixture, 1, VERDICT_DONE);
	assert_false(peer_take(&fixture->peer, &message));
	assert_int_equal(peer_wait(&fixture->peer), 0);
}

static void drain_leaves_what_does_not(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 0, 1, "{\"sleep_ms\":60000}");
	peer_drain(&fixture->peer, 20);
	assert_false(peer_take(&fixture->peer, &message));
	assert_int_equal(peer_wait(&fixture->peer), 0);
}

static void ends_with_its_supervisor(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 3);
	run(fixture, 1, 0, 1, "{\"sleep_ms\":60000}");
	assert_int_equal(shutdown(fixture->peer.fd, SHUT_WR), 0);
	assert_int_equal(peer_wait(&fixture->peer), 0);
}

static void signals_of_the_group_do_not_end_it(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 3);
	assert_int_equal(kill(fixture->peer.pid, SIGTERM), 0);
	assert_int_equal(kill(fixture->peer.pid, SIGINT), 0);
	run(fixture, 1, 0, 1, "{}");
	(void)answer(fixture, 1, VERDICT_DONE);
}

static void put_hello_of_tomorrow(struct peer *peer)
{
	peer_put(peer, &(struct wire_message){ .type = WIRE_HELLO, .hello = { 99, 1 } });
}

static void put_run_first(struct peer *peer)
{
	peer_run(peer, 1, 0, "{}");
}

static void put_hello_twice(struct peer *peer)
{
	peer_hello(peer, 1);
	peer_put(peer, &(struct wire_message){ .type = WIRE_HELLO, .hello = { WIRE_VERSION, 1 } });
}

static void put_too_many(struct peer *peer)
{
	DEFER(freep) char *task = noop_task(1, "{\"sleep_ms\":60000}");

	peer_hello(peer, 1);
	peer_run(peer, 1, 0, task);
	peer_run(peer, 2, 0, task);
}

static void put_a_tag_twice(struct peer *peer)
{
	DEFER(freep) char *task = noop_task(1, "{\"sleep_ms\":60000}");

	peer_hello(peer, 5);
	peer_run(peer, 1, 0, task);
	peer_run(peer, 1, 0, task);
}

static void put_a_workers_message(struct peer *peer)
{
	peer_hello(peer, 5);
	peer_put(peer, &(struct wire_message){ .type = WIRE_CRASH, .crash = { .tag = 1 } });
}

static void a_wrong_supervisor_ends_it(void **state)
{
	static void (*const wrongs[])(struct peer * peer) = {
		put_hello_of_tomorrow, put_run_first,	put_hello_twice,
		put_too_many,	       put_a_tag_twice, put_a_workers_message,
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		int status;

		wrongs[i](&fixture->peer);
		status = peer_wait(&fixture->peer);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), EXIT_PROTOCOL);
		peer_done(&fixture->peer);
		peer_start(&fixture->peer, body, fixture);
	}
}

static void garbage_ends_it(void **state)
{
	struct fixture *fixture = *state;

	peer_hello(&fixture->peer, 1);
	assert_int_equal(send(fixture->peer.fd, "\x03\0\0\0\xff\xff\xff", 7, 0), 7);
	assert_int_equal(peer_wait(&fixture->peer), 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(answers_by_definition),
		ROW(bad_tasks_end_permanently),
		ROW(the_clock_echo_tells_when_it_started),
		ROW(sleepers_do_not_wait_for_each_other),
		ROW(an_attempt_has_a_limit),
		ROW(cancel_ends_one_stage_once),
		ROW(a_thousand_stages_in_one_write),
		ROW(a_crash_leaves_its_tag_in_the_page),
		ROW(drain_waits_for_what_ends_in_time),
		ROW(drain_leaves_what_does_not),
		ROW(ends_with_its_supervisor),
		ROW(signals_of_the_group_do_not_end_it),
		ROW(a_wrong_supervisor_ends_it),
		ROW(garbage_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
