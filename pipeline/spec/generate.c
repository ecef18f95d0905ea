/*
 * What several fields of a stage decide together: the model by what goes in and comes out, the size
 * by resolution and ratio, times that exclude each other. Runs when the spec is read, with markers
 * for what is not known yet, and again on each variant's tree where such a field was a hole.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/spec/spec_private.h"

static const double DEFAULT_DURATION_S = 5;

static bool is_known(const json_t *value)
{
	const char *text = json_string_value(value);

	/* nor is an expression that stays as it is until its stage runs */
	return value && hole_number(value) < 0 && !(text && expr_is_template(text));
}

static const json_t *known(const json_t *tree, const char *name)
{
	const json_t *value = json_object_get(tree, name);

	return is_known(value) && !json_is_null(value) ? value : NULL;
}

static bool list_holds(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), word))
			return true;
	return false;
}

/* ---- the model ---- */

struct wish {
	const char *kind;	   /* video, image */
	const char *source;	   /* text, image, video: what goes in */
	const json_t *attachments; /* [{media, role}] */
	const char *ratio;
	double duration; /* 0: not known */
};

static const char *role_of(const json_t *attachment)
{
	return json_string_value(json_object_get(attachment, "role"));
}

static struct wish read_wish(const json_t *tree)
{
	struct wish wish = {
		.kind = json_string_value(json_object_get(tree, "kind")),
		.source = "text",
		.attachments = json_object_get(tree, "attach"),
		.ratio = json_string_value(known(tree, "aspect_ratio")),
		.duration = json_number_value(known(tree, "duration")),
	};

	for (size_t i = 0; i < json_array_size(wish.attachments); i++) {
		const char *role = role_of(json_array_get(wish.attachments, i));

		if (!strcmp(role, "source_video"))
			wish.source = "video";
		else if (strcmp(role, "audio") != 0 && strcmp(wish.source, "video") != 0)
			wish.source = "image";
	}
	return wish;
}

static void show_list(const json_t *list, char out[256])
{
	size_t used = 0;

	snprintf(out, 256, "none");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (used < 200)
			used += (size_t)snprintf(out + used, 256 - used, "%s%s", i ? ", " : "",
						 json_string_value(json_array_get(list, i)));
}

/* Why the model cannot do it, in `why`; false: it can. */
static bool is_unfit(const json_t *model, const struct wish *wish, char why[400])
{
	const json_t *durations = json_object_get(model, "durations");
	const json_t *ratios = json_object_get(model, "ratios");
	double least = json_number_value(json_object_get(durations, "min"));
	double most = json_number_value(json_object_get(durations, "max"));
	char modality[32], shown[256];

	snprintf(modality, sizeof(modality), "%s->%s", wish->source, wish->kind);
	if (!list_holds(json_object_get(model, "modalities"), modality)) {
		show_list(json_object_get(model, "modalities"), shown);
		snprintf(why, 400, "it does not make %s (it does: %s)", modality, shown);
		return true;
	}
	for (size_t i = 0; i < json_array_size(wish->attachments); i++) {
		const char *role = role_of(json_array_get(wish->attachments, i));

		if (list_holds(json_object_get(model, "roles"), role))
			continue;
		show_list(json_object_get(model, "roles"), shown);
		snprintf(why, 400, "it takes no attachment as %s (it takes: %s)", role, shown);
		return true;
	}
	if (durations && wish->duration > 0 && (wish->duration < least || wish->duration > most)) {
		snprintf(why, 400, "it makes clips of %g to %g seconds, not %g", least, most,
			 wish->duration);
		return true;
	}
	if (wish->ratio && ratios && !list_holds(ratios, "any") &&
	    !list_holds(ratios, wish->ratio)) {
		show_list(ratios, shown);
		snprintf(why, 400, "it makes the ratios %s, not %s", shown, wish->ratio);
		return true;
	}
	return false;
}

/* Tries one id; the first reason is kept for the error. */
static bool try_model(struct check *check, const char *id, const struct wish *wish,
		      const char **chosen, char first[512])
{
	const json_t *model = catalogue_model(check->spec->catalogue, id, NULL);
	char why[400];

	if (*chosen || !model)
		return *chosen != NULL;
	if (!is_unfit(model, wish, why)) {
		*chosen = id;
		return true;
	}
	if (!*first)
		snprintf(first, 512, "model %s cannot serve this: %s", id, why);
	spec_notice(check->spec, "stage %s: model %s is passed over: %s", check->stage->id, id,
		    why);
	return false;
}

static bool choose_model(struct check *check, const json_t *wanted, const struct wish *wish,
			 const char **out, char first[512])
{
	const json_t *all = catalogue_entries(check->spec->catalogue, "models");
	const char *id, *word = json_string_value(wanted);
	json_t *ignored;

	*out = NULL;
	*first = '\0';
	for (size_t i = 0; i < json_array_size(wanted); i++)
		try_model(check, json_string_value(json_array_get(wanted, i)), wish, out, first);
	if (word && strcmp(word, "auto") != 0)
		try_model(check, word, wish, out, first);
	if (!wanted || (word && !strcmp(word, "auto")))
		json_object_foreach((json_t *)(uintptr_t)all, id, ignored)
		{
			try_model(check, id, wish, out, first);
		}
	return *out != NULL;
}

static bool route(struct check *check, json_t *tree, const char *path)
{
	const json_t *wanted = json_object_get(tree, "model"), *tiers, *tier;
	struct wish wish = read_wish(tree);
	const char *id, *place;
	char first[512];
	json_t *entry;

	if (wanted && !is_known(wanted))
		return true;
	if (json_is_object(wanted)) /* chosen when the spec was read */
		wanted = json_object_get(wanted, "wanted");
	place = arena_printf(&check->spec->arena, "%s%s", path,
			     known(tree, "model") ? ".model" : "#");
	if (!choose_model(check, json_is_null(wanted) ? NULL : wanted, &wish, &id, first))
		return check_refuse(check, place, "%s",
				    *first ? first : "no model is in the catalogue");
	entry = json_copy((json_t *)(uintptr_t)catalogue_model(check->spec->catalogue, id, NULL));
	json_object_del(entry, "sources");
	json_object_del(entry, "notes");
	json_object_set_new(entry, "id", json_string(id));
	if (wanted)
		json_object_set(entry, "wanted", (json_t *)(uintptr_t)wanted);
	tier = known(tree, "tier");
	tiers = json_object_get(entry, "tiers");
	if (tier && tiers && !list_holds(tiers, json_string_value(tier)))
		spec_notice(check->spec, "stage %s: tier %s is asked for, model %s is none of it",
			    check->stage->id, json_string_value(tier), id);
	json_object_set_new(tree, "model", entry);
	return true;
}

/* ---- the size ---- */

static long even(double value)
{
	return lround(value / 2) * 2;
}

static json_t *shortest_ratio(unsigned width, unsigned height)
{
	unsigned a = width, b = height;

	while (b) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return json_sprintf("%u:%u", width / a, height / a);
}

static bool set_size(struct check *check, json_t *tree, const char *path)
{
	const json_t *ratio = json_object_get(tree, "aspect_ratio");
	const json_t *resolution = json_object_get(tree, "resolution");
	unsigned width = 0, height = 0;
	double across = 9, down = 16;
	const char *place;

	if ((ratio && !is_known(ratio)) || (resolution && !is_known(resolution)))
		return true;
	if (known(tree, "aspect_ratio"))
		(void)sscanf(json_string_value(ratio), "%lf:%lf", &across, &down);
	if (!known(tree, "resolution"))
		height = 1080;
	else if (sscanf(json_string_value(resolution), "%ux%u", &width, &height) < 2)
		(void)sscanf(json_string_value(resolution), "%up", &height);
	if (width && sscanf(json_string_value(resolution), "%ux%u", &width, &height) == 2) {
		double found = (double)width / height;

		place = check_path(check->spec, path, "resolution");
		if (known(tree, "aspect_ratio") && fabs(found / (across / down) - 1) > 0.01)
			return check_refuse(check, place, "%ux%u is not %s: leave one of them out",
					    width, height, json_string_value(ratio));
		if (!known(tree, "aspect_ratio"))
			json_object_set_new(tree, "aspect_ratio", shortest_ratio(width, height));
		json_object_set_new(tree, "width", json_integer(even(width)));
		json_object_set_new(tree, "height", json_integer(even(height)));
		return true;
	}
	if (!known(tree, "aspect_ratio"))
		json_object_set_new(tree, "aspect_ratio", json_string("9:16"));
	json_object_set_new(tree, "width",
			    json_integer(even(across < down ? height : height * across / down)));
	json_object_set_new(tree, "height",
			    json_integer(even(across < down ? height * down / across : height)));
	return true;
}

static bool together_generate(struct check *check, json_t *tree, const char *path)
{
	const char *kind = json_string_value(json_object_get(tree, "kind"));
	double variants = known(tree, "variants") ? json_number_value(known(tree, "variants")) : 1;
	double need = json_number_value(known(tree, "need"));
	const char *place;

	if (!strcmp(kind, "video") &&
	    (!json_object_get(tree, "duration") || json_is_null(json_object_get(tree, "duration"))))
		json_object_set_new(tree, "duration", json_integer((json_int_t)DEFAULT_DURATION_S));
	place = check_path(check->spec, path, "duration");
	if (!strcmp(kind, "image") && known(tree, "duration"))
		return check_refuse(check, place, "a picture has no duration");
	place = check_path(check->spec, path, "need");
	if (need > variants && !(json_object_get(tree, "variants") && !known(tree, "variants")))
		return check_refuse(check, place, "expected at most variants (%g), found %g",
				    variants, need);
	return set_size(check, tree, path) && route(check, tree, path);
}

/* ---- operations ---- */

static bool together_operation(struct check *check, const char *name, const json_t *args,
			       const char *path)
{
	const json_t *start = known(args, "start"), *end = known(args, "end");
	const json_t *duration = json_object_get(args, "duration");
	const char *place;

	if (!strcmp(name, "trim") && duration && json_object_get(args, "end")) {
		place = check_path(check->spec, path, "duration");
		return check_refuse(check, place, "end and duration exclude each other");
	}
	if (!strcmp(name, "trim") && !json_object_size(args))
		return check_refuse(check, path, "expected start, end or duration");
	if (!end || (json_object_get(args, "start") && !start))
		return true;
	place = check_path(check->spec, path, "end");
	if (json_number_value(end) <= json_number_value(start))
		return check_refuse(check, place, "expected more than start (%g), found %g",
				    json_number_value(start), json_number_value(end));
	return true;
}

static bool together_edit(struct check *check, const json_t *tree, const char *path)
{
	const json_t *operations = json_object_get(tree, "operations");
	const char *place;

	for (size_t i = 0; i < json_array_size(operations); i++) {
		json_t *item = json_array_get(operations, i);
		const char *name = json_object_iter_key(json_object_iter(item));

		place = arena_printf(&check->spec->arena, "%s.operations[%zu].%s", path, i, name);
		if (!together_operation(check, name, json_object_get(item, name), place))
			return false;
	}
	return true;
}

bool check_together(struct check *check, json_t *tree, const char *path)
{
	if (json_object_get(tree, "kind"))
		return together_generate(check, tree, path);
	return together_edit(check, tree, path);
}
