/*
 * Batch "k3f9x2m4", pipeline "k3f9x2m4-17", stage "k3f9x2m4-17/draft": the parts of an id, and what
 * commands fetch by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/session.h"

enum target_kind { TARGET_BATCH, TARGET_PIPELINE, TARGET_STAGE };

enum target_kind target_kind(const char *id);
char *target_batch(const char *id);	  /* caller frees */
char *target_pipeline(const char *id);	  /* of a pipeline or stage id; caller frees */
const char *target_stage(const char *id); /* behind the '/', NULL: none; borrowed */

/* All pipelines of a batch in order; record_free_pipelines. */
bool target_all_pipelines(struct session *session, const char *batch, bool with_payload,
			  struct queue_pipeline **out, size_t *count, struct err *err) MUST_CHECK;

/* The same for any target: those of a batch, or the one it belongs to. */
bool target_pipelines(struct session *session, const char *id, bool with_payload,
		      struct queue_pipeline **out, size_t *count, struct err *err) MUST_CHECK;

/* Opens the farm and resolves args[0], or the newest batch when there is none. false: the message
 * is out, *code is the exit code. */
bool target_open(struct cli *cli, enum session_use use, struct session *session, char **out_id,
		 int *code);
