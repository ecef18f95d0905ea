/*
 * The variants: the product of the axes, the first one slowest; less what `exclude` matches; then
 * `include`, by the rules of GitHub Actions: an entry that contradicts no axis of a combination
 * adds its members to it, one that fits nowhere is a combination of its own.
 *
 *      matrix:
 *        hook: [a, b]                    a list; its texts may use .vars
 *        look: {file: looks.txt}         every line that is not empty
 *        clip: {csv: clips.csv}          objects: .matrix.clip.COLUMN
 *        csv: variants.csv               the rows are one axis, each column a name of its own
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "pipeline/spec/spec_private.h"

/* An axis: the members that each of its values brings along. */
struct axis {
	const char *name; /* "csv" for rows */
	const char *path;
	json_t *values; /* owned: a list of objects to be merged into the combination */
};

struct matrix {
	struct check *check;
	const struct spec_files *files;
	const json_t *written;
	struct axis axes[SPEC_MAX_AXES];
	size_t axis_count;
};

static bool is_word(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

static bool is_reserved(const char *name)
{
	return !strcmp(name, "include") || !strcmp(name, "exclude") || !strcmp(name, "csv");
}

/* ---- when the spec is read ---- */

static void add_name(struct spec *spec, const char *name)
{
	const char **names = arena_alloc(&spec->arena, (spec->axis_count + 1) * sizeof(*names));

	for (size_t i = 0; i < spec->axis_count; i++)
		if (!strcmp(spec->axes[i], name))
			return;
	if (spec->axis_count)
		memcpy(names, spec->axes, spec->axis_count * sizeof(*names));
	names[spec->axis_count++] = name;
	spec->axes = names;
}

static bool check_file_axis(struct check *check, const json_t *value, const char *path)
{
	static const char *const known[] = { "file", "csv" };
	const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));

	if (json_object_size(value) != 1)
		return check_refuse(check, path, "expected a list, {file: PATH} or {csv: PATH}");
	if (strcmp(name, "file") != 0 && strcmp(name, "csv") != 0)
		return check_refuse_name(check, path, name, known, 2);
	if (!json_is_string(json_object_get(value, name)) ||
	    !*json_string_value(json_object_get(value, name)))
		return check_refuse_type(check, check_path(check->spec, path, name), "a path",
					 json_object_get(value, name));
	return true;
}

/* Templates in values may use .vars and .labels. */
static bool check_axis_text(struct check *check, const json_t *value, const char *path)
{
	const char *text = json_string_value(value);
	int handle;

	if (!text || !expr_is_template(text))
		return true;
	return check_late(check, expr_add_template, text, path, 0, &handle);
}

static bool check_list_axis(struct check *check, const json_t *list, const char *path)
{
	DEFER(json_freep) json_t *seen = json_object();

	if (!json_array_size(list))
		return check_refuse(check, path,
				    "an axis without values: the matrix would be empty");
	if (json_array_size(list) > SPEC_MAX_VARIANTS)
		return check_refuse(check, path, "more than %d values", SPEC_MAX_VARIANTS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);
		const char *place = check_path_item(check->spec, path, i);
		DEFER(freep) char *text = json_text(value);

		if (json_object_get(seen, text))
			return check_refuse(check, place, "the same value is here twice");
		json_object_set_new(seen, text, json_true());
		if (!check_axis_text(check, value, place))
			return false;
	}
	return true;
}

static bool check_axis(struct check *check, const char *name, const json_t *value)
{
	const char *path = check_path(check->spec, "matrix", name);

	if (!is_word(name))
		return check_refuse(check, path, "expected a name of letters, digits and _");
	add_name(check->spec, name);
	if (check->spec->axis_count > SPEC_MAX_AXES)
		return check_refuse(check, path, "more than %d axes", SPEC_MAX_AXES);
	if (json_is_array(value))
		return check_list_axis(check, value, path);
	if (json_is_object(value))
		return check_file_axis(check, value, path);
	return check_refuse_type(check, path, "a list, {file: PATH} or {csv: PATH}", value);
}

/* A list of maps, not empty. */
static bool check_entries(struct check *check, const json_t *matrix, const char *name,
			  bool brings_names)
{
	const json_t *list = json_object_get(matrix, name), *entry;
	const char *path = check_path(check->spec, "matrix", name), *member;
	json_t *value;

	if (!list)
		return true;
	if (!json_is_array(list))
		return check_refuse_type(check, path, "a list of maps", list);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *place = check_path_item(check->spec, path, i);

		entry = json_array_get(list, i);
		if (!json_is_object(entry) || !json_object_size(entry))
			return check_refuse_type(check, place, "a map of axis names", entry);
		json_object_foreach((json_t *)(uintptr_t)entry, member, value)
		{
			if (!is_word(member))
				return check_refuse(check, check_path(check->spec, place, member),
						    "expected a name of letters, digits and _");
			if (brings_names)
				add_name(check->spec, member);
			if (!check_axis_text(check, value, check_path(check->spec, place, member)))
				return false;
		}
	}
	return true;
}

/* The names that exclude may use are those of the axes; rows of a file bring theirs later. */
static bool check_exclude_names(struct check *check, const json_t *matrix)
{
	const json_t *list = json_object_get(matrix, "exclude");
	const char *names[SPEC_MAX_AXES * 2], *name;
	size_t count = 0;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)matrix, name, value)
	{
		if (!is_reserved(name) && count < SPEC_MAX_AXES)
			names[count++] = name;
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		json_object_foreach(json_array_get(list, i), name, value)
		{
			if (!json_object_get(matrix, name) || is_reserved(name))
				return check_refuse_name(
					check, check_path_item(check->spec, "matrix.exclude", i),
					name, names, count);
		}
	return true;
}

bool matrix_check(struct check *check, const json_t *matrix)
{
	const json_t *rows = json_object_get(matrix, "csv");
	const char *name;
	json_t *value;

	if (!json_is_object(matrix) || !json_object_size(matrix))
		return check_refuse_type(check, "matrix", "a map of axes", matrix);
	json_object_foreach((json_t *)(uintptr_t)matrix, name, value)
	{
		if (!is_reserved(name) && !check_axis(check, name, value))
			return false;
	}
	if (rows && (!json_is_string(rows) || !json_string_length(rows)))
		return check_refuse_type(check, "matrix.csv", "the path of a CSV file", rows);
	check->spec->has_open_axes = rows != NULL;
	if (!rows && !check_exclude_names(check, matrix))
		return false;
	return check_entries(check, matrix, "exclude", false) &&
	       check_entries(check, matrix, "include", true);
}

/* ---- at expansion: the axes' values ---- */

static bool read_text(struct matrix *matrix, const char *file, const char *path, char **out)
{
	struct check *check = matrix->check;

	if (!matrix->files || !matrix->files->read_text)
		return check_refuse(check, path, "'%s' cannot be read here", file);
	if (!matrix->files->read_text(matrix->files->context, file, out, check->err)) {
		enum err_kind kind = check->err->kind;

		check_refuse(check, path, "%s", check->err->text);
		check->err->kind = kind;
		return false;
	}
	return true;
}

static json_t *lines_of(char *text)
{
	json_t *lines = json_array();

	if (!strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t length;

		while (isspace((unsigned char)*line))
			line++;
		length = strlen(line);
		while (length && isspace((unsigned char)line[length - 1]))
			length--;
		if (length)
			json_array_append_new(lines, json_stringn(line, length));
	}
	return lines;
}

static bool read_file(struct matrix *matrix, const char *file, bool is_csv, const char *path,
		      json_t **out)
{
	struct check *check = matrix->check;
	DEFER(json_freep) json_t *values = NULL;
	DEFER(freep) char *text = NULL;

	if (!read_text(matrix, file, path, &text))
		return false;
	if (is_csv && !csv_parse(text, &values, check->err))
		return check_refuse(check, path, "%s: %s", file, check->err->text);
	if (!is_csv)
		values = lines_of(text);
	if (!json_array_size(values))
		return check_refuse(check, path, "%s: there is nothing in it", file);
	*out = TAKE(values);
	return true;
}

static bool render(struct matrix *matrix, const json_t *value, const char *path, json_t **out)
{
	struct check *check = matrix->check;
	const json_t *root = yaml_root(check->spec->doc);
	DEFER(json_freep) json_t *context = json_object();

	json_object_set(context, "vars", json_object_get(root, "vars"));
	json_object_set(context, "labels", json_object_get(root, "labels"));
	if (!expr_render(value, context, out, check->err))
		return check_refuse(check, path, "%s", check->err->text);
	return true;
}

/* Wraps each value as {name: value}. */
static json_t *named(const char *name, const json_t *values)
{
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(values); i++) {
		json_t *item = json_object();

		json_object_set(item, name, json_array_get(values, i));
		json_array_append_new(list, item);
	}
	return list;
}

static bool load_axis(struct matrix *matrix, const char *name, const json_t *value)
{
	struct axis *axis = &matrix->axes[matrix->axis_count];
	DEFER(json_freep) json_t *values = NULL;
	const char *file;
	bool is_csv, ok;

	axis->name = name;
	axis->path = check_path(matrix->check->spec, "matrix", name);
	if (!strcmp(name, "csv")) {
		if (!read_file(matrix, json_string_value(value), true, axis->path, &values))
			return false;
		axis->values = TAKE(values);
		matrix->axis_count++;
		return true;
	}
	is_csv = json_object_get(value, "csv") != NULL;
	file = json_string_value(json_object_get(value, is_csv ? "csv" : "file"));
	ok = json_is_array(value) ? render(matrix, value, axis->path, &values)
				  : read_file(matrix, file, is_csv, axis->path, &values);
	if (!ok)
		return false;
	axis->values = named(name, values);
	matrix->axis_count++;
	return true;
}

/* ---- product, exclude, include ---- */

static bool product(struct matrix *matrix, json_t *out)
{
	size_t total = 1, place[SPEC_MAX_AXES] = { 0 };

	for (size_t a = 0; a < matrix->axis_count; a++) {
		total *= json_array_size(matrix->axes[a].values);
		if (total > SPEC_MAX_VARIANTS)
			return check_refuse(matrix->check, "matrix#",
					    "more than %d variants; split it into several specs",
					    SPEC_MAX_VARIANTS);
	}
	for (size_t i = 0; matrix->axis_count && i < total; i++) {
		json_t *combination = json_object();

		for (size_t a = 0; a < matrix->axis_count; a++)
			json_object_update(combination,
					   json_array_get(matrix->axes[a].values, place[a]));
		json_array_append_new(out, combination);
		for (size_t a = matrix->axis_count; a-- > 0;) {
			if (++place[a] < json_array_size(matrix->axes[a].values))
				break;
			place[a] = 0;
		}
	}
	return true;
}

/* A map matches what has its members, so that an axis of objects can be matched by one of them. */
static bool matches(const json_t *wanted, const json_t *found)
{
	const char *name;
	json_t *value;

	if (!json_is_object(wanted) || !json_is_object(found))
		return json_equal(wanted, found);
	json_object_foreach((json_t *)(uintptr_t)wanted, name, value)
	{
		if (!matches(value, json_object_get(found, name)))
			return false;
	}
	return true;
}

/* Which value of the entry is nowhere, and what is nearest to it. */
static bool refuse_exclude(struct matrix *matrix, const json_t *entry, const json_t *all,
			   const char *path)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)entry, name, value)
	{
		const char *text = json_string_value(value);
		struct nearest nearest;
		bool is_there = false;

		nearest_init(&nearest, text ? text : "");
		for (size_t i = 0; i < json_array_size(all); i++) {
			const json_t *found = json_object_get(json_array_get(all, i), name);

			is_there |= found && matches(value, found);
			if (text && json_is_string(found))
				nearest_offer(&nearest, json_string_value(found));
		}
		if (!is_there)
			return check_refuse(matrix->check,
					    check_path(matrix->check->spec, path, name),
					    "excludes nothing: no variant has this %s%s", name,
					    nearest_hint(&nearest));
	}
	return check_refuse(matrix->check, path, "excludes nothing: no variant has all of these");
}

static bool exclude(struct matrix *matrix, json_t **combinations)
{
	const json_t *list = json_object_get(matrix->written, "exclude");
	DEFER(json_freep) json_t *all = json_incref(*combinations);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *path = check_path_item(matrix->check->spec, "matrix.exclude", i);
		DEFER(json_freep) json_t *entry = NULL;
		json_t *left = json_array();
		bool is_used = false;

		if (!render(matrix, json_array_get(list, i), path, &entry)) {
			json_decref(left);
			return false;
		}
		for (size_t c = 0; c < json_array_size(*combinations); c++) {
			json_t *combination = json_array_get(*combinations, c);

			if (!matches(entry, combination))
				json_array_append(left, combination);
		}
		for (size_t c = 0; c < json_array_size(all); c++)
			is_used |= matches(entry, json_array_get(all, c));
		json_decref(*combinations);
		*combinations = left;
		if (!is_used)
			return refuse_exclude(matrix, entry, all, path);
	}
	return true;
}

/* Does the entry contradict nothing that the axes gave this combination? */
static bool fits(const json_t *entry, const json_t *original)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)entry, name, value)
	{
		const json_t *found = json_object_get(original, name);

		if (found && !json_equal(found, value))
			return false;
	}
	return true;
}

static bool include(struct matrix *matrix, json_t *combinations)
{
	const json_t *list = json_object_get(matrix->written, "include");
	DEFER(json_freep) json_t *originals = json_deep_copy(combinations);
	size_t count = json_array_size(combinations);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *path = check_path_item(matrix->check->spec, "matrix.include", i);
		DEFER(json_freep) json_t *entry = NULL;
		bool is_placed = false;

		if (!render(matrix, json_array_get(list, i), path, &entry))
			return false;
		for (size_t c = 0; c < count; c++) {
			if (!fits(entry, json_array_get(originals, c)))
				continue;
			json_object_update(json_array_get(combinations, c), entry);
			is_placed = true;
		}
		if (!is_placed)
			json_array_append(combinations, entry);
		if (json_array_size(combinations) > SPEC_MAX_VARIANTS)
			return check_refuse(matrix->check, path, "more than %d variants",
					    SPEC_MAX_VARIANTS);
	}
	return true;
}

static bool load_axes(struct matrix *matrix)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)matrix->written, name, value)
	{
		if ((!is_reserved(name) || !strcmp(name, "csv")) && !load_axis(matrix, name, value))
			return false;
	}
	return true;
}

static bool combine(struct matrix *matrix, json_t **out)
{
	DEFER(json_freep) json_t *combinations = json_array();

	if (!load_axes(matrix) || !product(matrix, combinations) ||
	    !exclude(matrix, &combinations) || !include(matrix, combinations))
		return false;
	if (!json_array_size(combinations))
		return check_refuse(matrix->check, "matrix#", "no variant is left");
	*out = TAKE(combinations);
	return true;
}

bool matrix_expand(struct check *check, const struct spec_files *files, json_t **out)
{
	struct matrix matrix = {
		.check = check,
		.files = files,
		.written = json_object_get(yaml_root(check->spec->doc), "matrix"),
	};
	bool ok;

	if (!matrix.written) {
		*out = json_pack("[{}]");
		return true;
	}
	ok = combine(&matrix, out);
	for (size_t a = 0; a < matrix.axis_count; a++)
		json_decref(matrix.axes[a].values);
	return ok;
}
