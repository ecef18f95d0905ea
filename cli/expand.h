/*
 * A spec file on disk to a batch that can be submitted.
 *
 * The user's jq runs in a forked child with limits (RACES 21); the batch comes back through a
 * socket. The child asks this process for media: it probes and stores them with no expression
 * around.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "pipeline/spec/spec.h"

enum expand_media {
	EXPAND_CHECK, /* media must exist and be media; nothing is stored, ids are zeros */
	EXPAND_STORE,
};

struct expansion {
	struct arena arena;
	struct buf text;      /* the spec as read */
	char *path;	      /* canonical; "-" for stdin */
	uint64_t fingerprint; /* of the text, the files it names and the media it takes */
	struct spec_batch batch;
};

/* path "-" reads stdin. ERR_REJECT: the spec is wrong (file:line:column) or an expression ran away;
 * ERR_OPERATOR: the store or this machine. */
bool expand_file(const struct config *config, const char *path, enum expand_media media,
		 struct expansion *out, struct err *err) MUST_CHECK;
void expansion_done(struct expansion *expansion);
