/*
 * A hash table with chains. Endings and claims come ten thousand times a second, so an attempt is
 * one block and its hash is computed once.
 */
#include "queue/attempts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static uint32_t hash_bytes(uint32_t hash, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x01000193u;
	return hash;
}

static uint32_t hash_of(const char *stage, size_t len, int64_t epoch)
{
	uint32_t hash = hash_bytes(0x811c9dc5u, stage, len);
	return (hash ^ (uint32_t)epoch) * 0x01000193u;
}

static int64_t sum_of(const struct attempt *attempt)
{
	const char *dash = memrchr(attempt->stage, '-', attempt->pipeline_len);
	int64_t pipeline = dash ? strtoll(dash + 1, NULL, 10) : 0;

	return (pipeline * 31 + attempt->index) * 7919 + attempt->epoch * 104729;
}

static void grow(struct attempts *attempts)
{
	size_t count = attempts->bucket_count ? attempts->bucket_count * 2 : 64;
	struct attempt **buckets = xcalloc(count, sizeof(struct attempt *));

	for (size_t i = 0; i < attempts->bucket_count; i++) {
		struct attempt *next;
		for (struct attempt *at = attempts->buckets[i]; at; at = next) {
			next = at->next;
			at->next = buckets[at->hash & (count - 1)];
			buckets[at->hash & (count - 1)] = at;
		}
	}
	free(attempts->buckets);
	attempts->buckets = buckets;
	attempts->bucket_count = count;
}

struct attempt *attempts_add(struct attempts *attempts, const char *pipeline, const char *stage,
			     unsigned index, int64_t epoch, enum broker_kind kind)
{
	size_t pipeline_len = strlen(pipeline), stage_len = strlen(stage);
	struct attempt *attempt = xmalloc(sizeof(*attempt) + pipeline_len + stage_len + 2);

	if (attempts->count >= attempts->bucket_count)
		grow(attempts);
	*attempt = (struct attempt){ .stage = (char *)(attempt + 1),
				     .pipeline_len = pipeline_len,
				     .index = index,
				     .epoch = epoch,
				     .kind = kind,
				     .permille = -1 };
	memcpy(attempt->stage, pipeline, pipeline_len);
	attempt->stage[pipeline_len] = '/';
	memcpy(attempt->stage + pipeline_len + 1, stage, stage_len + 1);
	attempt->hash = hash_of(attempt->stage, pipeline_len + 1 + stage_len, epoch);
	struct attempt **bucket = &attempts->buckets[attempt->hash & (attempts->bucket_count - 1)];
	attempt->next = *bucket;
	*bucket = attempt;
	attempts->count++;
	attempts->running[kind]++;
	attempts->ours++;
	attempts->sum += sum_of(attempt);
	return attempt;
}

struct attempt *attempts_find(const struct attempts *attempts, const char *stage, int64_t epoch)
{
	uint32_t hash = hash_of(stage, strlen(stage), epoch);

	if (!attempts->bucket_count)
		return NULL;
	struct attempt *at = attempts->buckets[hash & (attempts->bucket_count - 1)];
	while (at && (at->hash != hash || at->epoch != epoch || strcmp(at->stage, stage)))
		at = at->next;
	return at;
}

void attempts_end(struct attempts *attempts, struct attempt *attempt)
{
	if (attempt->is_ended)
		return;
	assert(attempts->running[attempt->kind] > 0);
	attempts->running[attempt->kind]--;
	attempt->is_ended = true;
}

void attempts_revoke(struct attempts *attempts, struct attempt *attempt)
{
	if (attempt->is_revoked)
		return;
	attempt->is_revoked = true;
	attempts->ours--;
	attempts->sum -= sum_of(attempt);
}

static void release(struct attempt *attempt)
{
	free(attempt->message);
	free(attempt->result);
	free(attempt);
}

void attempts_remove(struct attempts *attempts, struct attempt *attempt)
{
	struct attempt **at = &attempts->buckets[attempt->hash & (attempts->bucket_count - 1)];

	attempts_end(attempts, attempt);
	attempts_revoke(attempts, attempt);
	while (*at != attempt)
		at = &(*at)->next;
	*at = attempt->next;
	attempts->count--;
	release(attempt);
}

void attempts_done(struct attempts *attempts)
{
	for (size_t i = 0; i < attempts->bucket_count; i++) {
		struct attempt *next;
		for (struct attempt *at = attempts->buckets[i]; at; at = next) {
			next = at->next;
			release(at);
		}
	}
	free(attempts->buckets);
	*attempts = (struct attempts){ 0 };
}

size_t attempt_member(const struct attempt *attempt, char *out, size_t size)
{
	int len = snprintf(out, size, "%.*s.%u.%lld", (int)attempt->pipeline_len, attempt->stage,
			   attempt->index, (long long)attempt->epoch);
	return (size_t)len < size ? (size_t)len : size - 1;
}

void attempts_each(const struct attempts *attempts,
		   void (*visit)(void *context, struct attempt *attempt), void *context)
{
	for (size_t i = 0; i < attempts->bucket_count; i++) {
		for (struct attempt *at = attempts->buckets[i]; at; at = at->next)
			visit(context, at);
	}
}
