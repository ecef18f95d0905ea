/*
 * Starts a worker program in a clean image: fork, exec, channel on descriptor 3, page on 4, nothing
 * else open, signals reset, own session, no new privileges.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "daemon/kinds.h"

struct spawn_plan {
	const struct kind *kind;
	const char *folder;	 /* where the programs are */
	const char *config_path; /* NULL: the worker looks for it as we did */
};

struct spawned {
	pid_t pid;
	int pidfd, channel_fd;	 /* the caller's to close */
	volatile uint64_t *page; /* shared with a KIND_SHARED worker, to be unmapped; else NULL */
};

bool spawn_worker(const struct spawn_plan *plan, struct spawned *out, struct err *err) MUST_CHECK;

/* Unmaps and closes what is there; the process is not touched. */
void spawn_release(struct spawned *spawned);

/* Exit statuses of a child that never became the worker. */
enum { SPAWN_EXIT_SETUP = 126, SPAWN_EXIT_EXEC = 127 };
