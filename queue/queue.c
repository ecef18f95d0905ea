/*
 * Names of states, and the ends of records a client was given.
 */
#include "queue/queue.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
	const char *name;
	bool is_final;
} states[QUEUE_STATES] = {
	[QUEUE_BLOCKED] = { "blocked", false },	      [QUEUE_PREPARING] = { "preparing", false },
	[QUEUE_READY] = { "ready", false },	      [QUEUE_RUNNING] = { "running", false },
	[QUEUE_BACKOFF] = { "backoff", false },	      [QUEUE_HELD] = { "held", false },
	[QUEUE_CANCELLING] = { "cancelling", false }, [QUEUE_DONE] = { "done", true },
	[QUEUE_FAILED] = { "failed", true },	      [QUEUE_SKIPPED] = { "skipped", true },
	[QUEUE_CANCELLED] = { "cancelled", true },
};

static const char *const ends[] = {
	[QUEUE_END_NONE] = "running",	     [QUEUE_END_DONE] = "done",
	[QUEUE_END_PARTIAL] = "partial",     [QUEUE_END_FAILED] = "failed",
	[QUEUE_END_CANCELLED] = "cancelled",
};

static const char *const priorities[QUEUE_PRIORITIES] = {
	[QUEUE_URGENT] = "urgent",
	[QUEUE_NORMAL] = "normal",
	[QUEUE_BULK] = "bulk",
};

const char *queue_state_name(enum queue_state state)
{
	assert(state < QUEUE_STATES);
	return states[state].name;
}

const char *queue_end_name(enum queue_end end)
{
	assert(end <= QUEUE_END_CANCELLED);
	return ends[end];
}

const char *queue_priority_name(enum queue_priority priority)
{
	assert(priority < QUEUE_PRIORITIES);
	return priorities[priority];
}

bool queue_state_is_final(enum queue_state state)
{
	assert(state < QUEUE_STATES);
	return states[state].is_final;
}

void queue_batch_done(struct queue_batch *batch)
{
	free(batch->id);
	free(batch->name);
	free(batch->labels);
	free(batch->origin);
	free(batch->token);
	*batch = (struct queue_batch){ 0 };
}

static void stage_done(struct queue_stage *stage)
{
	free(stage->id);
	free(stage->type);
	free(stage->lane);
	free(stage->definition);
	free(stage->result);
	free(stage->message);
	free(stage->host);
	free(stage->step);
	free(stage->history);
}

void queue_pipeline_done(struct queue_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->stage_count; i++)
		stage_done(&pipeline->stages[i]);
	free(pipeline->stages);
	free(pipeline->id);
	free(pipeline->batch);
	free(pipeline->name);
	free(pipeline->context);
	*pipeline = (struct queue_pipeline){ 0 };
}

void queue_lane_done(struct queue_lane *lane)
{
	free(lane->name);
	free(lane->reason);
	*lane = (struct queue_lane){ 0 };
}

void queue_host_done(struct queue_host *host)
{
	free(host->name);
	free(host->version);
	*host = (struct queue_host){ 0 };
}

void queue_event_done(struct queue_event *event)
{
	free(event->cursor);
	free(event->stage);
	free(event->what);
	free(event->detail);
	*event = (struct queue_event){ 0 };
}
