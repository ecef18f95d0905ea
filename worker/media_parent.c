/*
 * The media parent: children, their clocks and their endings.
 *
 *      RUN -> fork -> RUNNING --VERDICT--> ANSWERED ----------.
 *                        |                                     v
 *                        +--limit, CANCEL, nonsense--> KILLED --> ended: end of file and wait
 * status
 *
 * A child ends twice, by end of file on its channel and by its wait status, in either order; frames
 * that it wrote before it died arrive before the end of file, so nothing is decided until both are
 * there. The first verdict is passed on at once; who ends without one is explained here: killed for
 * its time (TIMEOUT), cancelled (CANCELLED), or a CRASH that the supervisor charges to the stage.
 *
 * No exit code, no text and no frame of a child is trusted: it may be run by the media it opened.
 */
#include "worker/media_parent.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "pipeline/spec/expr.h"
#include "worker/shell.h"
#include "worker/workdir.h"

enum { LEAVE_WITHIN_MS = 5000 }; /* from the verdict to the exit, from the exit to end of file */

enum child_state { CHILD_RUNNING, CHILD_ANSWERED, CHILD_KILLED };
enum kill_reason { KILL_NONE, KILL_TIMEOUT, KILL_CANCEL, KILL_NONSENSE };

struct child {
	struct child *next;
	struct parent *parent;
	uint64_t tag, timeout_ms;
	pid_t pid;
	int pidfd;
	int64_t started_us;
	struct channel *channel; /* NULL after its end of file */
	struct event *exited, *clock;
	char *work_dir;
	char step[MEDIA_STEP_MAX];
	enum child_state state;
	enum kill_reason reason; /* valid in CHILD_KILLED */
	bool is_reaped;
	int status; /* as waitpid gives it; valid when is_reaped */
};

struct parent {
	struct shell shell;
	const struct media_parent_options *options;
	struct workdir workdir;
	struct child *children;
	struct event *warm_up;
};

static struct child *child_find(struct parent *parent, uint64_t tag)
{
	struct child *child = parent->children;

	while (child && (child->tag != tag || child->state == CHILD_ANSWERED))
		child = child->next;
	return child;
}

static uint32_t open_runs(const struct parent *parent)
{
	uint32_t count = 0;

	for (const struct child *child = parent->children; child; child = child->next)
		count += child->state != CHILD_ANSWERED;
	return count;
}

static void put_verdict(struct parent *parent, uint64_t tag, enum verdict_class class,
			const char *message)
{
	channel_put(parent->shell.channel,
		    &(struct wire_message){ .type = WIRE_VERDICT,
					    .verdict = { .tag = tag,
							 .class = class,
							 .message = wire_text(message),
							 .result = wire_text(NULL) } });
}

static void child_free(struct child *child)
{
	channel_free(child->channel);
	event_free(child->exited);
	event_free(child->clock);
	file_closep(&child->pidfd);
	workdir_remove(child->work_dir);
	free(child->work_dir);
	free(child);
}

static void put_timeout(struct child *child)
{
	char limit[32];
	DEFER(freep)
	char *message =
		xasprintf("it ran longer than the %s that one attempt may take (step '%s'); raise "
			  "`timeout` of the stage or media_timeout of the host",
			  units_show_duration((int64_t)child->timeout_ms, limit), child->step);

	put_verdict(child->parent, child->tag, VERDICT_TIMEOUT, message);
}

static bool is_in_expression(const struct child *child)
{
	return !strncmp(child->step, MEDIA_EXPRESSION_STEP, strlen(MEDIA_EXPRESSION_STEP));
}

/* An attempt shorter than an expression's own limit of CPU time. */
static void put_expression_timeout(struct child *child)
{
	char limit[32];
	DEFER(freep)
	char *message = xasprintf(
		"the %s ran longer than the %s that one attempt may take; is a range or a "
		"recursion without end in it?",
		child->step, units_show_duration((int64_t)child->timeout_ms, limit));

	put_verdict(child->parent, child->tag, VERDICT_PERMANENT, message);
}

static void put_crash(struct child *child)
{
	int64_t run_us = clock_monotonic_us() - child->started_us;

	channel_put(child->parent->shell.channel,
		    &(struct wire_message){ .type = WIRE_CRASH,
					    .crash = { .tag = child->tag,
						       .pid = (uint32_t)child->pid,
						       .status = (uint32_t)child->status,
						       .run_ms = (uint64_t)(run_us / 1000),
						       .step = wire_text(child->step) } });
}

/* What an expression uses up once, it uses up every time: no other attempt can succeed. */
static void put_expression_limit(struct child *child)
{
	char limit[32];
	DEFER(freep)
	char *message = xasprintf(
		"the %s uses too much: more than its %s of memory (media_memory); is a range or a "
		"recursion without end in it?",
		child->step,
		units_show_bytes(child->parent->options->config->media_memory_bytes, limit));

	put_verdict(child->parent, child->tag, VERDICT_PERMANENT, message);
}

static bool is_expression_limit(const struct child *child)
{
	return WIFEXITED(child->status) && WEXITSTATUS(child->status) == EXPR_LIMIT_EXIT;
}

/* The one VERDICT or CRASH of a child that gave none. */
static void explain(struct child *child)
{
	switch (child->reason) {
	case KILL_TIMEOUT:
		if (is_in_expression(child))
			put_expression_timeout(child);
		else
			put_timeout(child);
		break;
	case KILL_CANCEL:
		put_verdict(child->parent, child->tag, VERDICT_CANCELLED, "cancelled");
		break;
	case KILL_NONE:
		if (is_expression_limit(child))
			put_expression_limit(child);
		else
			put_crash(child);
		break;
	case KILL_NONSENSE: put_crash(child); break;
	}
}

static void child_end_if_complete(struct child *child)
{
	struct parent *parent = child->parent;
	struct child **link = &parent->children;

	if (child->channel || !child->is_reaped)
		return;
	if (child->state != CHILD_ANSWERED)
		explain(child);
	while (*link != child)
		link = &(*link)->next;
	*link = child->next;
	child_free(child);
	shell_look_if_drained(&parent->shell);
}

/* The group, because a child may have become one; the process itself, because it may not have yet.
 */
static void child_kill(struct child *child, enum kill_reason reason)
{
	if (child->state == CHILD_RUNNING) {
		child->state = CHILD_KILLED;
		child->reason = reason;
	}
	if (child->is_reaped)
		return; /* the number may be somebody else's by now */
	(void)kill(-child->pid, SIGKILL);
	(void)kill(child->pid, SIGKILL);
}

static void child_clock_set(struct child *child, uint64_t ms)
{
	struct timeval wait = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(child->clock, &wait);
}

static void child_close(struct child *child)
{
	channel_free(child->channel);
	child->channel = NULL;
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd, (void)what;
	if (child->is_reaped) { /* somebody else holds its end of the channel, and shall not hold us
				 */
		child_close(child);
		child_end_if_complete(child);
		return;
	}
	if (child->state == CHILD_ANSWERED)
		log_warn("media child did not leave after its verdict and is killed pid=%d",
			 (int)child->pid);
	child_kill(child, KILL_TIMEOUT);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd, (void)what;
	if (child->is_reaped || waitpid(child->pid, &child->status, WNOHANG) != child->pid)
		return;
	child->is_reaped = true;
	event_del(child->exited);
	child_clock_set(child, LEAVE_WITHIN_MS); /* for its end of file */
	child_end_if_complete(child);
}

static void on_nonsense(struct child *child, const char *what)
{
	log_warn("media child sent %s and is killed pid=%d step=%s", what, (int)child->pid,
		 child->step);
	child_kill(child, KILL_NONSENSE);
}

/* A step is shown in logs and messages: only what is harmless there. */
static bool take_step(struct child *child, const struct wire_step *step)
{
	if (step->name.len >= sizeof(child->step))
		return false;
	for (size_t i = 0; i < step->name.len; i++)
		if ((unsigned char)step->name.data[i] < ' ' || step->name.data[i] == 0x7f)
			return false;
	memcpy(child->step, step->name.data, step->name.len);
	child->step[step->name.len] = '\0';
	channel_put(child->parent->shell.channel,
		    &(struct wire_message){
			    .type = WIRE_STEP,
			    .step = { child->tag, (uint32_t)child->pid, wire_text(child->step) } });
	return true;
}

static bool take_verdict(struct child *child, const struct wire_message *message)
{
	const struct wire_verdict *verdict = &message->verdict;

	/* Only this process may say who was killed or that a worker died. */
	if (verdict->class == VERDICT_CRASH || verdict->message.len > MEDIA_MESSAGE_MAX ||
	    verdict->result.len > MEDIA_RESULT_MAX)
		return false;
	channel_put(child->parent->shell.channel, message);
	child->state = CHILD_ANSWERED;
	child_clock_set(child, LEAVE_WITHIN_MS);
	return true;
}

static uint64_t tag_of(const struct wire_message *message)
{
	switch (message->type) {
	case WIRE_STEP: return message->step.tag;
	case WIRE_PROGRESS: return message->progress.tag;
	case WIRE_VERDICT: return message->verdict.tag;
	case WIRE_HELLO:
	case WIRE_RUN:
	case WIRE_CANCEL:
	case WIRE_DRAIN:
	case WIRE_READY:
	case WIRE_CRASH: break; /* not a child's to send */
	}
	return 0;
}

static void on_child_message(void *context, const struct wire_message *message)
{
	struct child *child = context;
	bool is_good = true;

	if (child->state == CHILD_KILLED && child->reason == KILL_NONSENSE)
		return;
	if (child->state == CHILD_ANSWERED) {
		on_nonsense(child, "more after its verdict");
		return;
	}
	if (!tag_of(message) || tag_of(message) != child->tag) {
		on_nonsense(child, "a message that is not its to send");
		return;
	}
	if (message->type == WIRE_STEP)
		is_good = take_step(child, &message->step);
	else if (message->type == WIRE_VERDICT)
		is_good = take_verdict(child, message);
	else if (message->progress.permille <= 1000)
		channel_put(child->parent->shell.channel, message);
	if (!is_good)
		on_nonsense(child, "a message of forbidden size or content");
}

static void on_child_closed(void *context, const char *why)
{
	struct child *child = context;

	(void)why; /* the wait status, which follows, says more */
	child_close(child);
	/* One that is on its way out keeps the status it chose; one that sent a broken frame or
	 * only closed its end must go. */
	child_kill(child, KILL_NONE);
	child_end_if_complete(child);
}

static NORETURN void in_child(struct parent *parent, const struct wire_run *run,
			      const struct child *child, int fd, pid_t parent_pid)
{
	struct media_job job = {
		.config = parent->options->config,
		.tag = child->tag,
		.timeout_ms = child->timeout_ms,
		.task = run->task.data,
		.task_len = run->task.len,
		.work_dir = child->work_dir,
		.fd = fd,
		.parent = parent_pid,
	};

	parent->options->child(&job);
}

static void child_watch(struct child *child, int fd)
{
	static const struct channel_handler handler = { .message = on_child_message,
							.closed = on_child_closed };
	struct event_base *base = child->parent->shell.base;

	child->channel = channel_new(base, fd, &handler, child);
	child->pidfd = pidfd_open(child->pid, 0);
	assert(child->pidfd >= 0); /* it is our child and not reaped */
	child->exited = event_new(base, child->pidfd, EV_READ | EV_PERSIST, on_exited, child);
	event_add(child->exited, NULL);
	child->clock = evtimer_new(base, on_clock, child);
	if (child->timeout_ms)
		child_clock_set(child, child->timeout_ms);
}

static bool child_fork(struct parent *parent, const struct wire_run *run, struct child *child,
		       struct err *err)
{
	pid_t parent_pid = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, ERR_RETRY, "channel for a media child");
	child->started_us = clock_monotonic_us();
	child->pid = fork();
	if (child->pid == 0)
		in_child(parent, run, child, pair[1], parent_pid);
	close(pair[1]);
	if (child->pid < 0) {
		close(pair[0]);
		return err_errno(err, ERR_RETRY, "fork of a media child");
	}
	(void)setpgid(child->pid, child->pid); /* whoever is first, parent or child */
	child_watch(child, pair[0]);
	return true;
}

/* The shorter of what the spec says and what the host allows. */
static uint64_t limit_of(const struct parent *parent, const struct wire_run *run)
{
	uint64_t host_ms = (uint64_t)parent->options->config->media_timeout_ms;

	if (!run->timeout_ms || (host_ms && host_ms < run->timeout_ms))
		return host_ms;
	return run->timeout_ms;
}

static bool child_start(struct parent *parent, const struct wire_run *run, struct err *err)
{
	struct child *child;
	char *work_dir;

	if (!workdir_make(&parent->workdir, run->tag, &work_dir, err))
		return false;
	child = xcalloc(1, sizeof(*child));
	*child = (struct child){ .parent = parent,
				 .tag = run->tag,
				 .timeout_ms = limit_of(parent, run),
				 .work_dir = work_dir,
				 .step = "start" };
	if (!child_fork(parent, run, child, err)) {
		workdir_remove(work_dir);
		free(work_dir);
		free(child);
		return false;
	}
	child->next = parent->children;
	parent->children = child;
	return true;
}

static void on_run(void *context, const struct wire_run *run)
{
	struct parent *parent = context;
	struct err err = { 0 };

	if (!run->tag || child_find(parent, run->tag) || parent->shell.is_draining ||
	    open_runs(parent) >= parent->shell.slots) {
		shell_protocol_error(&parent->shell, "a RUN that does not fit what it said before");
		return;
	}
	if (!child_start(parent, run, &err))
		put_verdict(parent, run->tag,
			    err.kind == ERR_OPERATOR ? VERDICT_OPERATOR : VERDICT_TRANSIENT,
			    err.text);
}

static void on_cancel(void *context, uint64_t tag)
{
	struct parent *parent = context;
	struct child *child = child_find(parent, tag);

	if (child) /* else its verdict is on the way to the supervisor */
		child_kill(child, KILL_CANCEL);
}

/* READY has left by then: loading fonts may take longer than the supervisor's patience. */
static void on_greeted(void *context)
{
	struct parent *parent = context;

	event_active(parent->warm_up, EV_TIMEOUT, 0);
}

/* One that has answered is in hand until it has left. */
static uint32_t in_hand(const void *context)
{
	const struct parent *parent = context;
	uint32_t count = 0;

	for (const struct child *child = parent->children; child; child = child->next)
		count++;
	return count;
}

static void on_warm_up(evutil_socket_t fd, short what, void *arg)
{
	struct parent *parent = arg;

	(void)fd, (void)what;
	(void)channel_flush(parent->shell.channel, 1000);
	parent->options->warm_up();
}

static void end_children(struct parent *parent)
{
	while (parent->children) {
		struct child *child = parent->children;

		parent->children = child->next;
		child_kill(child, KILL_CANCEL);
		if (!child->is_reaped)
			(void)waitpid(child->pid, &child->status, 0);
		child_free(child);
	}
}

static bool parent_init(struct parent *parent, const struct media_parent_options *options, int fd)
{
	static const struct shell_duties duties = {
		.greeted = on_greeted, .run = on_run, .cancel = on_cancel, .in_hand = in_hand
	};
	struct err err = { 0 };

	*parent = (struct parent){ .options = options, .workdir = { .lock_fd = -1 } };
	if (!workdir_open(&parent->workdir, options->config->state_dir, &err)) {
		log_err("%s", err.text);
		return false;
	}
	shell_init(&parent->shell, fd, &duties, parent);
	parent->warm_up = evtimer_new(parent->shell.base, on_warm_up, parent);
	return true;
}

int media_parent_main(const struct media_parent_options *options, int channel_fd)
{
	struct parent parent;

	if (!parent_init(&parent, options, channel_fd))
		return EXIT_OPERATOR;
	shell_loop(&parent.shell);
	end_children(&parent);
	event_free(parent.warm_up);
	shell_done(&parent.shell);
	workdir_done(&parent.workdir);
	return parent.shell.exit_code;
}
