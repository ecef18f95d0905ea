// links: worker
/*
 * The media parent with children that do what no honest child does. The parent under test is a
 * process of its own; its children run `act`, which does what the task's text says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/worker_peer.h"
#include "worker/media_parent.h"
#include "worker/shell.h"

struct fixture {
	struct config config;
	struct peer peer;
	char *folder;
};

/* ---- the children */

static void say(const struct media_job *job, const struct wire_message *message)
{
	struct buf out = { 0 };
	size_t sent = 0;

	wire_put(&out, message);
	while (sent < out.len) {
		ssize_t put = write(job->fd, out.data + sent, out.len - sent);

		if (put <= 0)
			_exit(9);
		sent += (size_t)put;
	}
	buf_done(&out);
}

static void say_step(const struct media_job *job, uint64_t tag, const char *name)
{
	say(job, &(struct wire_message){ .type = WIRE_STEP, .step = { tag, 1, wire_text(name) } });
}

static void say_verdict(const struct media_job *job, uint64_t tag, enum verdict_class class,
			const char *message, const char *result)
{
	say(job, &(struct wire_message){
			 .type = WIRE_VERDICT,
			 .verdict = { tag, class, 0, wire_text(message), wire_text(result) } });
}

static char *many(char letter, size_t count)
{
	char *text = xcalloc(1, count + 1);

	memset(text, letter, count);
	return text;
}

static void act_answer(const struct media_job *job)
{
	say_step(job, job->tag, "decode");
	say(job, &(struct wire_message){ .type = WIRE_PROGRESS, .progress = { job->tag, 500 } });
	say_verdict(job, job->tag, VERDICT_DONE, "", "{\"outputs\":[]}");
}

static void act_exit(const struct media_job *job)
{
	say_step(job, job->tag, "encode");
	_exit(7);
}

static void act_segfault(const struct media_job *job)
{
	say_step(job, job->tag, "encode");
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void act_hang(const struct media_job *job)
{
	say_step(job, job->tag, "encode");
	pause();
}

static void act_compute(const struct media_job *job)
{
	say_step(job, job->tag, MEDIA_EXPRESSION_STEP "prompt`");
	pause();
}

/* Its verdict comes only when the test allows it: when the fifo named by the work folder's owner
 * opens. */
static void act_wait_for_fifo(const struct media_job *job)
{
	DEFER(freep) char *path = xasprintf("%s/go", job->config->outbox);
	int fd;

	say_step(job, job->tag, "wait");
	fd = open(path, O_RDONLY);
	act_answer(job);
	close(fd);
}

static void act_garbage(const struct media_job *job)
{
	(void)!write(job->fd, "\x05\0\0\0garba", 9);
	pause();
}

static void act_huge(const struct media_job *job)
{
	(void)!write(job->fd, "\xff\xff\xff\xff", 4);
	pause();
}

static void act_half_a_frame(const struct media_job *job)
{
	(void)!write(job->fd, "\x50\0\0\0\x11", 5);
}

static void act_twice(const struct media_job *job)
{
	say_verdict(job, job->tag, VERDICT_DONE, "", "{\"outputs\":[]}");
	say_verdict(job, job->tag, VERDICT_PERMANENT, "again", "");
	pause();
}

static void act_lingers(const struct media_job *job)
{
	say_verdict(job, job->tag, VERDICT_DONE, "", "{}");
	say_step(job, job->tag, "more");
	pause();
}

static void act_others_tag(const struct media_job *job)
{
	say_verdict(job, job->tag + 1, VERDICT_DONE, "", "{}");
	pause();
}

static void act_parents_message(const struct media_job *job)
{
	say(job, &(struct wire_message){ .type = WIRE_CRASH, .crash = { .tag = job->tag } });
	pause();
}

static void act_crash_verdict(const struct media_job *job)
{
	say_verdict(job, job->tag, VERDICT_CRASH, "charge the stage", "");
	pause();
}

static void act_long_message(const struct media_job *job)
{
	say_verdict(job, job->tag, VERDICT_PERMANENT, many('m', MEDIA_MESSAGE_MAX + 1), "");
	pause();
}

static void act_long_result(const struct media_job *job)
{
	say_verdict(job, job->tag, VERDICT_DONE, "", many('r', MEDIA_RESULT_MAX + 1));
	pause();
}

static void act_long_step(const struct media_job *job)
{
	say_step(job, job->tag, many('s', MEDIA_STEP_MAX));
	pause();
}

static void act_ugly_step(const struct media_job *job)
{
	say_step(job, job->tag, "a\nb");
	pause();
}

static void act_deaf(const struct media_job *job)
{
	close(job->fd);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	pause();
}

static void act_litter(const struct media_job *job)
{
	DEFER(freep) char *below = xasprintf("%s/a/b/c", job->work_dir);
	DEFER(freep) char *file = xasprintf("%s/file", below);
	DEFER(freep) char *link_path = xasprintf("%s/a/link", job->work_dir);
	struct err err = { 0 };

	if (file_make_dirs(below, 0755, &err) && file_write_atomic(file, "x", 1, 0644, &err) &&
	    symlink(job->config->outbox, link_path) == 0)
		act_answer(job);
}

static void act_tell_pid(const struct media_job *job)
{
	DEFER(freep) char *text = xasprintf("%d", (int)getpid());

	say_step(job, job->tag, text);
	pause();
}

static const struct {
	const char *task;
	void (*body)(const struct media_job *job);
} acts[] = {
	{ "answer", act_answer },
	{ "exit", act_exit },
	{ "segfault", act_segfault },
	{ "hang", act_hang },
	{ "compute", act_compute },
	{ "wait for fifo", act_wait_for_fifo },
	{ "garbage", act_garbage },
	{ "huge", act_huge },
	{ "half a frame", act_half_a_frame },
	{ "twice", act_twice },
	{ "lingers", act_lingers },
	{ "other's tag", act_others_tag },
	{ "parent's message", act_parents_message },
	{ "crash verdict", act_crash_verdict },
	{ "long message", act_long_message },
	{ "long result", act_long_result },
	{ "long step", act_long_step },
	{ "ugly step", act_ugly_step },
	{ "deaf", act_deaf },
	{ "litter", act_litter },
	{ "tell pid", act_tell_pid },
};

static NORETURN void act(const struct media_job *job)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (strlen(acts[i].task) == job->task_len &&
		    !memcmp(acts[i].task, job->task, job->task_len))
			acts[i].body(job);
	_exit(0);
}

/* ---- the parent under test */

static void no_warm_up(void)
{
}

static int body(void *context, int fd)
{
	struct fixture *fixture = context;
	struct media_parent_options options = { &fixture->config, act, no_warm_up };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDERR_FILENO); /* what these tests provoke is not worth a line */
	return media_parent_main(&options, fd);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");

	fixture->folder = xasprintf("%s/reel-media-parent-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->config = (struct config){ .state_dir = fixture->folder,
					   .outbox = fixture->folder,
					   .media_timeout_ms = 60000 };
	peer_start(&fixture->peer, body, fixture);
	peer_hello(&fixture->peer, 4);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", fixture->folder);

	peer_done(&fixture->peer);
	assert_int_equal(system(command), 0);
	free(fixture->folder);
	free(fixture);
	return 0;
}

static unsigned entries;

static int count_entry(const char *path, const struct stat *at, int type, struct FTW *where)
{
	(void)path, (void)at, (void)type;
	entries += where->level > 0;
	return 0;
}

/* Files and folders below state_dir/work. */
static unsigned count_work(const struct fixture *fixture)
{
	DEFER(freep) char *path = xasprintf("%s/work", fixture->folder);

	entries = 0;
	(void)nftw(path, count_entry, 8, FTW_PHYS);
	return entries;
}

static struct wire_message run_one(struct fixture *fixture, uint64_t tag, const char *task)
{
	peer_run(&fixture->peer, tag, 0, task);
	return peer_take_end(&fixture->peer);
}

/* Drains, so that all children have ended and been cleaned up after. */
static void drain(struct fixture *fixture)
{
	struct wire_message message;

	peer_drain(&fixture->peer, 20000);
	while (peer_take(&fixture->peer, &message))
		assert_true(message.type != WIRE_VERDICT && message.type != WIRE_CRASH);
	assert_int_equal(peer_wait(&fixture->peer), 0);
}

static void passes_on_what_a_child_says(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;

	peer_run(&fixture->peer, 5, 0, "answer");
	assert_true(peer_take(&fixture->peer, &message));
	assert_int_equal(message.type, WIRE_STEP);
	assert_int_equal(message.step.tag, 5);
	assert_text(message.step.name, "decode");
	/* the parent's word and not the child's */
	assert_true(message.step.pid > 1);
	assert_true(peer_take(&fixture->peer, &message));
	assert_int_equal(message.type, WIRE_PROGRESS);
	assert_int_equal(message.progress.permille, 500);
	assert_true(peer_take(&fixture->peer, &message));
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.tag, 5);
	assert_text(message.verdict.result, "{\"outputs\":[]}");
	drain(fixture);
}

static void explains_how_a_child_died(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message = run_one(fixture, 1, "exit");
	int status;

	assert_int_equal(message.type, WIRE_CRASH);
	assert_int_equal(message.crash.tag, 1);
	assert_text(message.crash.step, "encode");
	status = (int)message.crash.status;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	message = run_one(fixture, 2, "segfault");
	assert_int_equal(message.type, WIRE_CRASH);
	status = (int)message.crash.status;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	drain(fixture);
}

static void nonsense_ends_a_child_and_nothing_else(void **state)
{
	static const char *const tasks[] = {
		"garbage",	    "huge",	     "half a frame", "other's tag",
		"parent's message", "crash verdict", "long message", "long result",
		"long step",	    "ugly step",     "deaf",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
		struct wire_message message = run_one(fixture, i + 1, tasks[i]);

		if (message.type != WIRE_CRASH)
			fail_msg("'%s' did not end as a crash", tasks[i]);
		assert_int_equal(message.crash.tag, i + 1);
		assert_int_equal(run_one(fixture, 1000 + i, "answer").type, WIRE_VERDICT);
	}
	drain(fixture);
	assert_int_equal(count_work(fixture), 0);
}

static void the_first_verdict_is_the_only_one(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message = run_one(fixture, 1, "twice");

	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_DONE);
	message = run_one(fixture, 2, "lingers");
	assert_int_equal(message.verdict.class, VERDICT_DONE);
	drain(fixture); /* asserts that no other came, and that both children are gone */
}

static void a_limit_names_step_and_time(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;

	peer_run(&fixture->peer, 1, 150, "hang");
	message = peer_take_end(&fixture->peer);
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_TIMEOUT);
	assert_contains(message.verdict.message, "150 ms");
	drain(fixture);
}

static void a_limit_inside_an_expression_is_permanent(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;

	peer_run(&fixture->peer, 1, 150, "compute");
	message = peer_take_end(&fixture->peer);
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_PERMANENT);
	assert_contains(message.verdict.message,
			"expression in `prompt` ran longer than the 150 ms");
	drain(fixture);
}

static void the_hosts_limit_holds_when_the_spec_has_none(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;

	fixture->config.media_timeout_ms = 150;
	peer_start(&peer, body, fixture);
	peer_hello(&peer, 2);
	peer_run(&peer, 1, 0, "hang");
	assert_int_equal(peer_take_end(&peer).verdict.class, VERDICT_TIMEOUT);
	peer_run(&peer, 2, 60000, "hang");
	assert_int_equal(peer_take_end(&peer).verdict.class, VERDICT_TIMEOUT);
	peer_done(&peer);
}

static pid_t take_told_pid(struct fixture *fixture)
{
	struct wire_message message;

	do
		assert_true(peer_take(&fixture->peer, &message));
	while (message.type != WIRE_STEP);
	return (pid_t)message.step.pid;
}

static void cancel_kills_one_child(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;
	pid_t pid;

	peer_run(&fixture->peer, 1, 0, "tell pid");
	pid = take_told_pid(fixture);
	peer_cancel(&fixture->peer, 1);
	message = peer_take_end(&fixture->peer);
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_int_equal(message.verdict.class, VERDICT_CANCELLED);
	assert_int_equal(kill(pid, 0), -1);
	peer_cancel(&fixture->peer, 1);
	assert_int_equal(run_one(fixture, 2, "answer").verdict.class, VERDICT_DONE);
	drain(fixture);
}

static void a_killed_child_is_a_crash(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;
	int status;

	peer_run(&fixture->peer, 1, 0, "tell pid");
	assert_int_equal(kill(take_told_pid(fixture), SIGKILL), 0);
	message = peer_take_end(&fixture->peer);
	assert_int_equal(message.type, WIRE_CRASH);
	status = (int)message.crash.status;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	drain(fixture);
}

static void children_run_side_by_side(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *path = xasprintf("%s/go", fixture->folder);
	bool ended[4] = { false };
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	peer_run(&fixture->peer, 1, 0, "wait for fifo");
	peer_run(&fixture->peer, 2, 0, "wait for fifo");
	peer_run(&fixture->peer, 3, 0, "answer");
	assert_int_equal(peer_take_end(&fixture->peer).verdict.tag, 3);
	fd = open(path, O_RDWR); /* both are waiting or will be: neither can have ended */
	for (int i = 0; i < 2; i++) {
		struct wire_message message = peer_take_end(&fixture->peer);

		assert_int_equal(message.type, WIRE_VERDICT);
		assert_in_range(message.verdict.tag, 1, 2);
		assert_false(ended[message.verdict.tag]);
		ended[message.verdict.tag] = true;
	}
	close(fd);
	drain(fixture);
}

static void work_folders_go_with_their_attempt(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *precious = xasprintf("%s/precious", fixture->folder);
	struct err err = { 0 };

	assert_true(file_write_atomic(precious, "x", 1, 0600, &err));
	assert_int_equal(run_one(fixture, 1, "litter").type, WIRE_VERDICT);
	drain(fixture);
	assert_int_equal(count_work(fixture), 0);
	assert_int_equal(access(precious, F_OK), 0); /* a link to its folder was not followed */
}

static void leftovers_of_the_dead_are_swept_those_of_the_living_not(void **state)
{
	struct fixture *fixture = *state;
	struct peer second;

	peer_run(&fixture->peer, 1, 0, "tell pid");
	(void)take_told_pid(fixture);
	assert_int_equal(count_work(fixture), 2);
	peer_start(&second, body, fixture);
	peer_hello(&second, 1);
	assert_int_equal(count_work(fixture), 3); /* ours and its attempt, the other's */
	kill(second.pid, SIGKILL);
	(void)peer_wait(&second);
	peer_done(&second);
	assert_int_equal(count_work(fixture), 3);
	peer_start(&second, body, fixture);
	peer_hello(&second, 1);
	assert_int_equal(count_work(fixture), 3); /* the dead one's is gone, a new one is there */
	peer_done(&second);
}

static void drain_leaves_what_is_not_done_in_time(void **state)
{
	struct fixture *fixture = *state;
	struct wire_message message;
	pid_t pid;

	peer_run(&fixture->peer, 1, 0, "tell pid");
	pid = take_told_pid(fixture);
	peer_drain(&fixture->peer, 30);
	assert_false(peer_take(&fixture->peer, &message));
	assert_int_equal(peer_wait(&fixture->peer), 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(count_work(fixture), 0);
}

static void children_end_with_the_supervisor(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid;

	peer_run(&fixture->peer, 1, 0, "tell pid");
	pid = take_told_pid(fixture);
	assert_int_equal(shutdown(fixture->peer.fd, SHUT_WR), 0);
	assert_int_equal(peer_wait(&fixture->peer), 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(count_work(fixture), 0);
}

static void wait_until_gone(pid_t pid)
{
	/* Reaped above: only a moment may pass until the number is free. */
	for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
		usleep(5000);
	assert_int_equal(kill(pid, 0), -1);
}

static void children_end_with_a_killed_parent(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid;

	/* The test reaps orphans itself: in a container nobody else may. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	peer_run(&fixture->peer, 1, 0, "tell pid");
	pid = take_told_pid(fixture);
	kill(fixture->peer.pid, SIGKILL);
	(void)peer_wait(&fixture->peer);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	wait_until_gone(pid);
}

static void a_work_folder_that_cannot_be_made_is_the_operators(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *command = xasprintf("rm -rf '%s/work'", fixture->folder);
	struct wire_message message;

	assert_int_equal(system(command), 0);
	message = run_one(fixture, 1, "answer");
	assert_int_equal(message.type, WIRE_VERDICT);
	assert_contains(message.verdict.message, "work folder");
}

static void no_state_folder_no_start(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	int status;

	fixture->config.state_dir = (char *)(uintptr_t) "/proc/nowhere";
	peer_start(&peer, body, fixture);
	status = peer_wait(&peer);
	assert_int_equal(WEXITSTATUS(status), EXIT_OPERATOR);
	peer_done(&peer);
}

static void wrong_supervisors_end_it(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t wrong = 0; wrong < 3; wrong++) {
		struct peer peer;
		int status;

		peer_start(&peer, body, fixture);
		peer_hello(&peer, 1);
		peer_run(&peer, wrong == 0 ? 0 : 1, 0, "hang");
		if (wrong == 1)
			peer_run(&peer, 1, 0, "hang");
		if (wrong == 2)
			peer_run(&peer, 2, 0, "hang");
		status = peer_wait(&peer);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), EXIT_PROTOCOL);
		peer_done(&peer);
	}
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(passes_on_what_a_child_says),
		ROW(explains_how_a_child_died),
		ROW(nonsense_ends_a_child_and_nothing_else),
		ROW(the_first_verdict_is_the_only_one),
		ROW(a_limit_names_step_and_time),
		ROW(a_limit_inside_an_expression_is_permanent),
		ROW(the_hosts_limit_holds_when_the_spec_has_none),
		ROW(cancel_kills_one_child),
		ROW(a_killed_child_is_a_crash),
		ROW(children_run_side_by_side),
		ROW(work_folders_go_with_their_attempt),
		ROW(leftovers_of_the_dead_are_swept_those_of_the_living_not),
		ROW(drain_leaves_what_is_not_done_in_time),
		ROW(children_end_with_the_supervisor),
		ROW(children_end_with_a_killed_parent),
		ROW(a_work_folder_that_cannot_be_made_is_the_operators),
		ROW(no_state_folder_no_start),
		ROW(wrong_supervisors_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
