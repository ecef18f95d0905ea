/*
 * Every way in which the supervisor ends: drained, told twice, idle.
 */
#include <event2/event.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/supervisor_private.h"

enum {
	IDLE_US = 2000000,
	IDLE_LOOK_US = 500000,
	ORPHANED_US = 60000000, /* Redis away, and nobody there who would bring it back */
	EXIT_AT_ONCE = 128 + SIGTERM,
};

void leave_drain(struct supervisor *supervisor)
{
	supervisor_set_state(supervisor, DRAINING);
	supervisor->drain_until_us =
		clock_monotonic_us() + supervisor->config->drain_timeout_ms * 1000;
	notify_stopping(&supervisor->notify);
	log_info("draining: %zu stages in hand, they have %g s",
		 workers_in_hand(supervisor->workers),
		 (double)supervisor->config->drain_timeout_ms / 1e3);
	supervisor_touch(supervisor);
}

static void on_flushed(void *context)
{
	struct supervisor *supervisor = context;

	event_base_loopbreak(supervisor->base);
}

void leave_flush(struct supervisor *supervisor, int timeout_ms)
{
	supervisor_set_state(supervisor, LEAVING);
	broker_stop(supervisor->broker, timeout_ms, on_flushed, supervisor);
}

void leave_at_once(struct supervisor *supervisor)
{
	supervisor->exit_status = EXIT_AT_ONCE;
	if (supervisor->state == LEAVING) {
		event_base_loopbreak(supervisor->base);
		return;
	}
	log_warn("told again to end: %zu stages in hand go back unfinished",
		 workers_in_hand(supervisor->workers));
	workers_abandon(supervisor->workers);
	leave_flush(supervisor, 1000);
}

/* Every client that uses this private farm holds run.lock shared; who gets it alone may end it. We
 * keep it to the end, so that a client that comes now waits and starts a new one. */
static bool nobody_uses_it(struct supervisor *supervisor)
{
	DEFER(freep) char *path = xasprintf("%s/run.lock", supervisor->config->state_dir);

	supervisor->run_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (supervisor->run_lock >= 0 && !flock(supervisor->run_lock, LOCK_EX | LOCK_NB))
		return true;
	file_closep(&supervisor->run_lock);
	return false;
}

static bool is_idle(const struct supervisor *supervisor)
{
	struct broker_stats stats;

	broker_stats(supervisor->broker, &stats);
	return stats.is_up && !workers_in_hand(supervisor->workers) && !stats.unsent &&
	       !stats.ready && !stats.delayed;
}

/* Figures come with the heartbeat: idle must last longer than two of them to be true. */
static int64_t idle_limit_us(const struct supervisor *supervisor)
{
	int64_t beats_us = 2 * supervisor->config->heartbeat_ms * 1000;

	return beats_us > IDLE_US ? beats_us : IDLE_US;
}

int64_t leave_if_idle(struct supervisor *supervisor, int64_t now_us)
{
	bool is_orphaned = supervisor->down_us && now_us - supervisor->down_us > ORPHANED_US;

	if (supervisor->state >= DRAINING)
		return INT64_MAX;
	if (!is_idle(supervisor))
		supervisor->idle_us = 0;
	else if (!supervisor->idle_us)
		supervisor->idle_us = now_us;
	if (!is_orphaned &&
	    (!supervisor->idle_us || now_us - supervisor->idle_us < idle_limit_us(supervisor)))
		return now_us + IDLE_LOOK_US;
	if (!nobody_uses_it(supervisor)) {
		supervisor->idle_us = 0;
		return now_us + IDLE_LOOK_US;
	}
	log_info("%s", is_orphaned ? "Redis is gone and no client is left"
				   : "nothing is left to do and no client is left");
	supervisor->exit_status = is_orphaned;
	leave_drain(supervisor);
	return INT64_MAX;
}

/* The number may have gone to another process since: look at its name first. */
static bool is_redis(pid_t pid)
{
	DEFER(freep) char *path = xasprintf("/proc/%d/comm", (int)pid);
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[32] = "";

	if (fd < 0 || read(fd, name, sizeof(name) - 1) <= 0)
		return false;
	return !strncmp(name, "redis", 5) || !strncmp(name, "valkey", 6);
}

/* Who holds the lock wrote its number there; a client may have started another one since we did. 0:
 * nobody. */
static pid_t holder_of(const char *path)
{
	DEFER(file_closep) int fd = open(path, O_RDWR | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK ||
	    pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/* A client that is there decides itself; one that comes now waits for run.lock, and starts Redis
 * again from its append-only file. */
void leave_stop_redis(struct supervisor *supervisor)
{
	const char *lock = supervisor->options->stop_redis;
	pid_t pid;

	if (!lock || (supervisor->run_lock < 0 && !nobody_uses_it(supervisor)))
		return;
	pid = holder_of(lock);
	if (pid < 2)
		return;
	if (!is_redis(pid))
		log_warn("pid=%d of %s is not a Redis: it is left alone", (int)pid, lock);
	else if (kill(pid, SIGTERM) < 0 && errno != ESRCH)
		log_warn("Redis pid=%d could not be ended: %s", (int)pid, strerror(errno));
	else
		log_info("Redis is ended too pid=%d", (int)pid);
}
