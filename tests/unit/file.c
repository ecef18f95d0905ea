/*
 * Files: whole or not at all, and errors that name the path.
 */
// links: base
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

static char folder[PATH_MAX];

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/file.XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	DEFER(freep) char *command = xasprintf("chmod -R u+w '%s' && rm -rf '%s'", folder, folder);

	(void)state;
	return system(command);
}

static char *at(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static size_t entries(void)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void writes_and_reads_back(void **state)
{
	DEFER(freep) char *path = at("a.txt");
	DEFER(buf_done) struct buf text = { 0 };
	struct stat status;
	struct err err;

	(void)state;
	assert_true(file_write_atomic(path, "one", 3, 0600, &err));
	assert_true(file_write_atomic(path, "second", 6, 0640, &err));
	buf_puts(&text, "<");
	assert_true(file_read(path, 6, &text, &err));
	assert_string_equal(text.data, "<second");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(entries(), 1); /* no temporary file is left */
	assert_int_equal(unlink(path), 0);
}

static void a_large_file_is_whole(void **state)
{
	DEFER(freep) char *path = at("large");
	DEFER(buf_done) struct buf in = { 0 }, out = { 0 };
	struct err err;

	(void)state;
	for (int i = 0; i < 300000; i++)
		buf_put_u32(&in, (uint32_t)i);
	assert_true(file_write_atomic(path, in.data, in.len, 0600, &err));
	assert_true(file_read(path, in.len, &out, &err));
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.data, in.data, in.len);
	buf_clear(&out);
	assert_false(file_read(path, in.len - 1, &out, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_non_null(strstr(err.text, "larger than 1199999 bytes"));
	assert_int_equal(unlink(path), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	DEFER(freep) char *missing = at("missing");
	DEFER(freep) char *fifo = at("fifo");
	DEFER(buf_done) struct buf text = { 0 };
	struct err err;

	(void)state;
	assert_false(file_read(missing, 10, &text, &err));
	assert_non_null(strstr(err.text, missing));
	assert_non_null(strstr(err.text, "No such file"));
	assert_false(file_read(folder, 10, &text, &err));
	assert_non_null(strstr(err.text, "not a file"));
	assert_false(file_read("/dev/zero", 10, &text, &err));
	assert_non_null(strstr(err.text, "not a file"));
	assert_int_equal(mkfifo(fifo, 0600), 0); /* nobody writes: opening must not wait */
	assert_false(file_read(fifo, 10, &text, &err));
	assert_int_equal(unlink(fifo), 0);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
	DEFER(freep) char *path = at("kept");
	DEFER(freep) char *nowhere = at("no/such/folder");
	DEFER(buf_done) struct buf text = { 0 };
	const struct rlimit small = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	const struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	char large[8192] = { 0 };
	struct err err;

	(void)state;
	assert_true(file_write_atomic(path, "old", 3, 0600, &err));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_false(file_write_atomic(path, large, sizeof(large), 0600, &err));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_non_null(strstr(err.text, path));
	assert_true(file_read(path, 100, &text, &err));
	assert_string_equal(text.data, "old");
	assert_int_equal(entries(), 1);
	assert_false(file_write_atomic(nowhere, "x", 1, 0600, &err));
	assert_int_equal(unlink(path), 0);
}

static void write_all_says_when_the_disk_is_full(void **state)
{
	DEFER(file_closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err err;

	(void)state;
	if (fd < 0)
		skip();
	assert_false(file_write_all(fd, "x", 1, &err));
	assert_int_equal(err.kind, ERR_OPERATOR);
}

static void makes_folders_with_parents(void **state)
{
	DEFER(freep) char *deep = at("x/y//z/");
	DEFER(freep) char *file = at("x/file");
	DEFER(freep) char *below = at("x/file/below");
	struct stat status;
	struct err err;

	(void)state;
	assert_true(file_make_dirs(deep, 0700, &err));
	assert_true(file_make_dirs(deep, 0700, &err));
	assert_true(file_make_dirs("/", 0700, &err));
	assert_int_equal(stat(deep, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_true(file_write_atomic(file, "", 0, 0600, &err));
	assert_false(file_make_dirs(file, 0700, &err)); /* a file stands where the folder should */
	assert_non_null(strstr(err.text, file));
	assert_false(file_make_dirs(below, 0700, &err));
}

static void close_is_idempotent(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	file_closep(&fd);
	assert_int_equal(fd, -1);
	file_closep(&fd);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_back),
		cmocka_unit_test(a_large_file_is_whole),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(a_failed_write_leaves_the_old_file),
		cmocka_unit_test(write_all_says_when_the_disk_is_full),
		cmocka_unit_test(makes_folders_with_parents),
		cmocka_unit_test(close_is_idempotent),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
