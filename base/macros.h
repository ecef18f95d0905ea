/*
 * The few things that C cannot say without the preprocessor. Nothing here hides control flow.
 */
#pragma once

#include <stddef.h>

/* Runs fn(&variable) when the variable leaves its scope: the one clean-up idiom of this project. */
#define DEFER(fn) __attribute__((cleanup(fn)))

/* Hands a pointer over to a new owner and leaves NULL behind, so that DEFER finds nothing to free.
 */
#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define ARRAY_LEN(a)	  (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK	  __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, v) __attribute__((format(printf, f, v)))
#define NORETURN	  __attribute__((noreturn))
