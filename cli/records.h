/*
 * The farm's records as the JSON that `-o json` prints. Its names are stable: scripts read them.
 */
#pragma once

#include <jansson.h>

#include "queue/queue.h"

/* All give a new reference. Times are RFC 3339 in UTC, null for "not yet". */
json_t *record_batch(const struct queue_batch *batch);
json_t *record_pipeline(const struct queue_pipeline *pipeline);
json_t *record_stage(const struct queue_pipeline *pipeline, const struct queue_stage *stage);
json_t *record_lane(const struct queue_lane *lane);
json_t *record_host(const struct queue_host *host);
json_t *record_event(const struct queue_event *event);

/* Parses JSON text of a record; NULL text and broken text give null. */
json_t *record_parse(const char *text);

/* "2026-11-21T01:30:05Z"; out holds 32 bytes; returns out, "" for 0. */
const char *record_time(int64_t at_us, char out[32]);

/* Frees an array of records as the client gives it. */
void record_free_batches(struct queue_batch *batches, size_t count);
void record_free_pipelines(struct queue_pipeline *pipelines, size_t count);

/* The stage of a pipeline by its id; NULL: none. */
const struct queue_stage *record_stage_find(const struct queue_pipeline *pipeline, const char *id);

/* The output of a pipeline that a person wants: of the last finished stage that made media other
 * than by looking at it. The JSON object of the output, borrowed from *keep, which the caller
 * drops; NULL: nothing yet. */
const json_t *record_final_output(const struct queue_pipeline *pipeline, json_t **keep);
