/*
 * What supervisor.c (the loop), reload.c (SIGHUP) and leave.c (every way to end) share.
 */
#pragma once

#include "daemon/disk.h"
#include "daemon/notify.h"
#include "daemon/supervisor.h"
#include "daemon/workers.h"

enum supervisor_state { STARTING, SERVING, DRAINING, LEAVING };

struct supervisor {
	enum supervisor_state state;
	const struct supervisor_options *options;
	struct config *config;
	char *folder, *worker_config;
	int host_lock, run_lock; /* descriptors that hold the locks; -1 */
	struct event_base *base;
	struct broker *broker;
	struct workers *workers;
	struct event *tick, *watchdog, *on_term, *on_int, *on_hup;
	struct notify notify;
	struct disk disk;
	int64_t tick_us;	/* when `tick` will come; INT64_MAX: not set */
	int64_t drain_until_us; /* valid from DRAINING; INT64_MAX before */
	int64_t idle_us;	/* since when there is nothing to do; 0: there is */
	int64_t down_us;	/* since when Redis is away; 0: it is not */
	int64_t report_us;	/* when the last line of figures was written */
	uint64_t reported;	/* attempts finished by then */
	char *down_why;
	int exit_status;
};

/* Has everything looked at again at the end of this turn of the loop. */
void supervisor_touch(struct supervisor *supervisor);
void supervisor_set_state(struct supervisor *supervisor, enum supervisor_state to);
void supervisor_worker_options(const struct supervisor *supervisor, const struct config *config,
			       struct workers_options *out);
void supervisor_apply_lanes(struct supervisor *supervisor);
void supervisor_apply_log_level(const struct supervisor *supervisor);
/* The resolved configuration as the workers shall read it, without the address of Redis. */
bool supervisor_write_worker_config(const struct supervisor *supervisor,
				    const struct config *config, struct err *err) MUST_CHECK;

void reload_config(struct supervisor *supervisor);

/* SIGTERM, the first and the second. */
void leave_drain(struct supervisor *supervisor);
void leave_at_once(struct supervisor *supervisor);
/* Nothing is in hand any more: gives Redis the last endings, then ends the loop. */
void leave_flush(struct supervisor *supervisor, int timeout_ms);
/* --exit-when-idle: drains when it is time; returns when to ask again. */
int64_t leave_if_idle(struct supervisor *supervisor, int64_t now_us);
/* --stop-redis, after the loop. */
void leave_stop_redis(struct supervisor *supervisor);
