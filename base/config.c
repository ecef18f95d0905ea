/*
 * Owns the table of options, and turns a file, the environment and defaults into one plain struct.
 * Knows nothing of what an option is good for; showing them is config_show.c.
 *
 * The idea: a value comes from the file, is overruled by the environment, and what is still empty
 * afterwards gets its default in the order of the table, so that a default may be built from an
 * option above it (store from state_dir).
 */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config_options.h"
#include "base/file.h"
#include "base/nearest.h"
#include "base/units.h"
#include "base/yaml.h"

enum { CONFIG_MAX_BYTES = 1 << 20, CONFIG_MAX_LANES = 1000 };

static char *default_host(const struct config *config)
{
	char name[256] = "";

	(void)config;
	if (gethostname(name, sizeof(name) - 1) < 0 || !name[0])
		snprintf(name, sizeof(name), "localhost");
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			*c = '-';
	name[64] = '\0';
	return xstrdup(name);
}

static char *default_state_dir(const struct config *config)
{
	const char *service = getenv("STATE_DIRECTORY"); /* systemd: StateDirectory=, a:b:c */
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	(void)config;
	if (service && service[0] == '/')
		return xstrndup(service, strcspn(service, ":"));
	if (xdg && xdg[0] == '/')
		return xasprintf("%s/reel", xdg);
	if (home && home[0] == '/')
		return xasprintf("%s/.local/state/reel", home);
	return xstrdup("/var/lib/reeld");
}

static char *default_store(const struct config *config)
{
	return xasprintf("%s/media", config->state_dir);
}

static char *default_outbox(const struct config *config)
{
	return xasprintf("%s/outbox", config->state_dir);
}

static char *default_data_dir(const struct config *config)
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *folder;

	(void)config;
	if (len > 0) {
		program[len] = '\0';
		folder = xasprintf("%s/../share/reeld", dirname(program));
		if (access(folder, R_OK | X_OK) == 0)
			return folder;
		free(folder);
	}
	return xstrdup(REELD_SOURCE_DIR "/recipes");
}

static char *default_media_workers(const struct config *config)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	(void)config;
	return xasprintf("%ld", count > 0 ? count : 1);
}

static bool check_redis(const char *text, const char **out_why)
{
	if (!strncmp(text, "rediss://", 9)) {
		*out_why = "TLS needs hiredis 1.0 or later; use redis:// over a private network, "
			   "WireGuard or stunnel";
		return false;
	}
	*out_why = "expected redis://[:password@]host[:port][/db] or unix:///path[?db=n]";
	return (!strncmp(text, "redis://", 8) && text[8]) ||
	       (!strncmp(text, "unix:///", 8) && text[8]);
}

/* Names become parts of Redis keys: no braces (hash tags), no colons, no spaces. */
static bool check_name(const char *text, const char **out_why)
{
	size_t len = strlen(text);

	*out_why = "expected 1 to 64 letters, digits, '.', '_' or '-'";
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return len >= 1 && len <= 64;
}

static bool check_level(const char *text, const char **out_why)
{
	*out_why = "expected err, warn, info or debug";
	return !strcmp(text, "err") || !strcmp(text, "warn") || !strcmp(text, "info") ||
	       !strcmp(text, "debug");
}

#define AT(member) offsetof(struct config, member)
#define DAY_MS	   86400000LL

const struct config_option config_options[] = {
	{ "redis", CONFIG_TEXT, AT(redis), .env = "REEL_REDIS_URL", .check = check_redis,
	  .example = "redis://127.0.0.1:6379",
	  .help = "where the farm's Redis is: redis://[:password@]host[:port][/db] or "
		  "unix:///path[?db=n]; without it, a private one on state_dir/redis.sock" },
	{ "farm", CONFIG_TEXT, AT(farm), .fallback = "main", .check = check_name,
	  .help = "name of the farm; hosts with the same Redis and farm share their work" },
	{ "host", CONFIG_TEXT, AT(host), .compute = default_host, .check = check_name,
	  .example = "the machine's name", .help = "this host's name in the farm" },
	{ "state_dir", CONFIG_PATH, AT(state_dir), .env = "REEL_STATE_DIR",
	  .compute = default_state_dir, .example = "~/.local/state/reel",
	  .help = "what this host must not forget: work folders, locks, later the ledger" },
	{ "store", CONFIG_PATH, AT(store), .compute = default_store, .example = "STATE_DIR/media",
	  .help = "where finished media are kept, by content" },
	{ "outbox", CONFIG_PATH, AT(outbox), .compute = default_outbox,
	  .example = "STATE_DIR/outbox", .help = "where `publish to: outbox` leaves posts" },
	{ "data_dir", CONFIG_PATH, AT(data_dir), .env = "REEL_DATA_DIR",
	  .compute = default_data_dir, .example = "PREFIX/share/reeld",
	  .help = "models.yaml, profiles.yaml and the recipes" },
	{ "media_workers", CONFIG_COUNT, AT(media_workers), .compute = default_media_workers,
	  .min = 0, .max = 1024, .example = "number of CPUs",
	  .help = "media stages at once on this host; 0: none" },
	{ "media_memory", CONFIG_BYTES, AT(media_memory_bytes), .fallback = "2GiB", .min = 64 << 20,
	  .max = 1LL << 40, .help = "memory of one media stage" },
	{ "media_timeout", CONFIG_DURATION, AT(media_timeout_ms), .fallback = "30m", .min = 1000,
	  .max = 7 * DAY_MS,
	  .help = "longest attempt at a media stage, unless its spec says less" },
	{ "media_max_pixels", CONFIG_COUNT, AT(media_max_pixels), .fallback = "64000000",
	  .min = 1 << 16, .max = 1LL << 31, .help = "largest picture that is decoded; 8K is 33 M" },
	{ "remote_slots", CONFIG_COUNT, AT(remote_slots), .fallback = "1000", .min = 0,
	  .max = 20000, .help = "stages the event-loop worker carries at once; 0: none" },
	{ "heartbeat", CONFIG_DURATION, AT(heartbeat_ms), .fallback = "2s", .min = 100,
	  .max = 60000, .help = "how often this host says that it lives" },
	{ "lease", CONFIG_DURATION, AT(lease_ms), .fallback = "15s", .min = 500, .max = 3600000,
	  .help = "a host that is silent for longer loses its work to the others" },
	{ "drain_timeout", CONFIG_DURATION, AT(drain_timeout_ms), .fallback = "30s", .min = 0,
	  .max = DAY_MS, .help = "how long media stages may finish after SIGTERM" },
	{ "poison_kills", CONFIG_COUNT, AT(poison_kills), .fallback = "3", .min = 1, .max = 100,
	  .help = "a stage that took so many workers down fails" },
	{ "retention", CONFIG_DURATION, AT(retention_ms), .fallback = "30d", .min = 60000,
	  .max = 3650 * DAY_MS, .help = "how long finished batches stay in Redis" },
	{ "min_free", CONFIG_BYTES, AT(min_free_bytes), .fallback = "1GiB", .min = 0,
	  .max = 1LL << 50, .help = "with less free disk, nothing that writes is started" },
	{ "log_level", CONFIG_TEXT, AT(log_level), .fallback = "info", .check = check_level,
	  .help = "err, warn, info or debug" },
	{ 0 },
};

static char **text_of(struct config *config, const struct config_option *option)
{
	return (char **)(void *)((char *)config + option->offset);
}

static int64_t *number_of(struct config *config, const struct config_option *option)
{
	return (int64_t *)(void *)((char *)config + option->offset);
}

static bool is_text(const struct config_option *option)
{
	return option->type == CONFIG_TEXT || option->type == CONFIG_PATH;
}

static const char *expectation(enum config_type type)
{
	static const char *const texts[] = {
		[CONFIG_TEXT] = "text",
		[CONFIG_PATH] = "a path",
		[CONFIG_COUNT] = "a whole number",
		[CONFIG_BYTES] = "a size such as 512MiB or 2GiB",
		[CONFIG_DURATION] = "a duration such as 250ms, 30s or 2h",
	};

	return texts[type];
}

static char *show_limit(const struct config_option *option, int64_t value)
{
	char text[32];

	return xstrdup(config_show_number(option, value, text));
}

/* Refuses what is outside the row's limits; why is a sentence. */
static bool set_number(struct config *config, const struct config_option *option, int64_t value,
		       struct err *err)
{
	DEFER(freep) char *min = show_limit(option, option->min);
	DEFER(freep) char *max = show_limit(option, option->max);

	if (value < option->min || value > option->max)
		return err_set(err, ERR_REJECT, "expected %s to %s", min, max);
	*number_of(config, option) = value;
	return true;
}

static bool parse_count(const char *text, int64_t *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return false;
	*out = value;
	return true;
}

/* "~/" is the home; what is relative is relative to `folder`. */
static char *absolute_path(const char *path, const char *folder)
{
	const char *home = getenv("HOME");

	if (path[0] == '/')
		return xstrdup(path);
	if (!strncmp(path, "~/", 2) && home)
		return xasprintf("%s/%s", home, path + 2);
	return xasprintf("%s/%s", folder, path);
}

static bool set_text(struct config *config, const struct config_option *option, const char *text,
		     const char *folder, struct err *err)
{
	const char *why;
	int64_t number;
	bool ok = false;

	switch (option->type) {
	case CONFIG_PATH:
	case CONFIG_TEXT:
		if (!*text)
			return err_set(err, ERR_REJECT, "is empty");
		if (option->check && !option->check(text, &why))
			return err_set(err, ERR_REJECT, "%s", why);
		free(*text_of(config, option));
		*text_of(config, option) =
			option->type == CONFIG_PATH ? absolute_path(text, folder) : xstrdup(text);
		return true;
	case CONFIG_COUNT: ok = parse_count(text, &number); break;
	case CONFIG_BYTES: ok = units_parse_bytes(text, &number); break;
	case CONFIG_DURATION: ok = units_parse_duration_ms(text, &number); break;
	}
	if (!ok)
		return err_set(err, ERR_REJECT, "expected %s", expectation(option->type));
	return set_number(config, option, number, err);
}

/* A value of the file. Numbers may be written bare; a bare duration is in seconds. */
static bool set_json(struct config *config, const struct config_option *option, const json_t *value,
		     const char *folder, struct err *err)
{
	double number = json_number_value(value);

	if (json_is_string(value))
		return set_text(config, option, json_string_value(value), folder, err);
	if (is_text(option) || !json_is_number(value) || number < -9e15 || number > 9e15 ||
	    (option->type != CONFIG_DURATION && (double)(int64_t)number != number))
		return err_set(err, ERR_REJECT, "expected %s", expectation(option->type));
	if (option->type == CONFIG_DURATION)
		number *= 1000;
	return set_number(config, option, (int64_t)number, err);
}

static size_t find_option(const char *name)
{
	size_t i = 0;

	while (config_options[i].name && strcmp(config_options[i].name, name) != 0)
		i++;
	return i;
}

static void set_source(struct config *config, size_t option, char *source)
{
	free(config->private->sources[option]);
	config->private->sources[option] = source;
}

static bool refuse_unknown(const struct yaml_doc *doc, const char *name, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s#", name);
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (const struct config_option *option = config_options; option->name; option++)
		nearest_offer(&nearest, option->name);
	nearest_offer(&nearest, "lanes");
	return yaml_error(doc, path, err, "unknown option%s", nearest_hint(&nearest));
}

/* One number of a lane; absent leaves *out. */
static bool read_lane_number(const struct yaml_doc *doc, const char *path, const json_t *value,
			     double max, bool whole, double *out, struct err *err)
{
	double number = json_number_value(value);

	if (!json_is_number(value) || number < 0 || number > max ||
	    (whole && (double)(int64_t)number != number))
		return yaml_error(doc, path, err, "expected a %snumber from 0 to %.0f",
				  whole ? "whole " : "", max);
	*out = number;
	return true;
}

static bool read_lane(const struct yaml_doc *doc, const char *name, const json_t *value,
		      struct config_lane *lane, struct err *err)
{
	DEFER(freep) char *place = xasprintf("lanes.%s", name);
	double limit = 0, rate = 0, burst = 1;
	const char *key;
	json_t *member;

	if (!json_is_object(value))
		return yaml_error(doc, place, err, "expected {limit:, rate:, burst:}");
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
	{
		DEFER(freep) char *path = xasprintf("lanes.%s.%s", name, key);
		DEFER(freep) char *key_path = xasprintf("%s#", path);
		bool ok;

		if (!strcmp(key, "limit"))
			ok = read_lane_number(doc, path, member, 1e6, true, &limit, err);
		else if (!strcmp(key, "rate"))
			ok = read_lane_number(doc, path, member, 1e6, false, &rate, err);
		else if (!strcmp(key, "burst"))
			ok = read_lane_number(doc, path, member, 1e6, true, &burst, err);
		else
			ok = yaml_error(doc, key_path, err,
					"unknown option, expected limit, rate or burst");
		if (!ok)
			return false;
	}
	lane->limit = (int64_t)limit;
	lane->rate = rate;
	lane->burst = (int64_t)burst;
	return true;
}

static bool read_lanes(struct config *config, const struct yaml_doc *doc, const json_t *value,
		       struct err *err)
{
	const char *name;
	json_t *member;

	if (!json_is_object(value) || json_object_size(value) > CONFIG_MAX_LANES)
		return yaml_error(doc, "lanes", err, "expected {NAME: {limit:, rate:, burst:}}");
	config->lanes = xcalloc(json_object_size(value) + 1, sizeof(*config->lanes));
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		struct config_lane *lane = &config->lanes[config->lane_count];

		if (!read_lane(doc, name, member, lane, err))
			return false;
		lane->name = xstrdup(name);
		config->lane_count++;
	}
	return true;
}

static bool read_value(struct config *config, const struct yaml_doc *doc, const char *name,
		       const json_t *value, const char *folder, struct err *err)
{
	size_t option = find_option(name);
	struct err why;

	if (!strcmp(name, "lanes"))
		return read_lanes(config, doc, value, err);
	if (!config_options[option].name)
		return refuse_unknown(doc, name, err);
	if (!set_json(config, &config_options[option], value, folder, &why))
		return yaml_error(doc, name, err, "%s", why.text);
	set_source(config, option, xasprintf("%s:%u", config->path, yaml_where(doc, name).line));
	return true;
}

static char *folder_of(const char *path)
{
	DEFER(freep) char *copy = xstrdup(path);
	DEFER(freep) char *here = getcwd(NULL, 0);
	const char *folder = dirname(copy);

	return folder[0] == '/' ? xstrdup(folder) : xasprintf("%s/%s", here ? here : "", folder);
}

static bool read_doc(struct config *config, const struct yaml_doc *doc, struct err *err)
{
	const json_t *root = yaml_root(doc);
	DEFER(freep) char *folder = folder_of(config->path);
	const char *name;
	json_t *value;

	if (json_is_null(root)) /* an empty file, or comments alone */
		return true;
	if (!json_is_object(root))
		return yaml_error(doc, "", err, "expected options, one `name: value` a line");
	json_object_foreach((json_t *)(uintptr_t)root, name, value)
	{
		if (!read_value(config, doc, name, value, folder, err))
			return false;
	}
	return true;
}

static bool read_file(struct config *config, struct err *err)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;

	if (!file_read(config->path, CONFIG_MAX_BYTES, &text, err))
		return err_context(err, "configuration");
	return yaml_parse(text.data ? text.data : "", text.len, config->path, &doc, err) &&
	       read_doc(config, doc, err);
}

static bool read_environment(struct config *config, struct err *err)
{
	DEFER(freep) char *here = getcwd(NULL, 0);

	for (size_t i = 0; config_options[i].name; i++) {
		const char *name = config_options[i].env, *value = name ? getenv(name) : NULL;

		if (!value || !*value)
			continue;
		if (!set_text(config, &config_options[i], value, here ? here : "", err))
			return err_context(err, "$%s", name);
		set_source(config, i, xasprintf("$%s", name));
	}
	return true;
}

static bool fill_defaults(struct config *config, struct err *err)
{
	for (size_t i = 0; config_options[i].name; i++) {
		const struct config_option *option = &config_options[i];
		DEFER(freep) char *value = NULL;

		if (config->private->sources[i])
			continue;
		set_source(config, i, xstrdup("default"));
		if (option->compute)
			value = option->compute(config);
		else if (option->fallback)
			value = xstrdup(option->fallback);
		if (value && !set_text(config, option, value, "/", err))
			return err_context(err, "default of %s", option->name);
	}
	return true;
}

/* A host must be seen to miss more than one beat before it may lapse (RACES 16). */
static bool check_lease(const struct config *config, struct err *err)
{
	if (config->lease_ms >= 3 * config->heartbeat_ms)
		return true;
	return err_set(err, ERR_REJECT, "%s: lease: must be at least three heartbeats of %g s",
		       config->private->sources[find_option("lease")],
		       (double)config->heartbeat_ms / 1e3);
}

/* The first that exists; NULL when there is none. */
static char *search(void)
{
	const char *named = getenv("REEL_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path;

	if (named && *named)
		return xstrdup(named); /* must exist: somebody meant it */
	if (access("/etc/reeld/reeld.yaml", F_OK) == 0)
		return xstrdup("/etc/reeld/reeld.yaml");
	path = xdg && *xdg ? xasprintf("%s/reel/reeld.yaml", xdg)
			   : xasprintf("%s/.config/reel/reeld.yaml", home ? home : "");
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

bool config_load(const char *path, struct config **out, struct err *err)
{
	DEFER(config_freep) struct config *config = xcalloc(1, sizeof(*config));

	config->private = xcalloc(1, sizeof(*config->private));
	config->path = path ? xstrdup(path) : search();
	if (config->path && !read_file(config, err))
		return false;
	if (!read_environment(config, err) || !fill_defaults(config, err) ||
	    !check_lease(config, err))
		return false;
	*out = TAKE(config);
	return true;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; config_options[i].name; i++) {
		if (is_text(&config_options[i]))
			free(*text_of(config, &config_options[i]));
		free(config->private->sources[i]);
	}
	for (size_t i = 0; i < config->lane_count; i++)
		free(config->lanes[i].name);
	free(config->lanes);
	free(config->private);
	free(config->path);
	free(config);
}

void config_freep(struct config **config)
{
	config_free(*config);
}

char *config_redis_url(const struct config *config)
{
	return config->redis ? xstrdup(config->redis)
			     : xasprintf("unix://%s/redis.sock", config->state_dir);
}

char *config_data_path(const struct config *config, const char *name)
{
	return xasprintf("%s/%s", config->data_dir, name);
}
