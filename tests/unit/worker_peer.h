/*
 * The supervisor's side of a worker channel, for tests: a child process that runs a worker shell,
 * and blocking calls that put and take one message. A test that waits in vain fails after 20 s.
 */
#pragma once

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/wire.h"

enum { PEER_PATIENCE_MS = 20000 };

struct peer {
	pid_t pid;
	int fd;
	struct buf in; /* bytes read and not yet taken */
	size_t taken;  /* the message last given still points into the front of `in` */
};

static inline void peer_put(struct peer *peer, const struct wire_message *message)
{
	struct buf out = { 0 };

	wire_put(&out, message);
	assert_int_equal(send(peer->fd, out.data, out.len, MSG_NOSIGNAL), out.len);
	buf_done(&out);
}

/* False at end of file. */
static inline bool peer_read_more(struct peer *peer)
{
	struct pollfd waiting = { .fd = peer->fd, .events = POLLIN };
	ssize_t got;

	if (poll(&waiting, 1, PEER_PATIENCE_MS) != 1)
		fail_msg("no message from the worker");
	buf_reserve(&peer->in, 65536);
	got = recv(peer->fd, peer->in.data + peer->in.len, 65536, 0);
	if (got <= 0)
		return false;
	peer->in.len += (size_t)got;
	return true;
}

/* The next message; false at end of file. Texts are valid until the next call. */
static inline bool peer_take(struct peer *peer, struct wire_message *out)
{
	struct err err = { 0 };
	struct reader in;
	size_t len;

	buf_consume(&peer->in, peer->taken);
	peer->taken = 0;
	for (;;) {
		reader_init(&in, peer->in.data, peer->in.len);
		len = reader_u32(&in);
		if (!in.failed && peer->in.len - 4 >= len)
			break;
		if (!peer_read_more(peer))
			return false;
	}
	if (!wire_decode(peer->in.data + 4, len, out, &err))
		fail_msg("%s", err.text);
	peer->taken = len + 4;
	return true;
}

/* The next message that is a VERDICT or a CRASH. */
static inline struct wire_message peer_take_end(struct peer *peer)
{
	struct wire_message message;

	do {
		if (!peer_take(peer, &message))
			fail_msg("the worker ended");
	} while (message.type != WIRE_VERDICT && message.type != WIRE_CRASH);
	return message;
}

static inline void peer_hello(struct peer *peer, uint32_t slots)
{
	struct wire_message ready;

	peer_put(peer,
		 &(struct wire_message){ .type = WIRE_HELLO, .hello = { WIRE_VERSION, slots } });
	assert_true(peer_take(peer, &ready));
	assert_int_equal(ready.type, WIRE_READY);
	assert_int_equal(ready.ready.version, WIRE_VERSION);
	assert_int_equal(ready.ready.pid, peer->pid);
}

static inline void peer_run(struct peer *peer, uint64_t tag, uint64_t timeout_ms, const char *task)
{
	peer_put(peer, &(struct wire_message){ .type = WIRE_RUN,
					       .run = { tag, timeout_ms, wire_text(task) } });
}

static inline void peer_cancel(struct peer *peer, uint64_t tag)
{
	peer_put(peer, &(struct wire_message){ .type = WIRE_CANCEL, .cancel = { tag } });
}

static inline void peer_drain(struct peer *peer, uint32_t within_ms)
{
	peer_put(peer, &(struct wire_message){ .type = WIRE_DRAIN, .drain = { within_ms } });
}

/* Runs body(fd) in a child that dies with the test. */
static inline void peer_start(struct peer *peer, int (*body)(void *context, int fd), void *context)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*peer = (struct peer){ .fd = pair[0] };
	fflush(NULL);
	peer->pid = fork();
	if (peer->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(body(context, pair[1]));
	}
	close(pair[1]);
}

/* Waits for the end and gives the wait status. */
static inline int peer_wait(struct peer *peer)
{
	int status = -1;

	assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
	peer->pid = 0;
	return status;
}

static inline void peer_done(struct peer *peer)
{
	if (peer->pid) {
		kill(peer->pid, SIGKILL);
		waitpid(peer->pid, NULL, 0);
	}
	close(peer->fd);
	buf_done(&peer->in);
}

/* A noop task with this definition (JSON object text). Caller frees. */
static inline char *noop_task(int attempt, const char *definition)
{
	return xasprintf("{\"batch\":\"b\",\"pipeline\":\"b-1\",\"stage\":\"s\",\"type\":\"noop\","
			 "\"epoch\":1,\"attempt\":%d,\"prepare\":false,\"definition\":%s,"
			 "\"context\":{\"matrix\":{},\"vars\":{},\"labels\":{},\"name\":\"one\","
			 "\"index\":1,\"batch_name\":\"test\"},\"results\":{}}",
			 attempt, definition);
}

static inline void assert_text(struct wire_text text, const char *wanted)
{
	DEFER(freep) char *copy = xstrndup(text.data, text.len);

	assert_string_equal(copy, wanted);
}

static inline void assert_contains(struct wire_text text, const char *wanted)
{
	DEFER(freep) char *copy = xstrndup(text.data, text.len);

	if (!strstr(copy, wanted))
		fail_msg("\"%s\" does not contain \"%s\"", copy, wanted);
}
