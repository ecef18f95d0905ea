/*
 * One end of a message channel on a libevent loop: non-blocking, outbox bounded, frames delivered
 * whole. Messages put during one turn of the loop leave in one write.
 */
#pragma once

#include <stdbool.h>

#include "worker/wire.h"

struct channel;
struct event_base;

enum { CHANNEL_MAX_BACKLOG = 64 << 20 };

struct channel_handler {
	/* One message; its texts are valid during the call only. */
	void (*message)(void *context, const struct wire_message *message);
	/* End of file, a broken frame or an outbox over its limit (64 MiB); called once, never from
	 * inside channel_put. `why` is a sentence. The channel must be freed by its owner, at the
	 * end of the turn or right here. */
	void (*closed)(void *context, const char *why);
};

/* Takes fd. */
struct channel *channel_new(struct event_base *base, int fd, const struct channel_handler *handler,
			    void *context);
void channel_put(struct channel *channel, const struct wire_message *message);
/* In `closed`: true when it broke the rules, false when it was a plain end of file. */
bool channel_is_broken(const struct channel *channel);
size_t channel_backlog(const struct channel *channel); /* bytes not yet written */
bool channel_flush(struct channel *channel,
		   int timeout_ms); /* blocking, for endings; false: not all went out */
void channel_free(struct channel *channel);
