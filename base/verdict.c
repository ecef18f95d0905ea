/*
 * The table of verdicts: what each class means for the stage that got it.
 */
#include "base/verdict.h"

#include <assert.h>
#include <string.h>

static const struct verdict_info classes[] = {
	[VERDICT_DONE] = { "done", VERDICT_ENDS_WELL, false },
	[VERDICT_SKIPPED] = { "skipped", VERDICT_ENDS_WELL, false },
	[VERDICT_PREPARED] = { "prepared", VERDICT_ENDS_WELL, false },
	[VERDICT_TRANSIENT] = { "transient", VERDICT_RETRIES, true },
	[VERDICT_RATE_LIMITED] = { "rate_limited", VERDICT_RETRIES, false },
	[VERDICT_TIMEOUT] = { "timeout", VERDICT_RETRIES, true },
	[VERDICT_RESOURCES] = { "resources", VERDICT_RETRIES, true },
	[VERDICT_CRASH] = { "crash", VERDICT_RETRIES, false },
	[VERDICT_AUTH] = { "auth", VERDICT_HOLDS, true },
	[VERDICT_OPERATOR] = { "operator", VERDICT_HOLDS, true },
	[VERDICT_CONTENT_POLICY] = { "content_policy", VERDICT_ENDS_BADLY, false },
	[VERDICT_REJECTED] = { "rejected", VERDICT_ENDS_BADLY, false },
	[VERDICT_PERMANENT] = { "permanent", VERDICT_ENDS_BADLY, false },
	[VERDICT_CANCELLED] = { "cancelled", VERDICT_ENDS_BADLY, false },
};

const struct verdict_info *verdict_info(enum verdict_class verdict)
{
	assert(verdict < VERDICT_CLASSES);
	return &classes[verdict];
}

bool verdict_find(const char *name, enum verdict_class *out)
{
	for (enum verdict_class v = 0; v < VERDICT_CLASSES; v++) {
		if (!strcmp(classes[v].name, name)) {
			*out = v;
			return true;
		}
	}
	return false;
}
