/*
 * The configuration of a host: one YAML file, else defaults that serve one machine. Read by reeld,
 * reel and the workers.
 *
 * Looked for at: the path given, else $REEL_CONFIG, else /etc/reeld/reeld.yaml, else
 * ~/.config/reel/reeld.yaml. $REEL_REDIS_URL, $REEL_STATE_DIR and $REEL_DATA_DIR win over the file.
 * Adding an option is one row in the table of config.c: name, type, default, help; `reel config`,
 * the man page and the example are printed from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct config {
	char *path;  /* the file read, NULL when none was found */
	char *redis; /* redis://[:password@]host[:port][/db] or unix:///path[?db=n]; NULL: private,
			in state_dir */
	char *farm;  /* name of the farm; every key begins with "reel:{farm}:" */
	char *host;  /* this host's name in the farm; default: the machine's */
	char *state_dir; /* default: $STATE_DIRECTORY (systemd: /var/lib/reeld), else
			    $XDG_STATE_HOME/reel, else ~/.local/state/reel */
	char *store;	 /* media folder; default: state_dir/media */
	char *outbox;	 /* where publish `to: outbox` leaves posts; default: state_dir/outbox */
	char *data_dir; /* models.yaml, profiles.yaml, recipes; default: $REEL_DATA_DIR, else beside
			   the installed program, else the source tree's recipes/ */
	int64_t media_workers;	    /* media stages at once; default: number of CPUs */
	int64_t media_memory_bytes; /* per media stage; default 2 GiB */
	int64_t media_timeout_ms;   /* per media attempt unless the spec says less; default 30 m */
	int64_t media_max_pixels;   /* per picture; default 64 Mpx: 8K is 33 */
	int64_t remote_slots;	    /* stages the event-loop worker carries at once; default 1000 */
	int64_t heartbeat_ms;	    /* default 2000 */
	int64_t lease_ms;	    /* a host silent for longer is reaped; default 15000 */
	int64_t drain_timeout_ms;   /* SIGTERM: how long media stages may finish; default 30 s */
	int64_t poison_kills;	    /* a stage that killed this many workers fails; default 3 */
	int64_t retention_ms;	    /* finished batches are kept in Redis so long; default 30 d */
	int64_t min_free_bytes; /* stop claiming what writes when the state dir has less; default 1
				   GiB */
	char *log_level;	/* err, warn, info, debug; default info */
	/* lanes: {name: {limit, rate, burst}}: applied to the farm when reeld starts or reloads */
	struct config_lane {
		char *name;
		int64_t limit; /* at once, farm-wide; 0: no limit */
		double rate;   /* claims per second; 0: no limit */
		int64_t burst;
	} * lanes;
	size_t lane_count;
	struct config_private *private; /* where each value came from */
};

/* `path` NULL: search. A missing file is fine only when searching. Errors are "file:line:column:
 * path: ...". Caller frees. */
bool config_load(const char *path, struct config **out, struct err *err) MUST_CHECK;
void config_free(struct config *config);
void config_freep(struct config **config);

/* The address to connect to: `redis`, else the private server's unix:// socket in state_dir. Caller
 * frees. */
char *config_redis_url(const struct config *config);

/* Every option with its value and where that came from ("default", "environment", "file:line").
 * JSON when as_json. */
void config_show(const struct config *config, bool as_json, struct buf *out);

/* The values in force as a file that config_load takes, for the workers: resolved once, so that an
 * edit of the real file reaches them by a reload only; without the address of Redis. */
void config_show_for_workers(const struct config *config, struct buf *out);

/* The example file: the smallest that works, then every option commented out with its help and
 * default. */
void config_show_example(struct buf *out);

/* Finds a data file (models.yaml, profiles.yaml, ...) in data_dir. Caller frees. */
char *config_data_path(const struct config *config, const char *name);
