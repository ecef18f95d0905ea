/*
 * What the worker shells (remote, media) share: the conversation with the supervisor, draining, and
 * the end of a process whose supervisor is gone or says something wrong.
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

/* What a kind of worker does about the supervisor's words; the rest is the same for all. */
struct shell_duties {
	void (*greeted)(void *context); /* after READY; may be NULL */
	void (*run)(void *context, const struct wire_run *run);
	void (*cancel)(void *context, uint64_t tag);
	uint32_t (*in_hand)(const void *context); /* what a drain waits for */
};

struct shell {
	struct event_base *base;
	struct channel *channel;
	struct event *drain_timer;
	const struct shell_duties *duties;
	void *context;	/* of the duties */
	uint32_t slots; /* valid once is_greeted */
	bool is_greeted, is_draining;
	int exit_code; /* valid once the loop was told to end */
};

/* Puts the channel on a new loop. Signals that a terminal or an init system sends to the whole
 * group are ignored from here on: a worker ends by its channel, or by SIGKILL. */
void shell_init(struct shell *shell, int fd, const struct shell_duties *duties, void *context);
void shell_done(struct shell *shell);

/* Turns the loop until it is told to end, and sends what was still to be said. */
void shell_loop(struct shell *shell);

/* To be called when something in hand has ended: a drain may be over. */
void shell_look_if_drained(struct shell *shell);

/* Tells the loop to end after this turn. */
void shell_end(struct shell *shell, int exit_code);

/* The supervisor broke the protocol: one line, and the end. */
void shell_protocol_error(struct shell *shell, const char *what);
