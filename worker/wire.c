/*
 * Encoders and decoders of the messages, one pair each. No I/O here: worker/channel.c moves the
 * bytes.
 */
#include "worker/wire.h"

#include <string.h>

struct wire_text wire_text(const char *text)
{
	return text ? (struct wire_text){ text, strlen(text) } : (struct wire_text){ "", 0 };
}

static void put_text(struct buf *out, struct wire_text text)
{
	buf_put_block(out, text.data, text.len);
}

static struct wire_text read_text(struct reader *in)
{
	struct wire_text text;

	text.data = reader_block(in, &text.len);
	return text;
}

static void put_hello(struct buf *out, const struct wire_hello *hello)
{
	buf_put_u32(out, hello->version);
	buf_put_u32(out, hello->slots);
}

static void read_hello(struct reader *in, struct wire_hello *hello)
{
	hello->version = reader_u32(in);
	hello->slots = reader_u32(in);
}

static void put_run(struct buf *out, const struct wire_run *run)
{
	buf_put_u64(out, run->tag);
	buf_put_u64(out, run->timeout_ms);
	put_text(out, run->task);
}

static void read_run(struct reader *in, struct wire_run *run)
{
	run->tag = reader_u64(in);
	run->timeout_ms = reader_u64(in);
	run->task = read_text(in);
}

static void put_ready(struct buf *out, const struct wire_ready *ready)
{
	buf_put_u32(out, ready->version);
	buf_put_u32(out, ready->pid);
}

static void read_ready(struct reader *in, struct wire_ready *ready)
{
	ready->version = reader_u32(in);
	ready->pid = reader_u32(in);
}

static void put_step(struct buf *out, const struct wire_step *step)
{
	buf_put_u64(out, step->tag);
	buf_put_u32(out, step->pid);
	put_text(out, step->name);
}

static void read_step(struct reader *in, struct wire_step *step)
{
	step->tag = reader_u64(in);
	step->pid = reader_u32(in);
	step->name = read_text(in);
}

static void put_progress(struct buf *out, const struct wire_progress *progress)
{
	buf_put_u64(out, progress->tag);
	buf_put_u32(out, progress->permille);
}

static void read_progress(struct reader *in, struct wire_progress *progress)
{
	progress->tag = reader_u64(in);
	progress->permille = reader_u32(in);
}

static void put_verdict(struct buf *out, const struct wire_verdict *verdict)
{
	buf_put_u64(out, verdict->tag);
	buf_put_u8(out, (uint8_t)verdict->class);
	buf_put_u64(out, verdict->after_ms);
	put_text(out, verdict->message);
	put_text(out, verdict->result);
}

static void read_verdict(struct reader *in, struct wire_verdict *verdict)
{
	uint8_t class;

	verdict->tag = reader_u64(in);
	class = reader_u8(in);
	if (class >= VERDICT_CLASSES)
		in->failed = true;
	else
		verdict->class = (enum verdict_class) class;
	verdict->after_ms = reader_u64(in);
	verdict->message = read_text(in);
	verdict->result = read_text(in);
}

static void put_crash(struct buf *out, const struct wire_crash *crash)
{
	buf_put_u64(out, crash->tag);
	buf_put_u32(out, crash->pid);
	buf_put_u32(out, crash->status);
	buf_put_u64(out, crash->run_ms);
	put_text(out, crash->step);
}

static void read_crash(struct reader *in, struct wire_crash *crash)
{
	crash->tag = reader_u64(in);
	crash->pid = reader_u32(in);
	crash->status = reader_u32(in);
	crash->run_ms = reader_u64(in);
	crash->step = read_text(in);
}

void wire_put(struct buf *out, const struct wire_message *message)
{
	size_t start = out->len, body;
	unsigned char length[4];

	buf_put_u32(out, 0);
	buf_put_u16(out, (uint16_t)message->type);
	switch (message->type) {
	case WIRE_HELLO: put_hello(out, &message->hello); break;
	case WIRE_RUN: put_run(out, &message->run); break;
	case WIRE_CANCEL: buf_put_u64(out, message->cancel.tag); break;
	case WIRE_DRAIN: buf_put_u32(out, message->drain.within_ms); break;
	case WIRE_READY: put_ready(out, &message->ready); break;
	case WIRE_STEP: put_step(out, &message->step); break;
	case WIRE_PROGRESS: put_progress(out, &message->progress); break;
	case WIRE_VERDICT: put_verdict(out, &message->verdict); break;
	case WIRE_CRASH: put_crash(out, &message->crash); break;
	}
	body = out->len - start - 4;
	for (size_t i = 0; i < 4; i++)
		length[i] = (unsigned char)(body >> (8 * i));
	memcpy(out->data + start, length, 4);
}

bool wire_decode(const void *frame, size_t len, struct wire_message *out, struct err *err)
{
	struct wire_message message = { 0 };
	struct reader in;
	uint16_t type;

	reader_init(&in, frame, len);
	type = reader_u16(&in);
	message.type = (enum wire_type)type;
	switch (message.type) {
	case WIRE_HELLO: read_hello(&in, &message.hello); break;
	case WIRE_RUN: read_run(&in, &message.run); break;
	case WIRE_CANCEL: message.cancel.tag = reader_u64(&in); break;
	case WIRE_DRAIN: message.drain.within_ms = reader_u32(&in); break;
	case WIRE_READY: read_ready(&in, &message.ready); break;
	case WIRE_STEP: read_step(&in, &message.step); break;
	case WIRE_PROGRESS: read_progress(&in, &message.progress); break;
	case WIRE_VERDICT: read_verdict(&in, &message.verdict); break;
	case WIRE_CRASH: read_crash(&in, &message.crash); break;
	default: /* outside input: the compiler cannot know all its values */
		return err_set(err, ERR_REJECT, "message of unknown type %u", type);
	}
	if (!reader_is_complete(&in))
		return err_set(err, ERR_REJECT, "message of type %u is malformed (%zu bytes)", type,
			       len);
	*out = message;
	return true;
}
