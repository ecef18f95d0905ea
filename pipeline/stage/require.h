/*
 * `require`: expressions over what an inspection measured, and a sentence for each that does not
 * hold.
 */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct stage_context;

/* Evaluates each text of the list `require` on `metrics`. Gives [{expression, ok}]; appends to
 * `failures`, separated by "; ", "freeze_ratio is 0.42, required .freeze_ratio < 0.3" for each that
 * is not true. The context limits them (expressions.h). ERR_REJECT: an expression that is wrong or
 * raises an error. */
bool require_check(const json_t *require, const json_t *metrics,
		   const struct stage_context *context, json_t **out, struct buf *failures,
		   struct err *err) MUST_CHECK;
