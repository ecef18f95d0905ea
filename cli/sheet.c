/*
 * Records to a plain struct: what of a pipeline a person compares.
 */
#include "cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/records.h"
#include "cli/show.h"

static const char *copy(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

/* Any JSON value as a person would write it. */
static const char *value_text(struct arena *arena, const json_t *value)
{
	char *dumped;
	const char *text;

	if (!value || json_is_null(value))
		return NULL;
	if (json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (json_is_real(value))
		return arena_printf(arena, "%.6g", json_real_value(value));
	if (json_is_object(value) && json_string_value(json_object_get(value, "id")))
		return arena_strdup(arena, json_string_value(json_object_get(value, "id")));
	dumped = json_text(value);
	text = arena_strdup(arena, dumped);
	free(dumped);
	return text;
}

static void values_put(struct sheet_values *values, struct arena *arena, const char *name,
		       const json_t *value)
{
	const char *text = value_text(arena, value);

	if (!text)
		return;
	if (values->count == values->cap) {
		struct sheet_value *old = values->items;

		values->cap = values->cap ? values->cap * 2 : 16;
		values->items = arena_alloc(arena, values->cap * sizeof(*values->items));
		if (old)
			memcpy(values->items, old, values->count * sizeof(*old));
	}
	values->items[values->count++] =
		(struct sheet_value){ arena_strdup(arena, name), text, json_is_number(value) };
}

static void values_add(struct sheet_values *values, struct arena *arena, const json_t *object)
{
	const char *name;
	json_t *value;

	/* Lists of measurements (scene cuts, keyframes) and nested ones do not fit a table cell. */
	json_object_foreach((json_t *)(uintptr_t)object, name,
			    value) if (!json_is_array(value) && !json_is_object(value))
		values_put(values, arena, name, value);
}

static void take_axes(struct sheet_card *card, struct arena *arena, const json_t *context)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(context, "matrix"), name, value)
		values_put(&card->axes, arena, name, value);
}

static void take_findings(struct sheet_card *card, struct arena *arena, const json_t *list)
{
	size_t count = json_array_size(list), i;
	struct sheet_finding *all;
	const json_t *one;

	if (!count)
		return;
	all = arena_alloc(arena, (card->finding_count + count) * sizeof(*all));
	if (card->finding_count)
		memcpy(all, card->findings, card->finding_count * sizeof(*all));
	json_array_foreach(list, i, one) all[card->finding_count++] = (struct sheet_finding){
		value_text(arena, json_object_get(one, "rule")),
		value_text(arena, json_object_get(one, "expected")),
		value_text(arena, json_object_get(one, "found")),
		value_text(arena, json_object_get(one, "severity")),
	};
	card->findings = all;
}

/* A requirement that did not hold reads like a finding. */
static void take_requirements(struct sheet_card *card, struct arena *arena, const json_t *list)
{
	json_t *failed = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(json_object_get(one, "expression"));

		if (text && json_is_false(json_object_get(one, "ok")))
			json_array_append_new(failed,
					      json_pack("{s:s,s:s,s:s,s:s}", "rule", "require",
							"expected", text, "found", "not so",
							"severity", "error"));
	}
	take_findings(card, arena, failed);
	json_decref(failed);
}

static void take_poster(struct sheet_card *card, struct arena *arena, const json_t *result,
			const json_t *of)
{
	const json_t *posters = json_object_get(result, "posters");
	const char *middle =
		json_string_value(json_array_get(posters, json_array_size(posters) / 2));

	if (middle) {
		card->poster_media = arena_strdup(arena, middle);
		card->poster_of = value_text(arena, of);
	}
}

static void take_inspection(struct sheet_card *card, struct arena *arena, const json_t *result)
{
	values_add(&card->metrics, arena, json_object_get(result, "metrics"));
	take_findings(card, arena, json_object_get(result, "findings"));
	take_requirements(card, arena, json_object_get(result, "require"));
	take_poster(card, arena, result, json_object_get(result, "media"));
}

/* The result says what was made; before there is one, the definition says what is wanted. */
static void take_generation(struct sheet_card *card, struct arena *arena, const json_t *definition,
			    const json_t *result)
{
	static const char *const names[] = { "prompt", "model", "seed" };
	const char **const members[] = { &card->prompt, &card->model, &card->seed };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = value_text(arena, json_object_get(result, names[i]));

		if (!text)
			text = value_text(arena, json_object_get(definition, names[i]));
		if (text)
			*members[i] = text;
	}
}

static void take_publication(struct sheet_card *card, struct arena *arena, const json_t *definition,
			     const json_t *result)
{
	const char *caption = value_text(arena, json_object_get(definition, "caption"));
	const char *url = value_text(arena, json_object_get(result, "url"));

	card->caption = caption ? caption : card->caption;
	card->url = url ? url : card->url;
}

static void take_stage(struct sheet_card *card, struct sheet_stage *out,
		       const struct queue_stage *stage, struct arena *arena)
{
	json_t *definition = record_parse(stage->definition), *result = record_parse(stage->result);

	*out = (struct sheet_stage){
		.id = copy(arena, stage->id),
		.type = copy(arena, stage->type),
		.state = queue_state_name(stage->state),
		.class = stage->last_class == VERDICT_DONE ? NULL
							   : verdict_info(stage->last_class)->name,
		.message = copy(arena, stage->message),
		.host = copy(arena, stage->host),
		.attempts = stage->attempts,
		.elapsed_ms = stage->started_at && stage->ended_at > stage->started_at
				      ? (stage->ended_at - stage->started_at) / 1000
				      : 0,
	};
	card->attempts += stage->attempts;
	if (!strcmp(stage->type, "generate"))
		take_generation(card, arena, definition, result);
	if (!strcmp(stage->type, "inspect"))
		take_inspection(card, arena, result);
	if (!strcmp(stage->type, "edit"))
		take_poster(card, arena, result,
			    json_object_get(json_array_get(json_object_get(result, "outputs"), 0),
					    "media"));
	if (!strcmp(stage->type, "publish"))
		take_publication(card, arena, definition, result);
	json_decref(definition);
	json_decref(result);
}

static void take_output(struct sheet_card *card, const struct queue_pipeline *pipeline,
			struct arena *arena)
{
	json_t *keep = NULL;
	const json_t *output = record_final_output(pipeline, &keep);

	if (output) {
		card->media = value_text(arena, json_object_get(output, "media"));
		card->kind = value_text(arena, json_object_get(output, "kind"));
		card->mime = value_text(arena, json_object_get(output, "mime"));
		card->bytes = json_integer_value(json_object_get(output, "bytes"));
		card->width = json_number_value(json_object_get(output, "width"));
		card->height = json_number_value(json_object_get(output, "height"));
		card->duration = json_number_value(json_object_get(output, "duration"));
		card->fps = json_number_value(json_object_get(output, "fps"));
	}
	json_decref(keep);
	card->is_poster_exact =
		!card->media || (card->poster_of && !strcmp(card->media, card->poster_of));
}

/* One word for the whole variant; while it is going, what a person would want to know first. */
static const char *card_state(const struct queue_pipeline *pipeline, const struct sheet_card *card)
{
	bool is_started = false;

	if (pipeline->end != QUEUE_END_NONE)
		return queue_end_name(pipeline->end);
	if (card->failure && !strcmp(card->failure->state, queue_state_name(QUEUE_HELD)))
		return "held";
	for (size_t i = 0; i < pipeline->stage_count; i++)
		is_started = is_started || pipeline->stages[i].started_at;
	return is_started ? "running" : "waiting";
}

/* The first stage that failed, else one that is held. */
static const struct sheet_stage *find_failure(const struct queue_pipeline *pipeline,
					      const struct sheet_stage *stages)
{
	const struct sheet_stage *held = NULL;

	for (size_t i = 0; i < pipeline->stage_count; i++) {
		if (pipeline->stages[i].state == QUEUE_FAILED)
			return &stages[i];
		if (pipeline->stages[i].state == QUEUE_HELD && !held)
			held = &stages[i];
	}
	return held;
}

static void build_card(const struct queue_pipeline *pipeline, struct arena *arena,
		       struct sheet_card *card)
{
	struct sheet_stage *stages =
		arena_alloc(arena, (pipeline->stage_count + 1) * sizeof(*stages));
	json_t *context = record_parse(pipeline->context);

	card->id = copy(arena, pipeline->id);
	card->name = copy(arena, pipeline->name);
	card->index = pipeline->index;
	take_axes(card, arena, context);
	json_decref(context);
	for (size_t i = 0; i < pipeline->stage_count; i++)
		take_stage(card, &stages[i], &pipeline->stages[i], arena);
	card->stages = stages;
	card->stage_count = pipeline->stage_count;
	take_output(card, pipeline, arena);
	card->elapsed_ms = show_span_ms(pipeline);
	card->failure = find_failure(pipeline, stages);
	card->state = card_state(pipeline, card);
}

static bool has_name(const char **names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The union of the names over all cards, in order of first appearance. */
static size_t collect_names(const struct sheet *sheet, size_t offset, struct arena *arena,
			    const char ***out)
{
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < sheet->count; i++) {
		const struct sheet_values *values =
			(const struct sheet_values *)((const char *)&sheet->cards[i] + offset);

		for (size_t j = 0; j < values->count; j++) {
			if (has_name(*out, count, values->items[j].name))
				continue;
			if (count == cap) {
				const char **grown =
					arena_alloc(arena, (cap * 2 + 16) * sizeof(*grown));

				if (count)
					memcpy(grown, *out, count * sizeof(*grown));
				cap = cap * 2 + 16;
				*out = grown;
			}
			(*out)[count++] = values->items[j].name;
		}
	}
	return count;
}

void sheet_build(const struct queue_batch *batch, const struct queue_pipeline *pipelines,
		 size_t count, struct arena *arena, struct sheet *out)
{
	char time[32];

	*out = (struct sheet){
		.id = copy(arena, batch->id),
		.name = copy(arena, batch->name && *batch->name ? batch->name : batch->id),
		.state = queue_end_name(batch->end),
		.created = copy(arena, record_time(batch->created_at, time)),
		.labels = copy(arena, batch->labels),
		.cards = arena_alloc(arena, (count + 1) * sizeof(*out->cards)),
		.count = count,
	};
	out->ended = copy(arena, record_time(batch->ended_at, time));
	if (batch->ended_at > batch->created_at)
		out->elapsed_ms = (batch->ended_at - batch->created_at) / 1000;
	for (size_t i = 0; i < count; i++)
		build_card(&pipelines[i], arena, &out->cards[i]);
	out->axis_count = collect_names(out, offsetof(struct sheet_card, axes), arena, &out->axes);
	out->metric_count =
		collect_names(out, offsetof(struct sheet_card, metrics), arena, &out->metrics);
}

const char *sheet_file_name(const char *name, const char *suffix, struct arena *arena)
{
	char *safe = arena_strndup(arena, name, strnlen(name, 120));
	size_t len = strlen(safe);

	/* Not to cut a letter of several bytes in the middle. */
	if (name[len])
		while (len && (safe[len] & 0xc0) == 0x80)
			safe[--len] = '\0';
	if (name[len] && len && (unsigned char)safe[len - 1] >= 0xc0)
		safe[--len] = '\0';
	for (char *at = safe; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f || strchr("/\\:*?\"<>|", *at) ||
		    (at == safe && (*at == '.' || *at == '-')))
			*at = '_';
	return arena_printf(arena, "%s%s", *safe ? safe : "variant", suffix);
}
