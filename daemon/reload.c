/*
 * SIGHUP: the new configuration is taken as a whole, or the old one stays as a whole.
 */
#include <string.h>

#include "base/log.h"
#include "daemon/supervisor_private.h"

static bool text_differs(const char *a, const char *b)
{
	return a != b && (!a || !b || strcmp(a, b) != 0);
}

/* What names this host to the farm, or is in force at every other host too, cannot change under
 * work that is in hand. */
static const char *find_unchangeable(const struct config *old, const struct config *new)
{
	if (text_differs(old->redis, new->redis))
		return "redis";
	if (text_differs(old->farm, new->farm))
		return "farm";
	if (text_differs(old->host, new->host))
		return "host";
	if (text_differs(old->state_dir, new->state_dir))
		return "state_dir";
	if (old->heartbeat_ms != new->heartbeat_ms)
		return "heartbeat";
	if (old->lease_ms != new->lease_ms)
		return "lease";
	if (old->poison_kills != new->poison_kills)
		return "poison_kills";
	if (old->retention_ms != new->retention_ms)
		return "retention";
	return NULL;
}

static bool workers_must_restart(const struct config *old, const struct config *new)
{
	return text_differs(old->store, new->store) || text_differs(old->outbox, new->outbox) ||
	       text_differs(old->data_dir, new->data_dir) ||
	       text_differs(old->log_level, new->log_level) ||
	       old->media_workers != new->media_workers ||
	       old->media_memory_bytes != new->media_memory_bytes ||
	       old->media_timeout_ms != new->media_timeout_ms ||
	       old->media_max_pixels != new->media_max_pixels ||
	       old->remote_slots != new->remote_slots;
}

/* NULL and err when it cannot be taken. */
static struct config *load(const struct supervisor *supervisor, struct err *err)
{
	DEFER(config_freep) struct config *config = NULL;
	const char *name;

	if (!config_load(supervisor->options->config_path, &config, err))
		return NULL;
	name = find_unchangeable(supervisor->config, config);
	if (name) {
		err_set(err, ERR_REJECT, "`%s` differs: that needs a restart", name);
		return NULL;
	}
	if (!supervisor_check(config, err) ||
	    !supervisor_write_worker_config(supervisor, config, err))
		return NULL;
	return TAKE(config);
}

void reload_config(struct supervisor *supervisor)
{
	struct workers_options options;
	struct config *config;
	struct err err;
	bool restart;

	if (supervisor->state >= DRAINING)
		return;
	notify_reloading(&supervisor->notify);
	config = load(supervisor, &err);
	if (config) {
		restart = workers_must_restart(supervisor->config, config);
		config_free(supervisor->config);
		supervisor->config = config;
		supervisor_apply_log_level(supervisor);
		supervisor_worker_options(supervisor, config, &options);
		workers_reconfigure(supervisor->workers, &options, restart);
		supervisor_apply_lanes(supervisor);
		log_info("configuration reloaded%s", restart ? ": workers are replaced" : "");
	} else {
		log_err("configuration not reloaded, the old one stays in force: %s", err.text);
	}
	if (supervisor->state == SERVING)
		notify_ready(&supervisor->notify);
	supervisor_touch(supervisor);
}
