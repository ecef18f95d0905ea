/*
 * The broker's two connections to Redis, as one thing that is up or down: commands, and the
 * subscription to wake messages. Resolving (evdns) and connecting have a time limit of their own;
 * up means that both are authenticated, the database is selected and the subscription is confirmed.
 * What is lost comes back with backoff; an answer only a person can mend (wrong password) is
 * retried every 30 s, no faster.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "queue/redis.h"

struct event_base;
struct link;

struct link_handler {
	void (*up)(void *context);
	/* Was up, or an attempt to get up failed; why is a sentence. Called once per failure; the
	 * link tries again by itself. A call in flight gets no reply. */
	void (*down)(void *context, const char *why);
	void (*message)(void *context, const char *channel, const char *text);
	/* The answer to link_call, error replies included; valid during the call. */
	void (*reply)(void *context, redisReply *reply);
};

struct link *link_new(struct event_base *base, const char *url, const char *const channels[2],
		      const struct link_handler *handler, void *context);
void link_start(struct link *link);
const char *link_run_id(const struct link *link); /* of the server, while up */
const struct redis_address *link_address(const struct link *link);

/* Sends a script call; one at a time: the next one after its reply. Falls back from EVALSHA to EVAL
 * by itself. `args` is borrowed until the reply. */
void link_call(struct link *link, struct redis_args *args);

/* Cuts both connections, says why, and tries again after the backoff (or after delay_ms when more).
 */
void link_drop(struct link *link, int delay_ms, const char *format, ...) PRINTF_LIKE(3, 4);
void link_free(struct link *link); /* quietly */
