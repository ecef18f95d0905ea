/*
 * What it owns: the two hiredis contexts, the resolver, the timers. What it refuses to know: what
 * is said over them.
 *
 *      down --start/timer--> resolving --> connecting --> greeting --> up
 *        ^                       |              |             |         |
 *        +-----------------------+--- failed, or 5 s over ----+- lost --+
 *
 * hiredis 0.14.1 (Debian 12) resolves names with a blocking getaddrinfo and has no limit for an
 * asynchronous connect: so it is only ever given an address, and a timer of ours runs until the
 * link is up. It also frees a context by itself after a failed connect or a disconnect; every
 * callback therefore compares the context it gets with the one we hold.
 */
#include "queue/link.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

enum {
	CONNECT_MS = 5000,
	CALL_MS = 15000, /* a call not answered by then: the server hangs, or the path is cut */
	BACKOFF_MIN_MS = 50,
	BACKOFF_MAX_MS = 5000,
	OPERATOR_MS = 30000, /* between tries while only a person can help */
};

enum link_state { LINK_DOWN, LINK_RESOLVING, LINK_GREETING, LINK_UP };

struct link {
	struct event_base *base;
	struct evdns_base *dns; /* made when first needed */
	struct evdns_getaddrinfo_request *lookup;
	struct event *retry_timer, *limit_timer;
	struct redis_address address;
	char *url_error; /* the url cannot be used: said at start, never retried */
	char *channels[2];
	const struct link_handler *handler;
	void *context;
	enum link_state state;
	redisAsyncContext *commands, *subscription;
	int greetings; /* answers still awaited before we are up */
	int backoff_ms;
	struct redis_args *in_flight;
	char run_id[48];
};

static void connect_address(struct link *link, const char *ip);

static void timer_set(struct event *timer, int ms)
{
	const struct timeval after = { ms / 1000, ms % 1000 * 1000 };
	event_add(timer, &after);
}

/* ---- going down */

static void cut(redisAsyncContext **which)
{
	redisAsyncContext *redis = *which;

	*which = NULL;
	if (!redis)
		return;
	redis->data = NULL; /* freeing may be put off until its callback returns; we may be gone by
			       then */
	redisAsyncFree(redis);
}

static int next_backoff(struct link *link)
{
	uint32_t random = 0;
	int delay = link->backoff_ms;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)delay;
	link->backoff_ms = delay * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : delay * 2;
	return delay / 2 + (int)(random % (uint32_t)(delay / 2 + 1));
}

static void go_down(struct link *link, int delay_ms, const char *why)
{
	int backoff = next_backoff(link);

	link->state = LINK_DOWN;
	link->in_flight = NULL;
	event_del(link->limit_timer);
	if (link->lookup)
		evdns_getaddrinfo_cancel(link->lookup);
	link->lookup = NULL;
	cut(&link->commands);
	cut(&link->subscription);
	timer_set(link->retry_timer, delay_ms > backoff ? delay_ms : backoff);
	link->handler->down(link->context, why);
}

void link_drop(struct link *link, int delay_ms, const char *format, ...)
{
	char why[512];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	go_down(link, delay_ms, why);
}

static void refused(struct link *link, const char *text)
{
	struct err err;

	(void)redis_error(&err, &link->address, text);
	go_down(link, err.kind == ERR_OPERATOR ? OPERATOR_MS : 0, err.text);
}

static bool is_current(const struct link *link, const redisAsyncContext *redis)
{
	return redis == link->commands || redis == link->subscription;
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
	struct link *link = redis->data;

	if (!link || !is_current(link, redis))
		return;
	if (redis == link->commands)
		link->commands = NULL; /* hiredis frees it after this */
	else
		link->subscription = NULL;
	if (redis->err == REDIS_ERR_OTHER) { /* an error nobody asked for: NOAUTH, maxclients */
		refused(link, redis->errstr);
		return;
	}
	link_drop(link, 0, "Redis at %s: %s", link->address.shown,
		  status != REDIS_OK && redis->errstr[0] ? redis->errstr
							 : "the connection was lost");
}

static void on_connect(const redisAsyncContext *redis, int status)
{

	if (status == REDIS_OK)
		return;
	on_disconnect(redis, status);
}

/* ---- coming up */

static void greeted(struct link *link)
{
	if (--link->greetings > 0)
		return;
	event_del(link->limit_timer);
	link->state = LINK_UP;
	link->backoff_ms = BACKOFF_MIN_MS;
	link->handler->up(link->context);
}

static void on_greeting(redisAsyncContext *redis, void *reply_void, void *unused)
{
	struct link *link = redis->data;
	redisReply *reply = reply_void;

	(void)unused;
	if (!reply || !link || !is_current(link, redis))
		return;
	if (reply->type == REDIS_REPLY_ERROR)
		refused(link, reply->str);
	else
		greeted(link);
}

static void on_info(redisAsyncContext *redis, void *reply_void, void *unused)
{
	struct link *link = redis->data;
	redisReply *reply = reply_void;

	(void)unused;
	if (!reply || !link || !is_current(link, redis))
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		refused(link, reply->str);
		return;
	}
	const char *at = reply->str ? strstr(reply->str, "run_id:") : NULL;
	link->run_id[0] = '\0';
	if (at)
		(void)sscanf(at, "run_id:%47[0-9a-zA-Z]", link->run_id);
	greeted(link);
}

static void on_message(redisAsyncContext *redis, void *reply_void, void *unused)
{
	struct link *link = redis->data;
	redisReply *reply = reply_void;

	(void)unused;
	if (!reply || !link || !is_current(link, redis))
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		refused(link, reply->str);
		return;
	}
	const char *what = redis_text(redis_item(reply, 0));
	if (!strcmp(what, "subscribe") && link->state == LINK_GREETING)
		greeted(link);
	else if (!strcmp(what, "message") && link->state == LINK_UP)
		link->handler->message(link->context, redis_text(redis_item(reply, 1)),
				       redis_text(redis_item(reply, 2)));
}

static void greet(struct link *link, redisAsyncContext *redis)
{
	const struct redis_address *address = &link->address;

	if (address->password) {
		link->greetings++;
		if (address->user)
			redisAsyncCommand(redis, on_greeting, NULL, "AUTH %s %s", address->user,
					  address->password);
		else
			redisAsyncCommand(redis, on_greeting, NULL, "AUTH %s", address->password);
	}
	if (redis == link->commands) {
		link->greetings++;
		redisAsyncCommand(redis, on_info, NULL, "INFO server");
		if (address->db) {
			link->greetings++;
			redisAsyncCommand(redis, on_greeting, NULL, "SELECT %d", address->db);
		}
		return;
	}
	link->greetings += 2;
	redisAsyncCommand(redis, on_message, NULL, "SUBSCRIBE %s %s", link->channels[0],
			  link->channels[1]);
}

static bool open_one(struct link *link, redisAsyncContext **which, const char *ip)
{
	redisAsyncContext *redis = ip ? redisAsyncConnect(ip, link->address.port)
				      : redisAsyncConnectUnix(link->address.path);

	if (!redis || redis->err) {
		char why[200];
		(void)snprintf(why, sizeof(why), "%s", redis ? redis->errstr : "out of memory");
		if (redis)
			redisAsyncFree(redis);
		link_drop(link, 0, "Redis at %s: cannot connect: %s", link->address.shown, why);
		return false;
	}
	redis->data = link;
	*which = redis;
	if (redisLibeventAttach(redis, link->base) != REDIS_OK) {
		link_drop(link, 0, "Redis at %s: no event for its socket", link->address.shown);
		return false;
	}
	redisAsyncSetConnectCallback(redis, on_connect);
	redisAsyncSetDisconnectCallback(redis, on_disconnect);
	return true;
}

static void connect_address(struct link *link, const char *ip)
{
	link->state = LINK_GREETING;
	link->greetings = 0;
	if (!open_one(link, &link->commands, ip) || !open_one(link, &link->subscription, ip))
		return;
	greet(link, link->commands);
	greet(link, link->subscription);
}

static void on_resolved(int code, struct evutil_addrinfo *list, void *context)
{
	struct link *link = context;
	char ip[NI_MAXHOST];

	if (code == EVUTIL_EAI_CANCEL)
		return;
	link->lookup = NULL;
	if (code || !list ||
	    getnameinfo(list->ai_addr, (socklen_t)list->ai_addrlen, ip, sizeof(ip), NULL, 0,
			NI_NUMERICHOST)) {
		if (list)
			evutil_freeaddrinfo(list);
		link_drop(link, 0, "Redis at %s: its name cannot be resolved: %s",
			  link->address.shown, code ? evutil_gai_strerror(code) : "no address");
		return;
	}
	evutil_freeaddrinfo(list);
	connect_address(link, ip);
}

static bool is_numeric(const char *host)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void resolve(struct link *link)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

	link->state = LINK_RESOLVING;
	if (!link->dns)
		link->dns = evdns_base_new(link->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
							       EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!link->dns) {
		link_drop(link, 0, "Redis at %s: no resolver; is /etc/resolv.conf readable?",
			  link->address.shown);
		return;
	}
	/* May answer from /etc/hosts before it returns; then there is no request to remember. */
	struct evdns_getaddrinfo_request *lookup =
		evdns_getaddrinfo(link->dns, link->address.host, NULL, &hints, on_resolved, link);
	if (link->state == LINK_RESOLVING)
		link->lookup = lookup;
}

static void start_now(struct link *link)
{
	timer_set(link->limit_timer, CONNECT_MS);
	if (link->address.path)
		connect_address(link, NULL);
	else if (is_numeric(link->address.host))
		connect_address(link, link->address.host);
	else
		resolve(link);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd;
	(void)what;
	if (link->url_error)
		link->handler->down(link->context, link->url_error);
	else
		start_now(link);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd;
	(void)what;
	if (link->state == LINK_UP)
		link_drop(link, 0, "Redis at %s: no answer for %d s", link->address.shown,
			  CALL_MS / 1000);
	else
		link_drop(link, 0, "Redis at %s: not connected within %d s", link->address.shown,
			  CONNECT_MS / 1000);
}

/* ---- calls */

static void send_call(struct link *link);

static void on_reply(redisAsyncContext *redis, void *reply_void, void *unused)
{
	struct link *link = redis->data;
	redisReply *reply = reply_void;

	(void)unused;
	if (!reply || !link || redis != link->commands || !link->in_flight)
		return;
	if (redis_is_noscript(reply)) {
		redis_args_as_text(link->in_flight);
		send_call(link);
		return;
	}
	event_del(link->limit_timer);
	link->in_flight = NULL;
	link->handler->reply(link->context, reply);
}

static void send_call(struct link *link)
{
	struct redis_args *args = link->in_flight;

	(void)redisAsyncCommandArgv(link->commands, on_reply, NULL, (int)args->count, args->argv,
				    args->lens); /* a failure shows as a disconnect or as silence */
}

void link_call(struct link *link, struct redis_args *args)
{
	assert(link->state == LINK_UP && !link->in_flight);
	link->in_flight = args;
	timer_set(link->limit_timer, CALL_MS);
	send_call(link);
}

/* ---- life */

struct link *link_new(struct event_base *base, const char *url, const char *const channels[2],
		      const struct link_handler *handler, void *context)
{
	struct link *link = xcalloc(1, sizeof(*link));
	struct err err;

	link->base = base;
	link->handler = handler;
	link->context = context;
	link->backoff_ms = BACKOFF_MIN_MS;
	link->channels[0] = xstrdup(channels[0]);
	link->channels[1] = xstrdup(channels[1]);
	link->retry_timer = evtimer_new(base, on_retry, link);
	link->limit_timer = evtimer_new(base, on_limit, link);
	if (!redis_address_parse(url, &link->address, &err))
		link->url_error = xstrdup(err.text);
	return link;
}

void link_start(struct link *link)
{
	timer_set(link->retry_timer, 0);
}

const char *link_run_id(const struct link *link)
{
	return link->run_id;
}

const struct redis_address *link_address(const struct link *link)
{
	return &link->address;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	if (link->lookup)
		evdns_getaddrinfo_cancel(link->lookup);
	link->in_flight = NULL;
	cut(&link->commands);
	cut(&link->subscription);
	if (link->dns)
		evdns_base_free(link->dns, 0);
	event_free(link->retry_timer);
	event_free(link->limit_timer);
	redis_address_done(&link->address);
	free(link->url_error);
	free(link->channels[0]);
	free(link->channels[1]);
	free(link);
}
