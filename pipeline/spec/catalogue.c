/*
 * Three maps by id, merged from any number of files; a later file wins by id and keeps the earlier
 * one's place in the order, which is the order of `model: auto`.
 *
 * Models and publishers are checked here, because the spec relies on their members. A profile is an
 * opaque object: pipeline/media knows what it says.
 */
#include "pipeline/spec/catalogue.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "base/yaml.h"
#include "pipeline/spec/words.h"

enum kind { MODELS, PROFILES, PUBLISHERS, KINDS };

static const char *const kind_names[] = { "models", "profiles", "publishers", NULL };

struct catalogue {
	json_t *entries[KINDS];
};

struct file {
	const struct yaml_doc *doc;
	struct err *err;
};

struct catalogue *catalogue_new(void)
{
	struct catalogue *catalogue = xcalloc(1, sizeof(*catalogue));

	for (int kind = 0; kind < KINDS; kind++)
		catalogue->entries[kind] = json_object();
	return catalogue;
}

void catalogue_free(struct catalogue *catalogue)
{
	if (!catalogue)
		return;
	for (int kind = 0; kind < KINDS; kind++)
		json_decref(catalogue->entries[kind]);
	free(catalogue);
}

void catalogue_freep(struct catalogue **catalogue)
{
	catalogue_free(*catalogue);
	*catalogue = NULL;
}

/* ---- checking a file ---- */

static bool refuse_name(const struct file *file, const char *path, const char *name,
			const char *const *known)
{
	char place[256];
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (; *known; known++)
		nearest_offer(&nearest, *known);
	snprintf(place, sizeof(place), "%s%s%s#", path, *path ? "." : "", name);
	return yaml_error(file->doc, place, file->err, "unknown name%s", nearest_hint(&nearest));
}

static bool check_names(const struct file *file, const json_t *map, const char *path,
			const char *const *known)
{
	const char *name;
	json_t *ignored;

	json_object_foreach((json_t *)(uintptr_t)map, name, ignored)
	{
		if (!words_hold(known, name))
			return refuse_name(file, path, name, known);
	}
	return true;
}

/* A list of words out of `known` (NULL: any text). */
static bool check_words(const struct file *file, const json_t *entry, const char *path,
			const char *member, const char *const *known, bool is_required)
{
	const json_t *list = json_object_get(entry, member);
	char place[256], allowed[256];

	snprintf(place, sizeof(place), "%s.%s", path, member);
	if (!list)
		return !is_required ||
		       yaml_error(file->doc, path, file->err, "'%s' is missing", member);
	if (!json_is_array(list) || (is_required && !json_array_size(list)))
		return yaml_error(file->doc, place, file->err, "expected a list of words");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));

		snprintf(place, sizeof(place), "%s.%s[%zu]", path, member, i);
		if (!word || (known && !words_hold(known, word)))
			return yaml_error(file->doc, place, file->err, "expected one of %s",
					  known ? words_show(known, allowed) : "text");
	}
	return true;
}

static bool check_durations(const struct file *file, const json_t *entry, const char *path)
{
	const json_t *range = json_object_get(entry, "durations");
	double least = json_number_value(json_object_get(range, "min"));
	double most = json_number_value(json_object_get(range, "max"));
	char place[256];

	snprintf(place, sizeof(place), "%s.durations", path);
	if (!range || (json_is_object(range) && least >= 0 && most >= least && most > 0))
		return true;
	return yaml_error(file->doc, place, file->err, "expected {min: seconds, max: seconds}");
}

static bool check_model(const struct file *file, const json_t *entry, const char *path)
{
	static const char *const members[] = { "title",	    "modalities", "roles",   "durations",
					       "ratios",    "tiers",	  "lane",    "engine",
					       "price_usd", "notes",	  "sources", NULL };
	static const char *const lanes[] = { "cpu", NULL };
	const json_t *lane = json_object_get(entry, "lane"), *price;
	char place[256];

	if (!check_names(file, entry, path, members) ||
	    !check_words(file, entry, path, "modalities", words_modalities, true) ||
	    !check_words(file, entry, path, "roles", words_roles, false) ||
	    !check_words(file, entry, path, "tiers", words_tiers, false) ||
	    !check_words(file, entry, path, "ratios", NULL, false) ||
	    !check_durations(file, entry, path))
		return false;
	snprintf(place, sizeof(place), "%s.lane", path);
	if (!json_is_string(lane) || !words_hold(lanes, json_string_value(lane)))
		return yaml_error(
			file->doc, lane ? place : path, file->err,
			"lane: expected cpu; remote and GPU lanes come in a later release");
	price = json_object_get(entry, "price_usd");
	snprintf(place, sizeof(place), "%s.price_usd", path);
	if (price && (!json_is_number(price) || json_number_value(price) != 0))
		return yaml_error(file->doc, place, file->err,
				  "expected 0: priced models come in a later release");
	return true;
}

static bool check_publisher(const struct file *file, const json_t *entry, const char *path)
{
	static const char *const members[] = { "title", "lane", "caption_max", NULL };
	const json_t *lane = json_object_get(entry, "lane");
	char place[256];

	if (!check_names(file, entry, path, members))
		return false;
	snprintf(place, sizeof(place), "%s.lane", path);
	if (!json_is_string(lane) || strcmp(json_string_value(lane), "cpu") != 0)
		return yaml_error(file->doc, lane ? place : path, file->err,
				  "lane: expected cpu; remote publishers come in a later release");
	snprintf(place, sizeof(place), "%s.caption_max", path);
	if (json_object_get(entry, "caption_max") &&
	    json_integer_value(json_object_get(entry, "caption_max")) <= 0)
		return yaml_error(file->doc, place, file->err,
				  "expected a whole number of characters above 0");
	return true;
}

static bool is_id(const char *id)
{
	return *id && strlen(id) <= 64 &&
	       !id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "._/:-")];
}

static bool check_entry(const struct file *file, enum kind kind, const char *id,
			const json_t *entry)
{
	char path[160], key[162];

	snprintf(path, sizeof(path), "%s.%.80s", kind_names[kind], id);
	snprintf(key, sizeof(key), "%s#", path);
	if (!is_id(id))
		return yaml_error(file->doc, key, file->err,
				  "expected an id of letters, digits and ._/:-, at most 64");
	if (!json_is_object(entry))
		return yaml_error(file->doc, path, file->err, "expected a map");
	if (kind == MODELS)
		return check_model(file, entry, path);
	return kind == PROFILES || check_publisher(file, entry, path);
}

bool catalogue_add(struct catalogue *catalogue, const char *text, size_t len, const char *name,
		   struct err *err)
{
	DEFER(yaml_freep) struct yaml_doc *doc = NULL;
	struct file file = { .err = err };
	const json_t *root;

	if (!yaml_parse(text, len, name, &doc, err))
		return false;
	file.doc = doc;
	root = yaml_root(doc);
	if (!json_is_object(root))
		return yaml_error(doc, "", err, "expected a map of models, profiles or publishers");
	if (!check_names(&file, root, "", kind_names))
		return false;
	for (int kind = 0; kind < KINDS; kind++) {
		json_t *entries = json_object_get(root, kind_names[kind]), *entry;
		const char *id;

		if (entries && !json_is_object(entries))
			return yaml_error(doc, kind_names[kind], err, "expected a map by id");
		json_object_foreach(entries, id, entry)
		{
			if (!check_entry(&file, kind, id, entry))
				return false;
		}
		json_object_update(catalogue->entries[kind], entries);
	}
	return true;
}

/* ---- reading ---- */

static const json_t *find(const json_t *entries, const char *id, char *hint)
{
	const json_t *entry = json_object_get(entries, id);
	struct nearest nearest;
	const char *other;
	json_t *ignored;

	if (entry || !hint)
		return entry;
	nearest_init(&nearest, id);
	json_object_foreach((json_t *)(uintptr_t)entries, other, ignored)
	{
		nearest_offer(&nearest, other);
	}
	snprintf(hint, 160, "%s", nearest_hint(&nearest));
	return NULL;
}

const json_t *catalogue_model(const struct catalogue *catalogue, const char *id, char *hint)
{
	return find(catalogue->entries[MODELS], id, hint);
}

const json_t *catalogue_profile(const struct catalogue *catalogue, const char *id, char *hint)
{
	return find(catalogue->entries[PROFILES], id, hint);
}

const json_t *catalogue_publisher(const struct catalogue *catalogue, const char *id, char *hint)
{
	return find(catalogue->entries[PUBLISHERS], id, hint);
}

const json_t *catalogue_entries(const struct catalogue *catalogue, const char *kind)
{
	for (int k = 0; k < KINDS; k++)
		if (!strcmp(kind_names[k], kind))
			return catalogue->entries[k];
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void catalogue_each(const struct catalogue *catalogue, const char *kind,
		    void (*visit)(void *context, const char *id, const json_t *entry),
		    void *context)
{
	const json_t *entries = catalogue_entries(catalogue, kind);
	DEFER(freep) const char **ids = xcalloc(json_object_size(entries) + 1, sizeof(*ids));
	size_t count = 0;
	const char *id;
	json_t *ignored;

	json_object_foreach((json_t *)(uintptr_t)entries, id, ignored)
	{
		ids[count++] = id;
	}
	qsort(ids, count, sizeof(*ids), by_text);
	for (size_t i = 0; i < count; i++)
		visit(context, ids[i], json_object_get(entries, ids[i]));
}
