/*
 * reel approve and reel reject: a person's yes or no to the approve stages of a target.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/records.h"
#include "cli/steer.h"
#include "cli/target.h"

struct approve_options {
	const char *note;
};

static const struct option_row rows[] = {
	{ "note", 'm', OPTION_TEXT, offsetof(struct approve_options, note), "TEXT",
	  "why; kept with the decision" },
	{ 0 },
};

static const char *who_am_i(void)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry ? entry->pw_name : "unknown";
}

static bool waits_for_approval(const struct queue_stage *stage, const char *wanted)
{
	return stage->state == QUEUE_HELD && stage->type && !strcmp(stage->type, "approve") &&
	       (!wanted || !strcmp(stage->id, wanted));
}

/* Every approve stage of the pipelines that waits (the one named, when one is named). */
static bool decide_all(struct session *session, const char *target,
		       const struct queue_pipeline *pipelines, size_t count, bool yes,
		       const char *note, int64_t *out_stages, struct err *err)
{
	*out_stages = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < pipelines[i].stage_count; j++) {
			DEFER(freep)
			char *id = xasprintf("%s/%s", pipelines[i].id, pipelines[i].stages[j].id);

			if (!waits_for_approval(&pipelines[i].stages[j], target_stage(target)))
				continue;
			if (!queue_approve(session->client, id, yes, who_am_i(), note ? note : "",
					   err))
				return false;
			++*out_stages;
		}
	if (*out_stages)
		return true;
	return err_set(err, ERR_REJECT,
		       "nothing of %s waits for an approval; `reel why %s` says what it waits for",
		       target, target);
}

static int decide(struct cli *cli, bool yes, const struct approve_options *options)
{
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct queue_pipeline *pipelines;
	struct err err = { 0 };
	int64_t stages;
	size_t count;
	bool is_good;
	int code;

	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!target_pipelines(&session, id, false, &pipelines, &count, &err))
		return cli_fail(cli, &err);
	is_good = decide_all(&session, id, pipelines, count, yes, options->note, &stages, &err);
	record_free_pipelines(pipelines, count);
	if (!is_good || !session_work(&session, &err))
		return cli_fail(cli, &err);
	return steer_report(&session, yes ? "approved" : "rejected", id, stages);
}

static int run_approve(struct cli *cli, const void *given)
{
	return decide(cli, true, given);
}

static int run_reject(struct cli *cli, const void *given)
{
	return decide(cli, false, given);
}

const struct command command_approve = {
	.name = "approve",
	.summary = "say yes to what waits for an approval",
	.usage = "ID [--note TEXT]",
	.details =
		"ID is a stage, a variant or a batch; of the latter two, everything that waits is "
		"approved.",
	.options = rows,
	.options_size = sizeof(struct approve_options),
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run_approve,
};

const struct command command_reject = {
	.name = "reject",
	.summary = "say no to what waits for an approval",
	.usage = "ID [--note TEXT]",
	.options = rows,
	.options_size = sizeof(struct approve_options),
	.group = "Steer",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_ID,
	.run = run_reject,
};
