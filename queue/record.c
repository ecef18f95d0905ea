/*
 * Packs and unpacks what the scripts keep in a pipeline's hash. Little-endian, no padding, doubles
 * as IEEE 754: what Lua's struct library writes with '<'.
 */
#include "queue/record.h"

#include <string.h>

#include "base/macros.h"

double record_double(const unsigned char *bytes)
{
	uint64_t bits = 0;
	double value;

	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | bytes[i];
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void put_double(struct buf *out, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	buf_put_u64(out, bits);
}

/* ---- plan */

static bool check_stage(const struct queue_pipeline_spec *pipeline, size_t i, struct err *err)
{
	const struct queue_stage_spec *stage = &pipeline->stages[i];
	uint32_t mask = stage->inputs | stage->needs;
	uint64_t possible = (1ull << pipeline->stage_count) - 1;

	if (!stage->id || !stage->id[0] || strlen(stage->id) > 100 ||
	    strpbrk(stage->id, "\t\n\r/\"\\"))
		return err_set(err, ERR_REJECT,
			       "stage %zu: its id must have 1 to 100 characters, none of them "
			       "'/', '\"' or a tab",
			       i + 1);
	if (!stage->type || !stage->type[0] || strlen(stage->type) > 100 ||
	    strpbrk(stage->type, "\"\\\t\n\r"))
		return err_set(err, ERR_REJECT, "stage %s: its type must be a word", stage->id);
	if (!stage->lane || !stage->lane[0] || strlen(stage->lane) > 200 ||
	    strpbrk(stage->lane, " \t\n\r"))
		return err_set(err, ERR_REJECT, "stage %s: its lane must be a word", stage->id);
	if (mask & ~possible)
		return err_set(err, ERR_REJECT, "stage %s: it needs a stage that is not there",
			       stage->id);
	if (mask & (1u << i))
		return err_set(err, ERR_REJECT, "stage %s: it needs itself", stage->id);
	return true;
}

/* Every stage must be reachable in some order, else a cycle would wait for itself for ever. */
static bool check_cycles(const struct queue_pipeline_spec *pipeline, struct err *err)
{
	uint32_t placed = 0;

	for (size_t round = 0; round < pipeline->stage_count; round++) {
		for (size_t i = 0; i < pipeline->stage_count; i++) {
			const struct queue_stage_spec *stage = &pipeline->stages[i];
			if (!((stage->inputs | stage->needs) & ~placed))
				placed |= 1u << i;
		}
	}
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		if (!(placed & (1u << i)))
			return err_set(err, ERR_REJECT,
				       "stage %s: it waits for itself, through others",
				       pipeline->stages[i].id);
	}
	return true;
}

static uint32_t dependents_of(const struct queue_pipeline_spec *pipeline, size_t i)
{
	uint32_t mask = 0;

	for (size_t j = 0; j < pipeline->stage_count; j++) {
		if ((pipeline->stages[j].inputs | pipeline->stages[j].needs) & (1u << i))
			mask |= 1u << j;
	}
	return mask;
}

static unsigned flags_of(const struct queue_stage_spec *stage)
{
	unsigned flags = strcmp(stage->type, "approve") ? 0 : PLAN_APPROVE;

	if (stage->needs_prepare)
		flags |= PLAN_PREPARE;
	if (stage->attempt_ms > 0 || stage->queue_ms > 0 || stage->total_ms > 0)
		flags |= PLAN_LIMITS;
	return flags;
}

static void put_text_place(struct buf *out, size_t *at, const char *text)
{
	buf_put_u16(out, (uint16_t)*at);
	buf_put_u16(out, (uint16_t)strlen(text));
	*at += strlen(text);
}

static void put_limits(struct buf *y, const struct queue_stage_spec *stage)
{
	const struct queue_retry *retry = &stage->retry;

	put_double(y, retry->max_attempts > 0 ? (double)retry->max_attempts : 3);
	put_double(y, retry->base_ms > 0 ? (double)retry->base_ms : 2000);
	put_double(y, retry->max_ms > 0 ? (double)retry->max_ms : 300000);
	put_double(y, retry->factor > 0 ? retry->factor : 2);
	put_double(y, stage->attempt_ms > 0 ? (double)stage->attempt_ms : 0);
	put_double(y, stage->queue_ms > 0 ? (double)stage->queue_ms : 0);
	put_double(y, stage->total_ms > 0 ? (double)stage->total_ms : 0);
}

bool plan_encode(const struct queue_pipeline_spec *pipeline, struct buf *x, struct buf *y,
		 struct err *err)
{
	size_t count = pipeline->stage_count;
	size_t at = PLAN_HEADER + count * PLAN_ROW + 1; /* Lua counts from 1 */

	if (count == 0 || count > QUEUE_MAX_STAGES)
		return err_set(err, ERR_REJECT, "a pipeline has 1 to %d stages, this one %zu",
			       QUEUE_MAX_STAGES, count);
	for (size_t i = 0; i < count; i++) {
		if (!check_stage(pipeline, i, err))
			return false;
	}
	if (!check_cycles(pipeline, err))
		return false;
	buf_put_u8(x, PLAN_VERSION);
	buf_put_u8(x, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		const struct queue_stage_spec *stage = &pipeline->stages[i];
		buf_put_u32(x, stage->inputs);
		buf_put_u32(x, stage->needs);
		buf_put_u32(x, dependents_of(pipeline, i));
		put_text_place(x, &at, stage->id);
		put_text_place(x, &at, stage->type);
		put_text_place(x, &at, stage->lane);
		buf_put_u16(x, (uint16_t)flags_of(stage));
		put_limits(y, stage);
	}
	for (size_t i = 0; i < count; i++) {
		buf_puts(x, pipeline->stages[i].id);
		buf_puts(x, pipeline->stages[i].type);
		buf_puts(x, pipeline->stages[i].lane);
	}
	return true;
}

size_t plan_count(const char *x, size_t len)
{
	if (!x || len < PLAN_HEADER || x[0] != PLAN_VERSION)
		return 0;
	size_t count = (unsigned char)x[1];
	return count <= QUEUE_MAX_STAGES && len >= PLAN_HEADER + count * PLAN_ROW ? count : 0;
}

static bool read_text(struct reader *reader, const char *x, size_t len, struct plan_text *out)
{
	size_t at = reader_u16(reader), n = reader_u16(reader);

	if (at < 1 || at - 1 + n > len)
		return false;
	*out = (struct plan_text){ x + at - 1, n };
	return true;
}

bool plan_row(const char *x, size_t len, size_t stage, struct plan_row *out)
{
	struct reader reader;

	if (stage >= plan_count(x, len))
		return false;
	reader_init(&reader, x + PLAN_HEADER + stage * PLAN_ROW, PLAN_ROW);
	out->inputs = reader_u32(&reader);
	out->needs = reader_u32(&reader);
	out->dependents = reader_u32(&reader);
	if (!read_text(&reader, x, len, &out->name) || !read_text(&reader, x, len, &out->type) ||
	    !read_text(&reader, x, len, &out->lane))
		return false;
	out->flags = reader_u16(&reader);
	return true;
}

/* ---- records */

static int64_t read_time(struct reader *reader)
{
	uint64_t bits = reader_u64(reader);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return (int64_t)value;
}

bool record_decode(const char *data, size_t len, struct stage_record *out)
{
	struct reader reader;

	*out = (struct stage_record){ .class = 255, .host = "", .lane = "" };
	if (!data)
		return true;
	reader_init(&reader, data, len);
	out->epoch = reader_u32(&reader);
	out->attempts = reader_u32(&reader);
	out->kills = reader_u16(&reader);
	out->flags = reader_u8(&reader);
	out->fact = reader_u8(&reader);
	out->class = reader_u8(&reader);
	out->ready_at = read_time(&reader);
	out->started_at = read_time(&reader);
	out->ended_at = read_time(&reader);
	out->due_at = read_time(&reader);
	out->first_at = read_time(&reader);
	if (reader.failed || reader.at >= reader.end || reader.end[-1])
		return false;
	out->host = (const char *)reader.at;
	if (out->host + strlen(out->host) + 1 >= (const char *)reader.end)
		return false;
	out->lane = out->host + strlen(out->host) + 1;
	return true;
}

bool record_state(char letter, enum queue_state *out)
{
	static const struct {
		char letter;
		enum queue_state state;
	} letters[] = {
		{ 'b', QUEUE_BLOCKED },	  { 'p', QUEUE_PREPARING },  { 'q', QUEUE_PREPARING },
		{ 'r', QUEUE_READY },	  { 'u', QUEUE_RUNNING },    { 'w', QUEUE_BACKOFF },
		{ 'h', QUEUE_HELD },	  { 'c', QUEUE_CANCELLING }, { 'd', QUEUE_DONE },
		{ 'f', QUEUE_FAILED },	  { 's', QUEUE_SKIPPED },    { 't', QUEUE_SKIPPED },
		{ 'x', QUEUE_CANCELLED },
	};

	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (letters[i].letter == letter) {
			*out = letters[i].state;
			return true;
		}
	}
	return false;
}
