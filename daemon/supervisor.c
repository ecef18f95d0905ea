/*
 * Owns the loop and what hangs on it. Knows nothing of Redis keys, media or messages.
 *
 * The idea: every event only changes what there is and calls supervisor_touch; one tick, at the end
 * of that turn of the loop, looks at all of it, asks schedule.c what to do and does it. An idle
 * supervisor has no timer of its own.
 */
#include "daemon/supervisor_private.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
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
#include "daemon/kinds.h"

enum {
	BUSY_TICK_US = 1000000,	  /* overdue attempts, disk, figures */
	STATUS_TICK_US = 5000000, /* figures that only the heartbeat changes */
	REPORT_US = 60000000,
};

/* ---- state ---- */

#define TO(state) (1u << (state))

void supervisor_set_state(struct supervisor *supervisor, enum supervisor_state to)
{
	static const struct {
		const char *name;
		unsigned next;
	} states[] = {
		[STARTING] = { "starting", TO(SERVING) | TO(DRAINING) | TO(LEAVING) },
		[SERVING] = { "serving", TO(DRAINING) | TO(LEAVING) },
		[DRAINING] = { "draining", TO(LEAVING) },
		[LEAVING] = { "leaving", 0 },
	};

	assert(states[supervisor->state].next & TO(to));
	log_debug("state=%s from=%s", states[to].name, states[supervisor->state].name);
	supervisor->state = to;
}

/* ---- the tick ---- */

static void tick_at(struct supervisor *supervisor, int64_t at_us, int64_t now_us)
{
	int64_t wait_us = at_us > now_us ? at_us - now_us : 0;
	struct timeval wait = { wait_us / 1000000, wait_us % 1000000 };

	if (at_us >= supervisor->tick_us)
		return;
	supervisor->tick_us = at_us;
	event_add(supervisor->tick, &wait);
}

void supervisor_touch(struct supervisor *supervisor)
{
	event_active(supervisor->tick, EV_TIMEOUT, 0);
}

static void show_status(struct supervisor *supervisor, const struct broker_stats *stats)
{
	struct notify *notify = &supervisor->notify;
	size_t in_hand = workers_in_hand(supervisor->workers);

	if (supervisor->state >= DRAINING)
		notify_status(notify, "draining: %zu stages in hand", in_hand);
	else if (!stats->is_up)
		notify_status(notify, "Redis is away (%s); %zu stages go on",
			      supervisor->down_why ? supervisor->down_why : "not reached yet",
			      in_hand);
	else
		notify_status(notify,
			      "farm %s: %zu stages in hand, %" PRId64 " ready, %" PRId64
			      " waiting for their time%s",
			      supervisor->config->farm, in_hand, stats->ready, stats->delayed,
			      supervisor->disk.is_full ? "; disk is nearly full" : "");
}

static void report(struct supervisor *supervisor, const struct broker_stats *stats, int64_t now_us)
{
	if (stats->finished == supervisor->reported || now_us - supervisor->report_us < REPORT_US)
		return;
	if (supervisor->report_us)
		log_info("in_hand=%zu ready=%" PRId64 " delayed=%" PRId64 " finished=%" PRIu64,
			 workers_in_hand(supervisor->workers), stats->ready, stats->delayed,
			 stats->finished - supervisor->reported);
	supervisor->report_us = now_us;
	supervisor->reported = stats->finished;
}

static void say_ready_once(struct supervisor *supervisor, const struct broker_stats *stats)
{
	if (supervisor->state != STARTING || !stats->is_up ||
	    !workers_are_ready(supervisor->workers))
		return;
	supervisor_set_state(supervisor, SERVING);
	notify_ready(&supervisor->notify);
	log_info("reeld %s is ready farm=%s host=%s media_workers=%" PRId64
		 " remote_slots=%" PRId64,
		 REELD_VERSION, supervisor->config->farm, supervisor->config->host,
		 supervisor->config->media_workers, supervisor->config->remote_slots);
}

static void do_upkeep(struct supervisor *supervisor, int64_t now_us, struct schedule *plan)
{
	struct schedule_snapshot now_is = {
		.is_draining = supervisor->state >= DRAINING,
		.drain_until_us = supervisor->drain_until_us,
		.is_disk_full = supervisor->disk.is_full,
	};

	workers_look(supervisor->workers, &now_is);
	schedule_make(&now_is, now_us, plan);
	workers_apply(supervisor->workers, plan, supervisor->drain_until_us);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *supervisor = arg;
	int64_t now_us = clock_monotonic_us(), next_us;
	struct broker_stats stats;
	struct schedule plan;
	bool is_busy;

	(void)fd, (void)what;
	event_del(supervisor->tick);
	supervisor->tick_us = INT64_MAX;
	next_us = workers_check_overdue(supervisor->workers, now_us);
	is_busy = workers_in_hand(supervisor->workers) || supervisor->disk.is_full;
	if (is_busy)
		(void)disk_look(&supervisor->disk, supervisor->config, now_us); /* used below */
	do_upkeep(supervisor, now_us, &plan);
	broker_stats(supervisor->broker, &stats);
	say_ready_once(supervisor, &stats);
	show_status(supervisor, &stats);
	report(supervisor, &stats, now_us);
	if (plan.is_over && supervisor->state == DRAINING)
		leave_flush(supervisor, 5000);
	tick_at(supervisor, next_us < plan.look_again_us ? next_us : plan.look_again_us, now_us);
	if (is_busy)
		tick_at(supervisor, now_us + BUSY_TICK_US, now_us);
	if (supervisor->notify.is_wanted)
		tick_at(supervisor, now_us + STATUS_TICK_US, now_us);
	if (supervisor->options->exit_when_idle)
		tick_at(supervisor, leave_if_idle(supervisor, now_us), now_us);
}

/* ---- the queue ---- */

static void on_claimed(void *context, const struct broker_claim *claims, size_t count)
{
	struct supervisor *supervisor = context;
	int64_t now_us = clock_monotonic_us();

	if (disk_look(&supervisor->disk, supervisor->config, now_us))
		supervisor_touch(supervisor);
	for (size_t i = 0; i < count; i++) {
		if (supervisor->state >= DRAINING ||
		    (supervisor->disk.is_full && claims[i].kind == BROKER_MEDIA))
			broker_return(supervisor->broker, claims[i].stage, claims[i].epoch);
		else
			workers_take(supervisor->workers, &claims[i]);
	}
	supervisor->idle_us = 0;
	tick_at(supervisor, now_us + BUSY_TICK_US, now_us);
}

static void on_revoke(void *context, const char *stage, int64_t epoch, bool is_cancel)
{
	struct supervisor *supervisor = context;

	log_info("stage=%s epoch=%" PRId64 " is stopped: %s", stage, epoch,
		 is_cancel ? "somebody cancelled it" : "it is not ours any more");
	workers_revoke(supervisor->workers, stage, epoch, is_cancel);
}

static void on_connection(void *context, bool is_up, const char *why)
{
	struct supervisor *supervisor = context;
	bool is_news = !supervisor->down_why || strcmp(supervisor->down_why, why) != 0;

	if (is_up) {
		log_info("Redis is reached farm=%s", supervisor->config->farm);
		supervisor->down_us = 0;
		free(supervisor->down_why);
		supervisor->down_why = NULL;
	} else if (is_news) { /* the same refusal again is not */
		log_warn("Redis is away: %s; what runs goes on, nothing new is claimed", why);
		if (!supervisor->down_us)
			supervisor->down_us = clock_monotonic_us();
		free(supervisor->down_why);
		supervisor->down_why = xstrdup(why);
	}
	supervisor_touch(supervisor);
}

static bool open_queue(struct supervisor *supervisor, struct err *err)
{
	static const struct broker_handler handler = { .claimed = on_claimed,
						       .revoke = on_revoke,
						       .connection = on_connection };
	const struct config *config = supervisor->config;
	DEFER(freep) char *url = config_redis_url(config);
	const struct broker_options options = { .url = url,
						.farm = config->farm,
						.host = config->host,
						.version = REELD_VERSION,
						.heartbeat_ms = config->heartbeat_ms,
						.lease_ms = config->lease_ms,
						.poison_kills = config->poison_kills,
						.retention_ms = config->retention_ms };

	supervisor->broker = broker_new(supervisor->base, &options, &handler, supervisor);
	if (!supervisor->broker)
		return err_set(err, ERR_OPERATOR, "the address of Redis is not usable");
	workers_set_broker(supervisor->workers, supervisor->broker);
	supervisor_apply_lanes(supervisor);
	return true;
}

void supervisor_apply_lanes(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;

	for (size_t i = 0; i < config->lane_count; i++)
		broker_set_lane(supervisor->broker, config->lanes[i].name, config->lanes[i].limit,
				config->lanes[i].rate, config->lanes[i].burst);
}

/* ---- signals and the watchdog ---- */

static void on_end_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct supervisor *supervisor = arg;

	(void)what;
	log_info("signal=%s", strsignal((int)signal_number));
	if (supervisor->state >= DRAINING)
		leave_at_once(supervisor);
	else
		leave_drain(supervisor);
}

static void on_reload_signal(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number, (void)what;
	reload_config(arg);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	notify_watchdog(); /* from the loop itself: a loop that hangs is not fed */
}

static struct event *watch_signal(struct supervisor *supervisor, int number,
				  event_callback_fn callback)
{
	struct event *event = evsignal_new(supervisor->base, number, callback, supervisor);

	assert(event);
	event_add(event, NULL);
	return event;
}

static void watch_everything(struct supervisor *supervisor)
{
	int64_t watchdog_us = notify_watchdog_us();
	struct timeval every = { watchdog_us / 1000000, watchdog_us % 1000000 };

	signal(SIGPIPE, SIG_IGN);
	supervisor->on_term = watch_signal(supervisor, SIGTERM, on_end_signal);
	supervisor->on_int = watch_signal(supervisor, SIGINT, on_end_signal);
	supervisor->on_hup = watch_signal(supervisor, SIGHUP, on_reload_signal);
	supervisor->tick = event_new(supervisor->base, -1, 0, on_tick, supervisor);
	supervisor->watchdog = event_new(supervisor->base, -1, EV_PERSIST, on_watchdog, NULL);
	assert(supervisor->tick && supervisor->watchdog);
	if (watchdog_us)
		event_add(supervisor->watchdog, &every);
}

/* ---- beginning and end ---- */

static bool find_programs(const char *folder, struct err *err)
{
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		const struct kind *kind = kind_info((enum broker_kind)i);
		DEFER(freep) char *path = xasprintf("%s/%s", folder, kind->program);

		if (access(path, X_OK) < 0)
			return err_errno(err, ERR_OPERATOR,
					 "%s, which does the work, is expected beside reeld or in "
					 "$REEL_LIBEXEC",
					 path);
	}
	return true;
}

bool supervisor_find_workers(char **out, struct err *err)
{
	const char *named = getenv("REEL_LIBEXEC"), *folder = named;
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!named || !*named) {
		if (len < 0)
			return err_errno(err, ERR_OPERATOR, "/proc/self/exe");
		self[len] = '\0';
		folder = dirname(self);
	}
	if (!find_programs(folder, err))
		return false;
	*out = xstrdup(folder);
	return true;
}

bool supervisor_check(const struct config *config, struct err *err)
{
	DEFER(freep) char *folder = NULL;

	if (!supervisor_find_workers(&folder, err) || !file_make_dirs(config->state_dir, 0700, err))
		return false;
	if (access(config->state_dir, R_OK | W_OK | X_OK) < 0)
		return err_errno(err, ERR_OPERATOR, "state_dir %s", config->state_dir);
	return true;
}

/* Two supervisors with one state folder would fight over work folders and, under one host name,
 * over each other's stages. The lock goes with the process. */
static bool lock_host(struct supervisor *supervisor, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s/host.lock", supervisor->config->state_dir);

	supervisor->host_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (supervisor->host_lock < 0)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	if (flock(supervisor->host_lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_OPERATOR,
			       "another reeld serves %s; give this one its own state_dir and host",
			       supervisor->config->state_dir);
	return err_errno(err, ERR_OPERATOR, "%s", path);
}

bool supervisor_write_worker_config(const struct supervisor *supervisor,
				    const struct config *config, struct err *err)
{
	DEFER(buf_done) struct buf text = { 0 };

	config_show_for_workers(config, &text);
	return file_write_atomic(supervisor->worker_config, text.data, text.len, 0600, err);
}

void supervisor_worker_options(const struct supervisor *supervisor, const struct config *config,
			       struct workers_options *out)
{
	*out = (struct workers_options){
		.folder = supervisor->folder,
		.config_path = supervisor->worker_config,
		.media_timeout_ms = config->media_timeout_ms,
		.slots = { [BROKER_MEDIA] = (size_t)config->media_workers,
			   [BROKER_REMOTE] = (size_t)config->remote_slots },
	};
}

void supervisor_apply_log_level(const struct supervisor *supervisor)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { { "err", LOG_LEVEL_ERR },
		       { "warn", LOG_LEVEL_WARN },
		       { "info", LOG_LEVEL_INFO },
		       { "debug", LOG_LEVEL_DEBUG } };
	const char *name = supervisor->options->log_level;

	if (!name)
		name = supervisor->config->log_level;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (!strcmp(levels[i].name, name))
			log_set_level(levels[i].level);
}

static void on_workers_changed(void *context)
{
	supervisor_touch(context);
}

static bool begin(struct supervisor *supervisor, struct err *err)
{
	struct workers_options options;

	supervisor_apply_log_level(supervisor);
	if (!supervisor_check(supervisor->config, err) ||
	    !supervisor_find_workers(&supervisor->folder, err) || !lock_host(supervisor, err) ||
	    !supervisor_write_worker_config(supervisor, supervisor->config, err))
		return false;
	supervisor->base = event_base_new();
	if (!supervisor->base)
		return err_set(err, ERR_OPERATOR, "no event loop: libevent found no backend");
	watch_everything(supervisor);
	supervisor_worker_options(supervisor, supervisor->config, &options);
	supervisor->workers =
		workers_new(supervisor->base, &options, on_workers_changed, supervisor);
	supervisor_touch(supervisor);
	return open_queue(supervisor, err);
}

static void event_done(struct event *event)
{
	if (event)
		event_free(event);
}

static void end(struct supervisor *supervisor)
{
	if (supervisor->broker)
		broker_free(supervisor->broker);
	workers_free(supervisor->workers);
	event_done(supervisor->tick);
	event_done(supervisor->watchdog);
	event_done(supervisor->on_term);
	event_done(supervisor->on_int);
	event_done(supervisor->on_hup);
	if (supervisor->base)
		event_base_free(supervisor->base);
	free(supervisor->folder);
	free(supervisor->worker_config);
	free(supervisor->down_why);
	config_free(supervisor->config);
	file_closep(&supervisor->run_lock);
	file_closep(&supervisor->host_lock);
}

int supervisor_run(struct config *config, const struct supervisor_options *options)
{
	struct supervisor supervisor = {
		.options = options,
		.config = config,
		.worker_config = xasprintf("%s/worker.yaml", config->state_dir),
		.host_lock = -1,
		.run_lock = -1,
		.tick_us = INT64_MAX,
		.drain_until_us = INT64_MAX,
	};
	struct err err;

	notify_init(&supervisor.notify);
	if (begin(&supervisor, &err)) {
		event_base_dispatch(supervisor.base);
		leave_stop_redis(&supervisor);
		log_info("reeld ends exit_status=%d", supervisor.exit_status);
	} else {
		log_err("%s", err.text);
		supervisor.exit_status = 1;
	}
	end(&supervisor);
	return supervisor.exit_status;
}
