/*
 * The no-op stage: sleeps, fails, crashes and echoes as its definition says. It is the template of
 * a stage type, the load of the benches and the double of every crash test. The media child runs it
 * whole; the event-loop worker takes it apart, because there sleeping is a timer.
 */
#pragma once

#include "pipeline/stage/stage.h"

struct noop {
	int64_t sleep_ms, fail_times, crash_times;
	enum verdict_class fail; /* valid when fail_times > 0 */
	const json_t *echo;	 /* borrowed from the definition; NULL: none */
};

bool noop_decode(const json_t *definition, struct noop *out, struct err *err) MUST_CHECK;

/* Attempts count from 1: the first crash_times of them abort the process. */
bool noop_is_crash(const struct noop *noop, int64_t attempt);

/* Fills class, message and result. An echo of "clock" adds started_us, when this was called. */
void noop_answer(const struct noop *noop, int64_t attempt, struct stage_outcome *outcome);

extern const struct stage_type stage_noop;
