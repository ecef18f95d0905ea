// links: base
/* The configuration: file, environment, defaults, and every complaint with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/file.h"
#include "base/json.h"

static char folder[] = "/tmp/config.XXXXXX";

static int set_up(void **state)
{
	static const char *const names[] = { "REEL_CONFIG",    "REEL_REDIS_URL",  "REEL_STATE_DIR",
					     "REEL_DATA_DIR",  "XDG_CONFIG_HOME", "XDG_STATE_HOME",
					     "STATE_DIRECTORY" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	setenv("HOME", folder, 1);
	return 0;
}

static char *write_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", folder, name);
	struct err err;

	assert_true(file_write_atomic(path, text, strlen(text), 0600, &err));
	return path;
}

static struct config *load(const char *text)
{
	DEFER(freep) char *path = write_file("a.yaml", text);
	struct config *config = NULL;
	struct err err = { 0 };

	if (!config_load(path, &config, &err))
		fail_msg("%s", err.text);
	return config;
}

static void test_defaults_serve_one_machine(void **state)
{
	DEFER(config_freep) struct config *config = NULL;
	DEFER(freep) char *url = NULL;
	struct err err;

	(void)state;
	assert_true(config_load(NULL, &config, &err));
	assert_null(config->path);
	assert_null(config->redis);
	assert_string_equal(config->farm, "main");
	assert_true(config->media_workers >= 1);
	assert_int_equal(config->media_memory_bytes, 2LL << 30);
	assert_int_equal(config->drain_timeout_ms, 30000);
	assert_int_equal(config->retention_ms, 30LL * 86400000);
	assert_int_equal(config->min_free_bytes, 1 << 30);
	url = xasprintf("%s/.local/state/reel/media", folder);
	assert_string_equal(config->store, url);
	free(url);
	url = config_redis_url(config);
	assert_non_null(strstr(url, "unix://"));
	assert_non_null(strstr(url, "/.local/state/reel/redis.sock"));
}

static void test_file_is_read(void **state)
{
	DEFER(config_freep)
	struct config *config = load("redis: redis://:pw@10.0.0.1:6380/2\n"
				     "farm: night\n"
				     "state_dir: state\n"
				     "store: ~/clips\n"
				     "media_workers: 3\n"
				     "media_memory: 512MiB\n"
				     "media_timeout: 90\n"
				     "lease: 1m\n"
				     "heartbeat: 2.5s\n");
	DEFER(freep) char *state_dir = xasprintf("%s/state", folder);
	DEFER(freep) char *store = xasprintf("%s/clips", folder);

	(void)state;
	assert_string_equal(config->redis, "redis://:pw@10.0.0.1:6380/2");
	assert_string_equal(config->farm, "night");
	assert_string_equal(config->state_dir, state_dir); /* relative to the file */
	assert_string_equal(config->store, store);
	assert_int_equal(config->media_workers, 3);
	assert_int_equal(config->media_memory_bytes, 512 << 20);
	assert_int_equal(config->media_timeout_ms, 90000);
	assert_int_equal(config->lease_ms, 60000);
	assert_int_equal(config->heartbeat_ms, 2500);
}

static void test_empty_file(void **state)
{
	DEFER(config_freep) struct config *config = load("# nothing yet\n");

	(void)state;
	assert_string_equal(config->farm, "main");
}

static void test_json_serves_too(void **state)
{
	DEFER(config_freep) struct config *config = load("{\"farm\": \"x\", \"remote_slots\": 7}");

	(void)state;
	assert_int_equal(config->remote_slots, 7);
}

static void test_lanes(void **state)
{
	DEFER(config_freep)
	struct config *config =
		load("lanes:\n  cpu: {limit: 8}\n  account:x: {limit: 2, rate: 0.5, burst: 5}\n");

	(void)state;
	assert_int_equal(config->lane_count, 2);
	assert_string_equal(config->lanes[0].name, "cpu");
	assert_int_equal(config->lanes[0].limit, 8);
	assert_int_equal(config->lanes[0].burst, 1);
	assert_string_equal(config->lanes[1].name, "account:x");
	assert_float_equal(config->lanes[1].rate, 0.5, 0);
	assert_int_equal(config->lanes[1].burst, 5);
}

static void test_environment_wins(void **state)
{
	DEFER(config_freep) struct config *config = NULL;

	(void)state;
	setenv("REEL_REDIS_URL", "unix:///run/r.sock", 1);
	setenv("REEL_STATE_DIR", "/srv/reel", 1);
	config = load("redis: redis://a\nstate_dir: /b\n");
	assert_string_equal(config->redis, "unix:///run/r.sock");
	assert_string_equal(config->state_dir, "/srv/reel");
	assert_string_equal(config->outbox, "/srv/reel/outbox");
}

static void test_search(void **state)
{
	DEFER(freep) char *path = write_file("named.yaml", "farm: named\n");
	DEFER(freep) char *home = NULL;
	DEFER(config_freep) struct config *config = NULL;
	DEFER(config_freep) struct config *other = NULL;
	struct err err;

	(void)state;
	setenv("XDG_CONFIG_HOME", folder, 1);
	home = xasprintf("%s/reel", folder);
	assert_true(mkdir(home, 0700) == 0);
	free(write_file("reel/reeld.yaml", "farm: home\n"));
	if (access("/etc/reeld/reeld.yaml", F_OK) < 0) {
		assert_true(config_load(NULL, &config, &err));
		assert_string_equal(config->farm, "home");
	}
	setenv("REEL_CONFIG", path, 1);
	assert_true(config_load(NULL, &other, &err));
	assert_string_equal(other->farm, "named");
}

/* One row a mistake; `says` must be in the message. */
static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "frm: x\n", "a.yaml:1:1: frm: unknown option, did you mean 'farm'?" },
	{ "farm: x\nmedia_worker: 3\n", "a.yaml:2:1: media_worker: unknown option, did you mean "
					"'media_workers'?" },
	{ "farm: {a: b}\n", "farm: expected text" },
	{ "farm: 'a b'\n", "farm: expected 1 to 64 letters" },
	{ "farm: 'a}b'\n", "farm: expected 1 to 64 letters" },
	{ "farm: ''\n", "farm: is empty" },
	{ "redis: rediss://h\n", "redis: TLS needs hiredis 1.0" },
	{ "redis: localhost\n", "redis: expected redis://" },
	{ "redis: unix://relative\n", "redis: expected redis://" },
	{ "media_workers: -1\n", "media_workers: expected 0 to 1024" },
	{ "media_workers: many\n", "media_workers: expected a whole number" },
	{ "media_workers: 1.5\n", "media_workers: expected a whole number" },
	{ "media_workers: 99999\n", "expected 0 to 1024" },
	{ "media_workers: [1]\n", "expected a whole number" },
	{ "media_memory: 1MiB\n", "media_memory: expected 64MiB to 1024GiB" },
	{ "media_memory: big\n", "expected a size such as" },
	{ "media_timeout: soon\n", "media_timeout: expected a duration such as" },
	{ "media_timeout: 1e300\n", "expected a duration such as" },
	{ "lease: 3s\n", "a.yaml:1: lease: must be at least three heartbeats of 2 s" },
	{ "heartbeat: 10s\n", "default: lease: must be at least three heartbeats of 10 s" },
	{ "log_level: loud\n", "expected err, warn, info or debug" },
	{ "lanes: [a]\n", "lanes: expected {NAME:" },
	{ "lanes: {cpu: 3}\n", "lanes.cpu: expected {limit:" },
	{ "lanes: {cpu: {limt: 3}}\n", "lanes.cpu.limt: unknown option, expected limit" },
	{ "lanes: {cpu: {limit: -3}}\n", "lanes.cpu.limit: expected a whole number from 0" },
	{ "lanes: {cpu: {rate: x}}\n", "lanes.cpu.rate: expected a number from 0" },
	{ "- a\n", "expected options" },
	{ "farm: [\n", "a.yaml:" },
	{ "farm: a\nfarm: b\n", "a.yaml:2" },
};

static void test_every_mistake_is_placed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		DEFER(freep) char *path = write_file("a.yaml", mistakes[i].text);
		struct config *config = NULL;
		struct err err = { 0 };

		if (config_load(path, &config, &err))
			fail_msg("taken: %s", mistakes[i].text);
		assert_null(config);
		if (!strstr(err.text, mistakes[i].says))
			fail_msg("%s\ngave: %s\nnot: %s", mistakes[i].text, err.text,
				 mistakes[i].says);
	}
}

static void test_missing_file(void **state)
{
	struct config *config = NULL;
	struct err err = { 0 };

	(void)state;
	assert_false(config_load("/nonexistent/reeld.yaml", &config, &err));
	assert_non_null(strstr(err.text, "/nonexistent/reeld.yaml"));
	setenv("REEL_CONFIG", "/nonexistent/named.yaml", 1);
	assert_false(config_load(NULL, &config, &err));
	assert_non_null(strstr(err.text, "/nonexistent/named.yaml"));
}

static void test_bad_environment(void **state)
{
	struct config *config = NULL;
	struct err err = { 0 };

	(void)state;
	setenv("REEL_REDIS_URL", "what", 1);
	assert_false(config_load(NULL, &config, &err));
	assert_non_null(strstr(err.text, "$REEL_REDIS_URL: expected redis://"));
}

static void test_show_masks_passwords(void **state)
{
	DEFER(config_freep)
	struct config *config =
		load("redis: redis://user:se:cr@et@host:1/0\nlanes: {cpu: {limit: 2}}\n");
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(buf_done) struct buf json = { 0 };
	DEFER(json_freep) json_t *root = NULL;
	struct err err;

	(void)state;
	config_show(config, false, &text);
	assert_null(strstr(text.data, "cr@et"));
	assert_non_null(strstr(text.data, "redis: redis://user:***@host:1/0"));
	assert_non_null(strstr(text.data, "# default"));
	assert_non_null(strstr(text.data, "a.yaml:1"));
	config_show(config, true, &json);
	assert_null(strstr(json.data, "cr@et"));
	assert_true(json_parse(json.data, json.len, "shown", &root, &err));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "media_timeout"), "value")),
		"30m");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(root, "remote_slots"), "value")),
		1000);
}

static void test_workers_get_the_same_values(void **state)
{
	DEFER(config_freep)
	struct config *config =
		load("redis: redis://:pw@h\nfarm: f\nmedia_timeout: 61s\nmedia_memory: 100MiB\n"
		     "state_dir: \"/tmp/a \\\"b\\\"\"\n");
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(config_freep) struct config *again = NULL;

	(void)state;
	config_show_for_workers(config, &text);
	assert_null(strstr(text.data, "pw"));
	again = load(text.data);
	assert_null(again->redis);
	assert_string_equal(again->state_dir, config->state_dir);
	assert_string_equal(again->host, config->host);
	assert_int_equal(again->media_timeout_ms, 61000);
	assert_int_equal(again->media_memory_bytes, 100 << 20);
	assert_int_equal(again->media_workers, config->media_workers);
	assert_int_equal(again->min_free_bytes, config->min_free_bytes);
}

static void test_example_is_the_file_in_examples(void **state)
{
	DEFER(buf_done) struct buf shown = { 0 };
	DEFER(buf_done) struct buf kept = { 0 };
	struct err err;

	(void)state;
	config_show_example(&shown);
	assert_true(file_read(REELD_SOURCE_DIR "/examples/reeld.yaml", 1 << 20, &kept, &err));
	assert_string_equal(shown.data, kept.data);
	config_free(load(shown.data));
}

/* Every commented-out line of the example is good when it is let in, STATE_DIR and the like apart.
 */
static void test_example_lines_are_good(void **state)
{
	DEFER(buf_done) struct buf shown = { 0 };
	DEFER(buf_done) struct buf let_in = { 0 };

	(void)state;
	config_show_example(&shown);
	for (char *line = strtok(shown.data, "\n"); line; line = strtok(NULL, "\n")) {
		if (line[0] == '#' && line[1] != ' ' && !strstr(line, "number of") &&
		    !strstr(line, "the machine"))
			buf_printf(&let_in, "%s\n", line + 1);
		else if (!strncmp(line, "#  ", 3))
			buf_printf(&let_in, "%s\n", line + 1);
	}
	config_free(load(let_in.data));
}

static void test_data_path(void **state)
{
	DEFER(config_freep) struct config *config = NULL;
	DEFER(freep) char *path = NULL;

	(void)state;
	setenv("REEL_DATA_DIR", "/data", 1);
	config = load("");
	path = config_data_path(config, "models.yaml");
	assert_string_equal(path, "/data/models.yaml");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(test_##name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(defaults_serve_one_machine),
		TEST(file_is_read),
		TEST(empty_file),
		TEST(json_serves_too),
		TEST(lanes),
		TEST(environment_wins),
		TEST(search),
		TEST(every_mistake_is_placed),
		TEST(missing_file),
		TEST(bad_environment),
		TEST(show_masks_passwords),
		TEST(workers_get_the_same_values),
		TEST(example_is_the_file_in_examples),
		TEST(example_lines_are_good),
		TEST(data_path),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	char *clean = xasprintf("rm -rf '%s'", folder);
	failed |= system(clean) != 0;
	free(clean);
	return failed != 0;
}
