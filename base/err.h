/*
 * How a C call reports a failure of the world or of the user: it returns false and fills a struct
 * err. Bugs are asserts, lack of memory is fatal (base/alloc.h); neither comes through here.
 *
 * The one who returns an error never logs it, and the one who logs it never returns it.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/macros.h"

enum err_kind {
	ERR_NONE,
	ERR_RETRY,    /* passing trouble: the same call may succeed later */
	ERR_LIMIT,    /* the far side asked us to wait after_s seconds */
	ERR_REJECT,   /* can never succeed as written: the input is wrong */
	ERR_OPERATOR, /* nothing succeeds until a person acts: key, quota, disk, permission */
	ERR_CANCEL,   /* we were told to stop */
};

struct err {
	enum err_kind kind;
	int after_s;	/* valid for ERR_LIMIT */
	char text[768]; /* inline, so that reporting cannot fail; cut at the end when longer */
};

/* Fills err and returns false, so that a failing function can end in `return err_set(...)`. */
bool err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
bool err_vset(struct err *err, enum err_kind kind, const char *format, va_list args)
	PRINTF_LIKE(3, 0);

/* The same, with ": " and the text of the current errno behind it. ENOSPC, EDQUOT, EROFS, EACCES
 * and EPERM become ERR_OPERATOR, EINTR, EAGAIN, ENOMEM, EMFILE and ENFILE ERR_RETRY, all else
 * `kind`. */
bool err_errno(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " in front of a filled err; keeps its kind; returns false. */
bool err_context(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* "retry", "limit", "reject", ... for logs and JSON. */
const char *err_kind_name(enum err_kind kind);
