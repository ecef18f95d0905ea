/*
 * reel show: a batch with its variants, a pipeline with its stages, or a stage with everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/units.h"
#include "cli/board.h"
#include "cli/commands.h"
#include "cli/records.h"
#include "cli/show.h"
#include "cli/target.h"

struct show_options {
	bool spec;
};

static const struct option_row rows[] = {
	{ "spec", 0, OPTION_FLAG, offsetof(struct show_options, spec), NULL,
	  "print the spec the batch was made from" },
	{ 0 },
};

static int show_spec(struct session *session, const char *id)
{
	DEFER(freep) char *batch = target_batch(id);
	DEFER(freep) char *text = NULL;
	struct err err = { 0 };

	if (!queue_batch_spec_text(session->client, batch, &text, &err))
		return cli_fail(session->cli, &err);
	fputs(text, stdout);
	return EXIT_DONE;
}

static int show_batch(struct session *session, const char *id)
{
	const struct output *out = &session->cli->out;
	struct queue_pipeline *pipelines;
	struct queue_batch batch;
	struct err err = { 0 };
	size_t count;
	int code = EXIT_DONE;

	if (!queue_batch_get(session->client, id, &batch, &err))
		return cli_fail(session->cli, &err);
	if (!target_all_pipelines(session, id, out->format == OUTPUT_JSON, &pipelines, &count,
				  &err)) {
		queue_batch_done(&batch);
		return cli_fail(session->cli, &err);
	}
	if (out->format == OUTPUT_JSON) {
		json_t *value = record_batch(&batch), *list = json_array();

		for (size_t i = 0; i < count; i++)
			json_array_append_new(list, record_pipeline(&pipelines[i]));
		json_object_set_new(value, "pipelines", list);
		code = output_json(out, value);
		json_decref(value);
	} else {
		show_batch_table(out, &batch, pipelines, count);
	}
	record_free_pipelines(pipelines, count);
	queue_batch_done(&batch);
	return code;
}

static int show_json(const struct output *out, json_t *value)
{
	int code = output_json(out, value);

	json_decref(value);
	return code;
}

static int show_one(struct session *session, const char *id)
{
	const struct output *out = &session->cli->out;
	DEFER(freep) char *name = target_pipeline(id);
	struct queue_pipeline pipeline;
	const struct queue_stage *stage;
	struct err err = { 0 };
	int code = EXIT_DONE;

	if (!queue_pipeline_get(session->client, name, &pipeline, &err))
		return cli_fail(session->cli, &err);
	stage = target_stage(id) ? record_stage_find(&pipeline, target_stage(id)) : NULL;
	if (target_stage(id) && !stage) {
		err_set(&err, ERR_REJECT, "%s has no stage '%s'", name, target_stage(id));
		code = cli_fail(session->cli, &err);
	} else if (out->format == OUTPUT_JSON) {
		code = show_json(out, stage ? record_stage(&pipeline, stage)
					    : record_pipeline(&pipeline));
	} else if (stage) {
		show_stage_text(out, &pipeline, stage);
	} else {
		show_pipeline_table(out, &pipeline);
	}
	queue_pipeline_done(&pipeline);
	return code;
}

static int run(struct cli *cli, const void *given)
{
	const struct show_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	int code;

	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (options->spec)
		return show_spec(&session, id);
	if (cli->out.is_quiet) {
		output_line("%s", id);
		return EXIT_DONE;
	}
	return target_kind(id) == TARGET_BATCH ? show_batch(&session, id) : show_one(&session, id);
}

const struct command command_show = {
	.name = "show",
	.summary = "everything about a batch, a variant or a stage",
	.usage = "[ID] [--spec]",
	.details =
		"ID is a batch (k3f9x2m4), a variant (k3f9x2m4-17) or a stage (k3f9x2m4-17/draft); "
		"without one,\nthe newest batch. A unique beginning is enough.",
	.options = rows,
	.options_size = sizeof(struct show_options),
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
