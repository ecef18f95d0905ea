/*
 * How the blocking client talks to Redis: for the files of the client and for tests that play a
 * host by hand.
 */
#pragma once

#include "queue/client.h"
#include "queue/redis.h"

const char *client_prefix(const struct queue_client *client); /* "reel:{farm}:" */
const struct redis_address *client_address(const struct queue_client *client);

/* Adds the prefix and a printf of the rest. */
void client_key(struct queue_client *client, struct redis_args *args, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Sends a command and reads its reply (caller frees, redis_reply_freep). Error replies become err.
 * A lost connection is ERR_RETRY, and the next call connects anew. */
bool client_call(struct queue_client *client, struct redis_args *args, redisReply **out,
		 struct err *err) MUST_CHECK;

/* Sends many plain commands in one go; replies must then be read, one client_read per command. */
bool client_send(struct queue_client *client, struct redis_args *args, struct err *err) MUST_CHECK;
bool client_read(struct queue_client *client, redisReply **out, struct err *err) MUST_CHECK;

/* A call that may take this long on purpose; back to the usual limit with 0. */
bool client_set_patience(struct queue_client *client, int ms, struct err *err) MUST_CHECK;

/* Splits "batch", "batch-7" or "batch-7/stage". ERR_REJECT otherwise. */
struct client_target {
	const char *kind;  /* "batch", "pipeline" or "stage" */
	char *id;	   /* of the batch or pipeline */
	const char *stage; /* in the caller's text; "" unless kind is stage */
};
bool client_target(const char *text, struct client_target *out, struct err *err) MUST_CHECK;
void client_target_done(struct client_target *target);
