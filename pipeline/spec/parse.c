/*
 * The spec's own members and its stages, by the tables of fields.c; the result is a list of stages
 * whose definitions hold markers where something depends on the variant.
 *
 * Order: names first, so that expressions can be checked (labels, vars, axes, stage ids), then the
 * stages, then the graph.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/spec/spec_private.h"

void spec_notice(struct spec *spec, const char *format, ...)
{
	struct spec_batch *batch = &spec->batch;
	struct spec_notice *notices;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < batch->notice_count; i++)
		if (!strcmp(batch->notices[i].text, text))
			return;
	notices = arena_alloc(&spec->arena, (batch->notice_count + 1) * sizeof(*notices));
	if (batch->notice_count)
		memcpy(notices, batch->notices, batch->notice_count * sizeof(*notices));
	notices[batch->notice_count++].text = arena_strdup(&spec->arena, text);
	batch->notices = notices;
}

static const json_t *root_of(const struct check *check)
{
	return yaml_root(check->spec->doc);
}

static const char *copy_json(struct spec *spec, const json_t *value)
{
	DEFER(freep) char *text = json_text(value);

	return arena_strdup(&spec->arena, text);
}

/* ---- labels, vars, and the single values ---- */

static bool parse_labels(struct check *check, const json_t *labels)
{
	const char *name;
	json_t *value, *ignored;

	if (labels && !json_is_object(labels))
		return check_refuse_type(check, "labels", "a map", labels);
	json_object_foreach((json_t *)(uintptr_t)labels, name, value)
	{
		const char *path = check_path(check->spec, "labels", name);

		if (!check_value(check, field_find(top_fields, "labels"), value, path, &ignored))
			return false;
		json_decref(ignored);
		if (json_is_object(value) || json_is_array(value) || json_is_null(value))
			return check_refuse_type(check, path, "text, a number, true or false",
						 value);
	}
	check->spec->batch.labels = labels ? copy_json(check->spec, labels) : "{}";
	return true;
}

static bool parse_vars(struct check *check, const json_t *vars)
{
	json_t *ignored;

	if (!vars)
		return true;
	if (!json_is_object(vars))
		return check_refuse_type(check, "vars", "a map", vars);
	if (!check_value(check, field_find(top_fields, "vars"), vars, "vars", &ignored))
		return false;
	json_decref(ignored);
	return true;
}

/* A member of the spec that is a plain value; NULL in *out when it is absent. */
static bool parse_member(struct check *check, const char *name, json_t **out)
{
	const json_t *value = json_object_get(root_of(check), name);

	*out = NULL;
	return !value || check_value(check, field_find(top_fields, name), value, name, out);
}

static bool parse_singles(struct check *check)
{
	DEFER(json_freep) json_t *version = NULL, *name = NULL, *parallel = NULL, *priority = NULL;
	struct spec_batch *batch = &check->spec->batch;

	if (!parse_member(check, "version", &version) || !parse_member(check, "name", &name) ||
	    !parse_member(check, "max_parallel", &parallel) ||
	    !parse_member(check, "priority", &priority))
		return false;
	batch->name = arena_strdup(&check->spec->arena, json_string_value(name));
	batch->max_parallel = json_integer_value(parallel);
	batch->priority = priority ? arena_strdup(&check->spec->arena, json_string_value(priority))
				   : "normal";
	return true;
}

static bool parse_extras(struct check *check)
{
	DEFER(json_freep) json_t *schedule = NULL, *budget = NULL;
	struct spec *spec = check->spec;

	if (!parse_member(check, "schedule", &schedule) || !parse_member(check, "budget", &budget))
		return false;
	if (schedule) {
		if (!extra_check_schedule(check, schedule))
			return false;
		spec->batch.schedule = copy_json(spec, schedule);
		spec_notice(spec, "schedule is checked, and fires from a later release on: this "
				  "batch runs now, once");
	}
	if (budget) {
		if (!extra_check_budget(check, json_object_get(root_of(check), "budget"), budget))
			return false;
		spec->batch.budget = copy_json(spec, budget);
		spec_notice(spec, "budget is checked, and kept from a later release on: nothing "
				  "in this one costs money");
	}
	return true;
}

/* Before vars, labels and axes are known, nothing that names them can be judged. */
static bool parse_names(struct check *check)
{
	const json_t *matrix = json_object_get(root_of(check), "matrix"), *pattern;

	if (!parse_labels(check, json_object_get(root_of(check), "labels")) ||
	    !parse_vars(check, json_object_get(root_of(check), "vars")) ||
	    (matrix && !matrix_check(check, matrix)))
		return false;
	pattern = json_object_get(root_of(check), "name_variants");
	if (pattern && !json_string_length(pattern))
		return check_refuse_type(check, "name_variants", "text", pattern);
	check->spec->name_variants = json_string_value(pattern);
	return !pattern || name_check(check, check->spec->name_variants);
}

/* ---- all together ---- */

static bool check_top(struct check *check)
{
	const json_t *root = root_of(check);
	const char *names[32], *name;
	size_t count = 0;
	json_t *ignored;

	if (!json_is_object(root))
		return check_refuse_type(check, "", "a spec: a map with version, name and stages",
					 root);
	for (const struct field *field = top_fields; field->name; field++)
		names[count++] = field->name;
	json_object_foreach((json_t *)(uintptr_t)root, name, ignored)
	{
		if (!field_find(top_fields, name))
			return check_refuse_name(check, "", name, names, count);
	}
	for (const struct field *field = top_fields; field->name; field++)
		if ((field->flags & FIELD_REQUIRED) && !json_object_get(root, field->name))
			return check_refuse(check, "", "'%s' is missing", field->name);
	return true;
}

/* Whether all functions exist is asked once, of all expressions together. */
static bool check_expressions(struct check *check)
{
	struct spec *spec = check->spec;
	const char *path = "";
	int handle = -1;

	if (expr_check(spec->late, &handle, check->err))
		return true;
	for (size_t i = 0; i < spec->late_count; i++)
		if (spec->lates[i].handle == handle)
			path = spec->lates[i].path;
	return check_refuse(check, path, "%s", check->err->text);
}

static bool parse(struct check *check)
{
	struct spec *spec = check->spec;
	const json_t *stages;

	if (!check_top(check) || !parse_singles(check))
		return false;
	stages = json_object_get(root_of(check), "stages");
	if (!stages_collect(check, stages) || !parse_names(check) || !parse_extras(check) ||
	    !stages_parse_defaults(check, json_object_get(root_of(check), "defaults")))
		return false;
	for (size_t i = 0; i < spec->stage_count; i++) {
		check->stage = &spec->stages[i];
		if (!stage_parse(check, json_object_get(stages, spec->stages[i].id)))
			return false;
	}
	check->stage = NULL;
	return check_expressions(check) && graph_complete(spec, check->err);
}

bool spec_parse(const char *text, size_t len, const char *name, const struct catalogue *catalogue,
		struct spec **out, struct err *err)
{
	DEFER(spec_freep) struct spec *spec = xcalloc(1, sizeof(*spec));
	struct check check = { .spec = spec, .err = err };

	spec->catalogue = catalogue;
	spec->set = expr_set_new();
	spec->late = expr_set_new();
	spec->name = arena_strdup(&spec->arena, name);
	if (!yaml_parse(text, len, name, &spec->doc, err) || !parse(&check))
		return false;
	*out = TAKE(spec);
	return true;
}

void spec_free(struct spec *spec)
{
	if (!spec)
		return;
	for (size_t i = 0; i < spec->stage_count; i++)
		json_decref(spec->stages[i].definition);
	expr_set_free(spec->set);
	expr_set_free(spec->late);
	yaml_free(spec->doc);
	free(spec->holes);
	free(spec->lates);
	arena_done(&spec->arena);
	free(spec);
}

void spec_freep(struct spec **spec)
{
	spec_free(*spec);
	*spec = NULL;
}
