/*
 * upload: gives the input a place that outlives the run. With the directory store it has one
 * already: the stage confirms that the object is there and says where.
 */
#include "pipeline/stage/media_io.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

struct upload_args {
	char *input;
};

static const struct json_field upload_fields[] = {
	{ "input", JSON_FIELD_TEXT, offsetof(struct upload_args, input), JSON_REQUIRED },
	{ 0 },
};

static bool upload_check(const json_t *definition, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct upload_args args = { 0 };

	return stage_decode(definition, upload_fields, "definition", &args, &arena, err);
}

static bool upload(const struct stage_task *task, const struct stage_context *context,
		   json_t **out_result, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(stage_media_done) struct stage_media media = { 0 };
	DEFER(freep) char *url = NULL;
	struct upload_args args = { 0 };
	const json_t *origin;
	json_t *output;

	if (!stage_decode(task->definition, upload_fields, "definition", &args, &arena, err) ||
	    !stage_media_open(task, context, args.input, &media, err) ||
	    !stage_describe(context, &media, 1, &output, err))
		return false;
	url = xasprintf("file://%s", media.path);
	*out_result = json_pack("{s:[o], s:s}", "outputs", output, "url", url);
	origin = stage_origin_of(task, args.input);
	if (origin)
		json_object_set_new(*out_result, "origin", json_deep_copy(origin));
	return true;
}

static void upload_run(const struct stage_task *task, const struct stage_context *context,
		       struct stage_outcome *outcome)
{
	struct err err = { 0 };

	context->step(context->reporter, "confirm");
	if (!upload(task, context, &outcome->result, &err))
		stage_fail(outcome, &err);
}

const struct stage_type stage_upload = { .name = "upload",
					 .check = upload_check,
					 .run = upload_run };
