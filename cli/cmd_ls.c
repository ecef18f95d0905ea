/*
 * reel ls: the batches of the farm, newest first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/board.h"
#include "cli/commands.h"
#include "cli/records.h"
#include "cli/session.h"

enum { LS_DEFAULT = 30 };

struct ls_options {
	int64_t max;
	bool all, unfinished;
};

static const struct option_row rows[] = {
	{ "max", 'n', OPTION_INT, offsetof(struct ls_options, max), "N", "how many at most (30)" },
	{ "all", 'a', OPTION_FLAG, offsetof(struct ls_options, all), NULL, "as many as are kept" },
	{ "unfinished", 'u', OPTION_FLAG, offsetof(struct ls_options, unfinished), NULL,
	  "only those that are still going" },
	{ 0 },
};

static const char *const head[] = { "BATCH", "NAME",   "STATE", "VARIANTS",
				    "DONE",  "FAILED", "AGE",	NULL };

static const char *state_of(const struct queue_batch *batch)
{
	if (batch->end == QUEUE_END_NONE && batch->is_cancelling)
		return "cancelling";
	if (batch->end == QUEUE_END_NONE && batch->is_paused)
		return "paused";
	return queue_end_name(batch->end);
}

static void put_row(struct table *table, const struct queue_batch *batch)
{
	char age[32];

	units_show_duration((clock_real_us() - batch->created_at) / 1000, age);
	table_put(table, TONE_STRONG, "%s", batch->id);
	table_put(table, TONE_PLAIN, "%s", batch->name ? batch->name : "");
	table_put(table, board_end_tone(batch->end), "%s", state_of(batch));
	table_put(table, TONE_PLAIN, "%lld", (long long)batch->total);
	table_put(table, TONE_PLAIN, "%lld", (long long)batch->done);
	table_put(table, batch->failed ? TONE_BAD : TONE_PLAIN, "%lld", (long long)batch->failed);
	table_put(table, TONE_DIM, "%s", age);
}

static int print(struct cli *cli, const struct queue_batch *batches, size_t count)
{
	DEFER(table_done) struct table table = { 0 };
	json_t *list;
	int code;

	if (cli->out.is_quiet) {
		for (size_t i = 0; i < count; i++)
			output_line("%s", batches[i].id);
		return EXIT_DONE;
	}
	table_init(&table, head);
	for (size_t i = 0; i < count; i++)
		put_row(&table, &batches[i]);
	if (cli->out.format == OUTPUT_TABLE) {
		if (count)
			table_print(&table, &cli->out);
		else
			output_note(&cli->out, "no batch here yet; `reel run SPEC` makes one");
		return EXIT_DONE;
	}
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, record_batch(&batches[i]));
	code = output_json(&cli->out, list);
	json_decref(list);
	return code;
}

static size_t keep_unfinished(struct queue_batch *batches, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (batches[i].end == QUEUE_END_NONE)
			batches[kept++] = batches[i];
		else
			queue_batch_done(&batches[i]);
	return kept;
}

static int run(struct cli *cli, const void *given)
{
	const struct ls_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	struct queue_batch *batches;
	struct err err = { 0 };
	size_t count, max;
	int code;

	max = options->all ? 100000 : options->max > 0 ? (size_t)options->max : LS_DEFAULT;
	if (!session_open(cli, SESSION_LOOK, &session, &err) ||
	    !queue_batches(session.client, max, &batches, &count, &err))
		return cli_fail(cli, &err);
	if (options->unfinished)
		count = keep_unfinished(batches, count);
	code = print(cli, batches, count);
	record_free_batches(batches, count);
	return code;
}

const struct command command_ls = {
	.name = "ls",
	.summary = "list batches, newest first",
	.usage = "[-n N] [--unfinished]",
	.options = rows,
	.options_size = sizeof(struct ls_options),
	.group = "Look",
	.run = run,
};
