/*
 * Endings out, attempts in: one call of turn.lua. Endings of the call in flight are on `sent` until
 * it is answered; if the answer is lost they go out again, in front, and the claim keeps its nonce.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/verdict.h"
#include "queue/broker_parts.h"
#include "queue/record.h"

enum { ENDINGS_MAX = 256, MESSAGE_MAX = 2000, ENDING_KILL = 1, ENDING_COUNTS = 2 };

bool turn_is_due(const struct broker *broker)
{
	if (broker->endings || broker->is_due || broker->is_nonce_open)
		return true;
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++) {
		if (broker->wants[kind] && broker_free_slots(broker, kind))
			return true;
	}
	return false;
}

/* ---- out */

/* VERDICT_PREPARED brings {definition, lane?}: the one result that is opened here, to be stored in
 * parts. */
static bool split_prepared(struct attempt *attempt)
{
	struct err err;
	DEFER(json_freep) json_t *object = NULL;
	const char *text = attempt->result ? attempt->result : "";

	if (!json_parse(text, strlen(text), "prepared", &object, &err))
		return false;
	const json_t *definition = json_object_get(object, "definition");
	const char *lane = json_string_value(json_object_get(object, "lane"));
	if (!json_is_object(definition))
		return false;
	free(attempt->message);
	attempt->message = xstrdup(lane ? lane : "");
	free(attempt->result);
	attempt->result = json_text(definition);
	return true;
}

static void put_head(struct broker *broker, const struct attempt *attempt)
{
	const struct verdict_info *info = verdict_info(attempt->class);
	char head[512];
	struct buf out = { .data = head, .cap = sizeof(head) };
	double after = (double)attempt->after_ms;
	uint64_t bits;

	memcpy(&bits, &after, sizeof(bits));
	/* 16 bytes, a pipeline id and a class name: never grows, so `head` is never reallocated */
	buf_put_u8(&out, (uint8_t)attempt->index);
	buf_put_u32(&out, (uint32_t)attempt->epoch);
	buf_put_u8(&out, (uint8_t)attempt->class);
	buf_put_u8(&out, attempt->is_return ? ENDING_RETURNED : (uint8_t)info->policy);
	buf_put_u8(&out, (attempt->is_kill ? ENDING_KILL : 0) |
				 (info->counts_for_breaker ? ENDING_COUNTS : 0));
	buf_put_u64(&out, bits);
	buf_put(&out, attempt->stage, attempt->pipeline_len);
	buf_putc(&out, '\0');
	buf_put(&out, info->name, strlen(info->name) + 1);
	assert(out.data == head);
	redis_args_copy(&broker->args, out.data, out.len);
}

static void put_ending(struct broker *broker, struct attempt *attempt)
{
	if (!attempt->is_return && attempt->class == VERDICT_PREPARED && !attempt->is_split) {
		attempt->is_split = true;
		if (!split_prepared(attempt)) {
			attempt->class = VERDICT_PERMANENT;
			free(attempt->message);
			attempt->message = xstrdup("its prepare step gave no definition");
		}
	}
	put_head(broker, attempt);
	size_t len = attempt->message ? strlen(attempt->message) : 0;
	redis_args_add(&broker->args, attempt->message ? attempt->message : "",
		       len > MESSAGE_MAX ? MESSAGE_MAX : len);
	redis_args_text(&broker->args, attempt->result);
}

static void put_claim(struct broker *broker)
{
	bool wants = broker->is_up || broker->is_nonce_open;
	size_t total = 0;

	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++) {
		broker->asked[kind] = wants ? broker_free_slots(broker, kind) : 0;
		total += broker->asked[kind];
	}
	if (total && !broker->is_nonce_open)
		broker->nonce++;
	if (total)
		redis_args_printf(&broker->args, "%s-%llu", broker->instance,
				  (unsigned long long)broker->nonce);
	else
		redis_args_text(&broker->args, "");
	/* With no slot left the lost claim is not asked for again: the comparison gives it back. */
	broker->is_nonce_open = total > 0;
	redis_args_int(&broker->args, (int64_t)broker->claim_max);
	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++)
		redis_args_int(&broker->args, (int64_t)broker->asked[kind]);
}

void turn_send(struct broker *broker)
{
	struct attempt **tail = &broker->sent;

	redis_args_script(&broker->args, SCRIPT_TURN, broker->farm_prefix);
	redis_args_text(&broker->args, broker->host);
	put_claim(broker);
	redis_args_int(&broker->args, broker->poison_kills);
	for (int n = 0; n < ENDINGS_MAX && broker->endings; n++) {
		struct attempt *attempt = broker->endings;
		broker->endings = attempt->next_ending;
		broker->ending_count--;
		attempt->next_ending = NULL;
		*tail = attempt;
		tail = &attempt->next_ending;
		put_ending(broker, attempt);
	}
	if (!broker->endings)
		broker->endings_tail = &broker->endings;
	broker->is_due = false;
	broker_call(broker, CALL_TURN);
}

void turn_lost(struct broker *broker)
{
	struct attempt **tail = &broker->sent;

	if (!broker->sent)
		return;
	while (*tail) {
		broker->ending_count++;
		tail = &(*tail)->next_ending;
	}
	*tail = broker->endings;
	if (!broker->endings)
		broker->endings_tail = tail;
	broker->endings = broker->sent;
	broker->sent = NULL;
}

/* ---- in */

struct claim_head {
	unsigned index;
	bool is_prepare;
	int64_t epoch, attempt, timeout_ms;
	const char *pipeline, *stage, *type, *lane;
};

static const char *read_word(const char **at, const char *end)
{
	const char *word = *at;
	const char *stop = word && word < end ? memchr(word, '\0', (size_t)(end - word)) : NULL;

	*at = stop ? stop + 1 : NULL;
	return stop ? word : NULL;
}

static bool read_head(const redisReply *reply, struct claim_head *out)
{
	struct reader reader;

	if (!reply || reply->type != REDIS_REPLY_STRING)
		return false;
	reader_init(&reader, reply->str, reply->len);
	out->index = reader_u8(&reader);
	out->is_prepare = reader_u8(&reader);
	out->epoch = reader_u32(&reader);
	out->attempt = reader_u32(&reader);
	uint64_t bits = reader_u64(&reader);
	double timeout;
	memcpy(&timeout, &bits, sizeof(timeout));
	out->timeout_ms = (int64_t)timeout;
	if (reader.failed)
		return false;
	const char *at = (const char *)reader.at, *end = (const char *)reader.end;
	out->pipeline = read_word(&at, end);
	out->stage = read_word(&at, end);
	out->type = read_word(&at, end);
	out->lane = read_word(&at, end);
	return out->lane != NULL;
}

static void put_member(struct buf *out, const char *name, const char *value, size_t len)
{
	buf_puts(out, name);
	buf_put(out, value, len);
}

static void put_reply(struct buf *out, const char *name, const redisReply *reply)
{
	const char *text = redis_text(reply);
	put_member(out, name, text, text[0] ? reply->len : 0);
}

/* docs/protocol.md "Task". The parts are JSON already; ids and names hold nothing that needs
 * escaping. */
static void put_task(struct buf *out, const struct claim_head *head, redisReply *const *parts)
{
	const char *dash = strrchr(head->pipeline, '-');
	size_t batch_len = dash ? (size_t)(dash - head->pipeline) : strlen(head->pipeline);
	char numbers[96];

	put_member(out, "{\"batch\":\"", head->pipeline, batch_len);
	put_member(out, "\",\"pipeline\":\"", head->pipeline, strlen(head->pipeline));
	put_member(out, "\",\"stage\":\"", head->stage, strlen(head->stage));
	put_member(out, "\",\"type\":\"", head->type, strlen(head->type));
	int len = snprintf(numbers, sizeof(numbers),
			   "\",\"epoch\":%lld,\"attempt\":%lld,\"prepare\":%s",
			   (long long)head->epoch, (long long)head->attempt,
			   head->is_prepare ? "true" : "false");
	buf_put(out, numbers, (size_t)len);
	put_reply(out, ",\"definition\":", parts[1]);
	put_reply(out, ",\"context\":", parts[2]);
	put_reply(out, ",\"results\":{", parts[3]);
	buf_puts(out, "}}");
	buf_putc(out, '\0');
}

static bool read_claim(struct broker *broker, redisReply *const *parts, struct broker_claim *out)
{
	struct claim_head head = { 0 };

	if (!read_head(parts[0], &head))
		return false;
	enum broker_kind kind = head.is_prepare ? BROKER_MEDIA : broker_kind_of_lane(head.lane);
	struct attempt *attempt = attempts_add(&broker->attempts, head.pipeline, head.stage,
					       head.index, head.epoch, kind);
	size_t at = broker->tasks.len;
	put_task(&broker->tasks, &head, parts);
	*out = (struct broker_claim){
		.stage = attempt->stage,
		.epoch = head.epoch,
		.attempt = head.attempt,
		.kind = kind,
		.lane = head.lane,
		.timeout_ms = head.timeout_ms,
		.task = NULL, /* when the buffer has stopped growing */
		.task_len = broker->tasks.len - at - 1,
	};
	return true;
}

static bool read_claims(struct broker *broker, const redisReply *reply)
{
	enum { FIRST = 4, PARTS = 4 };
	size_t count = (reply->elements - FIRST) / PARTS, n = 0, at = 0;

	for (enum broker_kind kind = 0; kind < BROKER_KINDS; kind++) {
		if (broker->asked[kind])
			broker->wants[kind] = count >= broker->claim_max;
	}
	broker->is_nonce_open = false;
	if (!count)
		return true;
	struct broker_claim *claims = xcalloc(count, sizeof(*claims));
	buf_clear(&broker->tasks);
	while (n < count && read_claim(broker, reply->element + FIRST + n * PARTS, &claims[n]))
		n++;
	for (size_t i = 0; i < n; i++) {
		claims[i].task = broker->tasks.data + at;
		at += claims[i].task_len + 1;
	}
	broker->stats.claimed += n;
	if (n)
		broker->handler->claimed(broker->context, claims, n);
	free(claims);
	return n == count;
}

static void take_answers(struct broker *broker, const char *codes)
{
	struct attempt *next;

	for (struct attempt *at = broker->sent; at; at = next) {
		next = at->next_ending;
		char code = *codes ? *codes++ : 'k';
		if (code != 'k')
			log_warn(
				"queue stage=%s epoch=%lld class=%s what=\"its ending came too late: the attempt was given to another\"",
				at->stage, (long long)at->epoch, verdict_info(at->class)->name);
		broker->stats.finished += !at->is_return;
		broker_release(broker, at);
	}
	broker->sent = NULL;
}

bool turn_read(struct broker *broker, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 4)
		return false;
	take_answers(broker, redis_text(reply->element[0]));
	int64_t wake = redis_int(reply->element[1]);
	if (wake > broker->wake_seq)
		broker->wake_seq = wake;
	broker->is_due = redis_int(reply->element[3]) == 1;
	broker_wait(broker, redis_int(reply->element[2]));
	return read_claims(broker, reply);
}
