/*
 * JSON (jansson) and the tables that turn it into plain structs once, at the edge.
 * This is the only header, with the expression API (pipeline/spec/expr.h), in which a JSON type
 * appears.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"

/* What a field becomes in the struct. All texts are copied to the arena given to json_decode. */
enum json_type {
	JSON_FIELD_TEXT,    /* char *: NULL when absent */
	JSON_FIELD_INT,	    /* int64_t; 8.0 is taken, 8.5 is not */
	JSON_FIELD_NUMBER,  /* double */
	JSON_FIELD_BOOL,    /* bool */
	JSON_FIELD_TEXTS,   /* struct json_texts */
	JSON_FIELD_ANY,	    /* json_t *, borrowed from the decoded value; NULL when absent */
	JSON_FIELD_IGNORED, /* allowed, not looked at */
};

enum json_flag { JSON_REQUIRED = 1 };

struct json_texts {
	char **items;
	size_t count;
};

/* A table ends with a zeroed row. Fields that are absent leave their member as it was: set defaults
 * first. */
struct json_field {
	const char *name;
	enum json_type type;
	size_t offset; /* offsetof(struct x, member) */
	unsigned flags;
};

/* Decodes an object into `out`. Refuses unknown names (naming the nearest known one), missing
 * required ones and wrong types; errors are ERR_REJECT and begin with `path`
 * (`plan.steps[2].length_ms: expected integer`). */
bool json_decode(const json_t *object, const struct json_field *fields, const char *path, void *out,
		 struct arena *arena, struct err *err) MUST_CHECK;

/* Parses `len` bytes; duplicate keys and more than 2048 levels (jansson's limit) are refused.
 * ERR_REJECT names `what` and line:column. Caller frees with json_decref. */
bool json_parse(const char *text, size_t len, const char *what, json_t **out,
		struct err *err) MUST_CHECK;

/* Compact text with sorted keys, so that equal values give equal bytes. Numbers have the 15 digits
 * that every double keeps: 0.1, not 0.10000000000000001. Caller frees. */
char *json_text(const json_t *value);

/* For people: json_show is indented and keeps the order of keys, json_plain is one line and a text
 * without its quotes. The caller frees both. */
char *json_show(const json_t *value);
char *json_plain(const json_t *value);

/* Appends "text" with quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
void json_put_text(struct buf *out, const char *text);

void json_freep(json_t **value); /* json_decref for DEFER */
