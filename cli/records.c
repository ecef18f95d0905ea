/*
 * Records to JSON; small questions about records that several commands ask.
 */
#include "cli/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *record_time(int64_t at_us, char out[32])
{
	time_t at_s = (time_t)(at_us / 1000000);
	struct tm parts;

	*out = '\0';
	if (at_us > 0 && gmtime_r(&at_s, &parts))
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return out;
}

static json_t *time_json(int64_t at_us)
{
	char text[32];

	return at_us > 0 ? json_string(record_time(at_us, text)) : json_null();
}

static json_t *text_json(const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	return value ? value : json_string_nocheck("?"); /* not UTF-8: nothing of ours */
}

json_t *record_parse(const char *text)
{
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return value ? value : json_null();
}

static json_t *stage_counts(const struct queue_batch *batch)
{
	json_t *counts = json_object();

	for (int i = 0; i < QUEUE_STATES; i++)
		if (batch->stages[i])
			json_object_set_new(counts, queue_state_name((enum queue_state)i),
					    json_integer(batch->stages[i]));
	return counts;
}

json_t *record_batch(const struct queue_batch *batch)
{
	return json_pack("{s:o,s:o,s:s,s:b,s:b,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}",
			 "id", text_json(batch->id), "name", text_json(batch->name), "state",
			 queue_end_name(batch->end), "paused", batch->is_paused, "cancelling",
			 batch->is_cancelling, "priority", queue_priority_name(batch->priority),
			 "created_at", time_json(batch->created_at), "ended_at",
			 time_json(batch->ended_at), "total", (json_int_t)batch->total, "waiting",
			 (json_int_t)batch->waiting, "done", (json_int_t)batch->done, "failed",
			 (json_int_t)batch->failed, "cancelled", (json_int_t)batch->cancelled,
			 "stages", stage_counts(batch), "labels", record_parse(batch->labels),
			 "origin", text_json(batch->origin), "token", text_json(batch->token));
}

static json_t *stage_json(const struct queue_stage *stage)
{
	return json_pack(
		"{s:o,s:o,s:o,s:s,s:o,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id",
		text_json(stage->id), "type", text_json(stage->type), "lane",
		text_json(stage->lane), "state", queue_state_name(stage->state), "class",
		stage->last_class == VERDICT_DONE
			? json_null()
			: json_string(verdict_info(stage->last_class)->name),
		"attempts", (json_int_t)stage->attempts, "kills", (json_int_t)stage->kills, "epoch",
		(json_int_t)stage->epoch, "message", text_json(stage->message), "host",
		text_json(stage->host), "step", text_json(stage->step), "progress",
		stage->permille >= 0 ? json_real(stage->permille / 1000.0) : json_null(),
		"started_at", time_json(stage->started_at), "ended_at", time_json(stage->ended_at),
		"due_at", time_json(stage->due_at), "definition", record_parse(stage->definition),
		"result", record_parse(stage->result), "history", record_parse(stage->history));
}

json_t *record_stage(const struct queue_pipeline *pipeline, const struct queue_stage *stage)
{
	json_t *value = stage_json(stage);

	json_object_set_new(value, "pipeline", text_json(pipeline->id));
	json_object_set_new(value, "batch", text_json(pipeline->batch));
	json_object_set_new(value, "name", text_json(pipeline->name));
	return value;
}

json_t *record_pipeline(const struct queue_pipeline *pipeline)
{
	json_t *stages = json_array(), *keep = NULL;
	const json_t *output = record_final_output(pipeline, &keep);
	json_t *value;

	for (size_t i = 0; i < pipeline->stage_count; i++)
		json_array_append_new(stages, stage_json(&pipeline->stages[i]));
	value = json_pack("{s:o,s:o,s:o,s:I,s:s,s:b,s:o,s:o,s:o}", "id", text_json(pipeline->id),
			  "batch", text_json(pipeline->batch), "name", text_json(pipeline->name),
			  "index", (json_int_t)pipeline->index, "state",
			  queue_end_name(pipeline->end), "admitted", pipeline->is_admitted,
			  "context", record_parse(pipeline->context), "output",
			  output ? json_deep_copy(output) : json_null(), "stages", stages);
	json_decref(keep);
	return value;
}

json_t *record_lane(const struct queue_lane *lane)
{
	return json_pack("{s:o,s:I,s:I,s:I,s:f,s:I,s:b,s:b,s:o,s:o,s:I}", "name",
			 text_json(lane->name), "running", (json_int_t)lane->running, "ready",
			 (json_int_t)lane->ready, "limit", (json_int_t)lane->limit, "rate",
			 lane->rate, "burst", (json_int_t)lane->burst, "paused", lane->is_paused,
			 "cordoned", lane->is_cordoned, "reason", text_json(lane->reason),
			 "probe_at", time_json(lane->probe_at), "streak", (json_int_t)lane->streak);
}

json_t *record_host(const struct queue_host *host)
{
	return json_pack("{s:o,s:o,s:o,s:I,s:o,s:b}", "name", text_json(host->name), "version",
			 text_json(host->version), "seen_at", time_json(host->seen_at), "running",
			 (json_int_t)host->running, "started_at", time_json(host->started_at),
			 "lapsed", host->is_lapsed);
}

json_t *record_event(const struct queue_event *event)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o}", "at", time_json(event->at), "id",
			 text_json(event->stage), "what", text_json(event->what), "detail",
			 text_json(event->detail), "cursor", text_json(event->cursor));
}

void record_free_batches(struct queue_batch *batches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		queue_batch_done(&batches[i]);
	free(batches);
}

void record_free_pipelines(struct queue_pipeline *pipelines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		queue_pipeline_done(&pipelines[i]);
	free(pipelines);
}

const struct queue_stage *record_stage_find(const struct queue_pipeline *pipeline, const char *id)
{
	for (size_t i = 0; i < pipeline->stage_count; i++)
		if (!strcmp(pipeline->stages[i].id, id))
			return &pipeline->stages[i];
	return NULL;
}

/* A clip is better than a still, whichever comes first in the list. */
static const json_t *best_output(const json_t *result)
{
	const json_t *outputs = json_object_get(result, "outputs"), *best = NULL, *output;
	size_t i;

	json_array_foreach(outputs, i, output)
	{
		const char *kind = json_string_value(json_object_get(output, "kind"));

		if (!json_string_value(json_object_get(output, "media")))
			continue;
		if (!best || (kind && !strcmp(kind, "video")))
			best = output;
	}
	return best;
}

const json_t *record_final_output(const struct queue_pipeline *pipeline, json_t **keep)
{
	for (size_t i = pipeline->stage_count; i-- > 0;) {
		const struct queue_stage *stage = &pipeline->stages[i];
		const json_t *output;

		if (stage->state != QUEUE_DONE || !stage->result || !stage->type ||
		    !strcmp(stage->type, "inspect"))
			continue;
		*keep = record_parse(stage->result);
		output = best_output(*keep);
		if (output)
			return output;
		json_decref(*keep);
		*keep = NULL;
	}
	return NULL;
}
