/*
 * Facts about the server, for `reel doctor`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "queue/calls.h"

static bool info(struct queue_client *client, redisReply **out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "INFO");
	return client_call(client, &args, out, err);
}

/* "name:value\r\n" at the start of a line. */
static void field(const char *text, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	out[0] = '\0';
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) || at[len] != ':')
			continue;
		size_t n = strcspn(at + len + 1, "\r\n");
		n = n < size ? n : size - 1;
		memcpy(out, at + len + 1, n);
		out[n] = '\0';
		return;
	}
}

/* CONFIG may be forbidden (managed servers): then it stays "". */
static void setting(struct queue_client *client, const char *name, char *out, size_t size)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	struct err err;

	out[0] = '\0';
	redis_args_text(&args, "CONFIG");
	redis_args_text(&args, "GET");
	redis_args_text(&args, name);
	if (client_call(client, &args, &reply, &err))
		(void)strncat(out, redis_text(redis_item(reply, 1)), size - 1);
}

static bool clocks(struct queue_client *client, struct queue_server *out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	int64_t before = clock_monotonic_us(), real = clock_real_us();

	redis_args_text(&args, "TIME");
	if (!client_call(client, &args, &reply, err))
		return false;
	int64_t theirs =
		redis_int(redis_item(reply, 0)) * 1000000 + redis_int(redis_item(reply, 1));
	out->ping_us = clock_monotonic_us() - before;
	out->clock_skew_us = theirs - (real + out->ping_us / 2);
	return true;
}

bool queue_server(struct queue_client *client, struct queue_server *out, struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	struct queue_server server = { 0 };
	char text[64];

	if (!info(client, &reply, err) || !clocks(client, &server, err))
		return false;
	const char *all = redis_text(reply);
	field(all, "valkey_version", server.version, sizeof(server.version));
	(void)strcpy(server.flavour, server.version[0] ? "valkey" : "redis");
	if (!server.version[0])
		field(all, "redis_version", server.version, sizeof(server.version));
	field(all, "run_id", server.run_id, sizeof(server.run_id));
	field(all, "aof_enabled", text, sizeof(text));
	server.has_append_only = text[0] == '1';
	field(all, "role", text, sizeof(text));
	server.is_replica = !strcmp(text, "slave");
	field(all, "used_memory", text, sizeof(text));
	server.memory_bytes = strtoll(text, NULL, 10);
	field(all, "maxmemory", text, sizeof(text));
	server.max_memory_bytes = strtoll(text, NULL, 10);
	field(all, "maxmemory_policy", server.eviction, sizeof(server.eviction));
	setting(client, "appendfsync", server.appendfsync, sizeof(server.appendfsync));
	*out = server;
	return true;
}
