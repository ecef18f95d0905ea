/*
 * A growing byte buffer, and a reader that consumes one front to back. All integers are
 * little-endian. A buffer's data is always followed by a NUL that is not counted, so text can be
 * used as a C string.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct buf {
	char *data; /* NULL while empty and never grown */
	size_t len, cap;
};

void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_put(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_block(struct buf *buf, const void *data, size_t len); /* u32 length, then the bytes */
void buf_consume(struct buf *buf, size_t len);			   /* drops bytes from the front */
char *buf_take(struct buf *buf); /* hands the text over (never NULL); the buffer is empty again */

/* Reads what buf_put_* wrote. After the first read past the end `failed` is set and all reads give
 * 0: check once, at the end, with reader_is_complete. */
struct reader {
	const unsigned char *at, *end;
	bool failed;
};

void reader_init(struct reader *reader, const void *data, size_t len);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
const char *reader_block(struct reader *reader, size_t *len); /* borrowed, not NUL-terminated */
bool reader_is_complete(const struct reader *reader);	      /* all bytes read, none missing */
