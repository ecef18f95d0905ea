/*
 * The box walk on structures built byte by byte: order, edit lists, lengths that lie.
 */
// links: media
#include "pipeline/media/boxes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

static void put32(struct buf *to, uint32_t value)
{
	unsigned char bytes[4] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16),
				   (unsigned char)(value >> 8), (unsigned char)value };

	buf_put(to, bytes, sizeof(bytes));
}

/* A box begins here; close_box writes its size when the content stands. */
static size_t open_box(struct buf *to, const char *name)
{
	size_t at = to->len;

	put32(to, 0);
	buf_puts(to, name);
	return at;
}

static void close_box(struct buf *to, size_t at)
{
	uint32_t size = (uint32_t)(to->len - at);

	for (int i = 0; i < 4; i++)
		to->data[at + (size_t)i] = (char)(size >> (24 - 8 * i));
}

static void put_box(struct buf *to, const char *name, size_t content)
{
	size_t at = open_box(to, name);

	for (size_t i = 0; i < content; i++)
		buf_putc(to, 0);
	close_box(to, at);
}

struct edit {
	int entries;
	int32_t start;
	uint32_t speed; /* 0x10000: as it is */
	int version;
};

static void put_elst(struct buf *to, struct edit edit)
{
	size_t edts = open_box(to, "edts"), elst = open_box(to, "elst");

	put32(to, (uint32_t)edit.version << 24);
	put32(to, (uint32_t)edit.entries);
	for (int i = 0; i < edit.entries; i++) {
		if (edit.version == 1)
			put32(to, 0);
		put32(to, 1000);
		if (edit.version == 1)
			put32(to, edit.start < 0 ? UINT32_MAX : 0);
		put32(to, (uint32_t)edit.start);
		put32(to, edit.speed);
	}
	close_box(to, elst);
	close_box(to, edts);
}

/* A track of 48,000 ticks a second. */
static void put_track(struct buf *to, const struct edit *edit)
{
	size_t trak = open_box(to, "trak"), mdia, mdhd;

	if (edit)
		put_elst(to, *edit);
	mdia = open_box(to, "mdia");
	mdhd = open_box(to, "mdhd");
	put32(to, 0);
	put32(to, 0);
	put32(to, 0);
	put32(to, 48000);
	put32(to, 96000);
	put32(to, 0);
	close_box(to, mdhd);
	close_box(to, mdia);
	close_box(to, trak);
}

static void put_moov(struct buf *to, const struct edit *edit)
{
	size_t moov = open_box(to, "moov");

	put_track(to, NULL);
	put_track(to, edit);
	close_box(to, moov);
}

static bool walk(const struct buf *bytes, struct boxes *out, struct err *err)
{
	DEFER(file_closep) int fd = memfd_create("boxes", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes->data ? bytes->data : "", bytes->len),
			 (ssize_t)bytes->len);
	return boxes_read(fd, (int64_t)bytes->len, out, err);
}

static void tells_where_the_index_is(void **state)
{
	DEFER(buf_done) struct buf first = { 0 }, last = { 0 };
	struct boxes boxes;
	struct err err;

	(void)state;
	put_box(&first, "ftyp", 8);
	put_moov(&first, NULL);
	put_box(&first, "mdat", 100);
	assert_true(walk(&first, &boxes, &err));
	assert_true(boxes.has_moov && boxes.has_mdat && boxes.is_moov_first);
	assert_int_equal(boxes.tracks, 2);
	assert_int_equal(boxes.edits, BOXES_NO_EDITS);
	assert_int_equal(boxes.missing_bytes, 0);

	put_box(&last, "ftyp", 8);
	put_box(&last, "mdat", 100);
	put_moov(&last, NULL);
	assert_true(walk(&last, &boxes, &err));
	assert_true(boxes.has_moov && !boxes.is_moov_first);
	buf_done(&last);
}

static const struct {
	const char *sentence;
	struct edit edit;
	enum boxes_edits expected;
} edit_cases[] = {
	{ "an empty list", { 0, 0, 0x10000, 0 }, BOXES_NO_EDITS },
	{ "from the start at normal speed", { 1, 0, 0x10000, 0 }, BOXES_NO_EDITS },
	{ "AAC priming", { 1, 1024, 0x10000, 0 }, BOXES_DELAY_EDITS },
	{ "AAC priming, wide", { 1, 1024, 0x10000, 1 }, BOXES_DELAY_EDITS },
	{ "a second cut away", { 1, 48000, 0x10000, 0 }, BOXES_REAL_EDITS },
	{ "begins with nothing", { 1, -1, 0x10000, 0 }, BOXES_REAL_EDITS },
	{ "begins with nothing, wide", { 1, -1, 0x10000, 1 }, BOXES_REAL_EDITS },
	{ "half speed", { 1, 0, 0x8000, 0 }, BOXES_REAL_EDITS },
	{ "two pieces", { 2, 0, 0x10000, 0 }, BOXES_REAL_EDITS },
};

static void judges_edit_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edit_cases); i++) {
		DEFER(buf_done) struct buf bytes = { 0 };
		struct boxes boxes;
		struct err err;

		put_moov(&bytes, &edit_cases[i].edit);
		put_box(&bytes, "mdat", 8);
		assert_true(walk(&bytes, &boxes, &err));
		if (boxes.edits != edit_cases[i].expected)
			fail_msg("%s: %d", edit_cases[i].sentence, (int)boxes.edits);
	}
}

static void measures_what_is_missing(void **state)
{
	DEFER(buf_done) struct buf bytes = { 0 };
	struct boxes boxes;
	struct err err;

	(void)state;
	put_moov(&bytes, NULL);
	put_box(&bytes, "mdat", 1000);
	bytes.len -= 300;
	assert_true(walk(&bytes, &boxes, &err));
	assert_int_equal(boxes.missing_bytes, 300);
	assert_string_equal(boxes.cut_box, "mdat");
}

static void refuses_contradictions(void **state)
{
	static const struct {
		const char *bytes, *complaint;
		size_t len;
	} bad[] = {
		{ "\0\0\0\x04moov", "impossible size", 8 },
		{ "\0\0\0\x01moov\0\0\0\0\0\0\0\x08", "impossible size", 16 },
		{ "\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff", "impossible size", 16 },
		{ "\0\0\0\x01moov", "no room for its size", 8 },
		{ "\0\0\0\x10moov\0\0\0\x99trak", "beyond its parent", 16 },
		{ "\0\0\0\x08moov\0\0\0\x08moov", "two 'moov'", 16 },
		{ "\0\0\0\x20moov\0\0\0\x18trak\0\0\0\x10"
		  "edts\0\0\0\x08"
		  "elst",
		  "too short", 32 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		DEFER(buf_done) struct buf bytes = { 0 };
		struct boxes boxes = { .tracks = 77 };
		struct err err;

		buf_put(&bytes, bad[i].bytes, bad[i].len);
		assert_false(walk(&bytes, &boxes, &err));
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, bad[i].complaint))
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(boxes.tracks, 77); /* untouched on failure */
	}
}

/* Every prefix of a whole file is either walked or refused, never read beyond. */
static void survives_every_prefix(void **state)
{
	DEFER(buf_done) struct buf bytes = { 0 };
	const struct edit edit = { 1, 1024, 0x10000, 0 };

	(void)state;
	put_box(&bytes, "ftyp", 8);
	put_moov(&bytes, &edit);
	put_box(&bytes, "mdat", 16);
	for (size_t len = bytes.len; len-- > 0;) {
		struct boxes boxes;
		struct err err;

		bytes.len = len;
		if (walk(&bytes, &boxes, &err) && len >= 8 && len != 16)
			assert_true(boxes.missing_bytes > 0 || !boxes.has_mdat);
	}
}

static void ends_on_endless_boxes(void **state)
{
	DEFER(buf_done) struct buf bytes = { 0 };
	struct boxes boxes;
	struct err err;

	(void)state;
	for (int i = 0; i < 50000; i++)
		put_box(&bytes, "free", 0);
	assert_false(walk(&bytes, &boxes, &err));
	assert_non_null(strstr(err.text, "boxes"));
}

static void forgives_a_trailer(void **state)
{
	DEFER(buf_done) struct buf bytes = { 0 };
	struct boxes boxes;
	struct err err;

	(void)state;
	put_moov(&bytes, NULL);
	put_box(&bytes, "mdat", 8);
	buf_put(&bytes, "\x99\x99\x99\x99\x01\x02\x03\x04junk", 12);
	assert_true(walk(&bytes, &boxes, &err));
	assert_int_equal(boxes.missing_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_where_the_index_is),
		cmocka_unit_test(judges_edit_lists),
		cmocka_unit_test(measures_what_is_missing),
		cmocka_unit_test(refuses_contradictions),
		cmocka_unit_test(survives_every_prefix),
		cmocka_unit_test(ends_on_endless_boxes),
		cmocka_unit_test(forgives_a_trailer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
