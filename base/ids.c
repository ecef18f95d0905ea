/*
 * Random and derived ids. Derived ones use 64-bit FNV-1a, folded: they must be the same for ever
 * and everywhere, not resist an attacker; the token itself is random and the queue refuses a batch
 * id whose token differs.
 */
#include "base/ids.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void ids_nonce(char *out)
{
	unsigned char random[IDS_NONCE_LENGTH];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort(); /* cannot fail for so few bytes once the pool is seeded */
	for (size_t i = 0; i < IDS_NONCE_LENGTH; i++)
		out[i] = alphabet[random[i] & 31];
	out[IDS_NONCE_LENGTH] = '\0';
}

void ids_batch(const char *token, char *out)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (const char *at = token; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
	hash ^= hash >> 29;
	hash *= 0xbf58476d1ce4e5b9u;
	hash ^= hash >> 32;
	for (size_t i = 0; i < IDS_BATCH_LENGTH; i++, hash >>= 5)
		out[i] = alphabet[hash & 31];
	out[IDS_BATCH_LENGTH] = '\0';
}
