/*
 * What a spec would do: for plan, and for people before they submit.
 */
#pragma once

#include <jansson.h>

#include "cli/output.h"
#include "pipeline/spec/spec.h"

json_t *plan_json(const struct spec_batch *batch);
void plan_print(const struct output *out, const struct spec_batch *batch);
