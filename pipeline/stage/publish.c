/*
 * publish to the outbox, the one publisher that needs no network. The outcome of posting twice is
 * one post: pipeline and stage are its identity, and what lies there is never changed.
 */
#include <stdio.h>
#include <string.h>

#include "pipeline/stage/media_io.h"
#include "pipeline/stage/outbox.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

struct publish_args {
	char *input, *caption, *account, *privacy_level;
	json_t *to, *aigc;
};

static const struct json_field publish_fields[] = {
	{ "input", JSON_FIELD_TEXT, offsetof(struct publish_args, input), JSON_REQUIRED },
	{ "to", JSON_FIELD_ANY, offsetof(struct publish_args, to), JSON_REQUIRED },
	{ "caption", JSON_FIELD_TEXT, offsetof(struct publish_args, caption), 0 },
	{ "account", JSON_FIELD_TEXT, offsetof(struct publish_args, account), 0 },
	{ "privacy_level", JSON_FIELD_TEXT, offsetof(struct publish_args, privacy_level), 0 },
	{ "aigc", JSON_FIELD_ANY, offsetof(struct publish_args, aigc), 0 },
	{ 0 },
};

/* Characters as people count them: UTF-8 sequences. */
static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool publish_decode(const json_t *definition, struct arena *arena, struct publish_args *out,
			   struct err *err)
{
	const json_t *limit;
	const char *id;

	*out = (struct publish_args){ 0 };
	if (!stage_decode(definition, publish_fields, "definition", out, arena, err))
		return false;
	id = json_string_value(json_object_get(out->to, "id"));
	if (!id)
		return err_set(err, ERR_REJECT, "definition.to.id: expected text");
	if (strcmp(id, "outbox") != 0)
		return err_set(
			err, ERR_REJECT,
			"publisher '%s' is not served by a media worker; this one knows only "
			"outbox",
			id);
	limit = json_object_get(out->to, "caption_max");
	if (out->caption && json_is_integer(limit) &&
	    count_characters(out->caption) > (size_t)json_integer_value(limit))
		return err_set(err, ERR_REJECT, "definition.caption: %zu characters, %s takes %lld",
			       count_characters(out->caption), id,
			       (long long)json_integer_value(limit));
	return true;
}

static bool publish_check(const json_t *definition, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct publish_args args;

	return publish_decode(definition, &arena, &args, err);
}

/* Whatever a model made carries the label, unless the spec says otherwise. */
static bool is_ai_made(const struct publish_args *args, const json_t *origin)
{
	if (json_is_boolean(args->aigc))
		return json_is_true(args->aigc);
	return json_object_get(origin, "model") != NULL;
}

static void put_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static json_t *describe_post(const struct stage_task *task, const struct publish_args *args,
			     const struct stage_media *media, const json_t *output)
{
	const json_t *origin = stage_origin_of(task, args->input);
	json_t *labels = json_object_get(task->context, "labels");
	json_t *post = json_pack("{s:s, s:O, s:b, s:s}", "batch", task->batch, "media", output,
				 "ai_generated", (int)is_ai_made(args, origin), "sha256",
				 media->item.sha256);

	put_text(post, "account", args->account);
	put_text(post, "privacy_level", args->privacy_level);
	put_text(post, "name", json_string_value(json_object_get(task->context, "name")));
	put_text(post, "batch_name",
		 json_string_value(json_object_get(task->context, "batch_name")));
	if (labels)
		json_object_set(post, "labels", labels);
	if (origin)
		json_object_set_new(post, "origin", json_deep_copy(origin));
	return post;
}

/* "video.mp4", "image.png": what the bytes are, not what somebody called them. */
static char *file_name(const json_t *output)
{
	const char *kind = json_string_value(json_object_get(output, "kind"));
	const char *mime = json_string_value(json_object_get(output, "mime"));
	const char *slash = mime ? strrchr(mime, '/') : NULL;
	const char *extension = slash ? slash + 1 : "bin";

	if (!strcmp(extension, "jpeg"))
		extension = "jpg";
	else if (!strcmp(extension, "quicktime"))
		extension = "mov";
	else if (strspn(extension, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(extension))
		extension = "bin";
	return xasprintf("%s.%s", kind ? kind : "media", extension);
}

static const char *context_text(const struct stage_task *task, const char *name,
				const char *otherwise)
{
	const char *text = json_string_value(json_object_get(task->context, name));

	return text && *text ? text : otherwise;
}

static json_t *result_of(const char *path, bool was_there, const json_t *output)
{
	DEFER(freep) char *url = xasprintf("file://%s", path);
	json_t *result = json_pack("{s:[O], s:[], s:s, s:s, s:s}", "outputs", output, "warnings",
				   "path", path, "url", url, "id", path);

	if (was_there)
		json_array_append_new(
			json_object_get(result, "warnings"),
			json_string("the post was already there and was left as it is"));
	return result;
}

static bool post(const struct stage_task *task, const struct stage_context *context,
		 const struct publish_args *args, const struct stage_media *media,
		 const json_t *output, struct stage_outcome *outcome, struct err *err)
{
	DEFER(json_freep) json_t *description = describe_post(task, args, media, output);
	DEFER(freep) char *name = file_name(output);
	DEFER(freep) char *path = NULL;
	bool was_there;

	if (!outbox_put(context->outbox,
			&(struct outbox_post){
				.batch_name = context_text(task, "batch_name", task->batch),
				.pipeline_name = context_text(task, "name", task->pipeline),
				.pipeline = task->pipeline,
				.stage = task->stage,
				.media_path = media->path,
				.file_name = name,
				.caption = args->caption ? args->caption : "",
				.description = description,
			},
			&path, &was_there, err))
		return false;
	outcome->result = result_of(path, was_there, output);
	if (was_there)
		stage_end(outcome, VERDICT_DONE, "already there: %s", path);
	return true;
}

static void publish_run(const struct stage_task *task, const struct stage_context *context,
			struct stage_outcome *outcome)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(stage_media_done) struct stage_media media = { 0 };
	DEFER(json_freep) json_t *output = NULL;
	struct publish_args args;
	struct err err = { 0 };

	context->step(context->reporter, "post");
	if (!publish_decode(task->definition, &arena, &args, &err) ||
	    !stage_media_open(task, context, args.input, &media, &err) ||
	    !stage_describe(context, &media, 1, &output, &err) ||
	    !post(task, context, &args, &media, output, outcome, &err))
		stage_fail(outcome, &err);
}

const struct stage_type stage_publish = { .name = "publish",
					  .check = publish_check,
					  .run = publish_run };
