/*
 * The spec's JSON Schema (2020-12), written from the same tables that the validator reads. The
 * published docs/pipeline.schema.json is this text; a test holds them together.
 */
#pragma once

#include "base/buf.h"

void schema_write(struct buf *out);
