/*
 * reel run: from a spec to finished variants by one command, and the same command again after
 * anything died.
 *
 *      expand -> which batch? -> (submit) -> follow -> files and summary -> exit code
 *
 *      no batch remembered, or --new, or the last one ended well    a new batch
 *      unfinished, same spec                                        that batch goes on
 *      unfinished, other spec                                       refused: the person decides
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/expand.h"
#include "cli/follow.h"
#include "cli/make_sheet.h"
#include "cli/records.h"
#include "cli/runs.h"
#include "cli/send.h"
#include "cli/show.h"
#include "cli/target.h"

struct run_options {
	const char *out;
	bool fresh, past_holds;
	int64_t timeout_ms;
};

static const struct option_row rows[] = {
	{ "out", 0, OPTION_TEXT, offsetof(struct run_options, out), "DIR",
	  "also -o; leave the finished videos, sheet.html and sheet.csv there" },
	{ "new", 0, OPTION_FLAG, offsetof(struct run_options, fresh), NULL,
	  "start another batch even if one of this spec is unfinished" },
	{ "timeout", 't', OPTION_DURATION, offsetof(struct run_options, timeout_ms), "TIME",
	  "stop watching after so long, with exit code 5; the batch goes on" },
	{ "past-holds", 0, OPTION_FLAG, offsetof(struct run_options, past_holds), NULL,
	  "keep watching while variants are held for a person (else exit code 4)" },
	{ 0 },
};

struct run {
	struct cli *cli;
	const struct run_options *options;
	struct session session;
	struct expansion expansion;
	char *batch;
};

/* The memory of a spec on stdin would be everybody's. */
static bool has_memory(const struct run *run)
{
	return *run->expansion.path == '/';
}

static bool remember(void *context, const char *batch, struct err *err)
{
	struct run *run = context;

	return !has_memory(run) || runs_remember(&run->session, run->expansion.path, batch,
						 run->expansion.fingerprint, err);
}

static bool start_new(struct run *run, struct err *err)
{
	const struct spec_batch *batch = &run->expansion.batch;

	for (size_t i = 0; i < batch->notice_count; i++)
		output_note(&run->cli->out, "note: %s", batch->notices[i].text);
	if (!send_batch(&run->session, &run->expansion, remember, run, &run->batch, err))
		return false;
	output_note(&run->cli->out, "batch %s: %s, %zu %s", run->batch, batch->name,
		    batch->pipeline_count, batch->pipeline_count == 1 ? "variant" : "variants");
	return true;
}

static bool go_on(struct run *run, const struct queue_batch *last, bool is_same, struct err *err)
{
	int64_t ended = last->done + last->failed + last->cancelled;

	if (!is_same)
		return err_set(
			err, ERR_REJECT,
			"batch %s of this spec is unfinished (%lld of %lld done) and the spec "
			"or a file it names has changed since: `reel run --new` starts another "
			"beside it, `reel cancel %s` ends it, `reel watch %s` stays with it",
			last->id, (long long)last->done, (long long)last->total, last->id,
			last->id);
	output_note(&run->cli->out, "continuing batch %s: %lld of %lld done", last->id,
		    (long long)ended, (long long)last->total);
	if (last->is_paused)
		output_note(&run->cli->out, "it is paused; `reel resume %s` lets it go on",
			    last->id);
	run->batch = xstrdup(last->id);
	return true;
}

static bool after_end(struct run *run, const struct queue_batch *last, struct err *err)
{
	if (last->failed)
		output_note(&run->cli->out,
			    "the last batch of this spec, %s, had %lld failed %s (`reel retry "
			    "--failed %s` runs only those again); starting a new one",
			    last->id, (long long)last->failed,
			    last->failed == 1 ? "variant" : "variants", last->id);
	return start_new(run, err);
}

/* Decides which batch this is about. */
static bool choose_batch(struct run *run, struct err *err)
{
	DEFER(run_memory_done) struct run_memory memory = { 0 };
	struct queue_batch last;
	struct err gone = { 0 };
	bool is_good;

	if (has_memory(run) && !run->options->fresh &&
	    !send_is_pending(&run->session, &run->expansion))
		runs_recall(&run->session, run->expansion.path, &memory);
	if (!memory.batch)
		return start_new(run, err);
	if (!queue_batch_get(run->session.client, memory.batch, &last, &gone)) {
		if (gone.kind != ERR_REJECT) {
			*err = gone;
			return false;
		}
		return start_new(run, err); /* expired, or another Redis behind the same name */
	}
	is_good = last.end == QUEUE_END_NONE
			  ? go_on(run, &last, memory.fingerprint == run->expansion.fingerprint, err)
			  : after_end(run, &last, err);
	queue_batch_done(&last);
	return is_good;
}

static void print_summary(struct run *run, const struct board *board,
			  const struct queue_pipeline *rows_read, size_t count)
{
	const struct output *out = &run->cli->out;

	if (out->is_quiet) {
		output_line("%s", run->batch);
		return;
	}
	show_batch_table(out, &board->batch, rows_read, count);
}

static int report(struct run *run, const struct board *board, struct err *err)
{
	const struct output *out = &run->cli->out;
	struct queue_pipeline *pipelines;
	size_t count;

	if (!target_all_pipelines(&run->session, run->batch, out->format == OUTPUT_JSON, &pipelines,
				  &count, err))
		return cli_fail(run->cli, err);
	if (out->format == OUTPUT_JSON) {
		json_t *value = record_batch(&board->batch), *list = json_array();

		for (size_t i = 0; i < count; i++)
			json_array_append_new(list, record_pipeline(&pipelines[i]));
		json_object_set_new(value, "pipelines", list);
		(void)output_json(out, value); /* the batch's own code matters more */
		json_decref(value);
	} else {
		print_summary(run, board, pipelines, count);
	}
	record_free_pipelines(pipelines, count);
	return EXIT_DONE;
}

static void advise(struct run *run, const struct board *board, int code)
{
	const struct output *out = &run->cli->out;

	follow_tell_stuck(run->cli, board, code);
	if (code == EXIT_HELD && !board->stuck)
		output_note(out,
			    "held for a person: `reel why %s` says what for, `reel approve %s` or "
			    "`reel release %s` lets it go on",
			    run->batch, run->batch, run->batch);
	if (code == EXIT_FAILED || code == EXIT_PARTIAL)
		output_note(
			out,
			"`reel logs --failures %s` tells more; `reel retry --failed %s` tries again",
			run->batch, run->batch);
	if (code == EXIT_INTERRUPTED)
		output_note(
			out,
			"interrupted; batch %s goes on in the background. The same command goes on "
			"watching, `reel cancel %s` stops it",
			run->batch, run->batch);
	if (code == EXIT_UNKNOWN)
		output_note(out, "not finished in the time given; batch %s goes on", run->batch);
}

/* Files of what is finished, also when some failed: they are what the night was for. */
static int leave_files(struct run *run, struct err *err)
{
	DEFER(freep) char *path = NULL;

	if (!run->options->out)
		return EXIT_DONE;
	if (!make_sheet(&run->session, run->batch, run->options->out, MAKE_FLAT, 0, &path, err))
		return cli_refuse(run->cli, err);
	output_note(&run->cli->out, "videos and sheet: %s", path);
	return EXIT_DONE;
}

/* A private farm is stopped when nothing is left to do on it. */
static bool is_farm_idle(struct run *run)
{
	struct queue_batch *batches;
	struct err ignored = { 0 };
	bool is_idle = true;
	size_t count;

	if (!queue_batches(run->session.client, 1000, &batches, &count, &ignored))
		return false;
	for (size_t i = 0; i < count; i++)
		is_idle = is_idle && batches[i].end != QUEUE_END_NONE;
	record_free_batches(batches, count);
	return is_idle;
}

static int finish(struct run *run, const struct board *board, int code)
{
	struct err err = { 0 };
	int report_code = EXIT_DONE, files_code = EXIT_DONE;

	if (code != EXIT_INTERRUPTED) {
		files_code = code == EXIT_UNKNOWN ? EXIT_DONE : leave_files(run, &err);
		report_code = report(run, board, &err);
		run->session.is_idle = is_farm_idle(run);
	}
	advise(run, board, code);
	return code ? code : report_code ? report_code : files_code;
}

static int run_all(struct run *run)
{
	const struct follow_options follow = { .timeout_ms = run->options->timeout_ms,
					       .keeps_farm = true,
					       .until_ended = run->options->past_holds };
	struct err err = { 0 };
	const struct config *config = cli_config(run->cli, &err);
	struct board board = { 0 };
	int code;

	if (!config || !expand_file(config, run->cli->args[0], EXPAND_STORE, &run->expansion, &err))
		return cli_refuse(run->cli, &err);
	if (!session_open(run->cli, SESSION_WORK, &run->session, &err) ||
	    !choose_batch(run, &err) || !session_work(&run->session, &err))
		return cli_fail(run->cli, &err);
	code = follow_batch(&run->session, run->batch, &follow, &board, &err);
	code = code < 0 ? cli_fail(run->cli, &err) : finish(run, &board, code);
	board_done(&board);
	return code;
}

static int run_run(struct cli *cli, const void *given)
{
	struct run run = { .cli = cli, .options = given };
	int code = run_all(&run);

	session_close(&run.session);
	expansion_done(&run.expansion);
	free(run.batch);
	return code;
}

const struct command command_run = {
	.name = "run",
	.summary = "from a spec to finished variants: submit, watch, collect",
	.usage = "SPEC [-o DIR] [--new]",
	.details =
		"Needs no farm: without REEL_REDIS_URL or `redis:` in the configuration it starts a "
		"private redis-server and a\nreeld, and stops them when nothing is left to do. The "
		"same command again continues an unfinished batch of the\nsame spec, whatever died "
		"in between.",
	.options = rows,
	.options_size = sizeof(struct run_options),
	.group = "Make videos",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_FILE,
	.run = run_run,
};
