/*
 * struct buf and its reader: what is written comes back, and nothing is read past the end.
 */
// links: base
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void text_is_always_terminated(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };

	(void)state;
	buf_puts(&buf, "");
	assert_string_equal(buf.data, "");
	buf_puts(&buf, "ab");
	buf_putc(&buf, 'c');
	buf_printf(&buf, "%d-%s", 42, "x");
	assert_string_equal(buf.data, "abc42-x");
	assert_int_equal(buf.len, 7);
	buf_clear(&buf);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf.len, 0);
}

static void grows_over_every_size(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_putc(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 100000);
	assert_true(buf.cap > buf.len);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	assert_int_equal(buf.data[100000], '\0');
}

static void consume_drops_the_front(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };

	(void)state;
	buf_consume(&buf, 0); /* of a buffer that was never grown */
	buf_puts(&buf, "abcdef");
	buf_consume(&buf, 2);
	assert_string_equal(buf.data, "cdef");
	buf_consume(&buf, 4);
	assert_string_equal(buf.data, "");
	assert_int_equal(buf.len, 0);
}

static void take_hands_over(void **state)
{
	struct buf buf = { 0 };
	char *text = buf_take(&buf);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	buf_puts(&buf, "mine");
	text = buf_take(&buf);
	assert_string_equal(text, "mine");
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	free(text);
	buf_done(&buf);
}

static void integers_are_little_endian(void **state)
{
	static const unsigned char wanted[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
						0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };
	DEFER(buf_done) struct buf buf = { 0 };

	(void)state;
	buf_put_u8(&buf, 0x01);
	buf_put_u16(&buf, 0x0302);
	buf_put_u32(&buf, 0x07060504);
	buf_put_u64(&buf, 0x0f0e0d0c0b0a0908);
	assert_int_equal(buf.len, sizeof(wanted));
	assert_memory_equal(buf.data, wanted, sizeof(wanted));
}

static void reader_gives_back_what_was_put(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };
	struct reader reader;
	const char *block;
	size_t len;

	(void)state;
	buf_put_u8(&buf, 0xff);
	buf_put_u16(&buf, 0xfffe);
	buf_put_u32(&buf, 0xfffffffd);
	buf_put_u64(&buf, UINT64_MAX);
	buf_put_block(&buf, "a\0b", 3);
	buf_put_block(&buf, "", 0);
	reader_init(&reader, buf.data, buf.len);
	assert_int_equal(reader_u8(&reader), 0xff);
	assert_int_equal(reader_u16(&reader), 0xfffe);
	assert_int_equal(reader_u32(&reader), 0xfffffffd);
	assert_true(reader_u64(&reader) == UINT64_MAX);
	block = reader_block(&reader, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(block, "a\0b", 3);
	assert_false(reader_is_complete(&reader));
	reader_block(&reader, &len);
	assert_int_equal(len, 0);
	assert_true(reader_is_complete(&reader));
}

/* Every shorter prefix of a message fails at its end, none reads beyond it (ASan watches). */
static void reader_stops_at_every_end(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };

	(void)state;
	buf_put_u16(&buf, 7);
	buf_put_block(&buf, "hello", 5);
	buf_put_u64(&buf, 9);
	for (size_t cut = 0; cut < buf.len; cut++) {
		char *exact = malloc(cut ? cut : 1);
		struct reader reader;
		size_t len;

		memcpy(exact, buf.data, cut);
		reader_init(&reader, exact, cut);
		reader_u16(&reader);
		reader_block(&reader, &len);
		reader_u64(&reader);
		assert_true(reader.failed);
		assert_false(reader_is_complete(&reader));
		assert_int_equal(reader_u8(&reader), 0);
		free(exact);
	}
}

static void reader_refuses_a_block_that_lies(void **state)
{
	DEFER(buf_done) struct buf buf = { 0 };
	struct reader reader;
	size_t len = 1;

	(void)state;
	buf_put_u32(&buf, UINT32_MAX);
	buf_puts(&buf, "abc");
	reader_init(&reader, buf.data, buf.len);
	assert_string_equal(reader_block(&reader, &len), "");
	assert_int_equal(len, 0);
	assert_true(reader.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_always_terminated),
		cmocka_unit_test(grows_over_every_size),
		cmocka_unit_test(consume_drops_the_front),
		cmocka_unit_test(take_hands_over),
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(reader_gives_back_what_was_put),
		cmocka_unit_test(reader_stops_at_every_end),
		cmocka_unit_test(reader_refuses_a_block_that_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
