/*
 * The blocking side of the queue, for reel and for tests: submit, look, steer. One connection, no
 * threads. All errors: ERR_RETRY Redis unreachable or loading, ERR_OPERATOR wrong password,
 * read-only replica, out of memory, too old, ERR_REJECT no such id, not allowed in this state. The
 * text says which, and what would help.
 */
#pragma once

#include "base/err.h"
#include "queue/queue.h"

struct queue_client;

/* url: redis://[:password@]host[:port][/db] or unix:///path[?db=n]. rediss:// is refused with the
 * reason (hiredis 0.14). */
bool queue_client_open(const char *url, const char *farm, struct queue_client **out,
		       struct err *err) MUST_CHECK;
void queue_client_free(struct queue_client *client);
void queue_client_freep(struct queue_client **client);

/* Submit: begin, any number of adds (sent in chunks of QUEUE_CHUNK), seal. Nothing is visible or
 * runs before the seal. begin with a token that is known gives *out_known = true: sealed already,
 * or to be completed by the same adds. A batch of one chunk goes as one call. A batch begun and
 * never sealed is swept after an hour. */
struct queue_submit;
bool queue_submit_begin(struct queue_client *client, const struct queue_batch_spec *batch,
			struct queue_submit **out, bool *out_known, struct err *err) MUST_CHECK;
bool queue_submit_add(struct queue_submit *submit, const struct queue_pipeline_spec *pipeline,
		      struct err *err) MUST_CHECK;
bool queue_submit_seal(struct queue_submit *submit, char **out_batch_id,
		       struct err *err) MUST_CHECK; /* caller frees */
void queue_submit_freep(struct queue_submit **submit);

/* Resolves a unique prefix of a batch, pipeline or stage id to the whole id (caller frees). */
bool queue_resolve(struct queue_client *client, const char *prefix, char **out,
		   struct err *err) MUST_CHECK;

/* Lists newest first; arrays and records are the caller's (free each with its _done, then the
 * array). */
bool queue_batches(struct queue_client *client, size_t max, struct queue_batch **out, size_t *count,
		   struct err *err) MUST_CHECK;
bool queue_batch_get(struct queue_client *client, const char *batch, struct queue_batch *out,
		     struct err *err) MUST_CHECK;
bool queue_batch_spec_text(struct queue_client *client, const char *batch, char **out,
			   struct err *err) MUST_CHECK;
/* Pipelines of a batch by index, `max` from `first` (from 1); with_payload adds definitions,
 * results, context, history. */
bool queue_pipelines(struct queue_client *client, const char *batch, int64_t first, size_t max,
		     bool with_payload, struct queue_pipeline **out, size_t *count,
		     struct err *err) MUST_CHECK;
bool queue_pipeline_get(struct queue_client *client, const char *pipeline,
			struct queue_pipeline *out, struct err *err) MUST_CHECK;
bool queue_lanes(struct queue_client *client, struct queue_lane **out, size_t *count,
		 struct err *err) MUST_CHECK;
bool queue_hosts(struct queue_client *client, struct queue_host **out, size_t *count,
		 struct err *err) MUST_CHECK;

/* Waits up to timeout_ms for events after `cursor` ("$" = from now, "0" = all kept). 0 events is a
 * timeout, not an error. *out_gap: events were trimmed in between; re-read what you show. */
bool queue_events(struct queue_client *client, const char *cursor, int timeout_ms, size_t max,
		  struct queue_event **out, size_t *count, bool *out_gap,
		  struct err *err) MUST_CHECK;

/* Steering. `target` is a batch, pipeline or stage id. */
bool queue_cancel(struct queue_client *client, const char *target, int64_t *out_stages,
		  struct err *err) MUST_CHECK;
bool queue_retry(struct queue_client *client, const char *target, bool failed_only,
		 int64_t *out_stages, struct err *err) MUST_CHECK;
bool queue_approve(struct queue_client *client, const char *stage, bool yes, const char *who,
		   const char *note, struct err *err) MUST_CHECK;
bool queue_release(struct queue_client *client, const char *target, int64_t *out_stages,
		   struct err *err) MUST_CHECK; /* held -> ready */
bool queue_batch_pause(struct queue_client *client, const char *batch, bool paused,
		       struct err *err) MUST_CHECK;
bool queue_lane_pause(struct queue_client *client, const char *lane, bool paused,
		      struct err *err) MUST_CHECK;
bool queue_lane_cordon(struct queue_client *client, const char *lane, bool cordoned,
		       const char *reason, struct err *err) MUST_CHECK;
/* Makes the lane if there is none. 0 is no limit, QUEUE_KEEP (-1) leaves that value as it is, so
 * that two people who change different values at once both get what they asked for. */
bool queue_lane_limits(struct queue_client *client, const char *lane, int64_t limit, double rate,
		       int64_t burst, struct err *err) MUST_CHECK;

/* What is known of a stage's effect in the world: that it was about to be asked for, what it is
 * called there, that it is over and paid. Facts come from any attempt, also one that was reaped,
 * cancelled or done again since: what was bought is never forgotten. They are merged and only go
 * forward: the level never sinks, and what is known at one level is replaced only by a later
 * (epoch, seq). They decide nothing: an attempt's ending does that, guarded by its epoch. */
enum queue_fact_level { QUEUE_FACT_INTENT = 1, QUEUE_FACT_HANDLE, QUEUE_FACT_SETTLED };

struct queue_fact {
	const char *stage; /* whole id: "k3f9x2m4-17/draft" */
	int64_t epoch;	   /* of the attempt that learned it */
	int64_t seq;	   /* counts that attempt's facts, from 1 */
	enum queue_fact_level level;
	const char *payload; /* JSON, kept as it is */
};

/* Can be said again: what is known already changes nothing and is no error. *out_level (may be
 * NULL) is the highest level known afterwards. ERR_REJECT: no such stage. */
bool queue_fact(struct queue_client *client, const struct queue_fact *fact,
		enum queue_fact_level *out_level, struct err *err) MUST_CHECK;

/* One answer to "why does this not run?": a sentence naming what it waits for and until when.
 * Caller frees. */
bool queue_why(struct queue_client *client, const char *target, char **out,
	       struct err *err) MUST_CHECK;

/* Facts about the server, for doctor. */
struct queue_server {
	char version[32], run_id[48], flavour[16]; /* flavour: "redis" or "valkey" */
	char appendfsync[16];			   /* "always", "everysec", "no", "" unknown */
	bool has_append_only, is_replica;
	char eviction[32]; /* maxmemory-policy: anything but noeviction loses pipelines */
	int64_t memory_bytes, max_memory_bytes;
	int64_t ping_us;
	int64_t clock_skew_us; /* Redis TIME minus ours */
};
bool queue_server(struct queue_client *client, struct queue_server *out,
		  struct err *err) MUST_CHECK;
