/*
 * The system calls a media stage may make: the seccomp filter, and the names of what it refuses.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Resolves the names, which a signal handler could not. */
void syscalls_prepare(void);
const char *syscalls_name(int number); /* "unknown" where there is none */

/* From here on for the rest of the process; a refused call raises SIGSYS. */
bool syscalls_restrict(struct err *err) MUST_CHECK;
