/*
 * One blocking connection: opened on the first call, again after it was lost. It refuses to know
 * what the commands mean; submit.c, read.c, steer.c, why.c and watch.c do.
 */
#include "queue/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { CONNECT_MS = 5000, COMMAND_MS = 15000 };

struct queue_client {
	redisContext *redis; /* NULL while not connected */
	struct redis_address address;
	char *prefix;
};

const char *client_prefix(const struct queue_client *client)
{
	return client->prefix;
}

const struct redis_address *client_address(const struct queue_client *client)
{
	return &client->address;
}

static void disconnect(struct queue_client *client)
{
	if (client->redis)
		redisFree(client->redis);
	client->redis = NULL;
}

static bool lost(struct queue_client *client, struct err *err)
{
	redisContext *redis = client->redis;
	bool is_slow = redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);

	(void)err_set(err, ERR_RETRY, "Redis at %s: %s", client->address.shown,
		      is_slow		 ? "no answer in time"
		      : redis->errstr[0] ? redis->errstr
					 : "the connection was lost");
	disconnect(client);
	return false;
}

static bool read_reply(struct queue_client *client, redisReply **out, struct err *err)
{
	void *reply = NULL;

	if (redisGetReply(client->redis, &reply) != REDIS_OK)
		return lost(client, err);
	*out = reply;
	return true;
}

static bool greet(struct queue_client *client, struct err *err)
{
	const struct redis_address *address = &client->address;
	int expected = 0;

	if (address->password) {
		if (address->user)
			redisAppendCommand(client->redis, "AUTH %s %s", address->user,
					   address->password);
		else
			redisAppendCommand(client->redis, "AUTH %s", address->password);
		expected++;
	}
	if (address->db) {
		redisAppendCommand(client->redis, "SELECT %d", address->db);
		expected++;
	}
	for (; expected; expected--) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		if (!read_reply(client, &reply, err))
			return false;
		if (reply->type == REDIS_REPLY_ERROR) {
			(void)redis_error(err, address, reply->str);
			disconnect(client);
			return false;
		}
	}
	return true;
}

static bool connect_now(struct queue_client *client, struct err *err)
{
	const struct timeval limit = { CONNECT_MS / 1000, 0 };
	const struct redis_address *address = &client->address;
	redisContext *redis =
		address->path ? redisConnectUnixWithTimeout(address->path, limit)
			      : redisConnectWithTimeout(address->host, address->port, limit);

	if (!redis || redis->err) {
		(void)err_set(err, ERR_RETRY, "Redis at %s: cannot connect: %s", address->shown,
			      redis ? redis->errstr : "out of memory");
		if (redis)
			redisFree(redis);
		return false;
	}
	client->redis = redis;
	if (!client_set_patience(client, 0, err))
		return false;
	return greet(client, err);
}

bool client_set_patience(struct queue_client *client, int ms, struct err *err)
{
	int limit_ms = ms + COMMAND_MS;
	struct timeval limit = { limit_ms / 1000, limit_ms % 1000 * 1000 };

	if (client->redis && redisSetTimeout(client->redis, limit) != REDIS_OK)
		return lost(client, err);
	return true;
}

bool client_send(struct queue_client *client, struct redis_args *args, struct err *err)
{
	if (!client->redis && !connect_now(client, err))
		return false;
	if (redisAppendCommandArgv(client->redis, (int)args->count, args->argv, args->lens) !=
	    REDIS_OK)
		return lost(client, err);
	return true;
}

bool client_read(struct queue_client *client, redisReply **out, struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!client->redis)
		return err_set(err, ERR_RETRY, "Redis at %s: the connection was lost",
			       client->address.shown);
	if (!read_reply(client, &reply, err))
		return false;
	if (reply->type == REDIS_REPLY_ERROR)
		return redis_error(err, &client->address, reply->str);
	*out = TAKE(reply);
	return true;
}

bool client_call(struct queue_client *client, struct redis_args *args, redisReply **out,
		 struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!client_send(client, args, err) || !read_reply(client, &reply, err))
		return false;
	if (redis_is_noscript(reply) && args->script != SCRIPTS) {
		redis_reply_freep(&reply);
		redis_args_as_text(args);
		if (!client_send(client, args, err) || !read_reply(client, &reply, err))
			return false;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		return redis_error(err, &client->address, reply->str);
	*out = TAKE(reply);
	return true;
}

void client_key(struct queue_client *client, struct redis_args *args, const char *format, ...)
{
	char rest[512];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(rest, sizeof(rest), format,
			list); /* ids are short; a cut one finds nothing */
	va_end(list);
	redis_args_printf(args, "%s%s", client->prefix, rest);
}

bool queue_client_open(const char *url, const char *farm, struct queue_client **out,
		       struct err *err)
{
	DEFER(queue_client_freep) struct queue_client *client = xcalloc(1, sizeof(*client));

	if (!farm[0] || strpbrk(farm, "{}\r\n\t "))
		return err_set(err, ERR_REJECT,
			       "farm \"%s\": its name must be a word without braces", farm);
	redis_ignore_sigpipe();
	client->prefix = xasprintf("reel:{%s}:", farm);
	if (!redis_address_parse(url, &client->address, err) || !connect_now(client, err))
		return false;
	*out = TAKE(client);
	return true;
}

void queue_client_free(struct queue_client *client)
{
	if (!client)
		return;
	disconnect(client);
	redis_address_done(&client->address);
	free(client->prefix);
	free(client);
}

void queue_client_freep(struct queue_client **client)
{
	queue_client_free(*client);
	*client = NULL;
}

bool client_target(const char *text, struct client_target *out, struct err *err)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	const char *dash = memchr(text, '-', len);

	if (len == 0 || (slash && (!dash || !slash[1])) ||
	    (dash && (size_t)(dash + 1 - text) == len) || strpbrk(text, "\r\n\t *?[]{}:"))
		return err_set(
			err, ERR_REJECT,
			"%s: expected a batch (k3f9x2m4), a pipeline (k3f9x2m4-17) or a stage "
			"(k3f9x2m4-17/draft)",
			text);
	out->kind = slash ? "stage" : dash ? "pipeline" : "batch";
	out->id = xstrndup(text, len);
	out->stage = slash ? slash + 1 : "";
	return true;
}

void client_target_done(struct client_target *target)
{
	free(target->id);
	*target = (struct client_target){ 0 };
}
