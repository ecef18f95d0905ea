// links: daemon
/*
 * Worker processes under the supervisor's care. The queue is a list that remembers what it was
 * told; the worker is this same program, called by another name, which does what the
 * text of its task says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/workers_private.h"
#include "tests/unit/workers_fake.h"

/* ---- the queue ---- */

static struct {
	struct told {
		char stage[32], message[300], result[64];
		int64_t epoch;
		enum verdict_class class;
		bool is_kill, is_return;
	} told[64];
	size_t count;
	size_t slots[BROKER_KINDS];
	char step[64];
	int permille;
} queue;

void broker_set_slots(struct broker *broker, enum broker_kind kind, size_t slots)
{
	(void)broker;
	queue.slots[kind] = slots;
}

void broker_finish(struct broker *broker, const struct broker_ending *ending)
{
	struct told *told = &queue.told[queue.count++];

	(void)broker;
	*told = (struct told){ .epoch = ending->epoch,
			       .class = ending->class,
			       .is_kill = ending->is_kill };
	snprintf(told->stage, sizeof(told->stage), "%s", ending->stage);
	snprintf(told->message, sizeof(told->message), "%s",
		 ending->message ? ending->message : "");
	snprintf(told->result, sizeof(told->result), "%s", ending->result ? ending->result : "");
}

void broker_return(struct broker *broker, const char *stage, int64_t epoch)
{
	struct told *told = &queue.told[queue.count++];

	(void)broker;
	*told = (struct told){ .epoch = epoch, .is_return = true };
	snprintf(told->stage, sizeof(told->stage), "%s", stage);
}

void broker_progress(struct broker *broker, const char *stage, int64_t epoch, const char *step,
		     int permille)
{
	(void)broker, (void)stage, (void)epoch;
	snprintf(queue.step, sizeof(queue.step), "%s", step);
	queue.permille = permille;
}

/* What the queue was told about a stage; something that nothing equals when it was not. */
static const struct told *told_about(const char *stage)
{
	static const struct told nothing = { .class = VERDICT_CLASSES, .epoch = -1 };

	for (size_t i = 0; i < queue.count; i++)
		if (!strcmp(queue.told[i].stage, stage))
			return &queue.told[i];
	return &nothing;
}

/* ---- the test ---- */

static char folder[] = "/tmp/workers.XXXXXX";

struct fixture {
	struct event_base *base;
	struct workers *workers;
	struct workers_options options;
	struct schedule_snapshot now_is; /* workers_look fills the rest */
	bool is_changed;
};

static void on_changed(void *context)
{
	struct fixture *f = context;

	f->is_changed = true;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	memset(&queue, 0, sizeof(queue));
	unsetenv("FAKE_GREETING");
	unsetenv("FAKE_STAYS");
	f->base = event_base_new();
	f->options =
		(struct workers_options){ .folder = folder,
					  .media_timeout_ms = 1000,
					  .slots = { [BROKER_MEDIA] = 4, [BROKER_REMOTE] = 50 } };
	f->workers = workers_new(f->base, &f->options, on_changed, f);
	workers_set_broker(f->workers, (struct broker *)(void *)&queue);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	const struct worker *worker;

	TAILQ_FOREACH(worker, &f->workers->all, beside)
	{
		kill(child_pid(worker->child), SIGKILL);
		waitpid(child_pid(worker->child), NULL, 0);
	}
	workers_free(f->workers);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void apply(struct fixture *f)
{
	struct schedule plan;

	workers_look(f->workers, &f->now_is);
	schedule_make(&f->now_is, clock_monotonic_us(), &plan);
	workers_apply(f->workers, &plan,
		      f->now_is.is_draining ? f->now_is.drain_until_us : INT64_MAX);
}

/* One turn of the loop, then upkeep: what the supervisor does. alarm() in main ends what hangs. */
static void turn(struct fixture *f)
{
	struct timeval soon = { 0, 20000 };

	event_base_loopexit(f->base, &soon);
	event_base_loop(f->base, EVLOOP_ONCE);
	apply(f);
}

static void wait_ready(struct fixture *f)
{
	apply(f);
	while (!workers_are_ready(f->workers))
		turn(f);
	turn(f);
}

static void wait_told(struct fixture *f, size_t count)
{
	while (queue.count < count)
		turn(f);
}

static void take(struct fixture *f, enum broker_kind kind, const char *stage, const char *task)
{
	struct broker_claim claim = { .stage = stage,
				      .epoch = 7,
				      .kind = kind,
				      .lane = "x",
				      .task = task,
				      .task_len = strlen(task) };

	workers_take(f->workers, &claim);
}

static pid_t pid_of(struct fixture *f, enum broker_kind kind)
{
	return child_pid(f->workers->kinds[kind].current->child);
}

static void test_both_come_up(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	assert_int_equal(queue.slots[BROKER_MEDIA], 4);
	assert_int_equal(queue.slots[BROKER_REMOTE], 50);
	assert_int_equal(queue.slots[BROKER_GPU], 0);
	assert_int_equal(workers_processes(f->workers), 2);
}

static void test_verdicts_arrive(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "b-1/a", "done");
	take(f, BROKER_REMOTE, "b-1/b", "fail");
	assert_int_equal(workers_in_hand(f->workers), 2);
	wait_told(f, 2);
	assert_int_equal(told_about("b-1/a")->class, VERDICT_DONE);
	assert_int_equal(told_about("b-1/a")->epoch, 7);
	assert_string_equal(told_about("b-1/a")->result, "{\"ok\":true}");
	assert_int_equal(told_about("b-1/b")->class, VERDICT_TRANSIENT);
	assert_string_equal(told_about("b-1/b")->message, "no luck");
	assert_int_equal(workers_in_hand(f->workers), 0);
}

static void test_image_is_clean(void **state)
{
	struct fixture *f = *state;

	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	setenv("CREDENTIALS_DIRECTORY", "/nowhere", 1);
	setenv("REEL_REDIS_URL", "redis://:secret@h", 1);
	wait_ready(f);
	take(f, BROKER_MEDIA, "m", "image");
	take(f, BROKER_REMOTE, "r", "image");
	wait_told(f, 2);
	assert_non_null(strstr(told_about("m")->message, "files=4 "));
	assert_non_null(strstr(told_about("m")->message,
			       "session=1 no_new_privs=1 notify=no credentials=no redis=no "
			       "term_ignored=1 stdin=/dev/null"));
	assert_non_null(strstr(told_about("r")->message, "files=5 core=no"));
	assert_non_null(strstr(told_about("r")->message, "credentials=yes redis=no"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("REEL_REDIS_URL");
}

static void test_steps_are_passed_on(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "m", "step");
	while (!queue.step[0])
		turn(f);
	assert_string_equal(queue.step, "encode");
	take(f, BROKER_MEDIA, "n", "progress");
	while (queue.permille != 1000)
		turn(f);
}

static void test_a_crashed_child_is_charged(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "m", "crash");
	wait_told(f, 1);
	assert_int_equal(told_about("m")->class, VERDICT_CRASH);
	assert_true(told_about("m")->is_kill);
	assert_non_null(strstr(told_about("m")->message, "signal 11"));
	assert_non_null(strstr(told_about("m")->message, "decode"));
	assert_int_equal(workers_processes(f->workers), 2);
}

static void test_only_the_culprit_is_charged(void **state)
{
	struct fixture *f = *state;
	pid_t before;

	wait_ready(f);
	before = pid_of(f, BROKER_REMOTE);
	take(f, BROKER_REMOTE, "a", "sleep");
	take(f, BROKER_REMOTE, "b", "poison");
	take(f, BROKER_REMOTE, "c", "sleep");
	wait_told(f, 3);
	assert_true(told_about("a")->is_return);
	assert_true(told_about("c")->is_return);
	assert_int_equal(told_about("b")->class, VERDICT_CRASH);
	assert_true(told_about("b")->is_kill);
	assert_int_equal(workers_in_hand(f->workers), 0);
	wait_ready(f); /* the successor is there at once */
	assert_int_not_equal(pid_of(f, BROKER_REMOTE), before);
}

static void test_without_a_culprit_nobody_is(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_REMOTE, "a", "sleep");
	take(f, BROKER_REMOTE, "b", "innocent");
	wait_told(f, 2);
	assert_true(told_about("a")->is_return);
	assert_true(told_about("b")->is_return);
}

static void test_death_of_the_media_parent_charges_nobody(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	take(f, BROKER_MEDIA, "b", "exit");
	wait_told(f, 2);
	assert_true(told_about("a")->is_return);
	assert_true(told_about("b")->is_return);
	assert_int_equal(queue.slots[BROKER_MEDIA], 0); /* closed until the successor is up */
	wait_ready(f);
	assert_int_equal(queue.slots[BROKER_MEDIA], 4);
}

static void test_killed_from_outside(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	kill(pid_of(f, BROKER_MEDIA), SIGKILL);
	wait_told(f, 1);
	assert_true(told_about("a")->is_return);
}

/* Whatever is unexpected ends the worker; what it had goes back. */
static void test_confused_workers_end(void **state)
{
	static const struct {
		enum broker_kind kind;
		const char *task;
		size_t told; /* of the confused stage and of its neighbour */
	} rows[] = {
		{ BROKER_MEDIA, "garbage", 2 }, { BROKER_MEDIA, "stranger", 2 },
		{ BROKER_MEDIA, "twice", 2 },	{ BROKER_MEDIA, "command", 2 },
		{ BROKER_REMOTE, "crash", 2 },	{ BROKER_REMOTE, "garbage", 2 },
		{ BROKER_MEDIA, "close", 2 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t before;

		f->workers->kinds[rows[i].kind].deaths = 0;
		wait_ready(f);
		queue.count = 0;
		before = pid_of(f, rows[i].kind);
		take(f, rows[i].kind, "neighbour", "deaf");
		take(f, rows[i].kind, "confused", rows[i].task);
		wait_told(f, rows[i].told);
		assert_true(told_about("neighbour")->is_return);
		assert_int_equal(told_about("confused")->is_return,
				 strcmp(rows[i].task, "twice") != 0);
		wait_ready(f);
		assert_int_not_equal(pid_of(f, rows[i].kind), before);
	}
}

static void test_bad_greetings(void **state)
{
	static const char *const greetings[] = { "mute", "version", "pid", "early", "twice" };
	struct fixture *f = *state;

	f->options.ready_ms = 50;
	f->options.slots[BROKER_REMOTE] = 0;
	workers_reconfigure(f->workers, &f->options, false);
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++) {
		struct workers_kind *media = &f->workers->kinds[BROKER_MEDIA];

		setenv("FAKE_GREETING", greetings[i], 1);
		media->deaths = 0;
		while (media->deaths < 3)
			turn(f);
		assert_null(media->current); /* and now it waits before the next */
	}
}

static void test_missing_program(void **state)
{
	struct fixture *f = *state;
	struct workers_kind *media = &f->workers->kinds[BROKER_MEDIA];

	f->options.folder = "/nonexistent";
	workers_reconfigure(f->workers, &f->options, false);
	while (media->deaths < 3)
		turn(f);
	assert_int_equal(queue.slots[BROKER_MEDIA], 0);
}

static void test_cancel_and_revoke(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	take(f, BROKER_MEDIA, "b", "sleep");
	workers_revoke(f->workers, "a", 7, true);
	workers_revoke(f->workers, "b", 7, false);
	workers_revoke(f->workers, "b", 6, true); /* another attempt: not ours */
	wait_told(f, 2);
	assert_int_equal(told_about("a")->class, VERDICT_CANCELLED);
	assert_false(told_about("a")->is_kill);
	assert_int_equal(workers_in_hand(f->workers), 0);
}

static void test_cancelled_stays_cancelled_when_the_worker_dies(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "deaf");
	workers_revoke(f->workers, "a", 7, true);
	kill(pid_of(f, BROKER_MEDIA), SIGKILL);
	wait_told(f, 1);
	assert_int_equal(told_about("a")->class, VERDICT_CANCELLED);
}

static void test_overdue(void **state)
{
	struct fixture *f = *state;
	int64_t now_us;

	wait_ready(f);
	now_us = clock_monotonic_us();
	take(f, BROKER_MEDIA, "a", "sleep"); /* obeys CANCEL */
	take(f, BROKER_MEDIA, "b", "deaf");
	take(f, BROKER_REMOTE, "c", "deaf"); /* has no limit */
	assert_true(workers_check_overdue(f->workers, now_us) > now_us + 10000000);
	workers_check_overdue(f->workers, now_us + 60000000);
	wait_told(f, 1);
	assert_int_equal(told_about("a")->class, VERDICT_TIMEOUT);
	assert_false(told_about("a")->is_kill);
	workers_check_overdue(f->workers, now_us + 120000000);
	wait_told(f, 2);
	assert_int_equal(told_about("b")->class, VERDICT_TIMEOUT);
	assert_true(told_about("b")->is_kill);
	assert_int_equal(workers_in_hand(f->workers), 1);
}

static void test_claimed_twice_or_too_late(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	take(f, BROKER_MEDIA, "a", "sleep");
	assert_int_equal(workers_in_hand(f->workers), 1);
	take(f, BROKER_GPU, "g", "done"); /* no worker of this kind */
	assert_true(told_about("g")->is_return);
}

static void test_oversized_task(void **state)
{
	struct fixture *f = *state;
	DEFER(freep) char *task = xmalloc(WIRE_MAX_FRAME);
	struct broker_claim claim = { .stage = "big",
				      .epoch = 1,
				      .kind = BROKER_MEDIA,
				      .task = task,
				      .task_len = WIRE_MAX_FRAME };

	wait_ready(f);
	workers_take(f->workers, &claim);
	assert_int_equal(told_about("big")->class, VERDICT_PERMANENT);
}

static void test_replacement_works_beside_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct workers_kind *media = &f->workers->kinds[BROKER_MEDIA];
	pid_t before;

	setenv("FAKE_STAYS", "1", 1);
	wait_ready(f);
	before = pid_of(f, BROKER_MEDIA);
	take(f, BROKER_MEDIA, "old", "sleep");
	workers_reconfigure(f->workers, &f->options, true);
	apply(f);
	assert_int_equal(media->leaving, 1);
	wait_ready(f);
	assert_int_not_equal(pid_of(f, BROKER_MEDIA), before);
	take(f, BROKER_MEDIA, "new", "done");
	wait_told(f, 1);
	assert_int_equal(told_about("new")->class, VERDICT_DONE);
	assert_int_equal(workers_in_hand(f->workers), 1); /* the old one still has its own */
}

static void test_drain(void **state)
{
	struct fixture *f = *state;
	struct schedule plan;

	setenv("FAKE_STAYS", "1", 1);
	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	f->now_is.is_draining = true;
	f->now_is.drain_until_us = INT64_MAX;
	apply(f);
	assert_int_equal(queue.slots[BROKER_MEDIA], 0);
	turn(f);
	assert_int_equal(queue.count, 0);
	f->now_is.drain_until_us = 0; /* its time is over */
	do {
		turn(f);
		workers_look(f->workers, &f->now_is);
		schedule_make(&f->now_is, clock_monotonic_us(), &plan);
	} while (!plan.is_over);
	assert_true(told_about("a")->is_return); /* unharmed */
	assert_int_equal(workers_processes(f->workers), 0);
}

static void test_abandon(void **state)
{
	struct fixture *f = *state;

	wait_ready(f);
	take(f, BROKER_MEDIA, "a", "sleep");
	take(f, BROKER_REMOTE, "b", "sleep");
	workers_abandon(f->workers);
	assert_int_equal(queue.count, 2); /* before anybody has died */
	assert_true(told_about("a")->is_return);
	assert_true(told_about("b")->is_return);
}

static bool link_self(const char *path)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return false;
	self[len] = '\0';
	return symlink(self, path) == 0;
}

static void clear_folder(void)
{
	static const char *const names[] = { "reel-worker", "reel-remote" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		DEFER(freep) char *path = xasprintf("%s/%s", folder, names[i]);

		(void)unlink(path);
	}
	(void)rmdir(folder);
}

/* The worker programs are links to this one, which looks at the name it was called by. */
static bool prepare_folder(void)
{
	DEFER(freep) char *media = NULL;
	DEFER(freep) char *remote = NULL;

	if (!mkdtemp(folder))
		return false;
	media = xasprintf("%s/reel-worker", folder);
	remote = xasprintf("%s/reel-remote", folder);
	return link_self(remote) && link_self(media);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_come_up),
		TEST(verdicts_arrive),
		TEST(image_is_clean),
		TEST(steps_are_passed_on),
		TEST(a_crashed_child_is_charged),
		TEST(only_the_culprit_is_charged),
		TEST(without_a_culprit_nobody_is),
		TEST(death_of_the_media_parent_charges_nobody),
		TEST(killed_from_outside),
		TEST(confused_workers_end),
		TEST(bad_greetings),
		TEST(missing_program),
		TEST(cancel_and_revoke),
		TEST(cancelled_stays_cancelled_when_the_worker_dies),
		TEST(overdue),
		TEST(claimed_twice_or_too_late),
		TEST(oversized_task),
		TEST(replacement_works_beside_the_old_one),
		TEST(drain),
		TEST(abandon),
	};

	int failed;

	(void)argc;
	if (strstr(argv[0], "/reel-"))
		return worker_main();
	if (!prepare_folder())
		return 1;
	alarm(120);
	log_set_level(LOG_LEVEL_ERR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clear_folder();
	return failed;
}
