/*
 * An edit operation adds its part to the one filter graph of an edit stage.
 *
 *      decode args -> check -> plan (all operations) -> graph (all operations), in the order of the
 * spec
 *
 * check touches no media: validate and plan call it. An operation never encodes; the caller does,
 * once. One file, one const struct; operations.c is the sorted table.
 */
#pragma once

#include "base/json.h"
#include "pipeline/media/graph.h"

enum { OPERATION_ARGS_MAX = 512 };

struct edit_operation {
	size_t args_size;
	const struct json_field *args;
	void (*defaults)(void *args); /* NULL: zeros */
	/* `path` names the arguments in errors: operations[2].trim */
	bool (*check)(const void *args, const char *path, struct err *err);
	/* what must be known before the first filter: frame rate, encoder settings; may be NULL */
	bool (*plan)(struct edit_graph *graph, const void *args, struct err *err);
	bool (*graph)(struct edit_graph *graph, const void *args, struct err *err);
};

extern const struct edit_operation op_conform, op_overlay, op_text_overlay, op_trim;

struct operation {
	const struct edit_operation *type;
	const char *name; /* as the spec wrote it */
	char path[96];
	void *args; /* in the arena */
};

/* Decodes and checks the list. */
bool operations_decode(const json_t *list, struct arena *arena, struct operation **out,
		       size_t *out_count, struct err *err) MUST_CHECK;

/* Checks that several operations share. */
bool operation_range(double value, double least, double most, const char *path, const char *name,
		     struct err *err) MUST_CHECK;
bool operation_times(double start_s, double end_s, const char *path, struct err *err) MUST_CHECK;
