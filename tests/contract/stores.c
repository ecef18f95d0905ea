// links: store
/*
 * What every store must do, whatever is behind it. A backend is one row of `kinds`: how to get a
 * fresh, empty store of it, and its url.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "pipeline/store/store.h"

struct fixture {
	char *folder; /* for files of the test's own */
	char *url;
	struct store *store;
};

struct kind {
	const char *name;
	char *(*fresh_url)(const char *folder);
};

static char *dir_url(const char *folder)
{
	return xasprintf("dir:%s/store", folder);
}

static const struct kind kinds[] = {
	{ "dir", dir_url },
};

static void remove_tree(const char *path)
{
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", path);

	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	const struct kind *kind = *state;
	const char *tmp = getenv("TMPDIR");
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	struct err err = { 0 };

	fixture->folder = xasprintf("%s/reel-stores-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->url = kind->fresh_url(fixture->folder);
	if (!store_open(fixture->url, &fixture->store, &err))
		fail_msg("%s", err.text);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	store_free(fixture->store);
	remove_tree(fixture->folder);
	free(fixture->folder);
	free(fixture->url);
	free(fixture);
	return 0;
}

static char *write_file(struct fixture *fixture, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", fixture->folder, name);
	struct err err = { 0 };

	assert_true(file_write_atomic(path, text, strlen(text), 0600, &err));
	return path;
}

static struct store_item add_text(struct fixture *fixture, const char *text)
{
	DEFER(freep) char *path = write_file(fixture, "source", text);
	struct store_item item;
	struct err err = { 0 };

	if (!store_add(fixture->store, path, 1 << 20, &item, &err))
		fail_msg("%s", err.text);
	return item;
}

static void assert_holds(struct store *store, const struct store_item *item, const char *text)
{
	DEFER(freep) char *path = NULL;
	DEFER(buf_done) struct buf bytes = { 0 };
	struct err err = { 0 };

	assert_true(store_path(store, item, &path, &err));
	assert_true(file_read(path, 1 << 20, &bytes, &err));
	assert_string_equal(bytes.data, text);
}

static void adds_and_names_by_hash(void **state)
{
	struct fixture *fixture = *state;
	struct store_item item = add_text(fixture, "abc");

	/* FIPS 180-2, appendix B.1 */
	assert_string_equal(item.sha256,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(item.id, "m_ba7816bf8f01cfea4141");
	assert_int_equal(item.bytes, 3);
	assert_true(item.stored_at_s > 1600000000);
	assert_holds(fixture->store, &item, "abc");
}

static void same_bytes_twice_are_one_item(void **state)
{
	struct fixture *fixture = *state;
	struct store_item one = add_text(fixture, "twice"), two = add_text(fixture, "twice");

	assert_string_equal(one.id, two.id);
	assert_holds(fixture->store, &two, "twice");
}

static void commits_what_a_library_wrote(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *path = NULL;
	struct store_item item;
	struct err err = { 0 };

	assert_true(store_create(fixture->store, ".mp4", &path, &err));
	assert_string_equal(path + strlen(path) - 4, ".mp4");
	/* a muxer replaces the file or writes into it: both are fine */
	assert_true(file_write_atomic(path, "clip", 4, 0600, &err));
	assert_true(store_commit(fixture->store, path, &item, &err));
	assert_int_equal(access(path, F_OK), -1);
	assert_holds(fixture->store, &item, "clip");
}

static void abandoned_files_leave_nothing(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *path = NULL;
	struct err err = { 0 };

	assert_true(store_create(fixture->store, "", &path, &err));
	store_abandon(fixture->store, path);
	assert_int_equal(access(path, F_OK), -1);
	store_abandon(fixture->store, path); /* twice is harmless */
}

static void commit_of_nothing_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct store_item item;
	struct err err = { 0 };

	assert_false(store_commit(fixture->store, "/nonexistent/file", &item, &err));
	assert_non_null(strstr(err.text, "/nonexistent/file"));
}

static void finds_by_any_unique_prefix(void **state)
{
	static const char *const wanted[] = {
		"m_ba7816bf8f01cfea4141",
		"m_ba78",
		"m_b",
		"m_BA78",
		"m_ba7816bf8",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	struct fixture *fixture = *state;
	struct store_item item = add_text(fixture, "abc"), found;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (!store_find(fixture->store, wanted[i], &found, &err))
			fail_msg("%s", err.text);
		assert_string_equal(found.id, item.id);
		assert_int_equal(found.bytes, 3);
	}
}

static void refuses_what_is_no_id(void **state)
{
	static const struct {
		const char *id, *says;
	} cases[] = {
		{ "m_", "not a media id" },
		{ "", "not a media id" },
		{ "m_xyz", "not a media id" },
		{ "ba7816bf", "not a media id" },
		{ "../etc/passwd", "not a media id" },
		{ "m_../../etc", "not a media id" },
		{ "m_0123456789abcdef0123", "no media" },
	};
	struct fixture *fixture = *state;
	struct store_item found;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_false(store_find(fixture->store, cases[i].id, &found, &err));
		assert_int_equal(err.kind, ERR_REJECT);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void an_ambiguous_prefix_lists_what_it_fits(void **state)
{
	struct fixture *fixture = *state;
	struct store_item first, found;
	struct err err = { 0 };
	char text[16], prefix[8];
	struct store_item second = { 0 };

	/* seventeen hashes have at least two with the same first digit */
	first = add_text(fixture, "0");
	for (int i = 1; i < 400 && second.sha256[0] != first.sha256[0]; i++) {
		snprintf(text, sizeof(text), "%d", i);
		second = add_text(fixture, text);
	}
	assert_int_equal(second.sha256[0], first.sha256[0]);
	snprintf(prefix, sizeof(prefix), "m_%c", first.sha256[0]);
	assert_false(store_find(fixture->store, prefix, &found, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_non_null(strstr(err.text, first.id));
	assert_non_null(strstr(err.text, second.id));
}

static bool count_item(void *context, const struct store_item *item)
{
	size_t *count = context;

	assert_int_equal(strlen(item->sha256), 64);
	return ++*count < 2;
}

static void each_visits_all_until_told_to_stop(void **state)
{
	struct fixture *fixture = *state;
	size_t count = 0;
	struct err err = { 0 };

	assert_true(store_each(fixture->store, count_item, &count, &err));
	assert_int_equal(count, 0);
	add_text(fixture, "one");
	assert_true(store_each(fixture->store, count_item, &count, &err));
	assert_int_equal(count, 1);
	add_text(fixture, "two");
	add_text(fixture, "three");
	count = 0;
	assert_true(store_each(fixture->store, count_item, &count, &err));
	assert_int_equal(count, 2);
}

static void removed_is_gone_and_removing_again_is_fine(void **state)
{
	struct fixture *fixture = *state;
	struct store_item item = add_text(fixture, "gone"), found;
	DEFER(freep) char *path = NULL;
	struct err err = { 0 };

	assert_true(store_remove(fixture->store, &item, &err));
	assert_false(store_find(fixture->store, item.id, &found, &err));
	assert_false(store_path(fixture->store, &item, &path, &err));
	assert_non_null(strstr(err.text, item.id));
	assert_true(store_remove(fixture->store, &item, &err));
}

static void refuses_bad_sources(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *empty = write_file(fixture, "empty", "");
	DEFER(freep) char *large = write_file(fixture, "large", "0123456789");
	DEFER(freep) char *fifo = xasprintf("%s/fifo", fixture->folder);
	const struct {
		const char *path, *says;
	} cases[] = {
		{ empty, "empty" },
		{ large, "more than the limit of 9" },
		{ fifo, "not a file" },
		{ fixture->folder, "not a file" },
		{ "/nonexistent", "No such file" },
		{ "/dev/zero", "not a file" },
	};
	struct store_item item;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_false(store_add(fixture->store, cases[i].path, 9, &item, &err));
		assert_int_equal(err.kind, ERR_REJECT);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_non_null(strstr(err.text, cases[i].path));
	}
}

static void writers_of_the_same_bytes_both_win(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *path = write_file(fixture, "shared", "the same from everyone");
	struct store_item item;
	struct err err = { 0 };
	int status;

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			bool stored = store_add(fixture->store, path, 1 << 20, &item, &err);

			_exit(stored ? 0 : 1);
		}
	}
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_true(store_add(fixture->store, path, 1 << 20, &item, &err));
	assert_holds(fixture->store, &item, "the same from everyone");
}

static void a_second_opening_sees_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct store_item item = add_text(fixture, "kept"), found;
	DEFER(store_freep) struct store *again = NULL;
	struct err err = { 0 };

	assert_true(store_open(fixture->url, &again, &err));
	assert_true(store_find(again, item.id, &found, &err));
	assert_holds(again, &found, "kept");
}

static void fresh_temporaries_survive_a_sweep(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *path = NULL;
	struct err err = { 0 };

	assert_true(store_create(fixture->store, "", &path, &err));
	assert_true(store_sweep(fixture->store, &err));
	assert_int_equal(access(path, F_OK), 0);
}

#define ROW(test)                                  \
	{                                          \
#test, test, setup, teardown, NULL \
	}

int main(void)
{
	struct CMUnitTest tests[] = {
		ROW(adds_and_names_by_hash),
		ROW(same_bytes_twice_are_one_item),
		ROW(commits_what_a_library_wrote),
		ROW(abandoned_files_leave_nothing),
		ROW(commit_of_nothing_says_so),
		ROW(finds_by_any_unique_prefix),
		ROW(refuses_what_is_no_id),
		ROW(an_ambiguous_prefix_lists_what_it_fits),
		ROW(each_visits_all_until_told_to_stop),
		ROW(removed_is_gone_and_removing_again_is_fine),
		ROW(refuses_bad_sources),
		ROW(writers_of_the_same_bytes_both_win),
		ROW(a_second_opening_sees_the_same),
		ROW(fresh_temporaries_survive_a_sweep),
	};
	int failed = 0;

	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		struct kind row = kinds[kind];

		for (size_t i = 0; i < ARRAY_LEN(tests); i++)
			tests[i].initial_state = &row;
		failed += cmocka_run_group_tests_name(row.name, tests, NULL, NULL);
	}
	return failed != 0;
}
