/*
 * Names of variants: "{campaign}|{hook}|v{n}" out of axes, labels, vars and a number, with ${{ }}
 * beside it. Without a pattern a name is the values of the axes. A '|' inside a value becomes '/',
 * so that a name can be taken apart again.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "pipeline/spec/spec_private.h"

enum { NAME_MAX_BYTES = 200, VALUE_MAX_BYTES = 60 };

static const char PATH[] = "name_variants";

/* The length of a "{axis.member}" at `at` with its braces, 0 when it is none. */
static size_t placeholder(const char *at, char name[80])
{
	size_t length = *at == '{' ? strcspn(at + 1, "{}") : 0;

	if (*at != '{' || at[1 + length] != '}' || !length || length >= 80)
		return 0;
	snprintf(name, 80, "%.*s", (int)length, at + 1);
	return length + 2;
}

static const json_t *member_of(const json_t *context, const char *map, const char *name)
{
	const json_t *value = json_object_get(context, map);
	char first[80];
	const char *dot = strchr(name, '.');

	snprintf(first, sizeof(first), "%.*s", dot ? (int)(dot - name) : 79, name);
	value = json_object_get(value, first);
	return dot && value ? json_object_get(value, dot + 1) : value;
}

static const json_t *lookup(const json_t *context, const char *name)
{
	static const char *const maps[] = { "matrix", "labels", "vars" };

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		const json_t *value = member_of(context, maps[i], name);

		if (value)
			return value;
	}
	if (!strcmp(name, "n"))
		return json_object_get(context, "index");
	return !strcmp(name, "name") ? json_object_get(context, "batch_name") : NULL;
}

static bool is_known(const struct spec *spec, const char *name, struct nearest *nearest)
{
	static const char *const maps[] = { "labels", "vars" };
	size_t length = strcspn(name, ".");
	bool is_found = !strcmp(name, "n") || !strcmp(name, "name");

	for (size_t i = 0; i < spec->axis_count; i++) {
		nearest_offer(nearest, spec->axes[i]);
		is_found |=
			strlen(spec->axes[i]) == length && !strncmp(spec->axes[i], name, length);
	}
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		const char *member;
		json_t *value;

		json_object_foreach(json_object_get(yaml_root(spec->doc), maps[i]), member, value)
		{
			nearest_offer(nearest, member);
			is_found |= strlen(member) == length && !strncmp(member, name, length);
		}
	}
	return is_found;
}

/* One ${{ }} of the pattern; moves past it. */
static bool check_expression(struct check *check, const char **at)
{
	struct spec *spec = check->spec;
	long length = expr_template_length(*at + 3);
	const char *text = arena_strndup(&spec->arena, *at, length < 0 ? 3 : (size_t)length + 5);
	int *handles = arena_alloc(&spec->arena, (spec->name_handle_count + 1) * sizeof(int));
	int handle;

	if (spec->name_handle_count)
		memcpy(handles, spec->name_handles, spec->name_handle_count * sizeof(int));
	if (!check_late(check, expr_add_template, text, PATH, EXPR_MATRIX, &handle) ||
	    !expr_add_template(spec->set, text, &handles[spec->name_handle_count], check->err))
		return false;
	spec->name_handles = handles;
	spec->name_handle_count++;
	*at += length + 5;
	return true;
}

bool name_check(struct check *check, const char *pattern)
{
	char name[80];

	for (const char *at = pattern; *at;) {
		size_t length = placeholder(at, name);
		struct nearest nearest;

		if (!strncmp(at, "${{", 3)) {
			if (!check_expression(check, &at))
				return false;
			continue;
		}
		nearest_init(&nearest, name);
		if (length && !check->spec->has_open_axes && !is_known(check->spec, name, &nearest))
			return check_refuse(check, PATH, "{%s} is no axis, label or variable%s",
					    name, nearest_hint(&nearest));
		at += length ? length : 1;
	}
	return true;
}

/* A value as a part of a name: one line, no bar, not too long, cut between characters. */
static void put_value(struct buf *out, const char *text, size_t limit)
{
	size_t from = out->len;

	for (; *text; text++) {
		bool is_start = (*text & 0xc0) != 0x80;

		if (is_start && out->len - from >= limit)
			break;
		buf_putc(out, *text == '|' ? '/' : (unsigned char)*text < ' ' ? ' ' : *text);
	}
}

static bool put_json(struct check *check, struct buf *out, const json_t *value, const char *what)
{
	DEFER(freep) char *text = NULL;

	if (!value || json_is_null(value))
		return check_refuse(check, PATH, "{%s} has no value here", what);
	if (json_is_object(value) || json_is_array(value))
		return check_refuse(
			check, PATH,
			"{%s} is a map or list here; name one member, such as {%s.name}", what,
			what);
	text = json_is_string(value) ? xstrdup(json_string_value(value)) : json_text(value);
	put_value(out, text, NAME_MAX_BYTES);
	return true;
}

static bool put_expression(struct check *check, int handle, const json_t *context, struct buf *out)
{
	DEFER(json_freep) json_t *value = NULL;

	if (!expr_eval(check->spec->set, handle, context, &value, check->err))
		return check_refuse(check, PATH, "%s", check->err->text);
	return put_json(check, out, value, "an expression");
}

static bool put_pattern(struct check *check, const char *pattern, const json_t *context,
			struct buf *out)
{
	char name[80];
	size_t next = 0;

	while (*pattern) {
		size_t length = placeholder(pattern, name);

		if (!strncmp(pattern, "${{", 3)) {
			if (!put_expression(check, check->spec->name_handles[next++], context, out))
				return false;
			length = (size_t)expr_template_length(pattern + 3) + 5;
		} else if (!length) {
			buf_putc(out, (unsigned char)*pattern < ' ' ? ' ' : *pattern);
			length = 1;
		} else if (!put_json(check, out, lookup(context, name), name)) {
			return false;
		}
		pattern += length;
	}
	return true;
}

/* No pattern: the values of the axes that are no maps, or the spec's name and a number. */
static void put_default(const json_t *context, struct buf *out)
{
	const json_t *matrix = json_object_get(context, "matrix");
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)matrix, name, value)
	{
		const json_t *shown =
			json_is_object(value) ? json_object_get(value, "name") : value;
		DEFER(freep) char *text = NULL;

		if (!shown || json_is_object(shown) || json_is_array(shown) || json_is_null(shown))
			continue;
		text = json_is_string(shown) ? xstrdup(json_string_value(shown)) : json_text(shown);
		if (out->len)
			buf_putc(out, '|');
		put_value(out, text, VALUE_MAX_BYTES);
	}
	if (!out->len) {
		put_value(out, json_string_value(json_object_get(context, "batch_name")), 100);
		if (json_object_size(matrix))
			buf_printf(
				out, "|v%lld",
				(long long)json_integer_value(json_object_get(context, "index")));
	}
}

bool name_render(struct check *check, const json_t *context, struct arena *arena, const char **out)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(buf_done) struct buf cut = { 0 };

	if (!check->spec->name_variants)
		put_default(context, &text);
	else if (!put_pattern(check, check->spec->name_variants, context, &text))
		return false;
	for (const char *at = text.data ? text.data : ""; *at; at++) {
		if ((*at & 0xc0) != 0x80 && cut.len >= NAME_MAX_BYTES)
			break;
		buf_putc(&cut, *at);
	}
	if (!cut.len)
		return check_refuse(check, PATH, "gave an empty name");
	*out = arena_strndup(arena, cut.data, cut.len);
	return true;
}
