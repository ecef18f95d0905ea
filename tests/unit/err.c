/*
 * struct err: reporting a failure cannot fail, and keeps its kind on the way up.
 */
// links: base
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static void set_fills_and_returns_false(void **state)
{
	struct err err = { .after_s = 7 };

	(void)state;
	assert_false(err_set(&err, ERR_LIMIT, "lane %s is full", "gpu"));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(err.after_s, 0);
	assert_string_equal(err.text, "lane gpu is full");
}

static void errno_decides_the_kind(void **state)
{
	static const struct {
		int number;
		enum err_kind kind;
		const char *why;
	} rows[] = {
		{ ENOSPC, ERR_OPERATOR, "a full disk needs a person" },
		{ EDQUOT, ERR_OPERATOR, "so does a full quota" },
		{ EROFS, ERR_OPERATOR, "and a read-only one" },
		{ EACCES, ERR_OPERATOR, "and a missing permission" },
		{ EPERM, ERR_OPERATOR, "of either kind" },
		{ EINTR, ERR_RETRY, "an interruption passes" },
		{ EAGAIN, ERR_RETRY, "as does a full queue" },
		{ ENOMEM, ERR_RETRY, "and the kernel's lack of memory" },
		{ EMFILE, ERR_RETRY, "and of descriptors" },
		{ ENFILE, ERR_RETRY, "and the machine's" },
		{ ENOENT, ERR_REJECT, "the rest is what the caller says" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err;

		errno = rows[i].number;
		assert_false(err_errno(&err, ERR_REJECT, "open %d", 3));
		assert_int_equal(err.kind, rows[i].kind);
		assert_int_equal(errno, rows[i].number);
		assert_non_null(strstr(err.text, strerror(rows[i].number)));
		assert_int_equal(strncmp(err.text, "open 3: ", 8), 0);
	}
}

static void context_goes_in_front(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_RETRY, "no route");
	assert_false(err_context(&err, "clip %d", 4));
	assert_false(err_context(&err, "batch %s", "k3"));
	assert_string_equal(err.text, "batch k3: clip 4: no route");
	assert_int_equal(err.kind, ERR_RETRY);
}

static void too_long_is_cut(void **state)
{
	char text[2000];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_REJECT, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	errno = ENOENT;
	err_errno(&err, ERR_REJECT, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_context(&err, "front");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "front: xxx", 10), 0);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(err_kind_name(ERR_NONE), "none");
	assert_string_equal(err_kind_name(ERR_OPERATOR), "operator");
	assert_string_equal(err_kind_name(ERR_CANCEL), "cancel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_and_returns_false),
		cmocka_unit_test(errno_decides_the_kind),
		cmocka_unit_test(context_goes_in_front),
		cmocka_unit_test(too_long_is_cut),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
