/*
 * Addresses, commands under construction, and the meaning of Redis' error texts. The one place that
 * knows those texts; every caller works with an err kind.
 */
#include "queue/redis.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- address */

static char *decode_percent(const char *text, size_t len)
{
	char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned value;

		if (text[i] == '%' && i + 2 < len && sscanf(text + i + 1, "%2x", &value) == 1) {
			out[n++] = (char)value;
			i += 2;
		} else {
			out[n++] = text[i];
		}
	}
	out[n] = '\0';
	return out;
}

static bool parse_number(const char *text, size_t len, long max, int *out)
{
	char digits[12];
	char *end;

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	long value = strtol(digits, &end, 10);
	if (*end || value < 0 || value > max)
		return false;
	*out = (int)value;
	return true;
}

static bool parse_unix(const char *rest, struct redis_address *out, struct err *err)
{
	const char *query = strchr(rest, '?');
	size_t len = query ? (size_t)(query - rest) : strlen(rest);

	if (rest[0] != '/')
		return err_set(err, ERR_REJECT,
			       "redis url: expected an absolute path, unix:///path[?db=n]");
	if (query && (strncmp(query, "?db=", 4) ||
		      !parse_number(query + 4, strlen(query + 4), 1 << 20, &out->db)))
		return err_set(err, ERR_REJECT, "redis url: expected ?db=n after the path, got %s",
			       query);
	out->path = decode_percent(rest, len);
	out->shown = xstrdup(out->path);
	return true;
}

static void parse_credentials(const char *text, size_t len, struct redis_address *out)
{
	const char *colon = memchr(text, ':', len);

	if (!colon) {
		out->password = decode_percent(text, len);
		return;
	}
	if (colon > text)
		out->user = decode_percent(text, (size_t)(colon - text));
	out->password = decode_percent(colon + 1, len - (size_t)(colon + 1 - text));
}

static bool parse_tcp(const char *rest, struct redis_address *out, struct err *err)
{
	size_t len = strcspn(rest, "/?");
	const char *at = memrchr(rest, '@', len);
	const char *host = at ? at + 1 : rest;
	const char *end = rest + len;
	const char *port;

	if (at)
		parse_credentials(rest, (size_t)(at - rest), out);
	if (*host == '[') { /* [::1]:6379 */
		const char *close = memchr(host, ']', (size_t)(end - host));
		if (!close)
			return err_set(err, ERR_REJECT, "redis url: '[' without ']' in the host");
		out->host = xstrndup(host + 1, (size_t)(close - host - 1));
		port = close + 1 < end ? close + 1 : NULL;
	} else {
		port = memchr(host, ':', (size_t)(end - host));
		out->host = xstrndup(host, (size_t)((port ? port : end) - host));
	}
	out->port = 6379;
	if (port &&
	    (*port != ':' || !parse_number(port + 1, (size_t)(end - port - 1), 65535, &out->port)))
		return err_set(err, ERR_REJECT, "redis url: expected host:port, got %.*s",
			       (int)(end - host), host);
	if (!out->host[0])
		return err_set(err, ERR_REJECT, "redis url: the host is missing");
	if (*end == '/' && end[1] && !parse_number(end + 1, strlen(end + 1), 1 << 20, &out->db))
		return err_set(err, ERR_REJECT,
			       "redis url: expected a database number after '/', got %s", end + 1);
	out->shown = xasprintf("%s:%d", out->host, out->port);
	return true;
}

bool redis_address_parse(const char *url, struct redis_address *out, struct err *err)
{
	DEFER(redis_address_done) struct redis_address address = { 0 };
	bool ok;

	if (!strncmp(url, "redis://", 8))
		ok = parse_tcp(url + 8, &address, err);
	else if (!strncmp(url, "unix://", 7))
		ok = parse_unix(url + 7, &address, err);
	else if (!strncmp(url, "rediss://", 9))
		ok = err_set(
			err, ERR_REJECT,
			"redis url: rediss:// needs hiredis 1.0 or newer; this reeld is built with "
			"%d.%d.%d, which has no TLS. Use WireGuard or stunnel and redis://",
			HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
	else
		ok = err_set(err, ERR_REJECT,
			     "redis url: expected redis://[:password@]host[:port][/db] or "
			     "unix:///path[?db=n]");
	if (!ok)
		return false;
	*out = address;
	address = (struct redis_address){ 0 };
	return true;
}

void redis_address_done(struct redis_address *address)
{
	if (address->password)
		explicit_bzero(address->password, strlen(address->password));
	free(address->host);
	free(address->path);
	free(address->user);
	free(address->password);
	free(address->shown);
	*address = (struct redis_address){ 0 };
}

/* ---- arguments */

void redis_args_done(struct redis_args *args)
{
	free(args->argv);
	free(args->lens);
	arena_done(&args->arena);
	*args = (struct redis_args){ 0 };
}

void redis_args_clear(struct redis_args *args)
{
	args->count = 0;
	args->script = SCRIPTS;
	if (args->arena.blocks)
		arena_done(&args->arena);
}

void redis_args_add(struct redis_args *args, const void *data, size_t len)
{
	if (args->count == args->cap) {
		args->cap = args->cap ? args->cap * 2 : 32;
		args->argv = xrealloc(args->argv, args->cap * sizeof(*args->argv));
		args->lens = xrealloc(args->lens, args->cap * sizeof(*args->lens));
	}
	args->argv[args->count] = data;
	args->lens[args->count++] = len;
}

void redis_args_text(struct redis_args *args, const char *text)
{
	redis_args_add(args, text ? text : "", text ? strlen(text) : 0);
}

void redis_args_copy(struct redis_args *args, const void *data, size_t len)
{
	char *copy = arena_alloc(&args->arena, len + 1);

	if (len)
		memcpy(copy, data, len);
	redis_args_add(args, copy, len);
}

void redis_args_int(struct redis_args *args, int64_t value)
{
	redis_args_printf(args, "%" PRId64, value);
}

void redis_args_printf(struct redis_args *args, const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	int len = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (len < (int)sizeof(text)) {
		redis_args_copy(args, text, (size_t)len);
		return;
	}
	char *longer = arena_alloc(&args->arena, (size_t)len + 1);
	va_start(list, format);
	(void)vsnprintf(longer, (size_t)len + 1, format, list); /* the length is known */
	va_end(list);
	redis_args_add(args, longer, (size_t)len);
}

void redis_args_script(struct redis_args *args, enum script script, const char *prefix)
{
	redis_args_clear(args);
	args->script = script;
	redis_args_text(args, "EVALSHA");
	redis_args_text(args, script_sha(script));
	redis_args_text(args, "1");
	redis_args_text(args, prefix);
}

static void put_or_keep(struct redis_args *args, double value)
{
	if (value < 0)
		redis_args_text(args, "");
	else
		redis_args_printf(args, "%.15g", value);
}

void redis_args_lane_limits(struct redis_args *args, const char *prefix, const char *lane,
			    int64_t limit, double rate, int64_t burst)
{
	redis_args_script(args, SCRIPT_LANE, prefix);
	redis_args_text(args, "limits");
	redis_args_text(args, lane);
	put_or_keep(args, (double)limit);
	put_or_keep(args, rate);
	put_or_keep(args, (double)burst);
}

void redis_args_as_text(struct redis_args *args)
{
	args->argv[0] = "EVAL";
	args->lens[0] = 4;
	args->argv[1] = script_text(args->script);
	args->lens[1] = strlen(args->argv[1]);
}

/* ---- errors */

static const struct {
	const char *prefix;
	enum err_kind kind;
	const char *help;
} meanings[] = {
	{ "WRONGPASS", ERR_OPERATOR, "it refuses our password; correct the one in the redis url" },
	{ "NOAUTH", ERR_OPERATOR, "it wants a password; put it into the redis url" },
	{ "ERR AUTH", ERR_OPERATOR, "it has no password set; take the one out of the redis url" },
	{ "ERR invalid password", ERR_OPERATOR,
	  "it refuses our password; correct the one in the redis url" },
	{ "ERR Client sent AUTH", ERR_OPERATOR,
	  "it has no password set; take the one out of the redis url" },
	{ "NOPERM", ERR_OPERATOR,
	  "our user may not do this; its ACL must allow scripts and reel:*" },
	{ "READONLY", ERR_OPERATOR, "it is a read-only replica; use the primary's address" },
	{ "OOM", ERR_OPERATOR,
	  "it is out of memory (maxmemory); give it more or remove old batches" },
	{ "MISCONF", ERR_OPERATOR,
	  "it cannot write to its disk; look at its log and its free space" },
	{ "NOREPLICAS", ERR_RETRY, "it waits for its replicas" },
	{ "LOADING", ERR_RETRY, "it is still loading its data" },
	{ "BUSY", ERR_RETRY, "it is busy with another script" },
	{ "MASTERDOWN", ERR_RETRY, "its primary is away" },
	{ "TRYAGAIN", ERR_RETRY, "try again" },
	{ "ERR max number of clients", ERR_RETRY, "it has too many clients (maxclients)" },
	{ "ERR DB index", ERR_OPERATOR,
	  "the database number in the redis url is out of its range" },
	{ "ERR unknown command", ERR_OPERATOR, "it is too old; Redis 6.2 or Valkey is needed" },
};

bool redis_error(struct err *err, const struct redis_address *address, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		if (!strncmp(text, meanings[i].prefix, strlen(meanings[i].prefix)))
			return err_set(err, meanings[i].kind, "Redis at %s: %s (%.200s)",
				       address->shown, meanings[i].help, text);
	}
	if (strstr(text, "Unknown Redis command") || strstr(text, "syntax error"))
		return err_set(err, ERR_OPERATOR,
			       "Redis at %s: it is too old; Redis 6.2 or Valkey is needed (%.200s)",
			       address->shown, text);
	if (strstr(text, "command not allowed when used memory"))
		return err_set(
			err, ERR_OPERATOR,
			"Redis at %s: it is out of memory (maxmemory); give it more or remove old "
			"batches (%.200s)",
			address->shown, text);
	return err_set(err, ERR_OPERATOR, "Redis at %s: %.500s", address->shown, text);
}

bool redis_is_noscript(const redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_ERROR && !strncmp(reply->str, "NOSCRIPT", 8);
}

void redis_ignore_sigpipe(void)
{
	struct sigaction action;

	if (!sigaction(SIGPIPE, NULL, &action) && action.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for SIGPIPE */
}

/* ---- replies */

int64_t redis_int(const redisReply *reply)
{
	if (!reply)
		return 0;
	if (reply->type == REDIS_REPLY_INTEGER)
		return reply->integer;
	return reply->type == REDIS_REPLY_STRING ? (int64_t)strtod(reply->str, NULL) : 0;
}

double redis_number(const redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_STRING ? strtod(reply->str, NULL)
							  : (double)redis_int(reply);
}

const char *redis_text(const redisReply *reply)
{
	if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
		return "";
	return reply->str;
}

const redisReply *redis_item(const redisReply *reply, size_t index)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || index >= reply->elements)
		return NULL;
	return reply->element[index];
}

void redis_reply_freep(redisReply **reply)
{
	if (*reply)
		freeReplyObject(*reply);
	*reply = NULL;
}
