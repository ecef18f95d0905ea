/*
 * The single kinds of value, without expressions: numbers and their limits, words, durations,
 * ratios, colours, names of the catalogue. Each gives what the definition holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/verdict.h"
#include "pipeline/spec/spec_private.h"
#include "pipeline/spec/words.h"

typedef bool plain_fn(struct check *check, const struct field *field, const json_t *value,
		      const char *path, json_t **out);

static bool keep(const json_t *value, json_t **out)
{
	*out = json_incref((json_t *)(uintptr_t)value);
	return true;
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static bool plain_text(struct check *check, const struct field *field, const json_t *value,
		       const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	DEFER(freep) char *escaped = NULL;
	size_t count;

	if (json_is_number(value) && check->is_folded)
		text = escaped = json_text(value); /* ${{ .matrix.n }} as the whole caption */
	if (!text)
		return check_refuse_type(check, path,
					 json_is_number(value) || json_is_boolean(value)
						 ? "text (in quotes)"
						 : "text",
					 value);
	count = count_characters(text);
	if ((double)count < field->min)
		return check_refuse(check, path, "expected some text, found none");
	if (field->max > 0 && (double)count > field->max)
		return check_refuse(check, path, "expected at most %g characters, found %zu",
				    field->max, count);
	if (check->is_folded && expr_is_template(text)) { /* data is never code */
		char *safe = expr_escape(text);

		*out = json_string(safe);
		free(safe);
		return true;
	}
	*out = json_string(text);
	return true;
}

static bool within(struct check *check, const struct field *field, double number, const char *what,
		   const char *path)
{
	if ((field->min == 0 && field->max == 0) || (number >= field->min && number <= field->max))
		return true;
	if (field->min == field->max)
		return check_refuse(check, path, "expected %.10g, found %.10g", field->min, number);
	return check_refuse(check, path, "expected %s from %.10g to %.10g, found %.10g", what,
			    field->min, field->max, number);
}

static bool plain_number(struct check *check, const struct field *field, const json_t *value,
			 const char *path, json_t **out)
{
	if (!json_is_number(value))
		return check_refuse_type(check, path, "a number", value);
	return within(check, field, json_number_value(value), "a number", path) && keep(value, out);
}

static bool plain_int(struct check *check, const struct field *field, const json_t *value,
		      const char *path, json_t **out)
{
	double number = json_number_value(value);

	if (!json_is_number(value) || number != floor(number) || fabs(number) > 9e15)
		return check_refuse_type(check, path, "a whole number", value);
	if (!within(check, field, number, "a whole number", path))
		return false;
	*out = json_integer((json_int_t)number);
	return true;
}

static bool plain_bool(struct check *check, const struct field *field, const json_t *value,
		       const char *path, json_t **out)
{
	(void)field;
	if (!json_is_boolean(value))
		return check_refuse_type(check, path, "true or false", value);
	return keep(value, out);
}

static bool plain_word(struct check *check, const struct field *field, const json_t *value,
		       const char *path, json_t **out)
{
	const char *word = json_string_value(value);
	char shown[256], hint[160], expected[300];

	if (word && words_hold(field->words, word))
		return keep(value, out);
	words_show(field->words, shown);
	if (word)
		return check_refuse(check, path, "expected %s, found '%.60s'%s", shown, word,
				    words_hint(field->words, word, hint));
	snprintf(expected, sizeof(expected), "one of %s", shown);
	return check_refuse_type(check, path, expected, value);
}

static bool read_duration(const json_t *value, int64_t *out_ms)
{
	double seconds = json_number_value(value);

	if (json_is_string(value))
		return units_parse_duration_ms(json_string_value(value), out_ms);
	if (!json_is_number(value) || seconds < 0 || seconds > 9e9)
		return false;
	*out_ms = llround(seconds * 1000);
	return true;
}

static bool plain_duration(struct check *check, const struct field *field, const json_t *value,
			   const char *path, json_t **out)
{
	char least[32], most[32];
	int64_t ms;

	if (!read_duration(value, &ms))
		return check_refuse_type(check, path, "a duration such as 30s, 5m or 1h30m", value);
	if (field->max > 0 && ((double)ms < field->min || (double)ms > field->max))
		return check_refuse(check, path, "expected a duration from %s to %s",
				    units_show_duration((int64_t)field->min, least),
				    units_show_duration((int64_t)field->max, most));
	*out = json_integer(ms);
	return true;
}

static bool plain_seconds(struct check *check, const struct field *field, const json_t *value,
			  const char *path, json_t **out)
{
	int64_t ms;

	if (!read_duration(value, &ms))
		return check_refuse_type(check, path, "seconds such as 8, 7.5 or 8s", value);
	if (!within(check, field, (double)ms / 1000, "seconds", path))
		return false;
	*out = ms % 1000 ? json_real((double)ms / 1000) : json_integer(ms / 1000);
	return true;
}

static bool plain_ratio(struct check *check, const struct field *field, const json_t *value,
			const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	double width = 0, height = 0;
	int end = -1;

	(void)field;
	if (text && strspn(text, "0123456789.:") == strlen(text))
		(void)sscanf(text, "%lf:%lf%n", &width, &height, &end);
	if (end < 0 || text[end] || width <= 0 || height <= 0 || width / height > 10 ||
	    height / width > 10)
		return check_refuse_type(check, path, "width:height in quotes, such as \"9:16\"",
					 value);
	return keep(value, out);
}

static bool plain_resolution(struct check *check, const struct field *field, const json_t *value,
			     const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	unsigned width = 0, height = 0;
	int end = -1;

	(void)field;
	if (text && strspn(text, "0123456789px") == strlen(text) && strlen(text) < 12) {
		if (sscanf(text, "%ux%u%n", &width, &height, &end) < 2 || end < 0) {
			end = -1;
			(void)sscanf(text, "%up%n", &height, &end);
			width = height;
		}
	}
	if (end < 0 || text[end] || width < 64 || height < 64 || width > 8192 || height > 8192)
		return check_refuse_type(
			check, path,
			"the shorter side such as 1080p, or 1080x1920; each from 64 "
			"to 8192",
			value);
	return keep(value, out);
}

static bool plain_color(struct check *check, const struct field *field, const json_t *value,
			const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	size_t length = text ? strlen(text) : 0;
	char hint[160];

	if (!text)
		return check_refuse_type(check, path,
					 "a color such as white, or \"#RRGGBB\" with its quotes",
					 value);
	if (words_hold(field->words, text))
		return keep(value, out);
	if ((length == 7 || length == 9) && *text == '#' &&
	    strspn(text + 1, "0123456789abcdefABCDEF") == length - 1)
		return keep(value, out);
	return check_refuse(check, path,
			    "expected \"#RRGGBB\", \"#RRGGBBAA\" (in quotes) or a name such as "
			    "white, found '%.40s'%s",
			    text, words_hint(field->words, text, hint));
}

static bool plain_loudness(struct check *check, const struct field *field, const json_t *value,
			   const char *path, json_t **out)
{
	double wanted = json_number_value(value);

	if (json_is_false(value) ||
	    (json_is_number(value) && wanted >= field->min && wanted <= field->max))
		return keep(value, out);
	return check_refuse_type(check, path, "LUFS from -40 to -5, or false", value);
}

/* ---- names of the catalogue ---- */

static json_t *with_id(const json_t *entry, const char *id)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)entry);

	json_object_set_new(copy, "id", json_string(id));
	json_object_del(copy, "sources");
	json_object_del(copy, "notes");
	return copy;
}

static const char *list_ids(const struct check *check, const char *kind, char out[256])
{
	const json_t *entries = catalogue_entries(check->spec->catalogue, kind);
	size_t used = 0;
	const char *id;
	json_t *ignored;

	out[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)entries, id, ignored)
	{
		if (used + strlen(id) + 4 < 256)
			used += (size_t)snprintf(out + used, 256 - used, "%s%s", used ? ", " : "",
						 id);
	}
	return used ? out : "none";
}

static bool refuse_id(const struct check *check, const char *path, const char *what,
		      const char *kind, const char *id, const char *hint)
{
	char ids[256];

	return check_refuse(check, path, "unknown %s '%.60s'%s (there are: %s)", what, id, hint,
			    list_ids(check, kind, ids));
}

/* Only that the names exist: generate.c chooses among them. */
static bool plain_model(struct check *check, const struct field *field, const json_t *value,
			const char *path, json_t **out)
{
	const char *id = json_string_value(value);
	char hint[160] = "";

	if (json_is_array(value) && json_array_size(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			const json_t *item = json_array_get(value, i);
			json_t *ignored;

			if (!plain_model(check, field, json_is_array(item) ? json_null() : item,
					 check->is_folded ? path
							  : check_path_item(check->spec, path, i),
					 &ignored))
				return false;
			json_decref(ignored);
		}
		return keep(value, out);
	}
	if (!id)
		return check_refuse_type(check, path, "a model's id, a list of them or auto",
					 value);
	if (strcmp(id, "auto") != 0 && !catalogue_model(check->spec->catalogue, id, hint))
		return refuse_id(check, path, "model", "models", id, hint);
	return keep(value, out);
}

static bool plain_profile(struct check *check, const struct field *field, const json_t *value,
			  const char *path, json_t **out)
{
	const char *id = json_string_value(value);
	char hint[160] = "";
	const json_t *profile;

	if (!id)
		return check_refuse_type(check, path, "a profile's id", value);
	profile = catalogue_profile(check->spec->catalogue, id, hint);
	if (!profile)
		return refuse_id(check, path, "profile", "profiles", id, hint);
	if (field->type == FIELD_CONFORM && !json_is_object(json_object_get(profile, "conform")))
		return check_refuse(check, path, "profile '%.60s' does not say how to conform", id);
	*out = with_id(profile, id);
	return true;
}

static bool plain_publisher(struct check *check, const struct field *field, const json_t *value,
			    const char *path, json_t **out)
{
	const char *id = json_string_value(value);
	char hint[160] = "";
	const json_t *publisher;

	(void)field;
	if (!id)
		return check_refuse_type(check, path, "a publisher's id", value);
	publisher = catalogue_publisher(check->spec->catalogue, id, hint);
	if (!publisher)
		return refuse_id(check, path, "publisher", "publishers", id, hint);
	*out = with_id(publisher, id);
	return true;
}

/* ---- verdict classes, expressions over measurements ---- */

static bool plain_class(struct check *check, const struct field *field, const json_t *value,
			const char *path, json_t **out)
{
	const char *names[VERDICT_CLASSES + 1] = { 0 };
	const char *name = json_string_value(value);
	char shown[256], hint[160] = "";
	enum verdict_class verdict;
	size_t count = 0;

	for (verdict = VERDICT_TRANSIENT; verdict < VERDICT_CLASSES; verdict++)
		if (field->type == FIELD_VERDICT ||
		    verdict_info(verdict)->policy == VERDICT_RETRIES)
			names[count++] = verdict_info(verdict)->name;
	if (name && words_hold(names, name))
		return keep(value, out);
	if (name && field->type == FIELD_CLASS && verdict_find(name, &verdict))
		return check_refuse(check, path, "'%s' is never retried; expected %s", name,
				    words_show(names, shown));
	return check_refuse(check, path, "expected a class out of %s, found '%.40s'%s",
			    words_show(names, shown), name ? name : "",
			    name ? words_hint(names, name, hint) : hint);
}

/* A test that was put together from a template: by itself, for there may be one per variant. */
static bool test_compiles(const char *text, struct err *err)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	int handle;

	return expr_add(set, text, &handle, err) && expr_check(set, NULL, err);
}

static bool plain_test(struct check *check, const struct field *field, const json_t *value,
		       const char *path, json_t **out)
{
	const char *text = json_string_value(value);
	int ignored;

	(void)field;
	if (!text)
		return check_refuse_type(
			check, path, "an expression (quote it when YAML reads it as a map or list)",
			value);
	if (check->is_folded) {
		if (!test_compiles(text, check->err))
			return check_refuse(check, path, "%s", check->err->text);
		return keep(value, out);
	}
	/* over measurements: its names are not the context's */
	return check_late(check, expr_add, text, path, EXPR_OTHER, &ignored) && keep(value, out);
}

bool check_plain(struct check *check, const struct field *field, const json_t *value,
		 const char *path, json_t **out)
{
	static plain_fn *const kinds[] = {
		[FIELD_TEXT] = plain_text,
		[FIELD_NUMBER] = plain_number,
		[FIELD_INT] = plain_int,
		[FIELD_BOOL] = plain_bool,
		[FIELD_WORD] = plain_word,
		[FIELD_DURATION] = plain_duration,
		[FIELD_SECONDS] = plain_seconds,
		[FIELD_RATIO] = plain_ratio,
		[FIELD_RESOLUTION] = plain_resolution,
		[FIELD_COLOR] = plain_color,
		[FIELD_LOUDNESS] = plain_loudness,
		[FIELD_MODEL] = plain_model,
		[FIELD_PROFILE] = plain_profile,
		[FIELD_CONFORM] = plain_profile,
		[FIELD_PUBLISHER] = plain_publisher,
		[FIELD_CLASS] = plain_class,
		[FIELD_VERDICT] = plain_class,
		[FIELD_TEST] = plain_test,
		[FIELD_ANY] = NULL,
	};

	return kinds[field->type](check, field, value, path, out);
}
