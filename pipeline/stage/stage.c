/*
 * The table of stage types, and what happens around every one of them: the task is decoded, `if`
 * decides, expressions are rendered, the type runs, the result is stamped with what it took.
 *
 * A definition that went through `prepare` says so with "rendered": texts that came out of an
 * expression are data from then on, whatever they look like.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "pipeline/spec/expr.h"
#include "pipeline/stage/expressions.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

static const struct stage_type *const types[] = {
	&stage_edit, &stage_generate, &stage_inspect, &stage_noop, &stage_publish, &stage_upload,
};

const struct stage_type *stage_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i]->name, name))
			return types[i];
	return NULL;
}

/* What every expression sees: the pipeline's context and the results of earlier stages. */
static json_t *expression_input(const struct stage_task *task)
{
	json_t *input = json_copy((json_t *)(uintptr_t)task->context);

	json_object_set(input, "stages", (json_t *)(uintptr_t)task->results);
	return input;
}

/* True unless `if` is there and gives false or null. */
static bool evaluate_if(const json_t *condition, const json_t *input, bool *out, struct err *err)
{
	DEFER(expr_set_freep) struct expr_set *set = NULL;
	DEFER(json_freep) json_t *value = NULL;
	int handle;

	*out = true;
	if (!condition)
		return true;
	if (!json_is_string(condition)) { /* folded at submit */
		*out = expr_truth(condition);
		return true;
	}
	set = expr_set_new();
	if (!expr_add(set, json_string_value(condition), &handle, err) ||
	    !expr_eval(set, handle, input, &value, err))
		return err_context(err, "if");
	*out = expr_truth(value);
	return true;
}

static bool has_template(const json_t *value)
{
	const char *name;
	json_t *item;
	size_t index;

	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		if (has_template(item))
			return true;
	}
	json_array_foreach(value, index, item)
	{
		if (has_template(item))
			return true;
	}
	return json_is_string(value) && expr_is_template(json_string_value(value));
}

/* Member by member, so that it is known which one runs; an error names the path inside by itself.
 */
static bool render_members(const json_t *definition, const json_t *input,
			   const struct expressions *expressions, json_t **out, struct err *err)
{
	DEFER(json_freep) json_t *all = json_object();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)definition, name, value)
	{
		DEFER(json_freep) json_t *member = json_pack("{s:O}", name, value);
		DEFER(json_freep) json_t *rendered = NULL;

		if (!strcmp(name, "if"))
			continue;
		if (has_template(value))
			expressions_at(expressions, name);
		if (!expr_render(member, input, &rendered, err))
			return false;
		json_object_update(all, rendered);
	}
	*out = TAKE(all);
	return true;
}

/* The definition without expressions, NULL in *out when `if` says no. */
static bool render(const struct stage_task *task, const struct stage_context *context, json_t **out,
		   struct err *err)
{
	const json_t *condition = json_object_get(task->definition, "if");
	DEFER(json_freep) json_t *input = expression_input(task);
	struct expressions expressions;
	bool is_wanted = false, ok;

	*out = NULL;
	context->step(context->reporter, "expressions");
	expressions_begin(context, &expressions);
	if (condition)
		expressions_at(&expressions, "if");
	ok = evaluate_if(condition, input, &is_wanted, err) &&
	     (!is_wanted || render_members(task->definition, input, &expressions, out, err));
	expressions_end(&expressions);
	if (ok && is_wanted)
		json_object_set_new(*out, "rendered", json_true());
	return ok;
}

static int64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void run_type(const struct stage_type *type, const struct stage_task *task,
		     const struct stage_context *context, struct stage_outcome *outcome)
{
	int64_t started_us = clock_monotonic_us(), cpu_started_us = cpu_us();

	type->run(task, context, outcome);
	if (!outcome->result)
		return;
	json_object_set_new(outcome->result, "elapsed_ms",
			    json_integer((clock_monotonic_us() - started_us) / 1000));
	json_object_set_new(outcome->result, "cpu_ms",
			    json_integer((cpu_us() - cpu_started_us) / 1000));
}

static void run_request(struct stage_request *request, const struct stage_context *context,
			struct stage_outcome *outcome)
{
	const struct stage_type *type = stage_type_find(request->task.type);
	DEFER(json_freep) json_t *rendered = NULL;
	struct err err = { 0 };

	if (!json_is_true(json_object_get(request->task.definition, "rendered"))) {
		if (!render(&request->task, context, &rendered, &err)) {
			stage_fail(outcome, &err);
			return;
		}
		if (!rendered) {
			stage_end(outcome, VERDICT_SKIPPED, "`if` was false");
			return;
		}
		request->task.definition = rendered;
	}
	if (request->prepare) {
		outcome->class = VERDICT_PREPARED;
		outcome->result = json_pack("{s:O}", "definition", request->task.definition);
	} else if (!type) {
		stage_end(outcome, VERDICT_PERMANENT,
			  "stage type '%s' cannot run in a media worker", request->task.type);
	} else {
		run_type(type, &request->task, context, outcome);
	}
}

void stage_run(const char *task, size_t len, const struct stage_context *context,
	       struct stage_outcome *outcome)
{
	DEFER(stage_request_done) struct stage_request request = { 0 };
	struct err err = { 0 };

	*outcome = (struct stage_outcome){ .class = VERDICT_DONE };
	if (stage_request_decode(task, len, &request, &err))
		run_request(&request, context, outcome);
	else
		stage_fail(outcome, &err);
}
