/*
 * How an attempt at a stage ends, in one word. Shared by the spec (retry rules), the queue, the
 * messages and the workers.
 */
#pragma once

#include <stdbool.h>

enum verdict_class {
	VERDICT_DONE,
	VERDICT_SKIPPED,  /* `if:` was false */
	VERDICT_PREPARED, /* the prepare micro-step rendered the stage; it now enters its real lane
			   */
	/* passing trouble: retried by backoff */
	VERDICT_TRANSIENT,
	VERDICT_RATE_LIMITED,
	VERDICT_TIMEOUT,
	VERDICT_RESOURCES, /* out of memory: another engine or a smaller job, never the same again
			    */
	VERDICT_CRASH,	   /* the worker process died; costs an attempt and a kill (poison) */
	/* somebody must act: the lane or the stage is held, no attempt is used */
	VERDICT_AUTH,
	VERDICT_OPERATOR, /* disk full, store not writable, no credit */
	/* final */
	VERDICT_CONTENT_POLICY,
	VERDICT_REJECTED, /* an inspection said no: `require` or a platform limit */
	VERDICT_PERMANENT,
	VERDICT_CANCELLED,
	VERDICT_CLASSES,
};

enum verdict_policy { VERDICT_ENDS_WELL, VERDICT_RETRIES, VERDICT_HOLDS, VERDICT_ENDS_BADLY };

struct verdict_info {
	const char *name; /* as it is written in specs, Redis and logs: "rate_limited" */
	enum verdict_policy policy;
	bool counts_for_breaker; /* N of one such class in a row cordon the lane */
};

const struct verdict_info *verdict_info(enum verdict_class verdict);
bool verdict_find(const char *name, enum verdict_class *out); /* false: no such name */
