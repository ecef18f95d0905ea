// links: store
/*
 * What is particular to the directory backend: modes, shards, twins of an id, full and read-only
 * disks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "pipeline/store/store.h"

enum { CHILD_CANNOT = 77 };

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = xasprintf("%s/reel-store-dir-XXXXXX", tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(folder));
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", (char *)*state);
	int status = system(command);

	free(*state);
	return status;
}

static struct store *open_at(const char *folder)
{
	struct store *store;
	struct err err = { 0 };

	if (!store_open(folder, &store, &err))
		fail_msg("%s", err.text);
	return store;
}

static void put_file(const char *path, const char *text)
{
	struct err err = { 0 };

	assert_true(file_write_atomic(path, text, strlen(text), 0600, &err));
}

static void modes_and_places(void **state)
{
	const char *folder = *state;
	DEFER(freep) char *url = xasprintf("%s/deep/er/store///", folder);
	DEFER(store_freep) struct store *store = open_at(url);
	DEFER(freep) char *source = xasprintf("%s/source", folder);
	DEFER(freep)
	char *object = xasprintf("%s/deep/er/store/sha256/ba/78/ba7816bf8f01cfea41414"
				 "0de5dae2223b00361a396177a9cb410ff61f20015ad",
				 folder);
	struct store_item item;
	struct stat at;
	struct err err = { 0 };

	put_file(source, "abc");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_int_equal(stat(object, &at), 0);
	assert_int_equal(at.st_mode & 07777, 0644);
	assert_int_equal(at.st_size, 3);
}

static void ids_of_twins_are_long(void **state)
{
	const char *folder = *state;
	DEFER(store_freep) struct store *store = open_at(folder);
	DEFER(freep) char *source = xasprintf("%s/source", folder);
	DEFER(freep) char *twin = xasprintf("%s/sha256/ba/78/ba7816bf8f01cfea4141%044d", folder, 0);
	struct store_item item;
	struct err err = { 0 };

	put_file(source, "abc");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_int_equal(strlen(item.id), 22);
	put_file(twin, "no such bytes, but such a name");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_int_equal(strlen(item.id), 66);
	assert_false(store_find(store, "m_ba7816bf8f01cfea4141", &item, &err));
	assert_true(store_find(store, "m_ba7816bf8f01cfea41414", &item, &err));
}

static void damage_is_replaced(void **state)
{
	const char *folder = *state;
	DEFER(store_freep) struct store *store = open_at(folder);
	DEFER(freep) char *source = xasprintf("%s/source", folder);
	DEFER(freep) char *object = NULL;
	struct store_item item;
	struct err err = { 0 };

	put_file(source, "abc");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_true(store_path(store, &item, &object, &err));
	put_file(object, "a");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_int_equal(item.bytes, 3);
}

static void committing_again_refreshes_the_time(void **state)
{
	const char *folder = *state;
	DEFER(store_freep) struct store *store = open_at(folder);
	DEFER(freep) char *source = xasprintf("%s/source", folder);
	DEFER(freep) char *object = NULL;
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct store_item item;
	struct err err = { 0 };

	put_file(source, "abc");
	assert_true(store_add(store, source, 100, &item, &err));
	assert_true(store_path(store, &item, &object, &err));
	assert_int_equal(utimensat(AT_FDCWD, object, old, 0), 0);
	assert_true(store_find(store, item.id, &item, &err));
	assert_int_equal(item.stored_at_s, 1000);
	assert_true(store_add(store, source, 100, &item, &err));
	assert_true(item.stored_at_s > 1000);
}

static void sweep_takes_only_old_temporaries(void **state)
{
	const char *folder = *state;
	DEFER(store_freep) struct store *store = open_at(folder);
	DEFER(freep) char *old = NULL;
	DEFER(freep) char *fresh = NULL;
	const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
	struct err err = { 0 };

	assert_true(store_create(store, "", &old, &err));
	assert_true(store_create(store, "", &fresh, &err));
	assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
	assert_true(store_sweep(store, &err));
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(fresh, F_OK), 0);
}

static void urls_that_mean_nothing(void **state)
{
	static const struct {
		const char *url, *says;
		enum err_kind kind;
	} cases[] = {
		{ "media", "absolute path", ERR_REJECT },
		{ "dir:media", "absolute path", ERR_REJECT },
		{ "gopher://x", "known: dir", ERR_REJECT },
		{ "/dev/null", "is a file", ERR_OPERATOR },
		{ "/proc/nowhere/store", "/proc/nowhere", ERR_OPERATOR },
	};
	struct store *store;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_false(store_open(cases[i].url, &store, &err));
		assert_int_equal(err.kind, cases[i].kind);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_non_null(strstr(err.text, cases[i].url));
	}
}

/* Runs in a child with a mount namespace of its own: `options` for a tmpfs over `folder`. */
static bool own_disk(const char *folder, const char *options)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, options) == 0;
}

static int on_full_disk(const char *folder, const char *source)
{
	struct store *store = NULL;
	struct store_item item;
	struct err err = { 0 };

	if (!own_disk(folder, "size=64k"))
		return CHILD_CANNOT;
	if (!store_open(folder, &store, &err))
		return 1;
	if (store_add(store, source, 1 << 20, &item, &err))
		return 2;
	store_free(store);
	return err.kind == ERR_OPERATOR && strstr(err.text, "full") && strstr(err.text, "reel gc")
		       ? 0
		       : 3;
}

static int on_read_only_disk(const char *folder, const char *source)
{
	struct store *store = NULL;
	struct store_item item;
	struct err err = { 0 };

	if (!own_disk(folder, "size=4m"))
		return CHILD_CANNOT;
	if (!store_open(folder, &store, &err))
		return 1;
	if (mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, "") < 0)
		return CHILD_CANNOT;
	if (store_add(store, source, 1 << 20, &item, &err) || err.kind != ERR_OPERATOR ||
	    !strstr(err.text, "read-only"))
		return 2;
	store_free(store);
	store = NULL;
	return store_open(folder, &store, &err) || err.kind != ERR_OPERATOR ||
			       !strstr(err.text, "read-write")
		       ? 3
		       : 0;
}

/* skip() leaves by longjmp: whoever calls it must hold nothing. Gives the child's exit status. */
static int run_on_disk(void **state, int (*body)(const char *folder, const char *source))
{
	const char *folder = *state;
	DEFER(freep) char *disk = xasprintf("%s/disk", folder);
	DEFER(freep) char *source = xasprintf("%s/source", folder);
	DEFER(freep) char *large = xcalloc(1, 300001);
	pid_t child;
	int status;

	memset(large, 'x', 300000);
	put_file(source, large);
	assert_int_equal(mkdir(disk, 0755), 0);
	child = fork();
	if (child == 0)
		_exit(body(disk, source));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_on_disk(void **state, int (*body)(const char *folder, const char *source))
{
	int status = run_on_disk(state, body);

	if (status == CHILD_CANNOT)
		skip(); /* mounting needs root, and a root folder that is a mount */
	assert_int_equal(status, 0);
}

static void a_full_disk_is_the_operators(void **state)
{
	expect_on_disk(state, on_full_disk);
}

static void a_read_only_disk_is_the_operators(void **state)
{
	expect_on_disk(state, on_read_only_disk);
}

static int as_stranger(const char *folder, const char *source)
{
	struct store *store = NULL;
	struct err err = { 0 };

	(void)source;
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return CHILD_CANNOT;
	return store_open(folder, &store, &err) || err.kind != ERR_OPERATOR ? 1 : 0;
}

static void a_strangers_folder_is_the_operators(void **state)
{
	run_on_disk(state, as_stranger);
}

static void texts_are_hashed(void **state)
{
	char hex[STORE_HEX_BYTES];

	(void)state;
	store_hash_text("abc", 3, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	store_hash_text("", 0, hex);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(modes_and_places),
		ROW(ids_of_twins_are_long),
		ROW(damage_is_replaced),
		ROW(committing_again_refreshes_the_time),
		ROW(sweep_takes_only_old_temporaries),
		ROW(urls_that_mean_nothing),
		ROW(a_full_disk_is_the_operators),
		ROW(a_read_only_disk_is_the_operators),
		ROW(a_strangers_folder_is_the_operators),
		ROW(texts_are_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
