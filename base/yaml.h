/*
 * YAML 1.2 and JSON text into a JSON tree that remembers where everything stood: the one home of
 * libfyaml. Used for specs, configuration, catalogues and recipes, so that every complaint can say
 * file:line:column.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct yaml_doc;

enum { YAML_MAX_BYTES = 4 << 20, YAML_MAX_DEPTH = 64, YAML_MAX_NODES = 200000 };

/* `name` is shown in errors and copied. Anchors, aliases and merge keys are resolved (with limits
 * on what they may expand to); duplicate keys, tags that ask for types, several documents and depth
 * beyond the limit are refused. Scalars follow the YAML core schema: true/false, null, numbers;
 * everything else is text. ERR_REJECT: "name:line:column: message". */
bool yaml_parse(const char *text, size_t len, const char *name, struct yaml_doc **out,
		struct err *err) MUST_CHECK;
void yaml_free(struct yaml_doc *doc);
void yaml_freep(struct yaml_doc **doc);

const json_t *yaml_root(const struct yaml_doc *doc); /* borrowed */

struct yaml_mark {
	unsigned line, column; /* from 1 */
};

/* Where the value at a path stands: "stages.draft.retry.max", "matrix.hook[3]"; "" is the document.
 * A key's own place with a '#' behind the path ("stages.drft#"). An unknown path gives its nearest
 * known ancestor. */
struct yaml_mark yaml_where(const struct yaml_doc *doc, const char *path);

/* Fills err with "name:line:column: path: text", ERR_REJECT; returns false. A trailing '#' of the
 * path is not shown. */
bool yaml_error(const struct yaml_doc *doc, const char *path, struct err *err, const char *format,
		...) PRINTF_LIKE(4, 5);
