/*
 * reel lanes: the queues that share a capacity, and who serves them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/records.h"
#include "cli/session.h"

struct cordon_options {
	const char *reason;
};

struct limit_options { /* QUEUE_KEEP: not named, and stays as it is */
	int64_t limit, burst;
	double rate;
};

static const struct limit_options limit_defaults = { QUEUE_KEEP, QUEUE_KEEP, QUEUE_KEEP };

static const struct option_row cordon_rows[] = {
	{ "reason", 'm', OPTION_TEXT, offsetof(struct cordon_options, reason), "TEXT",
	  "what to tell people who ask why" },
	{ 0 },
};

static const struct option_row limit_rows[] = {
	{ "limit", 0, OPTION_INT, offsetof(struct limit_options, limit), "N",
	  "stages at once, over all hosts; 0: no limit" },
	{ "rate", 0, OPTION_NUMBER, offsetof(struct limit_options, rate), "R",
	  "starts a second, over all hosts; 0: no limit" },
	{ "burst", 0, OPTION_INT, offsetof(struct limit_options, burst), "N",
	  "starts that may come at once" },
	{ 0 },
};

static void put_lane(struct table *table, const struct queue_lane *lane)
{
	char limit[32], rate[32];
	enum tone tone = lane->is_cordoned ? TONE_BAD : lane->is_paused ? TONE_WAIT : TONE_GOOD;

	table_put(table, TONE_STRONG, "%s", lane->name);
	table_put(table, tone, "%s",
		  lane->is_cordoned ? "cordoned"
		  : lane->is_paused ? "paused"
				    : "open");
	table_put(table, TONE_PLAIN, "%lld", (long long)lane->running);
	table_put(table, TONE_PLAIN, "%lld", (long long)lane->ready);
	snprintf(limit, sizeof(limit), "%lld", (long long)lane->limit);
	snprintf(rate, sizeof(rate), "%.4g/s", lane->rate);
	table_put(table, TONE_PLAIN, "%s", lane->limit ? limit : "-");
	table_put(table, TONE_PLAIN, "%s", lane->rate > 0 ? rate : "-");
	table_put(table, TONE_PLAIN, "%s", lane->reason ? lane->reason : "");
}

static void put_host(struct table *table, const struct queue_host *host)
{
	char age[32];

	units_show_duration((clock_real_us() - host->seen_at) / 1000, age);
	table_put(table, TONE_STRONG, "%s", host->name);
	table_put(table, host->is_lapsed ? TONE_BAD : TONE_GOOD, "%s",
		  host->is_lapsed ? "silent" : "alive");
	table_put(table, TONE_PLAIN, "%lld", (long long)host->running);
	table_put(table, TONE_PLAIN, "%s ago", age);
	table_put(table, TONE_DIM, "%s", host->version ? host->version : "");
}

static void print(const struct output *out, const struct queue_lane *lanes, size_t lane_count,
		  const struct queue_host *hosts, size_t host_count)
{
	static const char *const lane_head[] = { "LANE",  "STATE", "RUNNING", "READY",
						 "LIMIT", "RATE",  "WHY",     NULL };
	static const char *const host_head[] = { "HOST",      "STATE",	 "RUNNING",
						 "HEARTBEAT", "VERSION", NULL };
	DEFER(table_done) struct table lane_table = { 0 };
	DEFER(table_done) struct table host_table = { 0 };

	table_init(&lane_table, lane_head);
	table_init(&host_table, host_head);
	for (size_t i = 0; i < lane_count; i++)
		put_lane(&lane_table, &lanes[i]);
	for (size_t i = 0; i < host_count; i++)
		put_host(&host_table, &hosts[i]);
	table_print(&lane_table, out);
	output_line("%s", "");
	if (host_count)
		table_print(&host_table, out);
	else
		output_note(out, "no host serves this farm; start reeld on one");
}

static int print_json(const struct output *out, const struct queue_lane *lanes, size_t lane_count,
		      const struct queue_host *hosts, size_t host_count)
{
	json_t *lane_list = json_array(), *host_list = json_array(), *value;
	int code;

	for (size_t i = 0; i < lane_count; i++)
		json_array_append_new(lane_list, record_lane(&lanes[i]));
	for (size_t i = 0; i < host_count; i++)
		json_array_append_new(host_list, record_host(&hosts[i]));
	value = json_pack("{s:o,s:o}", "lanes", lane_list, "hosts", host_list);
	code = output_json(out, value);
	json_decref(value);
	return code;
}

static int run_list(struct cli *cli, const void *given)
{
	DEFER(session_close) struct session session = { 0 };
	struct queue_lane *lanes = NULL;
	struct queue_host *hosts = NULL;
	size_t lane_count = 0, host_count = 0;
	struct err err = { 0 };
	int code = EXIT_DONE;

	(void)given;
	if (!session_open(cli, SESSION_LOOK, &session, &err) ||
	    !queue_lanes(session.client, &lanes, &lane_count, &err) ||
	    !queue_hosts(session.client, &hosts, &host_count, &err))
		code = cli_fail(cli, &err);
	else if (cli->out.format == OUTPUT_JSON)
		code = print_json(&cli->out, lanes, lane_count, hosts, host_count);
	else
		print(&cli->out, lanes, lane_count, hosts, host_count);
	for (size_t i = 0; i < lane_count; i++)
		queue_lane_done(&lanes[i]);
	for (size_t i = 0; i < host_count; i++)
		queue_host_done(&hosts[i]);
	free(lanes);
	free(hosts);
	return code;
}

enum change { CHANGE_PAUSE, CHANGE_RESUME, CHANGE_CORDON, CHANGE_UNCORDON, CHANGE_LIMIT };

static bool set_limits(struct queue_client *client, const char *lane,
		       const struct limit_options *given, struct err *err)
{
	if (given->limit == QUEUE_KEEP && given->burst == QUEUE_KEEP && given->rate == QUEUE_KEEP)
		return err_set(err, ERR_REJECT,
			       "lanes limit: name what to change: --limit, --rate or --burst (0 "
			       "or more; 0: no limit)");
	return queue_lane_limits(client, lane, given->limit, given->rate, given->burst, err);
}

static bool apply(struct queue_client *client, const char *lane, enum change change,
		  const void *given, struct err *err)
{
	const struct cordon_options *cordon = given;

	switch (change) {
	case CHANGE_PAUSE: return queue_lane_pause(client, lane, true, err);
	case CHANGE_RESUME: return queue_lane_pause(client, lane, false, err);
	case CHANGE_CORDON:
		return queue_lane_cordon(client, lane, true,
					 cordon->reason ? cordon->reason : "cordoned by a person",
					 err);
	case CHANGE_UNCORDON: return queue_lane_cordon(client, lane, false, "", err);
	case CHANGE_LIMIT: return set_limits(client, lane, given, err);
	}
	return true;
}

static int steer(struct cli *cli, enum change change, const void *given)
{
	DEFER(session_close) struct session session = { 0 };
	struct err err = { 0 };

	if (!session_open(cli, SESSION_LOOK, &session, &err) ||
	    !apply(session.client, cli->args[0], change, given, &err))
		return cli_fail(cli, &err);
	if (cli->out.format == OUTPUT_TABLE && !cli->out.is_quiet)
		output_line("lane %s: %s", cli->args[0], cli->command->name);
	return EXIT_DONE;
}

static int run_pause(struct cli *cli, const void *given)
{
	return steer(cli, CHANGE_PAUSE, given);
}

static int run_resume(struct cli *cli, const void *given)
{
	return steer(cli, CHANGE_RESUME, given);
}

static int run_cordon(struct cli *cli, const void *given)
{
	return steer(cli, CHANGE_CORDON, given);
}

static int run_uncordon(struct cli *cli, const void *given)
{
	return steer(cli, CHANGE_UNCORDON, given);
}

static int run_limit(struct cli *cli, const void *given)
{
	return steer(cli, CHANGE_LIMIT, given);
}

static const struct command pause = {
	.name = "pause",
	.summary = "start nothing more in a lane",
	.usage = "LANE",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_LANE,
	.run = run_pause,
};

static const struct command resume = {
	.name = "resume",
	.summary = "a paused lane goes on",
	.usage = "LANE",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_LANE,
	.run = run_resume,
};

static const struct command cordon = {
	.name = "cordon",
	.summary = "close a lane as broken; one probe stage reopens it",
	.usage = "LANE [--reason TEXT]",
	.options = cordon_rows,
	.options_size = sizeof(struct cordon_options),
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_LANE,
	.run = run_cordon,
};

static const struct command uncordon = {
	.name = "uncordon",
	.summary = "open a cordoned lane at once",
	.usage = "LANE",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_LANE,
	.run = run_uncordon,
};

static const struct command limit = {
	.name = "limit",
	.summary = "set what a lane carries; what is not named stays",
	.usage = "LANE [--limit N] [--rate R] [--burst N]",
	.options = limit_rows,
	.options_size = sizeof(struct limit_options),
	.options_defaults = &limit_defaults,
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_LANE,
	.run = run_limit,
};

static const struct command *const verbs[] = { &pause, &resume, &cordon, &uncordon, &limit, NULL };

const struct command command_lanes = {
	.name = "lanes",
	.summary = "lanes and hosts; pause, resume, cordon, uncordon, limit",
	.usage = "[pause|resume|cordon|uncordon|limit LANE]",
	.verbs = verbs,
	.group = "Farm",
	.run = run_list,
};
