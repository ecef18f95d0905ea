/*
 * Put and get in the same order, side by side.
 */
#include "cli/expand_wire.h"

#include <string.h>

enum { ABSENT = 0xffffffffu, STAGES_MAX = 32, COUNT_MAX = 1 << 20 };

static void put_text(struct buf *out, const char *text)
{
	if (text)
		buf_put_block(out, text, strlen(text));
	else
		buf_put_u32(out, ABSENT);
}

static const char *get_text(struct reader *reader, struct arena *arena)
{
	struct reader ahead = *reader;
	const char *data;
	size_t len;

	if (reader_u32(&ahead) == ABSENT) {
		*reader = ahead;
		return NULL;
	}
	data = reader_block(reader, &len);
	return arena_strndup(arena, data ? data : "", len);
}

static void put_double(struct buf *out, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	buf_put_u64(out, bits);
}

static double get_double(struct reader *reader)
{
	uint64_t bits = reader_u64(reader);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void put_stage(struct buf *out, const struct spec_stage *stage)
{
	put_text(out, stage->id);
	put_text(out, stage->type);
	put_text(out, stage->lane);
	put_text(out, stage->definition);
	buf_put_u32(out, stage->inputs);
	buf_put_u32(out, stage->needs);
	buf_put_u32(out, stage->gates);
	buf_put_u8(out, stage->needs_prepare);
	buf_put_u64(out, (uint64_t)stage->max_attempts);
	buf_put_u64(out, (uint64_t)stage->base_ms);
	buf_put_u64(out, (uint64_t)stage->max_ms);
	put_double(out, stage->factor);
	buf_put_u64(out, (uint64_t)stage->attempt_ms);
	buf_put_u64(out, (uint64_t)stage->queue_ms);
	buf_put_u64(out, (uint64_t)stage->total_ms);
}

static void get_stage(struct reader *reader, struct arena *arena, struct spec_stage *stage)
{
	stage->id = get_text(reader, arena);
	stage->type = get_text(reader, arena);
	stage->lane = get_text(reader, arena);
	stage->definition = get_text(reader, arena);
	stage->inputs = reader_u32(reader);
	stage->needs = reader_u32(reader);
	stage->gates = reader_u32(reader);
	stage->needs_prepare = reader_u8(reader);
	stage->max_attempts = (int64_t)reader_u64(reader);
	stage->base_ms = (int64_t)reader_u64(reader);
	stage->max_ms = (int64_t)reader_u64(reader);
	stage->factor = get_double(reader);
	stage->attempt_ms = (int64_t)reader_u64(reader);
	stage->queue_ms = (int64_t)reader_u64(reader);
	stage->total_ms = (int64_t)reader_u64(reader);
}

static void put_pipeline(struct buf *out, const struct spec_pipeline *pipeline)
{
	put_text(out, pipeline->name);
	put_text(out, pipeline->context);
	buf_put_u32(out, (uint32_t)pipeline->stage_count);
	for (size_t i = 0; i < pipeline->stage_count; i++)
		put_stage(out, &pipeline->stages[i]);
}

static bool get_pipeline(struct reader *reader, struct arena *arena, struct spec_pipeline *pipeline)
{
	struct spec_stage *stages;

	pipeline->name = get_text(reader, arena);
	pipeline->context = get_text(reader, arena);
	pipeline->stage_count = reader_u32(reader);
	if (reader->failed || pipeline->stage_count > STAGES_MAX)
		return false;
	stages = arena_alloc(arena, (pipeline->stage_count + 1) * sizeof(*stages));
	for (size_t i = 0; i < pipeline->stage_count; i++)
		get_stage(reader, arena, &stages[i]);
	pipeline->stages = stages;
	return !reader->failed;
}

void expand_put_batch(struct buf *out, const struct spec_batch *batch)
{
	put_text(out, batch->name);
	put_text(out, batch->labels);
	put_text(out, batch->priority);
	buf_put_u64(out, (uint64_t)batch->max_parallel);
	put_text(out, batch->schedule);
	put_text(out, batch->budget);
	buf_put_u32(out, (uint32_t)batch->notice_count);
	for (size_t i = 0; i < batch->notice_count; i++)
		put_text(out, batch->notices[i].text);
	buf_put_u32(out, (uint32_t)batch->pipeline_count);
	for (size_t i = 0; i < batch->pipeline_count; i++)
		put_pipeline(out, &batch->pipelines[i]);
}

static bool get_notices(struct reader *reader, struct arena *arena, struct spec_batch *out)
{
	out->notice_count = reader_u32(reader);
	if (reader->failed || out->notice_count > COUNT_MAX)
		return false;
	out->notices = arena_alloc(arena, (out->notice_count + 1) * sizeof(*out->notices));
	for (size_t i = 0; i < out->notice_count; i++)
		out->notices[i].text = get_text(reader, arena);
	return true;
}

bool expand_get_batch(struct reader *reader, struct arena *arena, struct spec_batch *out)
{
	struct spec_pipeline *pipelines;

	out->name = get_text(reader, arena);
	out->labels = get_text(reader, arena);
	out->priority = get_text(reader, arena);
	out->max_parallel = (int64_t)reader_u64(reader);
	out->schedule = get_text(reader, arena);
	out->budget = get_text(reader, arena);
	if (!get_notices(reader, arena, out))
		return false;
	out->pipeline_count = reader_u32(reader);
	if (reader->failed || out->pipeline_count > COUNT_MAX)
		return false;
	pipelines = arena_alloc(arena, (out->pipeline_count + 1) * sizeof(*pipelines));
	for (size_t i = 0; i < out->pipeline_count; i++)
		if (!get_pipeline(reader, arena, &pipelines[i]))
			return false;
	out->pipelines = pipelines;
	return reader_is_complete(reader);
}
