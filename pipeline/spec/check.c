/*
 * One value against one field of the tables. Text with ${{ }} becomes a hole: its expression is
 * compiled, what it reads is checked and noted as a dependency, and the definition gets a marker.
 * When the hole is filled, the value comes back here, folded, and is checked as if it had been
 * written.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "pipeline/spec/spec_private.h"

static const char *const context_names[] = { "matrix", "vars",	     "labels", "name",
					     "index",  "batch_name", "stages", NULL };

/* ---- complaints ---- */

bool check_refuse(const struct check *check, const char *path, const char *format, ...)
{
	char text[sizeof(check->err->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (check->variant)
		return yaml_error(check->spec->doc, path, check->err, "%s (in variant %s)", text,
				  check->variant);
	return yaml_error(check->spec->doc, path, check->err, "%s", text);
}

static const char *describe(const json_t *value, char out[96])
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "a map";
	case JSON_ARRAY: return "a list";
	case JSON_STRING:
		snprintf(out, 96, "'%.60s%s'", json_string_value(value),
			 json_string_length(value) > 60 ? "…" : "");
		return out;
	case JSON_INTEGER:
		snprintf(out, 96, "%lld", (long long)json_integer_value(value));
		return out;
	case JSON_REAL: snprintf(out, 96, "%g", json_real_value(value)); return out;
	case JSON_TRUE: return "true";
	case JSON_FALSE: return "false";
	case JSON_NULL: return "nothing";
	}
	return "nothing";
}

bool check_refuse_type(const struct check *check, const char *path, const char *expected,
		       const json_t *found)
{
	char text[96];

	return check_refuse(check, path, "expected %s, found %s", expected, describe(found, text));
}

bool check_refuse_name(const struct check *check, const char *path, const char *name,
		       const char *const *known, size_t count)
{
	char place[SPEC_PATH];
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, known[i]);
	snprintf(place, sizeof(place), "%s%s%s#", path, *path ? "." : "", name);
	return check_refuse(check, place, "unknown name%s", nearest_hint(&nearest));
}

char *check_path(struct spec *spec, const char *path, const char *name)
{
	return arena_printf(&spec->arena, "%s%s%s", path, *path ? "." : "", name);
}

char *check_path_item(struct spec *spec, const char *path, size_t index)
{
	return arena_printf(&spec->arena, "%s[%zu]", path, index);
}

/* ---- references to stages ---- */

int spec_stage_index(const struct spec *spec, const char *id)
{
	for (size_t i = 0; i < spec->stage_count; i++)
		if (!strcmp(spec->stages[i].id, id))
			return (int)i;
	return -1;
}

bool check_stage_ref(struct check *check, const char *id, const char *path, enum reason reason)
{
	const struct spec *spec = check->spec;
	int index = spec_stage_index(spec, id);
	struct nearest nearest;

	if (index >= 0 && check->stage == &spec->stages[index])
		return check_refuse(check, path, "refers to its own stage");
	if (index >= 0) {
		check->stage->waits[reason] |= 1u << index;
		return true;
	}
	nearest_init(&nearest, id);
	for (size_t i = 0; i < spec->stage_count; i++)
		if (&spec->stages[i] != check->stage)
			nearest_offer(&nearest, spec->stages[i].id);
	return check_refuse(check, path, "no stage is called '%.80s'%s", id,
			    nearest_hint(&nearest));
}

/* ---- what expressions read ---- */

struct reads {
	struct check *check;
	const char *path;
	unsigned allowed;
	bool is_refused;
};

static bool refuse_read(struct reads *reads, const char *what, const char *name,
			const char *const *known, size_t count)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, known[i]);
	reads->is_refused = true;
	return check_refuse(reads->check, reads->path, "%s '.%.80s' is not there%s", what, name,
			    nearest_hint(&nearest));
}

static bool knows(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* .vars.x and .labels.x must be written in the spec. */
static void check_member_read(struct reads *reads, const char *root, const char *second)
{
	const json_t *map = json_object_get(yaml_root(reads->check->spec->doc), root);
	const char *names[256], *name;
	char what[32];
	size_t count = 0;
	json_t *ignored;

	if (json_object_get(map, second))
		return;
	json_object_foreach((json_t *)(uintptr_t)map, name, ignored)
	{
		if (count < ARRAY_LEN(names))
			names[count++] = name;
	}
	snprintf(what, sizeof(what), "in .%s", root);
	refuse_read(reads, what, second, names, count);
}

static void check_stage_read(struct reads *reads, const char *second)
{
	if (!second) {
		reads->is_refused = true;
		check_refuse(reads->check, reads->path,
			     "write .stages.ID, so that the order of the stages is known");
	} else if (!check_stage_ref(reads->check, second, reads->path, REASON_READS)) {
		reads->is_refused = true;
	}
}

static void check_read(void *context, const char *root, const char *second)
{
	struct reads *reads = context;
	const struct spec *spec = reads->check->spec;

	if (reads->is_refused)
		return;
	if (!knows(context_names, ARRAY_LEN(context_names) - 1, root)) {
		refuse_read(reads, "in the context", root, context_names,
			    ARRAY_LEN(context_names) - 1);
	} else if (!strcmp(root, "stages") && !(reads->allowed & EXPR_STAGES)) {
		reads->is_refused = true;
		check_refuse(reads->check, reads->path,
			     ".stages is not known here: this must be clear before anything runs");
	} else if (!strcmp(root, "matrix") && !(reads->allowed & EXPR_MATRIX)) {
		reads->is_refused = true;
		check_refuse(reads->check, reads->path, ".matrix is not known here");
	} else if (!strcmp(root, "stages")) {
		check_stage_read(reads, second);
	} else if (!strcmp(root, "matrix") && second && !spec->has_open_axes &&
		   !knows(spec->axes, spec->axis_count, second)) {
		refuse_read(reads, "in .matrix", second, spec->axes, spec->axis_count);
	} else if (second && (!strcmp(root, "vars") || !strcmp(root, "labels"))) {
		check_member_read(reads, root, second);
	}
}

bool check_reads(struct check *check, int handle, const char *path, unsigned allowed)
{
	struct reads reads = { check, path, allowed, false };

	expr_each_path(check->spec->late, handle, check_read, &reads);
	return !reads.is_refused;
}

bool check_late(struct check *check, expr_add_fn *add, const char *text, const char *path,
		unsigned allowed, int *out_handle)
{
	struct spec *spec = check->spec;
	struct late late = { .path = path, .stage = check->stage, .allowed = allowed };

	if (!add(spec->late, text, &late.handle, check->err))
		return check_refuse(check, path, "%s", check->err->text);
	if (spec->late_count == spec->late_capacity) {
		spec->late_capacity = spec->late_capacity * 2 + 16;
		spec->lates = xrealloc(spec->lates, spec->late_capacity * sizeof(*spec->lates));
	}
	late.path = arena_strdup(&spec->arena, path);
	spec->lates[spec->late_count++] = late;
	*out_handle = late.handle;
	return (allowed & EXPR_OTHER) || check_reads(check, late.handle, path, allowed);
}

/* ---- holes ---- */

json_t *hole_marker(size_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "\1%zu\1", number);
	return json_string(text);
}

long hole_number(const json_t *value)
{
	const char *text = json_string_value(value);
	long number;

	return text && sscanf(text, "\1%ld\1", &number) == 1 ? number : -1;
}

static json_t *add_hole(struct check *check, struct hole hole)
{
	struct spec *spec = check->spec;

	if (spec->hole_count == spec->hole_capacity) {
		spec->hole_capacity = spec->hole_capacity * 2 + 16;
		spec->holes = xrealloc(spec->holes, spec->hole_capacity * sizeof(*spec->holes));
	}
	hole.path = arena_strdup(&spec->arena, hole.path);
	hole.is_nested = check->is_nested;
	if (!hole.is_late && (hole.field->flags & FIELD_CROSS))
		check->stage->has_cross_holes = true;
	spec->holes[spec->hole_count] = hole;
	return hole_marker(spec->hole_count++);
}

/* Only what can be folded goes to the set that is compiled here; the rest is compiled where it
 * runs.
 */
static bool add_expression(struct check *check, struct hole *hole, expr_add_fn *add,
			   unsigned allowed)
{
	struct spec *spec = check->spec;

	if (!check_late(check, add, hole->text, hole->path, allowed, &hole->handle))
		return false;
	hole->is_late = !(hole->field->flags & FIELD_EARLY) &&
			(expr_roots(spec->late, hole->handle) & (EXPR_STAGES | EXPR_OTHER));
	return hole->is_late || add(spec->set, hole->text, &hole->handle, check->err);
}

static bool check_template(struct check *check, const struct field *field, const json_t *value,
			   const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	unsigned allowed = EXPR_MATRIX | (field->flags & FIELD_EARLY ? 0 : EXPR_STAGES);
	struct hole hole = { .field = field, .path = path, .text = text };

	if (field->flags & FIELD_STATIC)
		return check_refuse(check, path,
				    "expected a fixed value: ${{ }} is not possible here");
	return add_expression(check, &hole, expr_add_template, allowed) &&
	       (*out = add_hole(check, hole)) != NULL;
}

/* `if`: bare, in ${{ }}, or just true and false, which is also what a folded one becomes. */
static bool check_condition(struct check *check, const struct field *field, const json_t *value,
			    const char *path, json_t **out)
{
	struct hole hole = { .field = field, .path = path, .text = json_string_value(value) };
	DEFER(freep) char *inner = NULL;
	size_t length;

	if (check->is_folded || json_is_boolean(value)) {
		*out = json_boolean(expr_truth(value));
		return true;
	}
	if (!hole.text)
		return check_refuse_type(
			check, path, "an expression (quote it when YAML reads it as a map or list)",
			value);
	length = strlen(hole.text);
	if (!strncmp(hole.text, "${{", 3) && length > 5 && !strcmp(hole.text + length - 2, "}}")) {
		inner = xstrndup(hole.text + 3, length - 5);
		hole.text = arena_strdup(&check->spec->arena, inner);
	}
	return add_expression(check, &hole, expr_add, EXPR_MATRIX | EXPR_STAGES) &&
	       (*out = add_hole(check, hole)) != NULL;
}

/* A media path is taken into the store at expansion; a stage or a media id is known now. */
static bool check_media(struct check *check, const struct field *field, const json_t *value,
			const char *path, json_t **out)
{
	const char *text = json_string_value(value);

	if (!text || !*text)
		return check_refuse_type(check, path, "a path, a media id or a stage", value);
	if (!check->is_folded && !strchr(text, '/') && !strchr(text, '.') &&
	    strncmp(text, "m_", 2) != 0) {
		if (!check_stage_ref(check, text, path, REASON_INPUT))
			return false;
		*out = json_string(text);
		return true;
	}
	if (check->is_folded) /* expand.c takes it */
		*out = json_string(text);
	else
		*out = add_hole(check, (struct hole){
					       .handle = -1,
					       .field = field,
					       .path = path,
					       .text = text,
				       });
	return true;
}

/* ---- compound values ---- */

static bool check_list(struct check *check, const struct field *field, const json_t *value,
		       const char *path, json_t **out)
{
	DEFER(json_freep) json_t *list = json_array();

	if (!json_is_array(value))
		return check_refuse_type(check, path, "a list", value);
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_t *item;

		if (!check_value(check, field->fields, json_array_get(value, i),
				 check_path_item(check->spec, path, i), &item))
			return false;
		json_array_append_new(list, item);
	}
	*out = TAKE(list);
	return true;
}

static size_t names_of(const struct field *fields, const char *out[64])
{
	size_t count = 0;

	for (; fields->name; fields++)
		out[count++] = fields->name;
	return count;
}

static bool check_required(struct check *check, const struct field *fields, const json_t *value,
			   const char *path)
{
	char place[SPEC_PATH];

	snprintf(place, sizeof(place), "%s#", path);
	for (; fields->name; fields++)
		if ((fields->flags & FIELD_REQUIRED) && !json_object_get(value, fields->name))
			return check_refuse(check, place, "'%s' is missing", fields->name);
	return true;
}

bool check_object(struct check *check, const struct field *fields, const json_t *value,
		  const char *path, json_t **out)
{
	DEFER(json_freep) json_t *object = json_object();
	const char *names[64], *name;
	json_t *member;

	if (!json_is_object(value))
		return check_refuse_type(check, path, "a map", value);
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		const struct field *field = field_find(fields, name);
		json_t *got;

		if (!field)
			return check_refuse_name(check, path, name, names, names_of(fields, names));
		if (field->flags & FIELD_APART)
			continue;
		if (!check_value(check, field, member, check_path(check->spec, path, name), &got))
			return false;
		json_object_set_new(object, name, got);
	}
	if (!check_required(check, fields, value, path))
		return false;
	*out = TAKE(object);
	return true;
}

static bool check_operation(struct check *check, const struct field *field, const json_t *item,
			    const char *path, json_t **out)
{
	const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)item));
	const json_t *args = json_object_get(item, name ? name : "");
	DEFER(json_freep) json_t *none = json_object();
	const struct field *operation;
	const char *names[64];
	json_t *got;

	if (!json_is_object(item) || json_object_size(item) != 1)
		return check_refuse(check, path,
				    "expected one operation with its arguments, such as trim: "
				    "{duration: 5}");
	operation = field_find(field->fields, name);
	if (!operation) {
		size_t count = names_of(field->fields, names);

		check_refuse_name(check, path, name, names, count);
		strncat(check->err->text,
			strstr(check->err->text, "did you mean")
				? ""
				: ": there are textOverlay, trim, conform, overlay and watermark",
			sizeof(check->err->text) - strlen(check->err->text) - 1);
		return false;
	}
	if (!check_object(check, operation->fields, json_is_null(args) ? none : args,
			  check_path(check->spec, path, name), &got))
		return false;
	if (!strcmp(name, "conform") && !json_object_size(got)) {
		json_decref(got);
		return check_refuse(check, check_path(check->spec, path, name),
				    "expected a profile, a ratio or anything else to conform to");
	}
	*out = json_object(); /* a watermark is an overlay */
	json_object_set_new(*out, !strcmp(name, "watermark") ? "overlay" : name, got);
	return true;
}

static bool check_operations(struct check *check, const struct field *field, const json_t *value,
			     const char *path, json_t **out)
{
	DEFER(json_freep) json_t *list = json_array();

	if (!json_is_array(value))
		return check_refuse_type(check, path, "a list of operations", value);
	if (!json_array_size(value))
		return check_refuse(check, path, "expected at least one operation");
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_t *item;

		if (!check_operation(check, field, json_array_get(value, i),
				     check_path_item(check->spec, path, i), &item))
			return false;
		json_array_append_new(list, item);
	}
	*out = TAKE(list);
	return true;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && !strchr("\t\n\r", *text))
			return true;
	return false;
}

/* Anything; its texts may be templates. */
static bool check_any(struct check *check, const struct field *field, const json_t *value,
		      const char *path, json_t **out)
{
	DEFER(json_freep) json_t *object = NULL;
	json_t *member, *got;
	const char *name;

	if (json_is_array(value)) {
		struct field list = { .type = FIELD_LIST, .fields = field };

		return check_list(check, &list, value, path, out);
	}
	if (json_is_string(value) && check->is_folded) { /* data is never code */
		DEFER(freep) char *safe = expr_escape(json_string_value(value));

		*out = json_string(safe);
		return true;
	}
	if (!json_is_object(value)) {
		*out = json_incref((json_t *)(uintptr_t)value);
		return true;
	}
	object = json_object();
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		if (has_control(name))
			return check_refuse(check, path, "a control character in a name");
		if (!check_value(check, field, member, check_path(check->spec, path, name), &got))
			return false;
		json_object_set_new(object, name, got);
	}
	*out = TAKE(object);
	return true;
}

static bool check_compound(struct check *check, const struct field *field, const json_t *value,
			   const char *path, json_t **out)
{
	bool was_nested = check->is_nested, ok;

	check->is_nested = true;
	switch (field->type) {
	case FIELD_LIST: ok = check_list(check, field, value, path, out); break;
	case FIELD_OBJECT: ok = check_object(check, field->fields, value, path, out); break;
	case FIELD_OPERATIONS: ok = check_operations(check, field, value, path, out); break;
	default: ok = check_any(check, field, value, path, out); break;
	}
	check->is_nested = was_nested;
	return ok;
}

bool check_value(struct check *check, const struct field *field, const json_t *value,
		 const char *path, json_t **out)
{
	const char *text = json_string_value(value);

	if (text && has_control(text))
		return check_refuse(check, path, "a control character in the text");
	if (field->type == FIELD_CONDITION)
		return check_condition(check, field, value, path, out);
	if (text && !check->is_folded && expr_is_template(text))
		return check_template(check, field, value, path, out);
	switch (field->type) {
	case FIELD_LIST:
	case FIELD_OBJECT:
	case FIELD_OPERATIONS:
	case FIELD_ANY: return check_compound(check, field, value, path, out);
	case FIELD_MEDIA: return check_media(check, field, value, path, out);
	default: return check_plain(check, field, value, path, out);
	}
}
