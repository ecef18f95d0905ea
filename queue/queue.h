/*
 * The records of a farm as C sees them. Where they live in Redis, and every transition, is
 * docs/protocol.md.
 *
 * Ids: batch "k3f9x2m4", pipeline "k3f9x2m4-17" (index from 1), stage "k3f9x2m4-17/draft".
 * Times are microseconds of Redis TIME since 1970; 0 is "not yet". Texts are owned by the record
 * unless it says borrowed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"

enum {
	QUEUE_MAX_STAGES = 32,	     /* per pipeline */
	QUEUE_MAX_PIPELINES = 20000, /* per batch */
	QUEUE_CHUNK = 256,	     /* pipelines per submit call: 25 ms of script at most */
	QUEUE_HISTORY = 20,	     /* attempts kept per stage */
	QUEUE_KEEP = -1,	     /* a limit of a lane that is to stay as it is */
};

enum queue_state {
	QUEUE_BLOCKED,	 /* waits for other stages, or for its pipeline to be admitted */
	QUEUE_PREPARING, /* ready or running in the media lane, to be rendered */
	QUEUE_READY,
	QUEUE_RUNNING,
	QUEUE_BACKOFF, /* failed in passing; ready again at due_at */
	QUEUE_HELD,    /* waits for a person: approval, operator, poison is NOT here (it fails) */
	QUEUE_CANCELLING, /* told to stop, an attempt is still in the air */
	QUEUE_DONE,
	QUEUE_FAILED,
	QUEUE_SKIPPED, /* `if:` was false, or something it needs did not succeed */
	QUEUE_CANCELLED,
	QUEUE_STATES,
};

enum queue_end {		 /* of a pipeline or a batch */
		 QUEUE_END_NONE, /* still going */
		 QUEUE_END_DONE,
		 QUEUE_END_PARTIAL, /* batches only: some done, some not */
		 QUEUE_END_FAILED,
		 QUEUE_END_CANCELLED,
};

enum queue_priority { QUEUE_URGENT, QUEUE_NORMAL, QUEUE_BULK, QUEUE_PRIORITIES };

const char *queue_state_name(enum queue_state state); /* "blocked", ... */
const char *queue_end_name(enum queue_end end);	      /* "running", "done", "partial", ... */
const char *queue_priority_name(enum queue_priority priority);
bool queue_state_is_final(enum queue_state state);

/* ---- what a client submits; everything borrowed until the call returns ---- */

struct queue_retry {
	int64_t max_attempts; /* 0: default 3 */
	int64_t base_ms;      /* first delay; default 2 s */
	int64_t max_ms;	      /* longest delay; default 5 m */
	double factor;	      /* default 2 */
};

struct queue_stage_spec {
	const char *id;
	const char
		*type; /* "generate", "inspect", "edit", "upload", "publish", "approve", "noop" */
	const char *lane;	/* "cpu", "noop", later "account:NAME", "gpu:N" */
	const char *definition; /* JSON object: the validated, folded stage (docs/protocol.md
				   "definition") */
	uint32_t inputs;    /* bit i: stage i of this pipeline must be done; if it is skipped, so is
			       this one */
	uint32_t needs;	    /* bit i: stage i must be done or skipped first (needs:, gates) */
	bool needs_prepare; /* has expressions left: a media worker renders it before it enters its
			       lane */
	struct queue_retry retry;
	int64_t attempt_ms, queue_ms,
		total_ms; /* limits for one attempt, for the wait in the queue, in total; 0: none */
};

struct queue_pipeline_spec {
	const char *name;    /* rendered name_variants */
	const char *context; /* JSON object {matrix, vars, labels, name, index, batch_name} for
				expressions and sheets */
	const struct queue_stage_spec *stages;
	size_t stage_count;
};

struct queue_batch_spec {
	const char *token; /* the client's nonce: a repeated submit with it is the same batch */
	const char *name;
	const char *labels; /* JSON object */
	const char *spec;   /* the spec's own text, for `reel show --spec`; <= 1 MiB */
	const char *origin; /* absolute path of the spec file, or "" */
	enum queue_priority priority;
	int64_t max_parallel; /* pipelines admitted at once; 0: all */
	int64_t retention_ms;
	size_t pipeline_count;
};

/* ---- what a client reads ---- */

struct queue_batch {
	char *id, *name, *labels, *origin, *token;
	enum queue_end end;
	bool is_paused, is_cancelling, is_sealed;
	enum queue_priority priority;
	int64_t created_at, ended_at;
	int64_t total, waiting; /* pipelines; not yet admitted */
	int64_t done, failed,
		cancelled;	      /* pipelines by end; skipped-only pipelines count as done */
	int64_t stages[QUEUE_STATES]; /* stage counts by state, over admitted pipelines */
};

struct queue_stage {
	char *id; /* "draft" */
	char *type, *lane;
	char *definition, *result; /* JSON; result NULL until done */
	char *message; /* of the last ending that was not good, or why it is held; NULL when none */
	char *host;    /* where it runs or last ran */
	char *step;    /* while running: what it is doing, as last reported; may be NULL */
	enum queue_state state;
	enum verdict_class last_class;
	int64_t epoch, attempts, kills; /* attempts: used up; kills: workers it took along */
	int64_t ready_at, started_at, ended_at, due_at;
	int permille; /* progress while running, -1 unknown */
	uint32_t inputs, needs;
	char *history; /* JSON list of ended attempts: {attempt, host, class, message, started,
			  ended} */
};

struct queue_pipeline {
	char *id, *batch, *name, *context;
	int64_t index; /* from 1 */
	enum queue_end end;
	bool is_admitted;
	struct queue_stage *stages;
	size_t stage_count;
};

struct queue_lane {
	char *name;
	int64_t limit, burst, running, ready; /* ready: stages that wait in it, all batches */
	double rate;
	bool is_paused, is_cordoned;
	char *reason;	  /* why cordoned: class and message of the failure that did it */
	int64_t probe_at; /* when the breaker lets one stage try */
	int64_t streak;	  /* failures of one class in a row */
};

struct queue_host {
	char *name, *version;
	int64_t seen_at, running, started_at;
	bool is_lapsed;
};

struct queue_event {  /* of the capped stream: for watching only */
	char *cursor; /* stream id, to read on from */
	char *stage;  /* "k3f9x2m4-17/draft", or a batch or pipeline id */
	char *what;   /* state name, "sealed", "ended", ... */
	char *detail; /* class and message, host, ... */
	int64_t at;
};

void queue_batch_done(struct queue_batch *batch);
void queue_pipeline_done(struct queue_pipeline *pipeline);
void queue_lane_done(struct queue_lane *lane);
void queue_host_done(struct queue_host *host);
void queue_event_done(struct queue_event *event);
