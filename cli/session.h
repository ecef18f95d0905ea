/*
 * A command's connection to its farm: the one named by the configuration, else the private one of
 * this machine, started as far as it is missing. The same code path for both.
 */
#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "queue/client.h"

struct private_farm;

struct session {
	struct cli *cli;
	const struct config *config;
	struct private_farm *private; /* NULL: a farm of somebody else's */
	struct queue_client *client;
	const char *url;
	bool is_idle; /* set by who knows that no work is left: a private farm may then be stopped
		       */
};

enum session_use {
	SESSION_LOOK, /* a farm must exist */
	SESSION_WORK, /* a private farm may be started from nothing */
};

/* On failure everything is closed again. */
bool session_open(struct cli *cli, enum session_use use, struct session *out,
		  struct err *err) MUST_CHECK;
void session_close(struct session *session); /* for DEFER; takes a zeroed one */

/* After work was handed in: a private farm gets its reeld if none is alive. */
bool session_work(struct session *session, struct err *err) MUST_CHECK;

/* After ERR_RETRY from the queue: brings back what is missing and connects anew, waiting up to
 * patience_ms for Redis to answer (it may be loading its data). */
bool session_recover(struct session *session, int patience_ms, struct err *err) MUST_CHECK;

/* Resolves an id or a unique beginning of one; NULL and "last" give the newest batch. Caller frees.
 */
char *session_resolve(struct session *session, const char *prefix, struct err *err) MUST_CHECK;
