/*
 * What the worker shells (remote, media) share: the first words on the channel, and the end of a
 * process whose supervisor says something wrong.
 */
#pragma once

#include <event2/event.h>

#include "worker/channel.h"

enum { /* exit codes of reel-worker; the supervisor shows them in the obituary */
       EXIT_DONE = 0,
       EXIT_BAD_INPUT = 1, /* --probe, --inspect, --once: the file or task is bad */
       EXIT_USAGE = 2,
       EXIT_PROTOCOL = 3, /* the supervisor said what we do not understand */
       EXIT_OPERATOR = 4, /* configuration, disk, permissions */
};

struct shell {
	struct event_base *base;
	struct channel *channel;
	uint32_t slots; /* valid once is_greeted */
	bool is_greeted, is_draining;
	int exit_code; /* valid once the loop was told to end */
};

/* Puts the channel on a new loop. Signals that a terminal or an init system sends to the whole
 * group are ignored from here on: a worker ends by its channel, or by SIGKILL. */
void shell_init(struct shell *shell, int fd, const struct channel_handler *handler, void *context);
void shell_done(struct shell *shell);

/* Answers HELLO with READY; false after telling the loop to end: another version, or twice. */
bool shell_greet(struct shell *shell, const struct wire_hello *hello);

/* Tells the loop to end after this turn. */
void shell_end(struct shell *shell, int exit_code);

/* The supervisor broke the protocol: one line, and the end. */
void shell_protocol_error(struct shell *shell, const char *what);

/* HELLO must come first, and only what a supervisor says may come at all. */
bool shell_expects(struct shell *shell, const struct wire_message *message);
