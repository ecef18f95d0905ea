/*
 * The edge between a task's bytes and struct stage_task, and the few things every stage type needs
 * of a definition. Names that a table does not know are passed over: the spec was validated at
 * submit, and a definition holds more than any one reader looks at.
 */
#pragma once

#include <stddef.h>

#include "base/json.h"
#include "pipeline/stage/stage.h"

struct stage_request {
	json_t *root; /* owned; task borrows from it */
	struct stage_task task;
	bool prepare;
};

bool stage_request_decode(const char *text, size_t len, struct stage_request *out,
			  struct err *err) MUST_CHECK;
void stage_request_done(struct stage_request *request);

/* json_decode of the members that `fields` names. */
bool stage_decode(const json_t *object, const struct json_field *fields, const char *path,
		  void *out, struct arena *arena, struct err *err) MUST_CHECK;

/* Fills class and message of a failed outcome; err.kind decides the class. */
void stage_fail(struct stage_outcome *outcome, const struct err *err);
void stage_end(struct stage_outcome *outcome, enum verdict_class class, const char *format, ...)
	PRINTF_LIKE(3, 4);
