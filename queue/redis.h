/*
 * What both sides of the queue need of Redis: where it is, a command under construction, and what
 * its errors mean to a person.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "queue/scripts.h"

struct redis_address {
	char *host, *path; /* one of them */
	char *user, *password;
	char *shown; /* for messages: without the password */
	int port, db;
};

/* redis://[[user]:password@]host[:port][/db], unix:///path[?db=n]; %XX is decoded. ERR_REJECT says
 * what is wrong. */
bool redis_address_parse(const char *url, struct redis_address *out, struct err *err) MUST_CHECK;
void redis_address_done(struct redis_address *address);

/* A command's arguments. Texts are borrowed unless copied into the arena. */
struct redis_args {
	const char **argv;
	size_t *lens;
	size_t count, cap;
	struct arena arena;
	enum script script; /* SCRIPTS: a plain command */
};

void redis_args_done(struct redis_args *args);
void redis_args_clear(struct redis_args *args); /* keeps the arrays */
void redis_args_script(struct redis_args *args, enum script script, const char *prefix);
/* Of lane.lua: what a lane carries; QUEUE_KEEP leaves a value as it is. */
void redis_args_lane_limits(struct redis_args *args, const char *prefix, const char *lane,
			    int64_t limit, double rate, int64_t burst);
void redis_args_as_text(struct redis_args *args); /* EVALSHA becomes EVAL, after NOSCRIPT */
void redis_args_add(struct redis_args *args, const void *data, size_t len); /* borrowed */
void redis_args_text(struct redis_args *args, const char *text); /* borrowed; NULL is "" */
void redis_args_copy(struct redis_args *args, const void *data, size_t len);
void redis_args_int(struct redis_args *args, int64_t value);
void redis_args_printf(struct redis_args *args, const char *format, ...) PRINTF_LIKE(2, 3);

/* hiredis writes without MSG_NOSIGNAL: a server that goes away would end the process by SIGPIPE.
 * Ignores the signal unless the program has a handler for it. */
void redis_ignore_sigpipe(void);

/* An error reply as an err: which kind, and what would help. Returns false. */
bool redis_error(struct err *err, const struct redis_address *address, const char *text);
bool redis_is_noscript(const redisReply *reply);

/* Reply elements: 0 or "" when absent or of another type. */
int64_t redis_int(const redisReply *reply);
double redis_number(const redisReply *reply);
const char *redis_text(const redisReply *reply);
const redisReply *redis_item(const redisReply *reply, size_t index); /* NULL past the end */
void redis_reply_freep(redisReply **reply);
