/*
 * What a file really is, by its first bytes alone: neither its name nor libav's probing decides.
 * Also knows the usual impostors, so that the refusal can name them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pipeline/media/media.h"

enum { SNIFF_BYTES = 4096 }; /* how much of the beginning sniff wants to see */

struct sniff_type {
	const char *what;     /* "an HTML page", for messages */
	enum media_kind kind; /* what it usually holds; MEDIA_UNKNOWN: we do not read it */
	const char *container, *mime, *extension; /* valid unless MEDIA_UNKNOWN */
	const char *demuxer; /* libav's name; NULL: a picture, which needs none */
};

/* Never NULL. `len` may be anything from 0. */
const struct sniff_type *sniff(const void *head, size_t len);

/* "an HTML page" or, for text, with its beginning: `JSON text that begins {"error":"expired"}`.
 * `out` holds 200 bytes. Returns out. */
const char *sniff_describe(const void *head, size_t len, char out[200]);

/* What somebody who chose this name expected: "a video", "a picture", "a sound file", "media". */
const char *sniff_expected(const char *name);
