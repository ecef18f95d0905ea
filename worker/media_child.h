/*
 * One stage in one process: the child that a media parent forks for each RUN. It boxes itself in,
 * then decodes the task, runs the stage, and reports STEP, PROGRESS and one VERDICT as wire frames.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/config.h"
#include "base/macros.h"

/* A result is a description of media, not media. */
enum { MEDIA_RESULT_MAX = 1 << 20, MEDIA_STEP_MAX = 64, MEDIA_MESSAGE_MAX = 1024 };

/* How the step is called, up to the place in the definition, while a user's expression runs. */
#define MEDIA_EXPRESSION_STEP "expression in `"

struct media_job {
	const struct config *config;
	uint64_t tag, timeout_ms;
	const char *task; /* untouched bytes of a stranger */
	size_t task_len;
	const char *work_dir;
	int expression_cpu_s; /* 0: as many as pipeline/stage gives them */
	int fd;		      /* to the parent */
	pid_t parent;	      /* who must still be there */
};

NORETURN void media_child_run(const struct media_job *job);
