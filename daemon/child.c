/*
 * Owns the pid, its pidfd and the channel. Knows nothing of stages.
 *
 * Two endings, in either order: end of file on the channel (no message will follow) and the exit
 * status (the pidfd became readable). Each sets its flag and calls child_end_if_complete. When only
 * one of them came, the other is forced after GRACE_MS: a worker that closed its channel is of no
 * use, and a channel kept open by a grandchild will not bring the verdicts of a dead parent.
 */
#include "daemon/child.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/channel.h"

enum { GRACE_MS = 2000 };

struct child {
	struct spawned process;
	const struct kind *kind;
	struct channel *channel;
	struct event *exited_event, *timer;
	const struct child_handler *handler;
	void *context;
	int64_t started_us;
	bool is_ready, has_closed, has_exited, has_ended;
	int status;	  /* valid when has_exited */
	char *why_killed; /* NULL: not by us */
};

static void child_end_if_complete(struct child *child)
{
	struct child_end end = {
		.status = child->status,
		.run_us = clock_monotonic_us() - child->started_us,
		.was_ready = child->is_ready,
		.why_killed = child->why_killed,
		.culprit = child->process.page ? *child->process.page : 0,
	};

	if (!child->has_closed || !child->has_exited || child->has_ended)
		return;
	child->has_ended = true;
	event_del(child->timer);
	child->handler->end(child->context, &end); /* may free the child */
}

static void set_timer(struct child *child, int ms)
{
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	event_add(child->timer, &after);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd, (void)what;
	if (child->has_exited) {
		child->has_closed = true;
		child_end_if_complete(child);
	} else if (child->has_closed) {
		child_kill(child, "it closed its channel and did not exit");
	} else {
		child_kill(child, "it did not say READY in time");
	}
}

static void kill_group(struct child *child)
{
	/* Until it is reaped its number belongs to it, and so does the group it leads. */
	if (!child->has_exited) {
		(void)kill(-child->process.pid, SIGKILL); /* no group yet: the next call suffices */
		(void)kill(child->process.pid, SIGKILL);
	}
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd, (void)what;
	/* What it forked must not outlive it, nor keep the channel open. */
	if (child->kind->caps & KIND_FORKS)
		(void)kill(-child->process.pid, SIGKILL);
	if (waitpid(child->process.pid, &child->status, WNOHANG) != child->process.pid)
		return; /* level-triggered: it comes again */
	event_del(child->exited_event);
	child->has_exited = true;
	if (!child->has_closed)
		set_timer(child, GRACE_MS);
	child_end_if_complete(child);
}

static void on_closed(void *context, const char *why)
{
	struct child *child = context;

	child->has_closed = true;
	if (!child->has_exited) {
		set_timer(child, GRACE_MS);
		if (channel_is_broken(child->channel))
			child_kill(child, "it %s", why);
	}
	child_end_if_complete(child);
}

static void on_ready(struct child *child, const struct wire_ready *ready)
{
	if (child->is_ready) {
		child_kill(child, "it said READY twice");
	} else if (ready->version != WIRE_VERSION) {
		child_kill(child,
			   "it speaks version %u of the messages, we speak %d: reeld and "
			   "reel-worker are of different releases",
			   ready->version, WIRE_VERSION);
	} else if ((pid_t)ready->pid != child->process.pid) {
		child_kill(child, "it says it is pid %u", ready->pid);
	} else {
		child->is_ready = true;
		event_del(child->timer);
		child->handler->ready(child->context);
	}
}

static void on_message(void *context, const struct wire_message *message)
{
	struct child *child = context;

	if (child->why_killed)
		return; /* its word counts no more */
	if (message->type == WIRE_READY)
		on_ready(child, &message->ready);
	else if (!child->is_ready)
		child_kill(child, "it sent message %u before READY", message->type);
	else
		child->handler->message(child->context, message);
}

bool child_spawn(struct event_base *base, const struct spawn_plan *plan, uint32_t slots,
		 int ready_ms, const struct child_handler *handler, void *context,
		 struct child **out, struct err *err)
{
	static const struct channel_handler channel_handler = { .message = on_message,
								.closed = on_closed };
	struct wire_message hello = { .type = WIRE_HELLO, .hello = { WIRE_VERSION, slots } };
	struct spawned process;
	struct child *child;

	if (!spawn_worker(plan, &process, err))
		return false;
	child = xcalloc(1, sizeof(*child));
	child->process = process;
	child->kind = plan->kind;
	child->handler = handler;
	child->context = context;
	child->started_us = clock_monotonic_us();
	child->channel = channel_new(base, process.channel_fd, &channel_handler, child);
	child->process.channel_fd = -1; /* the channel's now */
	child->exited_event =
		event_new(base, process.pidfd, EV_READ | EV_PERSIST, on_exited, child);
	child->timer = event_new(base, -1, 0, on_timer, child);
	assert(child->exited_event && child->timer);
	event_add(child->exited_event, NULL);
	set_timer(child, ready_ms);
	channel_put(child->channel, &hello);
	*out = child;
	return true;
}

void child_put(struct child *child, const struct wire_message *message)
{
	channel_put(child->channel, message);
}

pid_t child_pid(const struct child *child)
{
	return child->process.pid;
}

void child_kill(struct child *child, const char *why, ...)
{
	va_list args;
	char text[256];

	if (child->has_exited || child->why_killed)
		return;
	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	child->why_killed = xstrdup(text);
	kill_group(child);
}

void child_free(struct child *child)
{
	if (!child)
		return;
	channel_free(child->channel);
	event_free(child->exited_event);
	event_free(child->timer);
	spawn_release(&child->process);
	free(child->why_killed);
	free(child);
}

const char *child_show_status(int status, char out[96])
{
	if (WIFSIGNALED(status))
		snprintf(out, 96, "signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
			 WCOREDUMP(status) ? ", core dumped" : "");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == SPAWN_EXIT_EXEC)
		snprintf(out, 96, "exit status %d (it could not be executed)", SPAWN_EXIT_EXEC);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == SPAWN_EXIT_SETUP)
		snprintf(out, 96, "exit status %d (its limits could not be set)", SPAWN_EXIT_SETUP);
	else
		snprintf(out, 96, "exit status %d", WEXITSTATUS(status));
	return out;
}
