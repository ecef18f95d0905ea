/*
 * A spec_batch as bytes, for the way from the expanding child to its parent. Both are the same
 * program at the same instant, so the form has no version.
 */
#pragma once

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/spec/spec.h"

void expand_put_batch(struct buf *out, const struct spec_batch *batch);

/* Everything is allocated from arena. False when the bytes are not whole: the child died writing.
 */
bool expand_get_batch(struct reader *reader, struct arena *arena,
		      struct spec_batch *out) MUST_CHECK;
