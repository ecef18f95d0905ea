/*
 * What differs between the kinds of worker processes; everything else about them is the same code.
 */
#pragma once

#include "queue/broker.h"

enum kind_cap {
	KIND_SERVED = 1,	/* this release has a worker for it */
	KIND_DIES_WITH_US = 2,	/* takes the parent-death signal */
	KIND_HOLDS_SECRETS = 4, /* gets $CREDENTIALS_DIRECTORY, never leaves a core dump */
	KIND_SHARED = 8,	/* many stages in one process: a shared page names the culprit */
	KIND_WRITES = 16,	/* needs disk: not started when the disk is full */
	KIND_FORKS = 32,	/* one child per stage: may report CRASH */
};

struct kind {
	const char *name;    /* for logs */
	const char *program; /* its file name */
	const char *option;  /* NULL: none */
	unsigned caps;
};

const struct kind *kind_info(enum broker_kind kind);
