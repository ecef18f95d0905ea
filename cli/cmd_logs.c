/*
 * reel logs: what happened to every attempt, oldest first; -f goes on with events as they come.
 * The history comes from stage records, which stay; events are for watching only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/records.h"
#include "cli/target.h"

struct logs_options {
	bool follow, failures;
};

static const struct option_row rows[] = {
	{ "follow", 'f', OPTION_FLAG, offsetof(struct logs_options, follow), NULL,
	  "go on with events as they come, until the batch ends" },
	{ "failures", 0, OPTION_FLAG, offsetof(struct logs_options, failures), NULL,
	  "only attempts that did not end well" },
	{ 0 },
};

struct log_list {
	json_t **items;
	size_t count, cap;
};

static void list_put(struct log_list *list, json_t *entry)
{
	if (list->count == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->items = xrealloc(list->items, list->cap * sizeof(json_t *));
	}
	list->items[list->count++] = entry;
}

static int by_end(const void *one, const void *other)
{
	json_int_t first = json_integer_value(json_object_get(*(json_t *const *)one, "ended")),
		   second = json_integer_value(json_object_get(*(json_t *const *)other, "ended"));

	return first < second ? -1 : first > second;
}

static void take_stage(struct log_list *list, const struct queue_pipeline *pipeline,
		       const struct queue_stage *stage, bool failures)
{
	json_t *history = record_parse(stage->history), *entry;
	DEFER(freep) char *id = xasprintf("%s/%s", pipeline->id, stage->id);
	size_t i;

	json_array_foreach(history, i, entry)
	{
		const char *class = json_string_value(json_object_get(entry, "class"));

		if (failures && class && !strcmp(class, verdict_info(VERDICT_DONE)->name))
			continue;
		json_object_set_new(entry, "stage", json_string(id));
		json_object_set_new(entry, "name", json_string(pipeline->name));
		list_put(list, json_incref(entry));
	}
	json_decref(history);
}

static const char *text_of(const json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text ? text : "";
}

static void print_entry(const struct output *out, const json_t *entry)
{
	json_int_t started = json_integer_value(json_object_get(entry, "started")),
		   ended = json_integer_value(json_object_get(entry, "ended"));
	bool is_good = !strcmp(text_of(entry, "class"), verdict_info(VERDICT_DONE)->name);
	DEFER(buf_done) struct buf clean = { 0 };
	char time[32], took[32];

	units_show_duration(ended > started && started ? (ended - started) / 1000 : 0, took);
	output_put_clean(&clean, text_of(entry, "message"));
	printf("%s%s%s  %s  attempt %lld on %s: %s%s%s%s%s (%s)\n",
	       output_tone(out->has_color, TONE_DIM), record_time(ended, time),
	       output_tone(out->has_color, TONE_PLAIN), text_of(entry, "stage"),
	       (long long)json_integer_value(json_object_get(entry, "attempt")),
	       *text_of(entry, "host") ? text_of(entry, "host") : "?",
	       output_tone(out->has_color, is_good ? TONE_GOOD : TONE_BAD), text_of(entry, "class"),
	       output_tone(out->has_color, TONE_PLAIN), clean.len ? ": " : "",
	       clean.data ? clean.data : "", took);
}

static int print_history(const struct output *out, const struct log_list *list)
{
	json_t *all;
	int code;

	if (out->format == OUTPUT_TABLE) {
		for (size_t i = 0; i < list->count; i++)
			print_entry(out, list->items[i]);
		return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
	}
	all = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_array_append(all, list->items[i]);
	code = output_json(out, all);
	json_decref(all);
	return code;
}

static int history(struct session *session, const char *id, bool failures)
{
	struct queue_pipeline *pipelines;
	struct log_list list = { 0 };
	struct err err = { 0 };
	size_t count;
	int code;

	if (!target_pipelines(session, id, true, &pipelines, &count, &err))
		return cli_fail(session->cli, &err);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < pipelines[i].stage_count; j++)
			if (!target_stage(id) ||
			    !strcmp(pipelines[i].stages[j].id, target_stage(id)))
				take_stage(&list, &pipelines[i], &pipelines[i].stages[j], failures);
	record_free_pipelines(pipelines, count);
	if (list.count)
		qsort(list.items, list.count, sizeof(json_t *), by_end);
	code = print_history(&session->cli->out, &list);
	for (size_t i = 0; i < list.count; i++)
		json_decref(list.items[i]);
	free(list.items);
	return code;
}

static void print_event(const struct output *out, const struct queue_event *event)
{
	DEFER(buf_done) struct buf clean = { 0 };
	char time[32];

	if (out->format == OUTPUT_JSON) {
		json_t *value = record_event(event);
		char *text = json_text(value);

		output_line("%s", text);
		free(text);
		json_decref(value);
		return;
	}
	output_put_clean(&clean, event->detail ? event->detail : "");
	output_line("%s%s%s  %s  %s%s%s", output_tone(out->has_color, TONE_DIM),
		    record_time(event->at, time), output_tone(out->has_color, TONE_PLAIN),
		    event->stage, event->what, clean.len ? "  " : "", clean.data ? clean.data : "");
}

/* Is the event about the target or something inside it? */
static bool concerns(const struct queue_event *event, const char *id)
{
	size_t len = strlen(id);

	return event->stage && !strncmp(event->stage, id, len) &&
	       (!event->stage[len] || event->stage[len] == '-' || event->stage[len] == '/');
}

static bool is_batch_over(struct session *session, const char *batch, struct err *err)
{
	struct queue_batch record;
	bool is_over;

	if (!queue_batch_get(session->client, batch, &record, err))
		return true;
	is_over = record.end != QUEUE_END_NONE;
	queue_batch_done(&record);
	return is_over;
}

static int follow(struct session *session, const char *id)
{
	DEFER(freep) char *cursor = xstrdup("$");
	DEFER(freep) char *batch = target_batch(id);
	struct err err = { 0 };
	bool is_over = false;

	interrupt_as_flag();
	while (!interrupt_is_set() && !is_over) {
		struct queue_event *events;
		bool has_gap = false;
		size_t count;

		if (!queue_events(session->client, cursor, 1000, 500, &events, &count, &has_gap,
				  &err))
			return interrupt_is_set() ? EXIT_INTERRUPTED : cli_fail(session->cli, &err);
		if (has_gap)
			output_note(&session->cli->out, "some events were missed");
		for (size_t i = 0; i < count; i++) {
			if (concerns(&events[i], id))
				print_event(&session->cli->out, &events[i]);
			free(cursor);
			cursor = xstrdup(events[i].cursor);
			queue_event_done(&events[i]);
		}
		free(events);
		is_over = !count && is_batch_over(session, batch, &err);
	}
	return interrupt_is_set() ? EXIT_INTERRUPTED
	       : err.kind	  ? cli_fail(session->cli, &err)
				  : EXIT_DONE;
}

static int run(struct cli *cli, const void *given)
{
	const struct logs_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	int code;

	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (options->follow && cli->out.format == OUTPUT_JSON)
		return follow(&session, id); /* one form of line: events */
	code = history(&session, id, options->failures);
	return options->follow && code == EXIT_DONE ? follow(&session, id) : code;
}

const struct command command_logs = {
	.name = "logs",
	.summary = "what happened to every attempt",
	.usage = "[ID] [-f] [--failures]",
	.details = "With -o json and -f: one JSON object a line, an event each.",
	.options = rows,
	.options_size = sizeof(struct logs_options),
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
