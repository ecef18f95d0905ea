// links: wire
/* Every message there and back, and every way to be malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "worker/wire.h"

static const struct wire_message samples[] = {
	{ .type = WIRE_HELLO, .hello = { WIRE_VERSION, 1000 } },
	{ .type = WIRE_RUN, .run = { 1, 90000, { "{\"a\":1}", 7 } } },
	{ .type = WIRE_CANCEL, .cancel = { UINT64_MAX } },
	{ .type = WIRE_DRAIN, .drain = { 30000 } },
	{ .type = WIRE_READY, .ready = { WIRE_VERSION, 4711 } },
	{ .type = WIRE_STEP, .step = { 3, 4712, { "decode", 6 } } },
	{ .type = WIRE_PROGRESS, .progress = { 3, 999 } },
	{ .type = WIRE_VERDICT,
	  .verdict = { 5, VERDICT_RATE_LIMITED, 2500, { "slow down", 9 }, { "", 0 } } },
	{ .type = WIRE_CRASH, .crash = { 6, 4713, 139, 1200, { "encode", 6 } } },
};

/* The body of a frame; its length is checked here. */
static struct wire_text body_of(const struct buf *frame)
{
	struct reader in;

	reader_init(&in, frame->data, 4);
	assert_int_equal(reader_u32(&in), frame->len - 4);
	return (struct wire_text){ frame->data + 4, frame->len - 4 };
}

static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		DEFER(buf_done) struct buf frame = { 0 };
		DEFER(buf_done) struct buf again = { 0 };
		struct wire_message message;
		struct wire_text body;
		struct err err;

		wire_put(&frame, &samples[i]);
		body = body_of(&frame);
		assert_true(wire_decode(body.data, body.len, &message, &err));
		assert_int_equal(message.type, samples[i].type);
		wire_put(&again, &message);
		assert_int_equal(again.len, frame.len);
		assert_memory_equal(again.data, frame.data, frame.len);
	}
}

static void test_fields_arrive(void **state)
{
	DEFER(buf_done) struct buf frame = { 0 };
	struct wire_message message;
	struct err err;

	(void)state;
	wire_put(&frame, &samples[7]);
	assert_true(wire_decode(frame.data + 4, frame.len - 4, &message, &err));
	assert_int_equal(message.verdict.tag, 5);
	assert_int_equal(message.verdict.class, VERDICT_RATE_LIMITED);
	assert_int_equal(message.verdict.after_ms, 2500);
	assert_int_equal(message.verdict.message.len, 9);
	assert_memory_equal(message.verdict.message.data, "slow down", 9);
	assert_int_equal(message.verdict.result.len, 0);
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		DEFER(buf_done) struct buf frame = { 0 };
		struct wire_message message;
		struct err err;

		wire_put(&frame, &samples[i]);
		for (size_t len = 0; len < frame.len - 4; len++)
			assert_false(wire_decode(frame.data + 4, len, &message, &err));
		buf_putc(&frame, 'x');
		assert_false(wire_decode(frame.data + 4, frame.len - 4, &message, &err));
		assert_int_equal(err.kind, ERR_REJECT);
	}
}

static void test_unknown_class(void **state)
{
	DEFER(buf_done) struct buf frame = { 0 };
	struct wire_message message;
	struct err err;

	(void)state;
	wire_put(&frame, &samples[7]);
	frame.data[4 + 2 + 8] = VERDICT_CLASSES;
	assert_false(wire_decode(frame.data + 4, frame.len - 4, &message, &err));
}

static void test_lying_length(void **state)
{
	DEFER(buf_done) struct buf frame = { 0 };
	struct wire_message message;
	struct err err;

	(void)state;
	wire_put(&frame, &samples[1]);
	memset(frame.data + 4 + 2 + 16, 0xff, 4); /* the task says it has 4 GiB */
	assert_false(wire_decode(frame.data + 4, frame.len - 4, &message, &err));
}

static void test_failed_decode_leaves_out(void **state)
{
	struct wire_message message = { .type = WIRE_DRAIN, .drain = { 7 } };
	struct err err;

	(void)state;
	assert_false(wire_decode("\1\0", 2, &message, &err));
	assert_int_equal(message.type, WIRE_DRAIN);
	assert_int_equal(message.drain.within_ms, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_fields_arrive),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_unknown_class),
		cmocka_unit_test(test_lying_length),
		cmocka_unit_test(test_failed_decode_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
