/*
 * Decodes tasks and definitions, and maps err kinds to verdict classes in the one place where that
 * is done. It runs nothing and opens nothing, so the event-loop worker uses it too.
 */
#include "pipeline/stage/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool stage_decode(const json_t *object, const struct json_field *fields, const char *path,
		  void *out, struct arena *arena, struct err *err)
{
	DEFER(json_freep) json_t *known = json_object();

	if (!json_is_object(object))
		return err_set(err, ERR_REJECT, "%s: expected an object", path);
	for (const struct json_field *field = fields; field->name; field++) {
		json_t *value = json_object_get(object, field->name);

		/* null is how a spec leaves something out */
		if (value && !json_is_null(value))
			json_object_set(known, field->name, value);
	}
	return json_decode(known, fields, path, out, arena, err);
}

static const char *text_of(const json_t *root, const char *name, struct err *err)
{
	const char *text = json_string_value(json_object_get(root, name));

	if (!text && err->kind == ERR_NONE)
		err_set(err, ERR_REJECT, "task.%s: expected text", name);
	return text;
}

static int64_t number_of(const json_t *root, const char *name, struct err *err)
{
	const json_t *value = json_object_get(root, name);

	if (!json_is_integer(value) && err->kind == ERR_NONE)
		err_set(err, ERR_REJECT, "task.%s: expected an integer", name);
	return json_integer_value(value);
}

static const json_t *object_of(const json_t *root, const char *name, struct err *err)
{
	const json_t *value = json_object_get(root, name);

	if (!json_is_object(value) && err->kind == ERR_NONE)
		err_set(err, ERR_REJECT, "task.%s: expected an object", name);
	return value;
}

/* By hand and not by table, because tens of thousands a second go through here and none of the
 * texts need a copy: they live as long as `root`. */
bool stage_request_decode(const char *text, size_t len, struct stage_request *out, struct err *err)
{
	DEFER(json_freep) json_t *root = NULL;
	struct err first = { 0 };
	struct stage_task task;

	if (!json_parse(text, len, "task", &root, err))
		return false;
	if (!json_is_object(root))
		return err_set(err, ERR_REJECT, "task: expected an object");
	task = (struct stage_task){
		.batch = text_of(root, "batch", &first),
		.pipeline = text_of(root, "pipeline", &first),
		.stage = text_of(root, "stage", &first),
		.type = text_of(root, "type", &first),
		.epoch = number_of(root, "epoch", &first),
		.attempt = number_of(root, "attempt", &first),
		.definition = object_of(root, "definition", &first),
		.context = object_of(root, "context", &first),
		.results = object_of(root, "results", &first),
	};
	if (first.kind != ERR_NONE) {
		*err = first;
		return false;
	}
	out->task = task;
	out->prepare = json_is_true(json_object_get(root, "prepare"));
	out->root = TAKE(root);
	return true;
}

void stage_request_done(struct stage_request *request)
{
	json_freep(&request->root);
}

void stage_fail(struct stage_outcome *outcome, const struct err *err)
{
	static const enum verdict_class classes[] = {
		[ERR_NONE] = VERDICT_TRANSIENT,	    [ERR_RETRY] = VERDICT_TRANSIENT,
		[ERR_LIMIT] = VERDICT_RATE_LIMITED, [ERR_REJECT] = VERDICT_PERMANENT,
		[ERR_OPERATOR] = VERDICT_OPERATOR,  [ERR_CANCEL] = VERDICT_CANCELLED,
	};

	outcome->class = classes[err->kind];
	outcome->after_ms = err->kind == ERR_LIMIT ? (int64_t)err->after_s * 1000 : 0;
	snprintf(outcome->message, sizeof(outcome->message), "%s", err->text);
}

void stage_end(struct stage_outcome *outcome, enum verdict_class class, const char *format, ...)
{
	va_list args;

	outcome->class = class;
	va_start(args, format);
	vsnprintf(outcome->message, sizeof(outcome->message), format, args);
	va_end(args);
}

void stage_outcome_done(struct stage_outcome *outcome)
{
	json_freep(&outcome->result);
}
