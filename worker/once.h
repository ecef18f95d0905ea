/*
 * Media work without a farm: one file or one task in this process, boxed in like a media child. The
 * answer is JSON on stdout, trouble a sentence on stderr; both give an exit code of shell.h.
 */
#pragma once

#include "base/config.h"

struct once_options {
	const char *file;    /* what to look at, or the task to run ("-": stdin) */
	const char *depth;   /* inspect: "full" or "quick"; NULL: full */
	const char *profile; /* inspect: a profile as JSON; NULL: none */
};

int once_probe(const struct config *config, const struct once_options *options);
int once_inspect(const struct config *config, const struct once_options *options);
int once_task(const struct config *config, const struct once_options *options);
