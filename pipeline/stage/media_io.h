/*
 * Where stages meet the store: which media an input or an attachment means, and how a finished one
 * is described in a result.
 */
#pragma once

#include "base/json.h"
#include "pipeline/media/media.h"
#include "pipeline/stage/stage.h"
#include "pipeline/store/store.h"

/* One media of the store, ready to be read. */
struct stage_media {
	struct store_item item;
	char *path; /* owned */
};

void stage_media_done(struct stage_media *media);

/* `name` is a media id, or a stage whose first output is meant. ERR_REJECT says which of them is
 * missing and where it was expected. */
bool stage_media_open(const struct stage_task *task, const struct stage_context *context,
		      const char *name, struct stage_media *out, struct err *err) MUST_CHECK;

/* Limits for everything that opens a file of unknown origin. */
struct media_limits stage_limits(const struct stage_context *context);

/* Commits a file made by store_create; on failure nothing of it is left. */
bool stage_commit(const struct stage_context *context, const char *path, struct stage_media *out,
		  struct err *err) MUST_CHECK;

/* poster_0.jpg ... of the work folder into the store, and their ids as `posters` into the result.
 * One that is missing is no reason to fail a stage. */
bool stage_keep_posters(const struct stage_context *context, int count, json_t *result,
			struct err *err) MUST_CHECK;

/* {media, mediaId, sha256, mime, bytes, kind, width, height, duration, fps, take}: an element of
 * `outputs`. Caller owns. */
bool stage_describe(const struct stage_context *context, const struct stage_media *media, int take,
		    json_t **out, struct err *err) MUST_CHECK;

/* What the media carries of its making: {model, seed, prompt_sha256, parents}, from the result that
 * made it. Borrowed; NULL when nothing is known. */
const json_t *stage_origin_of(const struct stage_task *task, const char *name);

/* An origin as the one line that is written into a container: no wall time, so that the same work
 * gives the same bytes. Caller frees. */
char *stage_provenance(const json_t *origin);
