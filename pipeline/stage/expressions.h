/*
 * What surrounds a user's expressions inside a stage. libjq has no step limit: while they run, the
 * process has little CPU time, and it is known which one runs, so that the end of one without an
 * end names it. What happens at the limit is decided by whoever owns the process.
 */
#pragma once

#include <sys/resource.h>

#include "pipeline/stage/stage.h"

enum { EXPRESSION_CPU_S = 10 }; /* unless the context says otherwise */

struct expressions {
	const struct stage_context *context;
	struct rlimit before;
};

void expressions_begin(const struct stage_context *context, struct expressions *out);

/* The next one stands at this place of the definition ("require[2]"); borrowed until the next call.
 */
void expressions_at(const struct expressions *expressions, const char *place);
void expressions_end(const struct expressions *expressions);
