/*
 * Stages: which type one is of, its input, its fields, its limits, and what `defaults` fills in.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/spec/spec_private.h"

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
	const json_t *defaults = json_object_get(yaml_root(check->spec->doc), "defaults");
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
	const json_t *defaults = json_object_get(
		json_object_get(yaml_root(check->spec->doc), "defaults"), kind->name);
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

bool stage_parse(struct check *check, const json_t *value)
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

bool stages_collect(struct check *check, const json_t *stages)
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

bool stages_parse_defaults(struct check *check, const json_t *defaults)
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
