// links: wire
/* Worker messages: whatever decodes must encode to the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "worker/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_done) struct buf again = { 0 };
	struct wire_message message;
	struct err err;

	if (!wire_decode(data, size, &message, &err))
		return 0;
	wire_put(&again, &message);
	assert(again.len == size + 4);
	assert(memcmp(again.data + 4, data, size) == 0);
	return 0;
}
