/*
 * Memory that arrives or ends the process, and arenas.
 */
// links: base
#include "base/alloc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void nothing_is_something(void **state)
{
	DEFER(freep) void *none = xmalloc(0);
	DEFER(freep) void *zero = xcalloc(0, 0);
	DEFER(freep) char *grown = xrealloc(NULL, 3);

	(void)state;
	assert_non_null(none);
	assert_non_null(zero);
	grown = xrealloc(grown, 0);
	assert_non_null(grown);
}

static void copies_are_exact(void **state)
{
	DEFER(freep) char *whole = xstrdup("hello");
	DEFER(freep) char *part = xstrndup("hello", 2);
	DEFER(freep) char *print = xasprintf("%s-%03d", "k", 7);
	char *taken;

	(void)state;
	assert_string_equal(whole, "hello");
	assert_string_equal(part, "he");
	assert_string_equal(print, "k-007");
	taken = TAKE(whole);
	assert_null(whole);
	assert_string_equal(taken, "hello");
	freep(&taken);
	assert_null(taken);
	freep(&taken);
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena arena = { 0 };
	unsigned char *blocks[500];

	(void)state;
	for (size_t i = 0; i < 500; i++) {
		size_t size = i * 7 % 301;

		blocks[i] = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(blocks[i][j], 0);
		memset(blocks[i], (int)(i & 0xff), size);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t j = 0; j < i * 7 % 301; j++)
			assert_int_equal(blocks[i][j], i & 0xff);
	arena_done(&arena);
	assert_null(arena.blocks);
	arena_done(&arena);
}

static void arena_takes_large_and_small(void **state)
{
	struct arena arena = { 0 };
	char *small = arena_strdup(&arena, "small");
	char *large = arena_alloc(&arena, 1 << 20);
	char *print = arena_printf(&arena, "%s %d", small, 1);
	char *part = arena_strndup(&arena, "abcdef", 3);

	(void)state;
	memset(large, 1, 1 << 20);
	assert_string_equal(small, "small");
	assert_string_equal(print, "small 1");
	assert_string_equal(part, "abc");
	arena_done(&arena);
}

/* SIZE_MAX / 2 is more than any machine gives: malloc says NULL, the process says so and aborts. */
static void without_memory_the_process_ends(void **state)
{
	char text[64] = "";
	int ends[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0 };
		volatile size_t huge = SIZE_MAX / 2;

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		free(xmalloc(huge));
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifndef __SANITIZE_ADDRESS__ /* which ends the process before malloc returns */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "out of memory, ending\n");
#else
	(void)text;
	assert_int_not_equal(status, 0);
#endif
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_something),
		cmocka_unit_test(copies_are_exact),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(arena_takes_large_and_small),
		cmocka_unit_test(without_memory_the_process_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
