/*
 * Handing an expanded spec to the farm, exactly once (RACES 10).
 *
 * The batch's token is written to state_dir/spool, fsynced, before the first byte goes to Redis,
 * and removed when the batch is known to be sealed. Whoever submits the same spec to the same farm
 * while the entry is there submits the same batch.
 */
#pragma once

#include <stdbool.h>

#include "cli/expand.h"
#include "cli/session.h"

/* *out_id is the caller's. A spool entry is kept when the outcome is not known: err says to submit
 * again. confirm (may be NULL) runs between the seal and the removal of the entry; when it fails
 * the entry stays. */
bool send_batch(struct session *session, const struct expansion *expansion,
		bool (*confirm)(void *context, const char *batch_id, struct err *err),
		void *context, char **out_id, struct err *err) MUST_CHECK;

/* Is there a submit of this spec whose end is unknown? */
bool send_is_pending(const struct session *session, const struct expansion *expansion);
