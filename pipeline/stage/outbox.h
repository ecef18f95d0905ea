/*
 * The outbox: a folder a person can post from. A post is a folder of its own that appears whole or
 * not at all: the video, caption.txt and post.json.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct outbox_post {
	const char *batch_name, *pipeline_name; /* for the folder's name */
	const char *pipeline, *stage;		/* who it is: the same pair is the same post */
	const char *media_path, *file_name;	/* "video.mp4" */
	const char *caption;
	const json_t *description; /* what post.json holds besides pipeline and stage */
};

/* Gives the post's folder. *out_was_there: this pipeline and stage had posted already, and what
 * they posted was left as it is. Caller frees the path. */
bool outbox_put(const char *outbox, const struct outbox_post *post, char **out_path,
		bool *out_was_there, struct err *err) MUST_CHECK;
