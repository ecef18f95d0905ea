/*
 * The logger, run in children whose stderr is ours: one event is one line, and it never blocks.
 */
// links: base
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"

/* Runs `scene` in a child with stderr on a pipe that is read only when the child is done or asks.
 * Gives what it wrote. */
static char *said(void (*scene)(void))
{
	struct buf out = { 0 };
	int ends[2], status;
	char chunk[4096];
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		scene();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	while ((got = read(ends[0], chunk, sizeof(chunk))) > 0)
		buf_put(&out, chunk, (size_t)got);
	close(ends[0]);
	return buf_take(&out);
}

static void levels_scene(void)
{
	log_init("reeld", LOG_LEVEL_WARN);
	log_err("disk=full");
	log_warn("coped how=waited");
	log_info("hidden");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown n=%d", 3);
}

static void levels_and_prefixes(void **state)
{
	DEFER(freep) char *text = said(levels_scene);

	(void)state;
	assert_string_equal(
		text,
		"reeld: error: disk=full\nreeld: warning: coped how=waited\nreeld: shown n=3\n");
}

static void context_scene(void)
{
	log_init("reeld", LOG_LEVEL_INFO);
	log_set_context("job=%s step=%d", "k3", 2);
	log_info("begins");
	log_set_context("%s", "");
	log_info("ends");
}

static void context_goes_in_front(void **state)
{
	DEFER(freep) char *text = said(context_scene);

	(void)state;
	assert_string_equal(text, "reeld: job=k3 step=2 begins\nreeld: ends\n");
}

static void one_line_scene(void)
{
	char huge[20000];

	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	log_init("reeld", LOG_LEVEL_INFO);
	log_info("said=%s", "evil\nreeld: error: forged\x1b[31m\r\t\x7f");
	log_info("%s", huge);
}

static void an_event_is_always_one_line(void **state)
{
	DEFER(freep) char *text = said(one_line_scene);
	char *second;

	(void)state;
	second = strchr(text, '\n') + 1;
	assert_int_equal(strncmp(text, "reeld: said=evil reeld: error: forged [31m   \n", 46), 0);
	assert_int_equal(strlen(second), 4095);
	assert_ptr_equal(strchr(second, '\n'), second + 4094);
}

static void errno_scene(void)
{
	log_init("reeld", LOG_LEVEL_INFO);
	errno = ENOENT;
	log_err("open: %m");
	if (errno != ENOENT)
		_exit(1);
	log_debug("not shown");
	if (errno != ENOENT)
		_exit(1);
}

static void errno_survives(void **state)
{
	DEFER(freep) char *text = said(errno_scene);

	(void)state;
	assert_string_equal(text, "reeld: error: open: No such file or directory\n");
}

/* Nobody reads: the pipe (16 pages at most) fills up, lines are dropped and counted, and the child
 * still ends. */
static void full_pipe_scene(void)
{
	char line[1001];

	memset(line, 'x', 1000);
	line[1000] = '\0';
	log_init("reeld", LOG_LEVEL_INFO);
	for (int i = 0; i < 2000; i++)
		log_info("%s", line);
}

static void a_full_pipe_never_blocks(void **state)
{
	DEFER(freep) char *text = said(full_pipe_scene);
	size_t lines = 0;

	(void)state;
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	assert_true(lines > 0 && lines < 2000);
	assert_int_equal(text[strlen(text) - 1], '\n'); /* no line is cut */
}

static int own_pipe[2];

static void dropped_scene(void)
{
	char line[1001], chunk[65536];
	int room;

	memset(line, 'x', 1000);
	line[1000] = '\0';
	if (pipe2(own_pipe, O_CLOEXEC) < 0)
		_exit(1);
	room = dup(STDERR_FILENO);
	dup2(own_pipe[1], STDERR_FILENO);
	log_init("reeld", LOG_LEVEL_INFO);
	for (int i = 0; i < 300; i++)
		log_info("%s", line);
	if (read(own_pipe[0], chunk, sizeof(chunk)) < 0)
		_exit(1);
	dup2(room, STDERR_FILENO);
	log_info("after");
	log_info("again");
}

static void the_dropped_are_counted(void **state)
{
	DEFER(freep) char *text = said(dropped_scene);
	unsigned dropped = 0;

	(void)state;
	assert_int_equal(sscanf(text, "reeld: after log_lines_dropped=%u", &dropped), 1);
	assert_true(dropped > 0 && dropped < 300);
	assert_string_equal(strchr(text, '\n') + 1, "reeld: again\n");
}

static void journal_scene(void)
{
	struct stat at;
	char stream[64];

	fstat(STDERR_FILENO, &at);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)at.st_dev,
		 (unsigned long long)at.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("reeld", LOG_LEVEL_INFO);
	log_warn("coped");
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited from a parent whose stderr it was */
	log_init("reeld", LOG_LEVEL_INFO);
	log_warn("coped");
}

static void the_journal_gets_priorities(void **state)
{
	DEFER(freep) char *text = said(journal_scene);

	(void)state;
	assert_string_equal(text, "<4>coped\nreeld: warning: coped\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_and_prefixes),
		cmocka_unit_test(context_goes_in_front),
		cmocka_unit_test(an_event_is_always_one_line),
		cmocka_unit_test(errno_survives),
		cmocka_unit_test(a_full_pipe_never_blocks),
		cmocka_unit_test(the_dropped_are_counted),
		cmocka_unit_test(the_journal_gets_priorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
