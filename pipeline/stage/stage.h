/*
 * A stage type does one kind of work inside a media child: one file, one const struct.
 *
 *      check -> run          check touches no media and may run anywhere; run is in the sandbox,
 * once, then the process ends
 *
 * `run` gets a rendered definition (no expression left in it) and leaves a result object or a
 * verdict. It may die at any instruction: everything it made is either committed to the store
 * (content-addressed, harmless to make again) or temporary. Retries, deadlines, logging and
 * accounting are the caller's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/verdict.h"

struct store;

struct stage_task { /* decoded from the task JSON; docs/protocol.md "task"; all borrowed */
	const char *batch, *pipeline, *stage, *type;
	int64_t epoch, attempt;
	const json_t *definition; /* rendered */
	const json_t *context;	  /* {matrix, vars, labels, name, index, batch_name} */
	const json_t *results;	  /* {stage id: result} of the stages this one needs */
};

struct stage_context {
	struct store *store;
	const char *work_dir; /* empty, this attempt's own, removed afterwards by the parent */
	const char *outbox;
	int64_t max_pixels;
	void (*step)(void *reporter, const char *name); /* "decode", "encode": for the obituary */
	void (*progress)(void *reporter, double fraction);
	/* A user's expression at this place runs next, NULL: none any more. May be NULL. */
	void (*expression)(void *reporter, const char *place);
	int expression_cpu_s; /* what a stage's expressions may take; 0: EXPRESSION_CPU_S */
	void *reporter;
};

struct stage_outcome {
	enum verdict_class class; /* VERDICT_DONE unless set */
	int64_t after_ms;
	char message[768];
	json_t *result; /* owned; NULL when none */
};

struct stage_type {
	const char *name;					  /* as the spec writes it */
	bool (*check)(const json_t *definition, struct err *err); /* may be NULL */
	void (*run)(const struct stage_task *task, const struct stage_context *context,
		    struct stage_outcome *outcome);
};

const struct stage_type *stage_type_find(const char *name); /* NULL: none */

/* Decodes the task, renders what is left of the definition, evaluates `if`, runs. For a task marked
 * `prepare` it only renders and leaves {definition} as result with VERDICT_PREPARED. Every way it
 * ends fills outcome. */
void stage_run(const char *task, size_t len, const struct stage_context *context,
	       struct stage_outcome *outcome);
void stage_outcome_done(struct stage_outcome *outcome);
