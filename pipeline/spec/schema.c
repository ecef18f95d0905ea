/*
 * Tables to schema. What a schema cannot say (references, cycles, expressions, the catalogue) is
 * the validator's alone; where a value may be an expression, a text with ${{ }} is allowed beside
 * it.
 */
#include "pipeline/spec/schema.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/spec/fields.h"

static json_t *field_schema(const struct field *field);

static json_t *reference(const char *name)
{
	return json_sprintf("#/$defs/%s", name);
}

static json_t *ref(const char *name)
{
	json_t *schema = json_object();

	json_object_set_new(schema, "$ref", reference(name));
	return schema;
}

static json_t *of_type(const char *type)
{
	return json_pack("{s:s}", "type", type);
}

static json_t *numbers(const struct field *field, const char *type)
{
	json_t *schema = of_type(type);

	if (field->min == 0 && field->max == 0)
		return schema;
	json_object_set_new(schema, "minimum", json_real(field->min));
	json_object_set_new(schema, "maximum", json_real(field->max));
	if (field->min == (double)(json_int_t)field->min)
		json_object_set_new(schema, "minimum", json_integer((json_int_t)field->min));
	if (field->max == (double)(json_int_t)field->max)
		json_object_set_new(schema, "maximum", json_integer((json_int_t)field->max));
	return schema;
}

static json_t *texts(const struct field *field)
{
	json_t *schema = of_type("string");

	if (field->min > 0)
		json_object_set_new(schema, "minLength", json_integer((json_int_t)field->min));
	if (field->max > 0)
		json_object_set_new(schema, "maxLength", json_integer((json_int_t)field->max));
	return schema;
}

static json_t *words(const struct field *field)
{
	json_t *list = json_array();

	for (size_t i = 0; field->words[i]; i++)
		json_array_append_new(list, json_string(field->words[i]));
	return json_pack("{s:o}", "enum", list);
}

static json_t *pattern(const char *text)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", text);
}

static json_t *either(json_t *a, json_t *b)
{
	return json_pack("{s:[o, o]}", "anyOf", a, b);
}

/* A map of fields. */
static json_t *map_schema(const struct field *fields)
{
	json_t *properties = json_object(), *required = json_array();
	json_t *schema = json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 0);

	for (; fields->name; fields++) {
		json_object_set_new(properties, fields->name, field_schema(fields));
		if (fields->flags & FIELD_REQUIRED)
			json_array_append_new(required, json_string(fields->name));
	}
	json_object_set_new(schema, "properties", properties);
	if (json_array_size(required))
		json_object_set_new(schema, "required", required);
	else
		json_decref(required);
	return schema;
}

static json_t *operations_schema(const struct field *fields)
{
	json_t *item = map_schema(fields);

	for (; fields->name; fields++) { /* `- trim:` without arguments is null */
		json_t *properties = json_object_get(item, "properties");

		json_object_set_new(properties, fields->name,
				    either(json_incref(json_object_get(properties, fields->name)),
					   of_type("null")));
	}
	json_object_set_new(item, "minProperties", json_integer(1));
	json_object_set_new(item, "maxProperties", json_integer(1));
	return json_pack("{s:s, s:i, s:o}", "type", "array", "minItems", 1, "items", item);
}

static json_t *list_schema(const struct field *item)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", field_schema(item));
}

/* The value alone, without expressions. */
static json_t *plain_schema(const struct field *field)
{
	switch (field->type) {
	case FIELD_NUMBER: return numbers(field, "number");
	case FIELD_INT: return numbers(field, "integer");
	case FIELD_BOOL: return of_type("boolean");
	case FIELD_WORD: return words(field);
	case FIELD_DURATION: return ref("duration");
	case FIELD_SECONDS: return either(numbers(field, "number"), ref("duration"));
	case FIELD_RATIO: return pattern("^[0-9.]+:[0-9.]+$");
	case FIELD_RESOLUTION: return pattern("^([0-9]+p|[0-9]+x[0-9]+)$");
	case FIELD_COLOR:
		return either(words(field), pattern("^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$"));
	case FIELD_LOUDNESS:
		return either(numbers(field, "number"), json_pack("{s:b}", "const", 0));
	case FIELD_MODEL:
	case FIELD_STAGES:
		return either(of_type("string"), json_pack("{s:s, s:{s:s}}", "type", "array",
							   "items", "type", "string"));
	case FIELD_CONDITION: return json_pack("{s:[s, s]}", "type", "string", "boolean");
	case FIELD_OBJECT: return map_schema(field->fields);
	case FIELD_LIST: return list_schema(field->fields);
	case FIELD_OPERATIONS: return operations_schema(field->fields);
	case FIELD_ANY: return json_object();
	case FIELD_TEXT: return texts(field);
	case FIELD_MEDIA:
	case FIELD_PROFILE:
	case FIELD_CONFORM:
	case FIELD_PUBLISHER:
	case FIELD_TEST:
	case FIELD_CLASS:
	case FIELD_VERDICT: return of_type("string");
	}
	return json_object();
}

static bool takes_text(const struct field *field)
{
	return field->type == FIELD_TEXT || field->type == FIELD_ANY ||
	       field->type == FIELD_MEDIA || field->type == FIELD_PROFILE ||
	       field->type == FIELD_CONFORM || field->type == FIELD_PUBLISHER ||
	       field->type == FIELD_TEST || field->type == FIELD_MODEL ||
	       field->type == FIELD_CONDITION || field->type == FIELD_VERDICT;
}

static json_t *field_schema(const struct field *field)
{
	json_t *schema = plain_schema(field);

	if (!(field->flags & FIELD_STATIC) && !takes_text(field))
		schema = either(schema, ref("expression"));
	if (field->help)
		json_object_set_new(schema, "description", json_string(field->help));
	return schema;
}

/* ---- stages ---- */

static json_t *input_schema(const struct stage_kind *kind)
{
	struct field generate = { .type = FIELD_WORD, .words = kinds_of_generate };

	if (kind->input == INPUT_NONE)
		return plain_schema(&generate);
	if (kind->input == INPUT_OPTIONAL)
		return json_pack("{s:[s, s, s]}", "type", "string", "boolean", "null");
	return of_type("string");
}

static void add_fields(json_t *schema, const struct field *fields)
{
	json_t *properties = json_object_get(schema, "properties");

	for (; fields->name; fields++)
		json_object_set_new(properties, fields->name, field_schema(fields));
}

static json_t *stage_schema(const struct stage_kind *kind, bool is_default)
{
	json_t *schema = json_pack("{s:s, s:b, s:{}}", "type", "object", "additionalProperties", 0,
				   "properties");
	json_t *properties = json_object_get(schema, "properties");

	if (!is_default) {
		json_t *input = input_schema(kind);

		json_object_set_new(input, "description", json_string(kind->help));
		json_object_set_new(properties, kind->name, input);
		json_object_set_new(schema, "required", json_pack("[s]", kind->name));
	}
	add_fields(schema, kind->fields);
	add_fields(schema, common_fields);
	if (is_default) {
		json_object_del(properties, "needs");
		json_object_del(properties, "gate");
	}
	return schema;
}

static json_t *stages_schema(void)
{
	json_t *kinds = json_array();

	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		json_array_append_new(kinds, ref(kind->name));
	return json_pack("{s:s, s:i, s:i, s:{s:s}, s:{s:o}}", "type", "object", "minProperties", 1,
			 "maxProperties", 32, "propertyNames", "pattern",
			 "^(?!m_)[A-Za-z_][A-Za-z0-9_]{0,39}$", "additionalProperties", "oneOf",
			 kinds);
}

static json_t *defaults_schema(void)
{
	json_t *schema = map_schema(default_fields);

	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		json_object_set_new(json_object_get(schema, "properties"), kind->name,
				    stage_schema(kind, true));
	return schema;
}

/* ---- the matrix and what else is no table ---- */

static json_t *matrix_schema(void)
{
	static const char text[] =
		"{\"type\": \"object\", \"minProperties\": 1, \"propertyNames\": {\"pattern\": "
		"\"^[A-Za-z_][A-Za-z0-9_]*$\"}, \"properties\": {\"include\": {\"$ref\": "
		"\"#/$defs/rows\"}, \"exclude\": {\"$ref\": \"#/$defs/rows\"}, \"csv\": {\"type\": "
		"\"string\", \"minLength\": 1}}, \"additionalProperties\": {\"anyOf\": [{\"type\": "
		"\"array\", \"minItems\": 1, \"maxItems\": 20000, \"uniqueItems\": true}, {\"type\": "
		"\"object\", \"properties\": {\"file\": {\"type\": \"string\", \"minLength\": 1}, "
		"\"csv\": {\"type\": \"string\", \"minLength\": 1}}, \"additionalProperties\": false, "
		"\"minProperties\": 1, \"maxProperties\": 1}]}, \"description\": \"the axes of the "
		"variants\"}";

	return json_loads(text, 0, NULL);
}

static json_t *definitions(void)
{
	json_t *all = json_object();

	json_object_set_new(all, "expression", pattern("\\$\\{\\{"));
	json_object_set_new(all, "duration",
			    either(pattern("^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ms|s|m|h|d)?"
					   "(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ms|s|m|h|d))*$"),
				   json_pack("{s:s, s:i}", "type", "number", "minimum", 0)));
	json_object_set_new(all, "rows",
			    json_pack("{s:s, s:{s:s, s:i}}", "type", "array", "items", "type",
				      "object", "minProperties", 1));
	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		json_object_set_new(all, kind->name, stage_schema(kind, false));
	return all;
}

static json_t *scalars_schema(void)
{
	return json_pack("{s:s, s:{s:[s, s, s]}, s:s}", "type", "object", "additionalProperties",
			 "type", "string", "number", "boolean", "description",
			 "names and texts of your own");
}

void schema_write(struct buf *out)
{
	json_t *schema = map_schema(top_fields), *properties;
	char *text;

	json_object_set_new(schema, "$schema",
			    json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("reeld pipeline spec"));
	json_object_set_new(schema, "$defs", definitions());
	properties = json_object_get(schema, "properties");
	json_object_set_new(properties, "stages", stages_schema());
	json_object_set_new(properties, "matrix", matrix_schema());
	json_object_set_new(properties, "defaults", defaults_schema());
	json_object_set_new(properties, "labels", scalars_schema());
	json_object_set_new(properties, "vars", of_type("object"));
	text = json_dumps(schema, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
	buf_puts(out, text);
	buf_putc(out, '\n');
	freep(&text);
	json_decref(schema);
}
