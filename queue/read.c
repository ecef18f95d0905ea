/*
 * Looking: records of batches, pipelines, lanes and hosts decoded from their hashes. Plain reads,
 * many per round trip; nothing here changes anything.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/calls.h"
#include "queue/record.h"

static char *text_copy(const redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_STRING ? xstrndup(reply->str, reply->len) : NULL;
}

static char *text_or_empty(const redisReply *reply)
{
	char *text = text_copy(reply);
	return text ? text : xstrdup("");
}

static void args_words(struct redis_args *args, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		redis_args_text(args, words[i]);
}

static bool no_such(const char *what, const char *id, struct err *err)
{
	return err_set(err, ERR_REJECT, "%s: no such %s; it may have expired", id, what);
}

/* ---- batches */

static const char *const batch_fields[] = {
	"name", "labels",  "origin", "token", "end",  "paused", "cancel", "sealed",
	"prio", "created", "ended",  "total", "wait", "done",	"failed", "cancelled",
	"gone", "nb",	   "np",     "nq",    "nr",   "nu",	"nw",	  "nh",
	"nc",	"nd",	   "nf",     "ns",    "nt",   "nx",
};
static const enum queue_state batch_counts[] = {
	QUEUE_BLOCKED, QUEUE_PREPARING, QUEUE_PREPARING,  QUEUE_READY, QUEUE_RUNNING,
	QUEUE_BACKOFF, QUEUE_HELD,	QUEUE_CANCELLING, QUEUE_DONE,  QUEUE_FAILED,
	QUEUE_SKIPPED, QUEUE_SKIPPED,	QUEUE_CANCELLED,
};
enum { BATCH_FIRST_COUNT = ARRAY_LEN(batch_fields) - ARRAY_LEN(batch_counts) };

static bool batch_decode(const char *id, const redisReply *reply, struct queue_batch *out)
{
	int64_t n[ARRAY_LEN(batch_fields)];

	for (size_t i = 0; i < ARRAY_LEN(batch_fields); i++)
		n[i] = redis_int(redis_item(reply, i));
	if (!redis_text(redis_item(reply, 3))[0] || !n[7] || n[16])
		return false;
	*out = (struct queue_batch){
		.id = xstrdup(id),
		.name = text_or_empty(redis_item(reply, 0)),
		.labels = text_or_empty(redis_item(reply, 1)),
		.origin = text_or_empty(redis_item(reply, 2)),
		.token = text_or_empty(redis_item(reply, 3)),
		.end = (enum queue_end)n[4],
		.is_paused = n[5],
		.is_cancelling = n[6],
		.is_sealed = n[7],
		.priority = (enum queue_priority)n[8],
		.created_at = n[9],
		.ended_at = n[10],
		.total = n[11],
		.waiting = n[12],
		.done = n[13],
		.failed = n[14],
		.cancelled = n[15],
	};
	for (size_t i = 0; i < ARRAY_LEN(batch_counts); i++)
		out->stages[batch_counts[i]] += n[BATCH_FIRST_COUNT + i];
	return true;
}

static bool batch_ask(struct queue_client *client, const char *id, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "HMGET");
	client_key(client, &args, "b:%s", id);
	args_words(&args, batch_fields, ARRAY_LEN(batch_fields));
	return client_send(client, &args, err);
}

bool queue_batch_get(struct queue_client *client, const char *batch, struct queue_batch *out,
		     struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	if (!batch_ask(client, batch, err) || !client_read(client, &reply, err))
		return false;
	return batch_decode(batch, reply, out) || no_such("batch", batch, err);
}

static bool list_ids(struct queue_client *client, const char *key, int64_t last, redisReply **out,
		     struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "ZREVRANGE");
	client_key(client, &args, "%s", key);
	redis_args_text(&args, "0");
	redis_args_int(&args, last);
	return client_call(client, &args, out, err);
}

bool queue_batches(struct queue_client *client, size_t max, struct queue_batch **out, size_t *count,
		   struct err *err)
{
	DEFER(redis_reply_freep) redisReply *ids = NULL;
	size_t found = 0;

	if (!list_ids(client, "batches", (int64_t)max - 1, &ids, err))
		return false;
	for (size_t i = 0; max && i < ids->elements; i++) {
		if (!batch_ask(client, redis_text(ids->element[i]), err))
			return false;
	}
	struct queue_batch *list = xcalloc(ids->elements + 1, sizeof(*list));
	for (size_t i = 0; max && i < ids->elements; i++) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		if (!client_read(client, &reply, err)) {
			while (found)
				queue_batch_done(&list[--found]);
			free(list);
			return false;
		}
		found += batch_decode(redis_text(ids->element[i]), reply, &list[found]);
	}
	*out = list;
	*count = found;
	return true;
}

bool queue_batch_spec_text(struct queue_client *client, const char *batch, char **out,
			   struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_text(&args, "HGET");
	client_key(client, &args, "b:%s", batch);
	redis_args_text(&args, "spec");
	if (!client_call(client, &args, &reply, err))
		return false;
	char *text = text_copy(reply);
	if (!text)
		return no_such("batch", batch, err);
	*out = text;
	return true;
}

/* ---- pipelines */

static void pipeline_decode_head(const char *id, const redisReply *reply, bool with_payload,
				 struct queue_pipeline *out)
{
	const char *dash = strrchr(id, '-');

	*out = (struct queue_pipeline){
		.id = xstrdup(id),
		.batch = xstrndup(id, dash ? (size_t)(dash - id) : strlen(id)),
		.index = dash ? strtoll(dash + 1, NULL, 10) : 0,
		.name = text_or_empty(redis_item(reply, 2)),
		.end = (enum queue_end)redis_int(redis_item(reply, 3)),
		.is_admitted = redis_int(redis_item(reply, 4)) == 1,
		.context = with_payload ? text_copy(redis_item(reply, 5)) : NULL,
	};
}

static char *plan_text_copy(struct plan_text text)
{
	return xstrndup(text.data, text.len);
}

/* Lines of JSON objects become one list. */
static char *history_text(const redisReply *reply)
{
	DEFER(buf_done) struct buf out = { 0 };
	const char *lines = redis_text(reply);

	if (!lines[0])
		return NULL;
	buf_putc(&out, '[');
	for (const char *at = lines; *at; at++)
		buf_putc(&out, *at == '\n' ? ',' : *at);
	buf_putc(&out, ']');
	return buf_take(&out);
}

static bool stage_decode(const redisReply *head, size_t i, const redisReply *fields,
			 bool with_payload, struct queue_stage *out)
{
	const redisReply *x = redis_item(head, 0), *k = redis_item(fields, 0);
	const char *letters = redis_text(redis_item(head, 1));
	struct plan_row row;
	struct stage_record record;
	bool has_record = k && k->type == REDIS_REPLY_STRING;

	if (!plan_row(x->str, x->len, i, &row) ||
	    !record_decode(has_record ? k->str : NULL, has_record ? k->len : 0, &record))
		return false;
	*out = (struct queue_stage){
		.id = plan_text_copy(row.name),
		.type = plan_text_copy(row.type),
		.lane = record.lane[0] ? xstrdup(record.lane) : plan_text_copy(row.lane),
		.host = record.host[0] ? xstrdup(record.host) : NULL,
		.state = QUEUE_BLOCKED,
		.last_class = record.class < VERDICT_CLASSES ? record.class : VERDICT_DONE,
		.epoch = record.epoch,
		.attempts = record.attempts,
		.kills = record.kills,
		.ready_at = record.ready_at,
		.started_at = record.started_at,
		.ended_at = record.ended_at,
		.due_at = record.due_at,
		.permille = -1,
		.inputs = row.inputs,
		.needs = row.needs,
	};
	if (letters[0] && (i >= strlen(letters) || !record_state(letters[i], &out->state)))
		return false;
	if (out->state != QUEUE_DONE && redis_text(redis_item(fields, 1))[0])
		out->message = text_copy(redis_item(fields, 1));
	if (with_payload) {
		out->definition = text_copy(redis_item(fields, 2));
		out->result = out->state == QUEUE_DONE ? text_copy(redis_item(fields, 3)) : NULL;
		out->history = history_text(redis_item(fields, 4));
	}
	return true;
}

static bool ask_heads(struct queue_client *client, char **ids, size_t count, bool with_payload,
		      struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
		redis_args_text(&args, "HMGET");
		client_key(client, &args, "p:%s", ids[i]);
		args_words(&args, (const char *const[]){ "x", "s", "N", "e", "a" }, 5);
		if (with_payload)
			redis_args_text(&args, "c");
		if (!client_send(client, &args, err))
			return false;
	}
	return true;
}

static bool ask_stages(struct queue_client *client, const char *id, size_t stage_count,
		       bool with_payload, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "HMGET");
	client_key(client, &args, "p:%s", id);
	for (size_t i = 0; i < stage_count; i++) {
		for (const char *field = with_payload ? "kmdrh" : "km"; *field; field++)
			redis_args_printf(&args, "%c%zu", *field, i);
	}
	return client_send(client, &args, err);
}

static bool read_stages(struct queue_client *client, const redisReply *head, bool with_payload,
			struct queue_pipeline *out, struct err *err)
{
	DEFER(redis_reply_freep) redisReply *reply = NULL;
	size_t per_stage = with_payload ? 5 : 2;
	size_t count = plan_count(redis_item(head, 0)->str, redis_item(head, 0)->len);

	if (!client_read(client, &reply, err))
		return false;
	out->stages = xcalloc(count, sizeof(*out->stages));
	for (size_t i = 0; i < count; i++) {
		redisReply fields = { .type = REDIS_REPLY_ARRAY,
				      .elements = per_stage,
				      .element = reply->element + i * per_stage };
		if (reply->elements < (i + 1) * per_stage ||
		    !stage_decode(head, i, &fields, with_payload, &out->stages[i]))
			return err_set(
				err, ERR_OPERATOR,
				"%s: its record in Redis cannot be read; was it written by a newer reeld?",
				out->id);
		out->stage_count = i + 1;
	}
	return true;
}

/* "permille step" of running stages, from the heartbeats of their hosts. */
static bool read_progress(struct queue_client *client, struct queue_pipeline *pipeline,
			  struct err *err)
{
	for (int is_read = 0; is_read < 2; is_read++) {
		for (size_t i = 0; i < pipeline->stage_count; i++) {
			struct queue_stage *stage = &pipeline->stages[i];
			if (!stage->host ||
			    (stage->state != QUEUE_RUNNING && stage->state != QUEUE_PREPARING))
				continue;
			DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
			DEFER(redis_reply_freep) redisReply *reply = NULL;
			if (!is_read) {
				redis_args_text(&args, "HGET");
				client_key(client, &args, "prog:%s", stage->host);
				redis_args_printf(&args, "%s.%zu", pipeline->id, i);
				if (!client_send(client, &args, err))
					return false;
				continue;
			}
			if (!client_read(client, &reply, err))
				return false;
			const char *space = strchr(redis_text(reply), ' ');
			if (space) {
				stage->permille = (int)redis_int(reply);
				stage->step = space[1] ? xstrdup(space + 1) : NULL;
			}
		}
	}
	return true;
}

static void free_list(struct queue_pipeline *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		queue_pipeline_done(&list[i]);
	free(list);
}

static void free_replies(redisReply **replies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		redis_reply_freep(&replies[i]);
	free(replies);
}

static bool has_plan(const redisReply *head)
{
	const redisReply *x = redis_item(head, 0);
	return x && x->type == REDIS_REPLY_STRING && plan_count(x->str, x->len) > 0;
}

/* Two round trips for all: heads, then as many stages as each head says. Missing pipelines are left
 * out. */
static bool load_pipelines(struct queue_client *client, char **ids, size_t count, bool with_payload,
			   redisReply **heads, struct queue_pipeline *list, size_t *out_count,
			   struct err *err)
{
	if (!ask_heads(client, ids, count, with_payload, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!client_read(client, &heads[i], err))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		const redisReply *x = redis_item(heads[i], 0);
		if (has_plan(heads[i]) &&
		    !ask_stages(client, ids[i], plan_count(x->str, x->len), with_payload, err))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!has_plan(heads[i]))
			continue;
		pipeline_decode_head(ids[i], heads[i], with_payload, &list[*out_count]);
		(*out_count)++;
		if (!read_stages(client, heads[i], with_payload, &list[*out_count - 1], err))
			return false;
	}
	for (size_t i = 0; i < *out_count; i++) {
		if (!read_progress(client, &list[i], err))
			return false;
	}
	return true;
}

static bool pipelines_by_id(struct queue_client *client, char **ids, size_t count,
			    bool with_payload, struct queue_pipeline **out, size_t *out_count,
			    struct err *err)
{
	redisReply **heads = xcalloc(count + 1, sizeof(redisReply *));
	struct queue_pipeline *list = xcalloc(count + 1, sizeof(*list));
	size_t found = 0;
	bool ok = load_pipelines(client, ids, count, with_payload, heads, list, &found, err);

	free_replies(heads, count);
	if (!ok) {
		free_list(list, found);
		return false;
	}
	*out = list;
	*out_count = found;
	return true;
}

bool queue_pipelines(struct queue_client *client, const char *batch, int64_t first, size_t max,
		     bool with_payload, struct queue_pipeline **out, size_t *count, struct err *err)
{
	struct queue_batch record = { 0 };

	if (!queue_batch_get(client, batch, &record, err))
		return false;
	int64_t total = record.total;
	queue_batch_done(&record);
	first = first < 1 ? 1 : first;
	size_t left = first > total ? 0 : (size_t)(total - first + 1);
	size_t n = max < left ? max : left;
	char **ids = xcalloc(n + 1, sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		ids[i] = xasprintf("%s-%lld", batch, (long long)first + (long long)i);
	bool ok = pipelines_by_id(client, ids, n, with_payload, out, count, err);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	return ok;
}

/* Before it is sealed, and while it is being removed, nothing of a batch is shown. */
static bool is_shown(struct queue_client *client, const char *pipeline, struct err *err)
{
	const char *dash = strrchr(pipeline, '-');
	DEFER(freep) char *id = xstrndup(pipeline, dash ? (size_t)(dash - pipeline) : 0);
	DEFER(queue_batch_done) struct queue_batch batch = { 0 };

	if (queue_batch_get(client, id, &batch, err))
		return true;
	return err->kind == ERR_REJECT ? no_such("pipeline", pipeline, err) : false;
}

bool queue_pipeline_get(struct queue_client *client, const char *pipeline,
			struct queue_pipeline *out, struct err *err)
{
	DEFER(freep) struct queue_pipeline *list = NULL;
	DEFER(freep) char *id = xstrdup(pipeline);
	size_t count = 0;

	if (!is_shown(client, pipeline, err) ||
	    !pipelines_by_id(client, &id, 1, true, &list, &count, err))
		return false;
	if (count != 1)
		return no_such("pipeline", pipeline, err);
	*out = list[0];
	return true;
}

/* ---- lanes and hosts */

static bool words_of(struct queue_client *client, const char *command, const char *key,
		     redisReply **out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, command);
	client_key(client, &args, "%s", key);
	if (!strcmp(command, "ZRANGE")) {
		redis_args_text(&args, "0");
		redis_args_text(&args, "-1");
	}
	return client_call(client, &args, out, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(redis_text(*(redisReply *const *)a), redis_text(*(redisReply *const *)b));
}

static void lane_decode(const char *name, const redisReply *reply, struct queue_lane *out)
{
	const char *reason = redis_text(redis_item(reply, 7));

	*out = (struct queue_lane){
		.name = xstrdup(name),
		.limit = redis_int(redis_item(reply, 0)),
		.burst = redis_int(redis_item(reply, 1)),
		.running = redis_int(redis_item(reply, 2)),
		.ready = redis_int(redis_item(reply, 3)),
		.rate = redis_number(redis_item(reply, 4)),
		.is_paused = redis_int(redis_item(reply, 5)),
		.is_cordoned = redis_int(redis_item(reply, 6)),
		.reason = reason[0] ? xstrdup(reason) : NULL,
		.probe_at = redis_int(redis_item(reply, 8)),
		.streak = redis_int(redis_item(reply, 9)),
	};
}

static bool ask_fields(struct queue_client *client, const char *kind, const char *name,
		       const char *const *fields, size_t count, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };

	redis_args_text(&args, "HMGET");
	client_key(client, &args, "%s:%s", kind, name);
	args_words(&args, fields, count);
	return client_send(client, &args, err);
}

bool queue_lanes(struct queue_client *client, struct queue_lane **out, size_t *count,
		 struct err *err)
{
	static const char *const fields[] = {
		"limit",  "burst",    "run",	"rdy",	    "rate",
		"paused", "cordoned", "reason", "probe_at", "streak"
	};
	DEFER(redis_reply_freep) redisReply *names = NULL;

	if (!words_of(client, "SMEMBERS", "lanes", &names, err))
		return false;
	if (names->elements)
		qsort(names->element, names->elements, sizeof(redisReply *), compare_names);
	for (size_t i = 0; i < names->elements; i++) {
		if (!ask_fields(client, "lane", redis_text(names->element[i]), fields,
				ARRAY_LEN(fields), err))
			return false;
	}
	struct queue_lane *list = xcalloc(names->elements + 1, sizeof(*list));
	for (size_t i = 0; i < names->elements; i++) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		if (!client_read(client, &reply, err)) {
			while (i)
				queue_lane_done(&list[--i]);
			free(list);
			return false;
		}
		lane_decode(redis_text(names->element[i]), reply, &list[i]);
	}
	*out = list;
	*count = names->elements;
	return true;
}

static bool server_now(struct queue_client *client, int64_t *out, struct err *err)
{
	DEFER(redis_args_done) struct redis_args args = { .script = SCRIPTS };
	DEFER(redis_reply_freep) redisReply *reply = NULL;

	redis_args_text(&args, "TIME");
	if (!client_call(client, &args, &reply, err))
		return false;
	*out = redis_int(redis_item(reply, 0)) * 1000000 + redis_int(redis_item(reply, 1));
	return true;
}

static void host_decode(const char *name, const redisReply *reply, int64_t now,
			struct queue_host *out)
{
	int64_t seen = redis_int(redis_item(reply, 0));

	*out = (struct queue_host){
		.name = xstrdup(name),
		.seen_at = seen,
		.version = text_or_empty(redis_item(reply, 1)),
		.running = redis_int(redis_item(reply, 2)),
		.started_at = redis_int(redis_item(reply, 3)),
		.is_lapsed = seen + redis_int(redis_item(reply, 4)) * 1000 < now,
	};
}

bool queue_hosts(struct queue_client *client, struct queue_host **out, size_t *count,
		 struct err *err)
{
	static const char *const fields[] = { "seen", "version", "running", "started", "lease" };
	DEFER(redis_reply_freep) redisReply *names = NULL;
	int64_t now;

	if (!server_now(client, &now, err) || !words_of(client, "ZRANGE", "hosts", &names, err))
		return false;
	if (names->elements)
		qsort(names->element, names->elements, sizeof(redisReply *), compare_names);
	for (size_t i = 0; i < names->elements; i++) {
		if (!ask_fields(client, "host", redis_text(names->element[i]), fields,
				ARRAY_LEN(fields), err))
			return false;
	}
	struct queue_host *list = xcalloc(names->elements + 1, sizeof(*list));
	for (size_t i = 0; i < names->elements; i++) {
		DEFER(redis_reply_freep) redisReply *reply = NULL;
		if (!client_read(client, &reply, err)) {
			while (i)
				queue_host_done(&list[--i]);
			free(list);
			return false;
		}
		host_decode(redis_text(names->element[i]), reply, now, &list[i]);
	}
	*out = list;
	*count = names->elements;
	return true;
}
