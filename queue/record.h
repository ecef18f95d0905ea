/*
 * The packed parts of a pipeline's hash: the plan (`x`, `y`), a stage's record (`k<i>`), the
 * letters of `s`. queue/lua/_lib.lua reads and writes the same bytes: the two change together, and
 * the plan's first byte is its version.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "queue/queue.h"

enum { PLAN_VERSION = 1, PLAN_HEADER = 2, PLAN_ROW = 26, PLAN_LIMITS_ROW = 56 };
enum plan_flag { PLAN_APPROVE = 1, PLAN_PREPARE = 2, PLAN_LIMITS = 4 };
enum record_flag { RECORD_PREPARED = 1, RECORD_SLOT = 2 };

struct plan_text {
	const char *data; /* borrowed from the plan; not NUL-terminated */
	size_t len;
};

struct plan_row {
	uint32_t inputs, needs, dependents;
	struct plan_text name, type, lane;
	unsigned flags;
};

/* Appends x and y. ERR_REJECT names the stage that cannot be. */
bool plan_encode(const struct queue_pipeline_spec *pipeline, struct buf *x, struct buf *y,
		 struct err *err) MUST_CHECK;

/* 0 when these bytes are no plan. */
size_t plan_count(const char *x, size_t len);
bool plan_row(const char *x, size_t len, size_t stage, struct plan_row *out) MUST_CHECK;

struct stage_record {
	int64_t epoch, attempts, kills;
	unsigned flags, fact, class; /* class: enum verdict_class, 255 none yet */
	int64_t ready_at, started_at, ended_at, due_at, first_at;
	const char *host, *lane; /* borrowed, NUL-terminated */
};

/* An absent record (data NULL) is a stage that never ran. */
bool record_decode(const char *data, size_t len, struct stage_record *out) MUST_CHECK;

bool record_state(char letter, enum queue_state *out) MUST_CHECK;
double record_double(const unsigned char *bytes);
