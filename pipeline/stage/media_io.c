/*
 * Inputs and outputs of stages. A stage names its input by the stage that made it; only here is
 * that turned into a file.
 */
#include "pipeline/stage/media_io.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum { POSTER_BYTES_MAX = 16 << 20 };

enum { SECONDS_MAX = 4 * 3600 };

void stage_media_done(struct stage_media *media)
{
	freep(&media->path);
}

struct media_limits stage_limits(const struct stage_context *context)
{
	return (struct media_limits){ .max_pixels = context->max_pixels,
				      .max_bytes = 4LL << 30,
				      .max_seconds = SECONDS_MAX };
}

/* A result's first output; an inspection makes none and passes on what it looked at. */
static const char *media_of_result(const json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "outputs"), 0);
	const char *id = json_string_value(json_object_get(first, "media"));

	return id ? id : json_string_value(json_object_get(result, "media"));
}

bool stage_media_open(const struct stage_task *task, const struct stage_context *context,
		      const char *name, struct stage_media *out, struct err *err)
{
	const json_t *result = json_object_get(task->results, name);
	const char *id = result ? media_of_result(result) : name;
	struct stage_media media = { 0 };

	if (result && !id)
		return err_set(err, ERR_REJECT, "stage '%s' left no media to work on", name);
	if (!result && strncmp(name, "m_", 2) != 0)
		return err_set(err, ERR_REJECT,
			       "input '%s' is neither a media id nor a stage that has run", name);
	if (!store_find(context->store, id, &media.item, err) ||
	    !store_path(context->store, &media.item, &media.path, err))
		return err_context(err, "input '%s'", name);
	*out = media;
	return true;
}

bool stage_commit(const struct stage_context *context, const char *path, struct stage_media *out,
		  struct err *err)
{
	struct stage_media media = { 0 };

	if (!store_commit(context->store, path, &media.item, err)) {
		store_abandon(context->store, path);
		return false;
	}
	if (!store_path(context->store, &media.item, &media.path, err))
		return false;
	*out = media;
	return true;
}

bool stage_keep_posters(const struct stage_context *context, int count, json_t *result,
			struct err *err)
{
	json_t *posters = json_array();

	json_object_set_new(result, "posters", posters);
	for (int i = 0; i < count; i++) {
		DEFER(freep) char *path = xasprintf("%s/poster_%d.jpg", context->work_dir, i);
		struct store_item item;

		if (access(path, R_OK) < 0)
			continue;
		if (!store_add(context->store, path, POSTER_BYTES_MAX, &item, err))
			return err_context(err, "poster");
		json_array_append_new(posters, json_string(item.id));
	}
	return true;
}

bool stage_describe(const struct stage_context *context, const struct stage_media *media, int take,
		    json_t **out, struct err *err)
{
	static const char *const shown[] = { "kind", "width", "height", "duration", "fps", "mime" };
	struct media_limits limits = stage_limits(context);
	DEFER(json_freep) json_t *facts_json = NULL;
	struct media_facts facts;
	json_t *output;

	if (!media_probe(media->path, &limits, &facts, err))
		return err_context(err, "media %s", media->item.id);
	facts_json = media_facts_json(&facts);
	output = json_pack("{s:s, s:s, s:s, s:I, s:i}", "media", media->item.id, "mediaId",
			   media->item.id, "sha256", media->item.sha256, "bytes",
			   (json_int_t)media->item.bytes, "take", take);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		json_t *value = json_object_get(facts_json, shown[i]);

		if (value)
			json_object_set(output, shown[i], value);
	}
	*out = output;
	return true;
}

const json_t *stage_origin_of(const struct stage_task *task, const char *name)
{
	return json_object_get(json_object_get(task->results, name), "origin");
}

char *stage_provenance(const json_t *origin)
{
	DEFER(json_freep) json_t *line = origin ? json_deep_copy(origin) : json_object();

	json_object_set_new(line, "ai_generated", json_boolean(json_object_get(line, "model")));
	json_object_set_new(line, "made_by", json_string("reeld"));
	return json_text(line);
}
