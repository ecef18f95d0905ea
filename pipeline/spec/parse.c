/*
 * The spec's own members and its stages, by the tables of fields.c; the result is a list of stages
 * whose definitions hold markers where something depends on the variant.
 *
 * Order: names first, so that expressions can be checked (labels, vars, axes, stage ids), then the
 * stages, then the graph.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/verdict.h"
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

/* ---- stages ---- */

static const char *kind_list(char out[256])
{
	size_t used = 0;

	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		used += (size_t)snprintf(out + used, 256 - used, "%s%s", used ? ", " : "",
					 kind->name);
	return out;
}

/* Every name that a stage of this kind (NULL: of any) may hold. */
static size_t stage_names(const struct stage_kind *kind, const char *out[64])
{
	size_t count = 0;

	for (const struct stage_kind *k = stage_kinds; k->name; k++)
		if (!kind || k == kind)
			out[count++] = k->name;
	for (const struct field *f = common_fields; f->name; f++)
		out[count++] = f->name;
	for (const struct field *f = kind ? kind->fields : common_fields; kind && f->name; f++)
		out[count++] = f->name;
	return count;
}

static const struct field *stage_field(const struct stage_kind *kind, const char *name)
{
	const struct field *field = field_find(kind->fields, name);

	return field ? field : field_find(common_fields, name);
}

static bool refuse_field(struct check *check, const char *name)
{
	const struct stage *stage = check->stage;
	const char *names[64], *place;

	place = arena_printf(&check->spec->arena, "%s.%s#", stage->path, name);
	for (const struct stage_kind *kind = stage_kinds; stage->kind && kind->name; kind++)
		if (field_find(kind->fields, name))
			return check_refuse(check, place,
					    "unknown name in a stage of type %s: it belongs to %s",
					    stage->kind->name, kind->name);
	return check_refuse_name(check, stage->path, name, names, stage_names(stage->kind, names));
}

static bool is_name_of_stage(const struct stage_kind *kind, const char *name)
{
	if (!kind)
		return field_find(common_fields, name) != NULL;
	return !strcmp(name, kind->name) || stage_field(kind, name);
}

/* The one type that the stage names. */
static bool find_kind(struct check *check, const json_t *value)
{
	struct stage *stage = check->stage;
	char place[SPEC_PATH], kinds[256];
	const char *name;
	json_t *ignored;

	json_object_foreach((json_t *)(uintptr_t)value, name, ignored)
	{
		const struct stage_kind *kind = stage_kind_find(name);

		if (kind && stage->kind)
			return check_refuse(check, check_path(check->spec, stage->path, name),
					    "a stage has one type, this one is %s already",
					    stage->kind->name);
		if (kind)
			stage->kind = kind;
	}
	json_object_foreach((json_t *)(uintptr_t)value, name, ignored)
	{
		if (!is_name_of_stage(stage->kind, name))
			return refuse_field(check, name);
	}
	snprintf(place, sizeof(place), "%s#", stage->path);
	return stage->kind || check_refuse(check, place, "expected a type: %s", kind_list(kinds));
}

static bool parse_kind_of_generate(struct check *check, const json_t *value, const char *path)
{
	const char *word = json_string_value(value);
	struct field field = { .type = FIELD_WORD, .words = kinds_of_generate };
	json_t *kind;

	if (word && (!strcmp(word, "text") || !strcmp(word, "audio")))
		return check_refuse(
			check, path,
			"no model for %s is in the catalogue yet; expected video or image", word);
	if (!check_value(check, &field, value, path, &kind))
		return false;
	json_object_set_new(check->stage->definition, "kind", kind);
	return true;
}

static bool parse_input(struct check *check, const json_t *value)
{
	struct stage *stage = check->stage;
	const char *path = check_path(check->spec, stage->path, stage->kind->name);
	const char *text = json_string_value(value);
	static const struct field media = { .name = "input",
					    .type = FIELD_MEDIA,
					    .flags = FIELD_EARLY | FIELD_REQUIRED };
	json_t *input;

	if (stage->kind->input == INPUT_NONE)
		return parse_kind_of_generate(check, value, path);
	if (stage->kind->input == INPUT_OPTIONAL && (json_is_null(value) || json_is_true(value)))
		return true;
	if (text && stage->kind->input != INPUT_MEDIA) {
		json_object_set_new(stage->definition, "input", json_string(text));
		return check_stage_ref(check, text, path, REASON_INPUT);
	}
	if (!text)
		return check_refuse_type(check, path,
					 stage->kind->input == INPUT_MEDIA
						 ? "a stage, a media id or a path"
						 : "a stage",
					 value);
	if (!check_value(check, &media, value, path, &input))
		return false;
	json_object_set_new(stage->definition, "input", input);
	return true;
}

static bool parse_needs(struct check *check, const json_t *value)
{
	const char *path = check_path(check->spec, check->stage->path, "needs");

	if (json_is_string(value))
		return check_stage_ref(check, json_string_value(value), path, REASON_NEEDS);
	if (!json_is_array(value))
		return check_refuse_type(check, path, "a stage or a list of stages", value);
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		const char *place = check_path_item(check->spec, path, i);

		if (!json_is_string(item))
			return check_refuse_type(check, place, "a stage", item);
		if (!check_stage_ref(check, json_string_value(item), place, REASON_NEEDS))
			return false;
	}
	return true;
}

/* ---- retry and timeouts: the stage's own win over its type's, those over all's ---- */

static void read_int(const json_t *object, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(object, name);

	if (value)
		*out = json_integer_value(value);
}

static bool read_retry(struct check *check, const json_t *value, const char *path)
{
	const struct field *field = field_find(common_fields, "retry");
	struct spec_stage *limits = &check->stage->limits;
	DEFER(json_freep) json_t *retry = NULL, *classes = json_object();

	if (!check_value(check, field, value, path, &retry))
		return false;
	if (json_object_get(retry, "on") && json_object_get(retry, "except"))
		return check_refuse(check, path, "on and except exclude each other");
	read_int(retry, "max_attempts", &limits->max_attempts);
	read_int(retry, "base", &limits->base_ms);
	read_int(retry, "max", &limits->max_ms);
	if (json_object_get(retry, "factor"))
		limits->factor = json_number_value(json_object_get(retry, "factor"));
	if (json_object_get(retry, "on"))
		json_object_set(classes, "on", json_object_get(retry, "on"));
	if (json_object_get(retry, "except"))
		json_object_set(classes, "except", json_object_get(retry, "except"));
	if (json_object_size(classes)) {
		json_object_set(check->stage->definition, "retry", classes);
		spec_notice(check->spec,
			    "retry by class (on, except) is checked, and acted on from "
			    "a later release on");
	}
	return limits->max_ms >= limits->base_ms ||
	       check_refuse(check,
			    check_path(check->spec, path,
				       json_object_get(retry, "max") ? "max" : "base"),
			    "the longest delay (max) is shorter than the first (base)");
}

static bool read_timeouts(struct check *check, const json_t *value, const char *path)
{
	const struct field *field = field_find(common_fields, "timeouts");
	struct spec_stage *limits = &check->stage->limits;
	DEFER(json_freep) json_t *timeouts = NULL;

	if (!check_value(check, field, value, path, &timeouts))
		return false;
	read_int(timeouts, "attempt", &limits->attempt_ms);
	read_int(timeouts, "queue", &limits->queue_ms);
	read_int(timeouts, "total", &limits->total_ms);
	return true;
}

static bool read_limits(struct check *check, const json_t *map, const char *path)
{
	const json_t *retry = json_object_get(map, "retry");
	const json_t *timeouts = json_object_get(map, "timeouts");

	return (!retry || read_retry(check, retry, check_path(check->spec, path, "retry"))) &&
	       (!timeouts ||
		read_timeouts(check, timeouts, check_path(check->spec, path, "timeouts")));
}

static bool parse_limits(struct check *check, const json_t *value)
{
	const json_t *defaults = json_object_get(root_of(check), "defaults");
	const char *name = check->stage->kind->name;

	/* 2^53 and more attempts than these defaults are the queue's business */
	check->stage->limits = (struct spec_stage){
		.max_attempts = 3, .base_ms = 2000, .max_ms = 300000, .factor = 2
	};
	return read_limits(check, defaults, "defaults") &&
	       read_limits(check, json_object_get(defaults, name),
			   check_path(check->spec, "defaults", name)) &&
	       read_limits(check, value, check->stage->path);
}

/* ---- members ---- */

static bool parse_field(struct check *check, const char *name, const json_t *value,
			const char *path)
{
	const struct field *field = stage_field(check->stage->kind, name);
	json_t *got;

	if (!field || (field->flags & FIELD_APART))
		return true;
	if (!check_value(check, field, value, path, &got))
		return false;
	if (!strcmp(name, "gate"))
		check->stage->opens_gates = json_is_false(got);
	if (!strcmp(name, "on_fail"))
		spec_notice(check->spec,
			    "on_fail is checked, and acted on from a later release on");
	if (json_is_null(got) || (field->type == FIELD_CONDITION && json_is_true(got)))
		json_decref(got);
	else
		json_object_set_new(check->stage->definition, name, got);
	return true;
}

static bool parse_fields(struct check *check, const json_t *value)
{
	const struct stage_kind *kind = check->stage->kind;
	const json_t *defaults =
		json_object_get(json_object_get(root_of(check), "defaults"), kind->name);
	char place[SPEC_PATH];
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		if (!parse_field(check, name, member,
				 check_path(check->spec, check->stage->path, name)))
			return false;
	}
	snprintf(place, sizeof(place), "defaults.%s", kind->name);
	json_object_foreach((json_t *)(uintptr_t)defaults, name, member)
	{
		if (!json_object_get(value, name) &&
		    !parse_field(check, name, member, check_path(check->spec, place, name)))
			return false;
	}
	snprintf(place, sizeof(place), "%s#", check->stage->path);
	for (const struct field *field = kind->fields; field->name; field++)
		if ((field->flags & FIELD_REQUIRED) &&
		    !json_object_get(check->stage->definition, field->name))
			return check_refuse(check, place, "'%s' is missing", field->name);
	return true;
}

static bool parse_stage(struct check *check, const json_t *value)
{
	struct stage *stage = check->stage;
	const json_t *needs = json_object_get(value, "needs");

	if (!json_is_object(value) || !json_object_size(value))
		return check_refuse_type(check, stage->path, "a map with a stage's type", value);
	if (!find_kind(check, value))
		return false;
	stage->definition = json_object();
	stage->hole_first = check->spec->hole_count;
	if (!parse_input(check, json_object_get(value, stage->kind->name)) ||
	    !parse_fields(check, value) || (needs && !parse_needs(check, needs)) ||
	    !parse_limits(check, value))
		return false;
	stage->hole_end = check->spec->hole_count;
	return check_together(check, stage->definition, stage->path);
}

static bool is_stage_id(const char *id)
{
	if ((!isalpha((unsigned char)*id) && *id != '_') || strlen(id) > 40 ||
	    !strncmp(id, "m_", 2))
		return false;
	while (isalnum((unsigned char)*id) || *id == '_')
		id++;
	return !*id;
}

static bool collect_stages(struct check *check, const json_t *stages)
{
	struct spec *spec = check->spec;
	const char *id;
	json_t *ignored;

	if (!json_is_object(stages) || !json_object_size(stages))
		return check_refuse_type(check, "stages", "a map of stages", stages);
	json_object_foreach((json_t *)(uintptr_t)stages, id, ignored)
	{
		const char *path = check_path(spec, "stages", id);

		if (!is_stage_id(id))
			return check_refuse(
				check, arena_printf(&spec->arena, "%s#", path),
				"expected an id of letters, digits and _, at most 40, not "
				"beginning with a digit or m_");
		if (spec->stage_count == SPEC_MAX_STAGES)
			return check_refuse(check, arena_printf(&spec->arena, "%s#", path),
					    "more than %d stages", SPEC_MAX_STAGES);
		spec->stages[spec->stage_count++] = (struct stage){ .id = id, .path = path };
	}
	return true;
}

/* ---- defaults ---- */

static bool parse_type_default(struct check *check, const char *name, const json_t *value,
			       const char *path)
{
	const char *place = arena_printf(&check->spec->arena, "%s.%s#", path, name);

	if (!strcmp(name, "needs") || !strcmp(name, "gate"))
		return check_refuse(check, place, "it belongs to a single stage, not to defaults");
	if (!stage_field(check->stage->kind, name))
		return refuse_field(check, name);
	return parse_field(check, name, value, check_path(check->spec, path, name));
}

/* By themselves, as if a stage used them: a wrong one that no stage uses is wrong, too. */
static bool parse_type_defaults(struct check *check, const struct stage_kind *kind,
				const json_t *value, const char *path)
{
	struct stage nobody = { .id = "", .path = path, .kind = kind };
	const char *name;
	json_t *member;
	bool ok;

	if (!json_is_object(value))
		return check_refuse_type(check, path, "a map", value);
	nobody.definition = json_object();
	nobody.limits = (struct spec_stage){ .base_ms = 1, .max_ms = INT64_MAX };
	check->stage = &nobody;
	ok = read_limits(check, value, path);
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		ok = ok && parse_type_default(check, name, member, path);
	}
	json_decref(nobody.definition);
	check->stage = NULL;
	for (size_t i = 0; i < check->spec->late_count; i++)
		if (check->spec->lates[i].stage == &nobody)
			check->spec->lates[i].stage = NULL;
	return ok;
}

static bool parse_defaults(struct check *check, const json_t *defaults)
{
	const char *names[64], *name;
	size_t count = 0;
	json_t *value;

	if (!defaults)
		return true;
	if (!json_is_object(defaults))
		return check_refuse_type(check, "defaults", "a map", defaults);
	for (const struct field *field = default_fields; field->name; field++)
		names[count++] = field->name;
	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		names[count++] = kind->name;
	json_object_foreach((json_t *)(uintptr_t)defaults, name, value)
	{
		const struct stage_kind *kind = stage_kind_find(name);

		if (!kind && !field_find(default_fields, name))
			return check_refuse_name(check, "defaults", name, names, count);
		if (kind && !parse_type_defaults(check, kind, value,
						 check_path(check->spec, "defaults", name)))
			return false;
	}
	return true;
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
	if (!collect_stages(check, stages) || !parse_names(check) || !parse_extras(check) ||
	    !parse_defaults(check, json_object_get(root_of(check), "defaults")))
		return false;
	for (size_t i = 0; i < spec->stage_count; i++) {
		check->stage = &spec->stages[i];
		if (!parse_stage(check, json_object_get(stages, spec->stages[i].id)))
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
