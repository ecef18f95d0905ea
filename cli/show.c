/*
 * Tables of records.
 */
#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/board.h"
#include "cli/records.h"

int64_t show_span_ms(const struct queue_pipeline *pipeline)
{
	int64_t first = 0, last = 0;

	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const struct queue_stage *stage = &pipeline->stages[i];

		if (stage->started_at && (!first || stage->started_at < first))
			first = stage->started_at;
		if (stage->ended_at > last)
			last = stage->ended_at;
	}
	return first && last > first ? (last - first) / 1000 : 0;
}

const struct queue_stage *show_telling_stage(const struct queue_pipeline *pipeline)
{
	static const enum queue_state order[] = { QUEUE_FAILED,	   QUEUE_HELD,	QUEUE_RUNNING,
						  QUEUE_BACKOFF,   QUEUE_READY, QUEUE_PREPARING,
						  QUEUE_CANCELLING };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < pipeline->stage_count; j++)
			if (pipeline->stages[j].state == order[i])
				return &pipeline->stages[j];
	return NULL;
}

static const char *duration(int64_t ms, char out[32])
{
	*out = '\0';
	return ms > 0 ? units_show_duration(ms, out) : out;
}

static void line(const struct output *out, const char *name, const char *value)
{
	DEFER(buf_done) struct buf clean = { 0 };

	if (!value || !*value)
		return;
	output_put_clean(&clean, value);
	printf("%s%-10s%s %s\n", output_tone(out->has_color, TONE_DIM), name,
	       output_tone(out->has_color, TONE_PLAIN), clean.data);
}

static void put_variant(struct table *table, const struct queue_pipeline *pipeline)
{
	const struct queue_stage *stage = show_telling_stage(pipeline);
	bool is_waiting = pipeline->end == QUEUE_END_NONE && !pipeline->is_admitted;
	char took[32];

	table_put(table, TONE_DIM, "%s", pipeline->id);
	table_put(table, TONE_PLAIN, "%s", pipeline->name ? pipeline->name : "");
	table_put(table, board_end_tone(pipeline->end), "%s",
		  is_waiting ? "waiting" : queue_end_name(pipeline->end));
	table_put(table, TONE_PLAIN, "%s", duration(show_span_ms(pipeline), took));
	if (stage)
		table_put(table, board_state_tone(stage->state), "%s %s%s%s", stage->id,
			  queue_state_name(stage->state), stage->message ? ": " : "",
			  stage->message ? stage->message : "");
	else
		table_put(table, TONE_PLAIN, "%s", "");
}

void show_batch_table(const struct output *out, const struct queue_batch *batch,
		      const struct queue_pipeline *pipelines, size_t count)
{
	static const char *const head[] = { "VARIANT", "NAME", "STATE", "TOOK", "STAGE", NULL };
	DEFER(table_done) struct table table = { 0 };
	char text[160], time[32];

	line(out, "batch", batch->id);
	line(out, "name", batch->name);
	snprintf(text, sizeof(text), "%s%s%s: %lld of %lld done, %lld failed, %lld cancelled",
		 queue_end_name(batch->end), batch->is_paused ? " (paused)" : "",
		 batch->is_cancelling ? " (cancelling)" : "", (long long)batch->done,
		 (long long)batch->total, (long long)batch->failed, (long long)batch->cancelled);
	line(out, "state", text);
	line(out, "priority", queue_priority_name(batch->priority));
	line(out, "made", record_time(batch->created_at, time));
	line(out, "ended", record_time(batch->ended_at, time));
	line(out, "spec", batch->origin);
	putchar('\n');
	table_init(&table, head);
	for (size_t i = 0; i < count; i++)
		put_variant(&table, &pipelines[i]);
	table_print(&table, out);
}

static void put_stage(struct table *table, const struct queue_stage *stage)
{
	int64_t ms = stage->started_at && stage->ended_at > stage->started_at
			     ? (stage->ended_at - stage->started_at) / 1000
			     : 0;
	char took[32];

	table_put(table, TONE_STRONG, "%s", stage->id);
	table_put(table, TONE_PLAIN, "%s", stage->type);
	table_put(table, board_state_tone(stage->state), "%s", queue_state_name(stage->state));
	table_put(table, TONE_PLAIN, "%lld", (long long)stage->attempts);
	table_put(table, TONE_PLAIN, "%s", duration(ms, took));
	table_put(table, TONE_DIM, "%s", stage->lane);
	table_put(table, TONE_PLAIN, "%s%s%s",
		  stage->message && stage->last_class ? verdict_info(stage->last_class)->name : "",
		  stage->message && stage->last_class ? ": " : "",
		  stage->message ? stage->message : "");
}

/* What came out of it: media and where it was posted. */
static void show_outputs(const struct output *out, const struct queue_pipeline *pipeline)
{
	json_t *keep = NULL;
	const json_t *output = record_final_output(pipeline, &keep);
	char text[200], bytes[32];

	if (output) {
		units_show_bytes(json_integer_value(json_object_get(output, "bytes")), bytes);
		snprintf(text, sizeof(text), "%s  %.0fx%.0f  %.2f s  %s",
			 json_string_value(json_object_get(output, "media")),
			 json_number_value(json_object_get(output, "width")),
			 json_number_value(json_object_get(output, "height")),
			 json_number_value(json_object_get(output, "duration")), bytes);
		line(out, "output", text);
	}
	json_decref(keep);
}

void show_pipeline_table(const struct output *out, const struct queue_pipeline *pipeline)
{
	static const char *const head[] = { "STAGE", "TYPE", "STATE", "ATTEMPTS",
					    "TOOK",  "LANE", "WHY",   NULL };
	DEFER(table_done) struct table table = { 0 };
	char time[32];

	line(out, "variant", pipeline->id);
	line(out, "name", pipeline->name);
	line(out, "state", queue_end_name(pipeline->end));
	line(out, "took", duration(show_span_ms(pipeline), time));
	show_outputs(out, pipeline);
	putchar('\n');
	table_init(&table, head);
	for (size_t i = 0; i < pipeline->stage_count; i++)
		put_stage(&table, &pipeline->stages[i]);
	table_print(&table, out);
}

static void show_value(const struct output *out, const char *title, const char *text)
{
	json_t *value = record_parse(text);

	if (!json_is_null(value)) {
		DEFER(freep) char *shown = json_show(value);

		printf("\n%s%s%s\n%s\n", output_tone(out->has_color, TONE_STRONG), title,
		       output_tone(out->has_color, TONE_PLAIN), shown);
	}
	json_decref(value);
}

void show_stage_text(const struct output *out, const struct queue_pipeline *pipeline,
		     const struct queue_stage *stage)
{
	char text[96], time[32];

	snprintf(text, sizeof(text), "%s/%s", pipeline->id, stage->id);
	line(out, "stage", text);
	line(out, "variant", pipeline->name);
	line(out, "type", stage->type);
	line(out, "lane", stage->lane);
	line(out, "state", queue_state_name(stage->state));
	line(out, "class", stage->last_class ? verdict_info(stage->last_class)->name : NULL);
	line(out, "why", stage->message);
	line(out, "host", stage->host);
	snprintf(text, sizeof(text), "%lld, epoch %lld", (long long)stage->attempts,
		 (long long)stage->epoch);
	line(out, "attempts", text);
	line(out, "started", record_time(stage->started_at, time));
	line(out, "ended", record_time(stage->ended_at, time));
	line(out, "due", record_time(stage->due_at, time));
	show_value(out, "definition", stage->definition);
	show_value(out, "result", stage->result);
	show_value(out, "history", stage->history);
}
