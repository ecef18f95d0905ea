/*
 * Owns a connected stream socket and moves whole frames over it. Knows nothing of what they mean.
 *
 * The idea: channel_put only appends; one event, activated once and run behind everything that is
 * already active in this turn of the loop, writes all of it in one call. Reading ends the channel,
 * writing never does: when the other side died, its last messages are still waiting to be read, and
 * a verdict among them must not be lost because a RUN could not be delivered any more.
 *
 *      OPEN --(end of file, broken frame, outbox full)--> ENDING --(closed called)--> CLOSED
 */
#include "worker/channel.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

enum {
	READ_CHUNK = 64 << 10,
	READS_PER_TURN = 8, /* 512 KiB, then other events get their turn */
	OUTBOX_KEEP = 1 << 20,
};

enum channel_state { CHANNEL_OPEN, CHANNEL_ENDING, CHANNEL_CLOSED };

struct channel {
	int fd;
	enum channel_state state;
	const struct channel_handler *handler;
	void *context;
	struct event *readable, *writable, *turn_end;
	struct buf in, out;
	size_t sent;  /* bytes at the front of `out` that are gone already */
	bool is_deaf; /* writing failed: the other side is going, its end of file will follow */
	unsigned in_callback;
	bool is_broken; /* it ended by a frame or a backlog against the rules */
	bool is_freed;	/* freed from inside a callback: goes when that returns */
	char why[1024]; /* valid in CHANNEL_ENDING and later */
};

static void destroy(struct channel *channel)
{
	event_free(channel->readable);
	event_free(channel->writable);
	event_free(channel->turn_end);
	buf_done(&channel->in);
	buf_done(&channel->out);
	close(channel->fd);
	free(channel);
}

static void enter(struct channel *channel)
{
	channel->in_callback++;
}

static void leave(struct channel *channel)
{
	if (--channel->in_callback == 0 && channel->is_freed)
		destroy(channel);
}

/* The first reason counts. `closed` is called by whoever is at the top of the stack next. */
static void end_soon(struct channel *channel, const char *why, bool is_broken)
{
	if (channel->state != CHANNEL_OPEN)
		return;
	channel->state = CHANNEL_ENDING;
	channel->is_broken = is_broken;
	snprintf(channel->why, sizeof(channel->why), "%s", why);
	event_del(channel->readable);
	event_del(channel->writable);
	event_active(channel->turn_end, EV_TIMEOUT, 0);
}

static void drop_sent(struct channel *channel)
{
	if (channel->sent == channel->out.len) {
		if (channel->out.cap > OUTBOX_KEEP)
			buf_done(&channel->out);
		else
			buf_clear(&channel->out);
		channel->sent = 0;
	} else if (channel->sent > OUTBOX_KEEP) {
		buf_consume(&channel->out, channel->sent);
		channel->sent = 0;
	}
}

static void write_some(struct channel *channel)
{
	while (!channel->is_deaf && channel->sent < channel->out.len) {
		ssize_t put = send(channel->fd, channel->out.data + channel->sent,
				   channel->out.len - channel->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			break;
		if (put < 0)
			channel->is_deaf = true;
		else
			channel->sent += (size_t)put;
	}
	if (channel->is_deaf)
		channel->sent = channel->out.len;
	drop_sent(channel);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd, (void)what;
	enter(channel);
	if (!channel->is_freed && channel->state == CHANNEL_OPEN) {
		write_some(channel);
		if (channel_backlog(channel))
			event_add(channel->writable, NULL);
	} else if (!channel->is_freed && channel->state == CHANNEL_ENDING) {
		channel->state = CHANNEL_CLOSED;
		channel->handler->closed(channel->context, channel->why);
	}
	leave(channel);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd, (void)what;
	write_some(channel);
	if (!channel_backlog(channel))
		event_del(channel->writable);
}

static bool is_ours(const struct channel *channel)
{
	return channel->state == CHANNEL_OPEN && !channel->is_freed;
}

/* One frame from the front of `in` behind `at`; false when none is whole yet or all is over. */
static bool deliver_one(struct channel *channel, size_t *at)
{
	struct wire_message message;
	struct reader length;
	struct err err;
	size_t left = channel->in.len - *at, frame;

	if (left < 4)
		return false;
	reader_init(&length, channel->in.data + *at, 4);
	frame = reader_u32(&length);
	if (frame > WIRE_MAX_FRAME) {
		end_soon(channel, "sent a message longer than 16 MiB", true);
		return false;
	}
	if (left - 4 < frame)
		return false;
	if (!wire_decode(channel->in.data + *at + 4, frame, &message, &err)) {
		err_context(&err, "sent garbage");
		end_soon(channel, err.text, true);
		return false;
	}
	*at += 4 + frame;
	channel->handler->message(channel->context, &message);
	return is_ours(channel);
}

static void deliver(struct channel *channel)
{
	size_t at = 0;

	while (deliver_one(channel, &at))
		;
	buf_consume(&channel->in, at);
	if (!channel->in.len && channel->in.cap > OUTBOX_KEEP)
		buf_done(&channel->in);
}

/* True when there may be more to read. */
static bool read_once(struct channel *channel)
{
	ssize_t got;

	buf_reserve(&channel->in, READ_CHUNK);
	got = read(channel->fd, channel->in.data + channel->in.len, READ_CHUNK);
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) { /* ECONNRESET too: it died with our messages unread */
		end_soon(channel,
			 channel->in.len ? "ended in the middle of a message"
					 : "closed its channel",
			 false);
		return false;
	}
	channel->in.len += (size_t)got;
	channel->in.data[channel->in.len] = '\0';
	deliver(channel);
	return got == READ_CHUNK && is_ours(channel);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd, (void)what;
	enter(channel);
	for (unsigned i = 0; i < READS_PER_TURN && is_ours(channel) && read_once(channel); i++)
		;
	leave(channel);
}

struct channel *channel_new(struct event_base *base, int fd, const struct channel_handler *handler,
			    void *context)
{
	struct channel *channel = xcalloc(1, sizeof(*channel));

	channel->fd = fd;
	channel->handler = handler;
	channel->context = context;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	channel->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, channel);
	channel->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, channel);
	channel->turn_end = event_new(base, -1, 0, on_turn_end, channel);
	assert(channel->readable && channel->writable && channel->turn_end);
	event_add(channel->readable, NULL);
	return channel;
}

void channel_put(struct channel *channel, const struct wire_message *message)
{
	if (channel->state != CHANNEL_OPEN || channel->is_deaf)
		return;
	wire_put(&channel->out, message);
	if (channel_backlog(channel) > CHANNEL_MAX_BACKLOG) {
		end_soon(channel, "does not read its messages: 64 MiB wait for it", true);
		return;
	}
	event_active(channel->turn_end, EV_TIMEOUT, 0);
}

bool channel_is_broken(const struct channel *channel)
{
	return channel->is_broken;
}

size_t channel_backlog(const struct channel *channel)
{
	return channel->out.len - channel->sent;
}

bool channel_flush(struct channel *channel, int timeout_ms)
{
	int64_t until = clock_monotonic_us() + (int64_t)timeout_ms * 1000;

	for (;;) {
		struct pollfd out = { .fd = channel->fd, .events = POLLOUT };
		int64_t left_us = until - clock_monotonic_us();

		write_some(channel);
		if (channel->is_deaf)
			return false;
		if (!channel_backlog(channel))
			return true;
		if (left_us <= 0)
			return false;
		(void)poll(&out, 1, (int)(left_us / 1000) + 1); /* the loop looks again anyway */
	}
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	channel->is_freed = true;
	event_del(channel->readable);
	event_del(channel->writable);
	event_del(channel->turn_end);
	if (!channel->in_callback)
		destroy(channel);
}
