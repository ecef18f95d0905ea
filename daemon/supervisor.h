/*
 * The supervisor: one loop that joins the queue and the worker processes of this host. It does none
 * of the work, and outlives every crash of those who do.
 *
 *	STARTING --(Redis reached, workers up)--> SERVING --(SIGTERM)--> DRAINING --(nothing in hand
 *	or time over)--> LEAVING --(Redis has every ending)--> the end
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/config.h"
#include "base/err.h"

struct supervisor_options {
	const char *config_path; /* as given with -c; NULL: search */
	const char *log_level;	 /* wins over the configuration; NULL: none */
	bool exit_when_idle;
	const char *stop_redis; /* the Redis that holds this lock file is ended when we end; NULL:
				 * none */
};

/* The folder with the worker programs: $REEL_LIBEXEC, else that of this program. Caller frees. */
bool supervisor_find_workers(char **out, struct err *err) MUST_CHECK;

/* What `reeld -t` checks beyond the file itself: worker program, folders. */
bool supervisor_check(const struct config *config, struct err *err) MUST_CHECK;

/* Runs until told to end; config is taken. Gives the exit status of the process. */
int supervisor_run(struct config *config, const struct supervisor_options *options);
