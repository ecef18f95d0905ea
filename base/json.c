/*
 * The decode tables and thin wrappers around jansson. It knows no struct of the project.
 */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/nearest.h"

void json_freep(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}

bool json_parse(const char *text, size_t len, const char *what, json_t **out, struct err *err)
{
	json_error_t problem;
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);

	if (!value)
		return err_set(err, ERR_REJECT, "%s:%d:%d: not valid JSON: %s", what, problem.line,
			       problem.column, problem.text);
	*out = value;
	return true;
}

/* NULL stands for what cannot be written: no value, or texts that are not UTF-8. */
static char *dump(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(DBL_DIG));

	return text ? text : xstrdup("null");
}

char *json_text(const json_t *value)
{
	return dump(value, JSON_COMPACT | JSON_SORT_KEYS);
}

char *json_show(const json_t *value)
{
	return dump(value, JSON_INDENT(2));
}

char *json_plain(const json_t *value)
{
	return json_is_string(value) ? xstrdup(json_string_value(value)) : json_text(value);
}

/* Length of the UTF-8 sequence at `at`, 0 when it is none. */
static size_t utf8_length(const unsigned char *at)
{
	static const unsigned lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = at[0] < 0x80	   ? 1
			: at[0] >> 5 == 6  ? 2
			: at[0] >> 4 == 14 ? 3
			: at[0] >> 3 == 30 ? 4
					   : 0;
	unsigned point;

	if (length <= 1)
		return length;
	point = at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	return point < lowest[length] || point > 0x10ffff || point >> 11 == 27 ? 0 : length;
}

void json_put_text(struct buf *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	buf_putc(out, '"');
	while (*at) {
		size_t length = utf8_length(at);

		if (!length) {
			buf_puts(out, "\xef\xbf\xbd");
			length = 1;
		} else if (*at == '"' || *at == '\\') {
			buf_putc(out, '\\');
			buf_putc(out, (char)*at);
		} else if (*at < ' ' || *at == 0x7f) {
			buf_printf(out, "\\u%04x", *at);
		} else {
			buf_put(out, at, length);
		}
		at += length;
	}
	buf_putc(out, '"');
}

static bool wrong_type(const char *path, const char *name, const char *expected, const json_t *got,
		       struct err *err)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "a map",     [JSON_ARRAY] = "a list",  [JSON_STRING] = "text",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};

	return err_set(err, ERR_REJECT, "%s%s%s: expected %s, found %s", path, *path ? "." : "",
		       name, expected, got ? kinds[json_typeof(got)] : "nothing");
}

static bool decode_texts(const json_t *value, const char *path, const struct json_field *field,
			 struct json_texts *out, struct arena *arena, struct err *err)
{
	size_t count = json_array_size(value);

	if (!json_is_array(value))
		return wrong_type(path, field->name, "a list of texts", value, err);
	out->items = arena_alloc(arena, (count + 1) * sizeof(char *));
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_string(item))
			return wrong_type(path, field->name, "a list of texts", item, err);
		out->items[i] = arena_strdup(arena, json_string_value(item));
	}
	return true;
}

static bool decode_int(const json_t *value, int64_t *out)
{
	double number = json_number_value(value);

	if (json_is_integer(value)) {
		*out = json_integer_value(value);
		return true;
	}
	if (!json_is_real(value) || number != floor(number) || fabs(number) > 9e15)
		return false;
	*out = (int64_t)number;
	return true;
}

static bool decode_field(const json_t *value, const struct json_field *field, const char *path,
			 void *member, struct arena *arena, struct err *err)
{
	switch (field->type) {
	case JSON_FIELD_TEXT:
		if (!json_is_string(value))
			return wrong_type(path, field->name, "text", value, err);
		*(char **)member = arena_strdup(arena, json_string_value(value));
		return true;
	case JSON_FIELD_INT:
		return decode_int(value, member) ||
		       wrong_type(path, field->name, "integer", value, err);
	case JSON_FIELD_NUMBER:
		if (!json_is_number(value))
			return wrong_type(path, field->name, "a number", value, err);
		*(double *)member = json_number_value(value);
		return true;
	case JSON_FIELD_BOOL:
		if (!json_is_boolean(value))
			return wrong_type(path, field->name, "true or false", value, err);
		*(bool *)member = json_is_true(value);
		return true;
	case JSON_FIELD_TEXTS: return decode_texts(value, path, field, member, arena, err);
	case JSON_FIELD_ANY: memcpy(member, &value, sizeof(value)); return true;
	case JSON_FIELD_IGNORED: return true;
	}
	return true;
}

static bool refuse_unknown(const char *name, const struct json_field *fields, const char *path,
			   struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (const struct json_field *field = fields; field->name; field++)
		nearest_offer(&nearest, field->name);
	return err_set(err, ERR_REJECT, "%s%s%s: unknown name%s", path, *path ? "." : "", name,
		       nearest_hint(&nearest));
}

bool json_decode(const json_t *object, const struct json_field *fields, const char *path, void *out,
		 struct arena *arena, struct err *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return wrong_type("", path, "a map", object, err);
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		const struct json_field *field = fields;

		while (field->name && strcmp(field->name, name))
			field++;
		if (!field->name)
			return refuse_unknown(name, fields, path, err);
		if (!decode_field(value, field, path, (char *)out + field->offset, arena, err))
			return false;
	}
	for (const struct json_field *field = fields; field->name; field++)
		if ((field->flags & JSON_REQUIRED) && !json_object_get(object, field->name))
			return err_set(err, ERR_REJECT, "%s%s%s: missing", path, *path ? "." : "",
				       field->name);
	return true;
}
