/*
 * Growing buffers and the reader that undoes them.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_reserve(struct buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;

	if (need <= buf->cap)
		return;
	if (need < buf->cap * 2)
		need = buf->cap * 2;
	if (need < 64)
		need = 64;
	buf->data = xrealloc(buf->data, need);
	buf->cap = need;
	buf->data[buf->len] = '\0';
}

void buf_put(struct buf *buf, const void *data, size_t len)
{
	buf_reserve(buf, len);
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	buf_reserve(buf, (size_t)length);
	vsnprintf(buf->data + buf->len, (size_t)length + 1, format, again);
	va_end(again);
	buf->len += (size_t)length;
}

static void put_little_endian(struct buf *buf, uint64_t value, size_t bytes)
{
	unsigned char out[8];

	for (size_t i = 0; i < bytes; i++)
		out[i] = (unsigned char)(value >> (8 * i));
	buf_put(buf, out, bytes);
}

void buf_put_u8(struct buf *buf, uint8_t value)
{
	put_little_endian(buf, value, 1);
}

void buf_put_u16(struct buf *buf, uint16_t value)
{
	put_little_endian(buf, value, 2);
}

void buf_put_u32(struct buf *buf, uint32_t value)
{
	put_little_endian(buf, value, 4);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
	put_little_endian(buf, value, 8);
}

void buf_put_block(struct buf *buf, const void *data, size_t len)
{
	buf_put_u32(buf, (uint32_t)len);
	buf_put(buf, data, len);
}

void buf_consume(struct buf *buf, size_t len)
{
	if (!len)
		return;
	memmove(buf->data, buf->data + len, buf->len - len + 1);
	buf->len -= len;
}

char *buf_take(struct buf *buf)
{
	char *text;

	buf_reserve(buf, 0);
	text = buf->data;
	*buf = (struct buf){ 0 };
	return text;
}

void reader_init(struct reader *reader, const void *data, size_t len)
{
	reader->at = data;
	reader->end = reader->at + len;
	reader->failed = false;
}

static uint64_t read_little_endian(struct reader *reader, size_t bytes)
{
	uint64_t value = 0;

	if (reader->failed || (size_t)(reader->end - reader->at) < bytes) {
		reader->failed = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)reader->at[i] << (8 * i);
	reader->at += bytes;
	return value;
}

uint8_t reader_u8(struct reader *reader)
{
	return (uint8_t)read_little_endian(reader, 1);
}

uint16_t reader_u16(struct reader *reader)
{
	return (uint16_t)read_little_endian(reader, 2);
}

uint32_t reader_u32(struct reader *reader)
{
	return (uint32_t)read_little_endian(reader, 4);
}

uint64_t reader_u64(struct reader *reader)
{
	return read_little_endian(reader, 8);
}

const char *reader_block(struct reader *reader, size_t *len)
{
	uint32_t size = reader_u32(reader);
	const char *block = (const char *)reader->at;

	*len = 0;
	if (reader->failed || (size_t)(reader->end - reader->at) < size) {
		reader->failed = true;
		return "";
	}
	reader->at += size;
	*len = size;
	return block;
}

bool reader_is_complete(const struct reader *reader)
{
	return !reader->failed && reader->at == reader->end;
}
