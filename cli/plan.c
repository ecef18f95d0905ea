/*
 * An expanded batch as JSON and as text.
 */
#include "cli/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/records.h"

/* Which model a generate stage goes to, and by which recipe; "" for others. */
static void put_route(struct buf *out, const json_t *definition)
{
	const json_t *model = json_object_get(definition, "model");
	const char *id = json_is_string(model) ? json_string_value(model)
					       : json_string_value(json_object_get(model, "id"));
	const char *recipe = json_string_value(json_object_get(model, "recipe"));

	if (!id)
		return;
	buf_puts(out, id);
	if (recipe && strcmp(recipe, id))
		buf_printf(out, " by %s", recipe);
}

/* Every stage is local in this release: nothing of it can cost money. */
static double price_of(const struct spec_stage *stage)
{
	(void)stage;
	return 0;
}

static void put_mask(struct buf *out, const struct spec_pipeline *pipeline, uint32_t mask)
{
	bool is_first = true;

	for (size_t i = 0; i < pipeline->stage_count; i++)
		if (mask >> i & 1) {
			buf_printf(out, "%s%s", is_first ? "" : ", ", pipeline->stages[i].id);
			is_first = false;
		}
}

static json_t *mask_json(const struct spec_pipeline *pipeline, uint32_t mask)
{
	json_t *list = json_array();

	for (size_t i = 0; i < pipeline->stage_count; i++)
		if (mask >> i & 1)
			json_array_append_new(list, json_string(pipeline->stages[i].id));
	return list;
}

static json_t *stage_json(const struct spec_pipeline *pipeline, const struct spec_stage *stage)
{
	return json_pack(
		"{s:s,s:s,s:s,s:o,s:o,s:o,s:f,s:b,s:o}", "id", stage->id, "type", stage->type,
		"lane", stage->lane, "inputs", mask_json(pipeline, stage->inputs), "needs",
		mask_json(pipeline, stage->needs), "gates", mask_json(pipeline, stage->gates),
		"price", price_of(stage), "needs_prepare", stage->needs_prepare, "definition",
		record_parse(stage->definition));
}

json_t *plan_json(const struct spec_batch *batch)
{
	json_t *variants = json_array(), *notices = json_array();

	for (size_t i = 0; i < batch->pipeline_count; i++) {
		const struct spec_pipeline *pipeline = &batch->pipelines[i];
		json_t *stages = json_array();

		for (size_t j = 0; j < pipeline->stage_count; j++)
			json_array_append_new(stages, stage_json(pipeline, &pipeline->stages[j]));
		json_array_append_new(variants,
				      json_pack("{s:I,s:s,s:o,s:o}", "index", (json_int_t)i + 1,
						"name", pipeline->name, "context",
						record_parse(pipeline->context), "stages", stages));
	}
	for (size_t i = 0; i < batch->notice_count; i++)
		json_array_append_new(notices, json_string(batch->notices[i].text));
	return json_pack("{s:s,s:s?,s:o,s:I,s:f,s:s,s:o,s:o,s:o,s:o}", "name", batch->name,
			 "priority", batch->priority, "labels", record_parse(batch->labels),
			 "max_parallel", (json_int_t)batch->max_parallel, "price", 0.0, "currency",
			 "USD", "schedule", record_parse(batch->schedule), "budget",
			 record_parse(batch->budget), "notices", notices, "variants", variants);
}

/* The stages are the same for all variants but for their values: the first one stands for all. */
static void print_stages(const struct output *out, const struct spec_pipeline *pipeline)
{
	static const char *const head[] = {
		"STAGE", "TYPE", "LANE", "AFTER", "MODEL", "PRICE", NULL
	};
	DEFER(table_done) struct table table = { 0 };

	table_init(&table, head);
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const struct spec_stage *stage = &pipeline->stages[i];
		json_t *definition = record_parse(stage->definition);
		DEFER(buf_done) struct buf after = { 0 };
		DEFER(buf_done) struct buf route = { 0 };

		put_mask(&after, pipeline, stage->inputs | stage->needs);
		put_route(&route, definition);
		table_put(&table, TONE_STRONG, "%s", stage->id);
		table_put(&table, TONE_PLAIN, "%s", stage->type);
		table_put(&table, TONE_DIM, "%s", stage->lane);
		table_put(&table, TONE_PLAIN, "%s", after.len ? after.data : "");
		table_put(&table, TONE_PLAIN, "%s", route.len ? route.data : "");
		table_put(&table, TONE_DIM, "%.2f", price_of(stage));
		json_decref(definition);
	}
	table_print(&table, out);
}

static void print_gates(const struct spec_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const struct spec_stage *stage = &pipeline->stages[i];
		DEFER(buf_done) struct buf gates = { 0 };

		if (strcmp(stage->type, "publish"))
			continue;
		put_mask(&gates, pipeline, stage->gates);
		printf("%s publishes %s%s\n", stage->id,
		       gates.len ? "only after " : "without any inspection or approval before it",
		       gates.len ? gates.data : "");
	}
}

static void print_variants(const struct output *out, const struct spec_batch *batch)
{
	static const char *const head[] = { "#", "VARIANT", "MATRIX", NULL };
	DEFER(table_done) struct table table = { 0 };

	table_init(&table, head);
	for (size_t i = 0; i < batch->pipeline_count; i++) {
		json_t *context = record_parse(batch->pipelines[i].context), *value;
		DEFER(buf_done) struct buf axes = { 0 };
		const char *name;

		json_object_foreach(json_object_get(context, "matrix"), name, value)
		{
			DEFER(freep) char *text = json_plain(value);

			buf_printf(&axes, "%s%s=%s", axes.len ? "  " : "", name, text);
		}
		table_put(&table, TONE_DIM, "%zu", i + 1);
		table_put(&table, TONE_STRONG, "%s", batch->pipelines[i].name);
		table_put(&table, TONE_PLAIN, "%s", axes.len ? axes.data : "");
		json_decref(context);
	}
	table_print(&table, out);
}

void plan_print(const struct output *out, const struct spec_batch *batch)
{
	printf("%s: %zu %s, priority %s", batch->name, batch->pipeline_count,
	       batch->pipeline_count == 1 ? "variant" : "variants",
	       batch->priority ? batch->priority : "normal");
	if (batch->max_parallel)
		printf(", at most %lld at once", (long long)batch->max_parallel);
	printf("\n\n");
	print_variants(out, batch);
	putchar('\n');
	if (batch->pipeline_count) {
		print_stages(out, &batch->pipelines[0]);
		putchar('\n');
		print_gates(&batch->pipelines[0]);
	}
	for (size_t i = 0; i < batch->notice_count; i++)
		printf("%snote:%s %s\n", output_tone(out->has_color, TONE_WAIT),
		       output_tone(out->has_color, TONE_PLAIN), batch->notices[i].text);
	printf("price: 0.00 USD (everything is made on this machine)\n");
}
