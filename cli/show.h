/*
 * Records as people read them; used by show and by the commands that end with a summary.
 */
#pragma once

#include "cli/output.h"
#include "queue/queue.h"

void show_batch_table(const struct output *out, const struct queue_batch *batch,
		      const struct queue_pipeline *pipelines, size_t count);
void show_pipeline_table(const struct output *out, const struct queue_pipeline *pipeline);
void show_stage_text(const struct output *out, const struct queue_pipeline *pipeline,
		     const struct queue_stage *stage);

/* First start to last end of a pipeline's stages. */
int64_t show_span_ms(const struct queue_pipeline *pipeline);

/* The stage that explains a pipeline: failed, else held, running, waiting for a retry, the first
 * unfinished; NULL when all went well. */
const struct queue_stage *show_telling_stage(const struct queue_pipeline *pipeline);
