/*
 * The warm parent of media work: it loads what every stage needs, then forks one child per RUN and
 * passes on what that child says. It never looks at a task: a file that breaks a decoder breaks one
 * child.
 */
#pragma once

#include "worker/media_child.h"

struct media_parent_options {
	const struct config *config; /* borrowed */
	/* What a child does, and what is loaded before the first: arguments, so that tests can be
	 * evil and quick. */
	void (*child)(const struct media_job *job) NORETURN;
	void (*warm_up)(void);
};

/* Takes channel_fd; runs until the supervisor says drain or goes; gives the exit code. */
int media_parent_main(const struct media_parent_options *options, int channel_fd);
