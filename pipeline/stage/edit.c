/*
 * edit: operations over one input, composed by pipeline/media into one graph and one encode. Media
 * that an operation names are looked up in the store here.
 */
#include <stdio.h>

#include "pipeline/stage/media_io.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

struct edit_args {
	char *input;
	json_t *operations;
};

static const struct json_field edit_fields[] = {
	{ "input", JSON_FIELD_TEXT, offsetof(struct edit_args, input), JSON_REQUIRED },
	{ "operations", JSON_FIELD_ANY, offsetof(struct edit_args, operations), JSON_REQUIRED },
	{ 0 },
};

/* What the callbacks of one edit need. */
struct editing {
	const struct stage_task *task;
	const struct stage_context *context;
	json_t *warnings, *parents; /* borrowed from result and origin */
};

static bool edit_decode(const json_t *definition, struct arena *arena, struct edit_args *out,
			struct err *err)
{
	if (!stage_decode(definition, edit_fields, "definition", out, arena, err))
		return false;
	if (!json_is_array(out->operations))
		return err_set(err, ERR_REJECT, "definition.operations: expected a list");
	return media_edit_check(out->operations, err) || err_context(err, "definition");
}

static bool edit_check(const json_t *definition, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct edit_args args = { 0 };

	return edit_decode(definition, &arena, &args, err);
}

static bool on_resolve(void *context, const char *name, char **out_path, struct err *err)
{
	struct editing *editing = context;
	struct stage_media media = { 0 };

	if (!stage_media_open(editing->task, editing->context, name, &media, err))
		return false;
	json_array_append_new(editing->parents, json_string(media.item.id));
	*out_path = TAKE(media.path);
	return true;
}

static void on_step(void *context, const char *name)
{
	const struct editing *editing = context;

	editing->context->step(editing->context->reporter, name);
}

static void on_progress(void *context, double fraction)
{
	const struct editing *editing = context;

	editing->context->progress(editing->context->reporter, fraction);
}

static void on_warn(void *context, const char *text)
{
	struct editing *editing = context;

	json_array_append_new(editing->warnings, json_string(text));
}

/* What made the input, with the input itself as the nearest parent. */
static json_t *origin_of(const struct stage_task *task, const char *input_name,
			 const struct stage_media *input)
{
	const json_t *before = stage_origin_of(task, input_name);
	json_t *origin = before ? json_deep_copy(before) : json_object();

	json_object_set_new(origin, "parents", json_pack("[s]", input->item.id));
	return origin;
}

static bool edit_into(const struct edit_args *args, const struct stage_media *input,
		      const char *path, const json_t *origin, struct editing *editing,
		      struct err *err)
{
	DEFER(freep) char *provenance = stage_provenance(origin);
	struct media_limits limits = stage_limits(editing->context);

	return media_edit(&(struct media_edit_options){ .input = input->path,
							.output = path,
							.operations = args->operations,
							.provenance = provenance,
							.limits = &limits,
							.resolve = on_resolve,
							.step = on_step,
							.progress = on_progress,
							.warn = on_warn,
							.context = editing },
			  err);
}

static bool edit_and_describe(const struct edit_args *args, const struct stage_media *input,
			      const json_t *origin, struct editing *editing, json_t *result,
			      struct err *err)
{
	const struct stage_context *context = editing->context;
	DEFER(stage_media_done) struct stage_media media = { 0 };
	DEFER(freep) char *path = NULL;
	json_t *output;

	if (!store_create(context->store, ".mp4", &path, err))
		return false;
	if (!edit_into(args, input, path, origin, editing, err)) {
		store_abandon(context->store, path);
		return false;
	}
	context->step(context->reporter, "commit");
	if (!stage_commit(context, path, &media, err) ||
	    !stage_describe(context, &media, 1, &output, err))
		return false;
	json_array_append_new(json_object_get(result, "outputs"), output);
	return true;
}

/* One still of what was made, from its key frames alone: the sheet shows the clip as it will be
 * posted. */
static bool keep_poster(const struct stage_context *context, json_t *result, struct err *err)
{
	const json_t *output = json_array_get(json_object_get(result, "outputs"), 0);
	const char *id = json_string_value(json_object_get(output, "media"));
	struct media_limits limits = stage_limits(context);
	DEFER(stage_media_done) struct stage_media made = { 0 };
	DEFER(json_freep) json_t *metrics = NULL;

	context->step(context->reporter, "poster");
	return store_find(context->store, id, &made.item, err) &&
	       store_path(context->store, &made.item, &made.path, err) &&
	       media_analyse(made.path, &limits,
			     &(struct media_analysis_options){ .depth = "quick",
							       .poster_dir = context->work_dir,
							       .poster_count = 1 },
			     &metrics, err) &&
	       stage_keep_posters(context, 1, result, err);
}

static void edit_run(const struct stage_task *task, const struct stage_context *context,
		     struct stage_outcome *outcome)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(stage_media_done) struct stage_media input = { 0 };
	DEFER(json_freep) json_t *origin = NULL;
	struct edit_args args = { 0 };
	struct editing editing = { .task = task, .context = context };
	struct err err = { 0 };

	if (!edit_decode(task->definition, &arena, &args, &err) ||
	    !stage_media_open(task, context, args.input, &input, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	origin = origin_of(task, args.input, &input);
	outcome->result = json_pack("{s:[], s:[], s:O}", "outputs", "warnings", "origin", origin);
	editing.warnings = json_object_get(outcome->result, "warnings");
	editing.parents = json_object_get(origin, "parents");
	if (!edit_and_describe(&args, &input, origin, &editing, outcome->result, &err) ||
	    !keep_poster(context, outcome->result, &err))
		stage_fail(outcome, &err);
}

const struct stage_type stage_edit = { .name = "edit", .check = edit_check, .run = edit_run };
