/*
 * Submits a batch of no-op stages, for process tests that need much work and no media:
 *
 *	tool-submit_noop URL NAME PRIORITY PIPELINES STAGES SLEEP_MS
 *
 * Every pipeline is a chain s1 -> s2 -> ... in the lane "noop". Prints the batch's id.
 */
// links: queue
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ids.h"
#include "queue/client.h"

static int fail(const struct err *err)
{
	fprintf(stderr, "submit_noop: %s\n", err->text);
	return 1;
}

static enum queue_priority priority_of(const char *name)
{
	for (enum queue_priority p = 0; p < QUEUE_PRIORITIES; p++)
		if (!strcmp(queue_priority_name(p), name))
			return p;
	fprintf(stderr, "submit_noop: no priority '%s'\n", name);
	exit(2);
}

static void fill_stages(struct queue_stage_spec *stages, char ids[][24], size_t count,
			const char *definition)
{
	for (size_t i = 0; i < count; i++) {
		snprintf(ids[i], sizeof(ids[i]), "s%zu", i + 1);
		stages[i] = (struct queue_stage_spec){ .id = ids[i],
						       .type = "noop",
						       .lane = "noop",
						       .definition = definition,
						       .inputs = i ? 1u << (i - 1) : 0 };
	}
}

static bool send_pipelines(struct queue_submit *submit, size_t pipelines, size_t count,
			   const char *definition, struct err *err)
{
	struct queue_stage_spec stages[QUEUE_MAX_STAGES];
	char ids[QUEUE_MAX_STAGES][24], name[24];

	fill_stages(stages, ids, count, definition);
	for (size_t i = 0; i < pipelines; i++) {
		const struct queue_pipeline_spec pipeline = {
			.name = name, .context = "{}", .stages = stages, .stage_count = count
		};

		snprintf(name, sizeof(name), "v%zu", i + 1);
		if (!queue_submit_add(submit, &pipeline, err))
			return false;
	}
	return true;
}

static bool submit_batch(struct queue_client *client, const struct queue_batch_spec *batch,
			 size_t stages, const char *definition, char **out_id, struct err *err)
{
	struct queue_submit *submit = NULL;
	bool is_known, is_fine;

	if (!queue_submit_begin(client, batch, &submit, &is_known, err))
		return false;
	is_fine = send_pipelines(submit, batch->pipeline_count, stages, definition, err) &&
		  queue_submit_seal(submit, out_id, err);
	queue_submit_freep(&submit);
	return is_fine;
}

int main(int argc, char **argv)
{
	DEFER(queue_client_freep) struct queue_client *client = NULL;
	DEFER(freep) char *definition = NULL;
	DEFER(freep) char *id = NULL;
	char token[IDS_NONCE_LENGTH + 1];
	size_t stages;
	struct err err;

	if (argc != 7) {
		fprintf(stderr, "usage: submit_noop URL NAME PRIORITY PIPELINES STAGES SLEEP_MS\n");
		return 2;
	}
	stages = (size_t)atoi(argv[5]);
	if (!stages || stages > QUEUE_MAX_STAGES)
		return 2;
	ids_nonce(token);
	definition = xasprintf("{\"sleep_ms\":%d}", atoi(argv[6]));
	const struct queue_batch_spec batch = { .token = token,
						.name = argv[2],
						.labels = "{}",
						.spec = "",
						.origin = "",
						.priority = priority_of(argv[3]),
						.retention_ms = 3600000,
						.pipeline_count = (size_t)atoi(argv[4]) };
	if (!queue_client_open(argv[1], "main", &client, &err) ||
	    !submit_batch(client, &batch, stages, definition, &id, &err))
		return fail(&err);
	puts(id);
	return 0;
}
