/*
 * The inline error record: formatting only. It owns no memory and decides nothing.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool err_vset(struct err *err, enum err_kind kind, const char *format, va_list args)
{
	err->kind = kind;
	err->after_s = 0;
	vsnprintf(err->text, sizeof(err->text), format, args);
	return false;
}

bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, kind, format, args);
	va_end(args);
	return false;
}

static enum err_kind kind_of_errno(int number, enum err_kind otherwise)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EACCES:
	case EPERM: return ERR_OPERATOR;
	case EINTR:
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE: return ERR_RETRY;
	default: return otherwise;
	}
}

bool err_errno(struct err *err, enum err_kind kind, const char *format, ...)
{
	int number = errno;
	size_t used;
	va_list args;

	va_start(args, format);
	err_vset(err, kind_of_errno(number, kind), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(number));
	errno = number;
	return false;
}

bool err_context(struct err *err, const char *format, ...)
{
	char before[sizeof(err->text)];
	va_list args;
	size_t used;

	memcpy(before, err->text, sizeof(before));
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", before);
	return false;
}

const char *err_kind_name(enum err_kind kind)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",	 [ERR_RETRY] = "retry",	      [ERR_LIMIT] = "limit",
		[ERR_REJECT] = "reject", [ERR_OPERATOR] = "operator", [ERR_CANCEL] = "cancel",
	};

	return names[kind];
}
