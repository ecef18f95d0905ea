/*
 * An inspection without a queue around it: what the stage does, for `reel inspect FILE` as well.
 */
#pragma once

#include <jansson.h>

#include "pipeline/media/media.h"
#include "pipeline/stage/stage.h"

struct inspection {
	const char *path;
	const char *depth;	/* "full" or "quick" */
	const json_t *profile;	/* NULL: none */
	const json_t *require;	/* list of expressions, NULL: none */
	const char *poster_dir; /* NULL: no stills */
	int poster_count;
};

/* Fills outcome with {metrics, findings, require} and VERDICT_DONE, or VERDICT_REJECTED and a
 * sentence that names every rule that does not hold; the result is there in both. */
void inspect_file(const struct inspection *inspection, const struct stage_context *context,
		  struct stage_outcome *outcome);
