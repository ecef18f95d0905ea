/*
 * A short name for a long text, to notice that it changed and to name files after it. FNV-1a over
 * 64 bits: not against forgers, who have no business in a user's own state folder.
 */
#pragma once

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FINGERPRINT_TEXT = 17 };
static const uint64_t FINGERPRINT_START = 0xcbf29ce484222325ull;

static inline uint64_t fingerprint_add(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash;
}

static inline void fingerprint_text(uint64_t hash, char out[FINGERPRINT_TEXT])
{
	snprintf(out, FINGERPRINT_TEXT, "%016" PRIx64, hash);
}
