/*
 * Other programs: where they are, and running one to its end.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* A program of ours ("reeld", "reel-worker"): beside this one, else on PATH. Caller frees; NULL:
 * nowhere. */
char *program_sibling(const char *name);

/* A program on PATH. Caller frees; NULL: nowhere. */
char *program_on_path(const char *name);

/* Runs to the end with stdin closed; gathers stdout and stderr (16 MiB at most each). *out_status
 * as waitpid gives it. */
bool program_run(const char *const *argv, struct buf *out, struct buf *errors, int *out_status,
		 struct err *err) MUST_CHECK;

/* Starts a program that outlives us: own session, stdin from nothing, stdout and stderr appended to
 * log. keep_fd (-1: none) stays open in it; its number there is the same. */
bool program_detach(const char *const *argv, const char *log, int keep_fd,
		    const char *const *environment, int *out_pid, struct err *err) MUST_CHECK;
