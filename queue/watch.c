/*
 * Watching: the capped event stream. An entry holds all transitions of one script call and its id
 * counts them ("<transitions so far>-0"), so a cursor is the number of the last transition seen, it
 * may stand inside an entry, and a gap shows as a number that is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/calls.h"

struct event_list {
	struct queue_event *items;
	size_t count, max;
};

static void add_line(struct event_list *list, int64_t seq, int64_t at, const char *line, size_t len)
{
	const char *end = line + len;
	const char *what = memchr(line, '\t', len);
	const char *detail = what ? memchr(what + 1, '\t', (size_t)(end - what - 1)) : NULL;

	if (!detail || list->count == list->max)
		return;
	list->items[list->count++] = (struct queue_event){
		.cursor = xasprintf("%lld", (long long)seq),
		.stage = xstrndup(line, (size_t)(what - line)),
		.what = xstrndup(what + 1, (size_t)(detail - what - 1)),
		.detail = xstrndup(detail + 1, (size_t)(end - detail - 1)),
		.at = at,
	};
}

/* {id, {"n", count, "t", time, "d", lines}} */
static void add_entry(struct event_list *list, const redisReply *entry, int64_t *cursor, bool *gap)
{
	const redisReply *fields = redis_item(entry, 1);
	int64_t last = redis_int(redis_item(entry, 0)), n = redis_int(redis_item(fields, 1));
	int64_t at = redis_int(redis_item(fields, 3)), seq = last - n;
	const char *line = redis_text(redis_item(fields, 5));

	if (*cursor > 0 && seq > *cursor)
		*gap = true;
	for (; *line && list->count < list->max;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (++seq > *cursor)
			add_line(list, seq, at, line, strcspn(line, "\n"));
	}
	*cursor = seq > *cursor ? seq : *cursor;
}

static bool current_seq(struct queue_client *client, int64_t *out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_text(&args, "HGET");
	client_key(client, &args, "farm");
	redis_args_text(&args, "events");
	if (!client_call(client, &args, &reply, err))
		return false;
	*out = redis_int(reply);
	return true;
}

static bool read_stream(struct queue_client *client, int64_t cursor, int timeout_ms, size_t max,
			redisReply **out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "XREAD");
	redis_args_text(&args, "COUNT");
	redis_args_int(&args, (int64_t)max);
	if (timeout_ms > 0) {
		redis_args_text(&args, "BLOCK");
		redis_args_int(&args, timeout_ms);
	}
	redis_args_text(&args, "STREAMS");
	client_key(client, &args, "events");
	redis_args_printf(&args, "%lld-0", (long long)cursor);
	if (!client_set_patience(client, timeout_ms, err) || !client_call(client, &args, out, err))
		return false;
	return client_set_patience(client, 0, err);
}

bool queue_events(struct queue_client *client, const char *cursor, int timeout_ms, size_t max,
		  struct queue_event **out, size_t *count, bool *out_gap, struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	int64_t newest, from = strtoll(cursor, NULL, 10);
	bool gap = false;

	if (!current_seq(client, &newest, err))
		return false;
	if (!strcmp(cursor, "$"))
		from = newest;
	if (from > newest) { /* Redis lost its tail: numbers are given anew */
		gap = true;
		from = newest;
	}
	if (!read_stream(client, from, timeout_ms, max, &reply, err))
		return false;
	struct event_list list = { .items = xcalloc(max + 1, sizeof(struct queue_event)),
				   .max = max };
	const redisReply *entries = redis_item(redis_item(reply, 0), 1);
	for (size_t i = 0; entries && i < entries->elements && list.count < max; i++)
		add_entry(&list, entries->element[i], &from, &gap);
	*out = list.items;
	*count = list.count;
	*out_gap = gap;
	return true;
}
