/*
 * A look into a farm, for process tests that need no client:
 *
 *	tool-farm URL submit LANE PIPELINES STAGES DEFINITION     chains of no-op stages s1 -> s2
 *...; prints the batch's id tool-farm URL batch BATCH      end=... blocked=0 ready=0 running=2 ...
 *(stages by state) tool-farm URL stage STAGE      state=... class=... attempts=... kills=...
 *message=...
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
	fprintf(stderr, "farm: %s\n", err->text);
	return 1;
}

static void fill(struct queue_stage_spec *stages, char ids[][8], size_t count, const char *lane,
		 const char *definition)
{
	for (size_t i = 0; i < count; i++) {
		snprintf(ids[i], 8, "s%u", (unsigned)i + 1);
		stages[i] = (struct queue_stage_spec){ .id = ids[i],
						       .type = "noop",
						       .lane = lane,
						       .definition = definition,
						       .inputs = i ? 1u << (i - 1) : 0 };
	}
}

static bool add_all(struct queue_submit *submit, size_t pipelines,
		    const struct queue_stage_spec *stages, size_t count, struct err *err)
{
	for (size_t i = 0; i < pipelines; i++) {
		char name[24];
		struct queue_pipeline_spec pipeline = {
			.name = name, .context = "{}", .stages = stages, .stage_count = count
		};

		snprintf(name, sizeof(name), "v%zu", i + 1);
		if (!queue_submit_add(submit, &pipeline, err))
			return false;
	}
	return true;
}

static int submit(struct queue_client *client, char **argv)
{
	struct queue_stage_spec stages[QUEUE_MAX_STAGES];
	char ids[QUEUE_MAX_STAGES][8], token[IDS_NONCE_LENGTH + 1];
	size_t pipelines = (size_t)atoi(argv[1]), count = (size_t)atoi(argv[2]);
	struct queue_batch_spec batch = { .token = token,
					  .name = "noop",
					  .labels = "{}",
					  .spec = "",
					  .origin = "",
					  .priority = QUEUE_NORMAL,
					  .retention_ms = 3600000,
					  .pipeline_count = pipelines };
	DEFER(queue_submit_freep) struct queue_submit *sending = NULL;
	DEFER(freep) char *id = NULL;
	struct err err;
	bool is_known;

	if (!count || count > QUEUE_MAX_STAGES)
		return 2;
	ids_nonce(token);
	fill(stages, ids, count, argv[0], argv[3]);
	if (!queue_submit_begin(client, &batch, &sending, &is_known, &err) ||
	    !add_all(sending, pipelines, stages, count, &err) ||
	    !queue_submit_seal(sending, &id, &err))
		return fail(&err);
	puts(id);
	return 0;
}

static int show_batch(struct queue_client *client, char **argv)
{
	struct queue_batch batch = { 0 };
	struct err err;

	if (!queue_batch_get(client, argv[0], &batch, &err))
		return fail(&err);
	printf("end=%s", queue_end_name(batch.end));
	for (enum queue_state state = 0; state < QUEUE_STATES; state++)
		printf(" %s=%" PRId64, queue_state_name(state), batch.stages[state]);
	puts("");
	queue_batch_done(&batch);
	return 0;
}

static void print_stage(const struct queue_stage *stage)
{
	printf("state=%s class=%s attempts=%" PRId64 " kills=%" PRId64 " message=%s\n",
	       queue_state_name(stage->state), verdict_info(stage->last_class)->name,
	       stage->attempts, stage->kills, stage->message ? stage->message : "");
}

static int show_stage(struct queue_client *client, char **argv)
{
	DEFER(freep) char *id = xstrdup(argv[0]);
	char *slash = strchr(id, '/');
	struct queue_pipeline pipeline = { 0 };
	struct err err;

	if (!slash)
		return 2;
	*slash = '\0';
	if (!queue_pipeline_get(client, id, &pipeline, &err))
		return fail(&err);
	for (size_t i = 0; i < pipeline.stage_count; i++)
		if (!strcmp(pipeline.stages[i].id, slash + 1))
			print_stage(&pipeline.stages[i]);
	queue_pipeline_done(&pipeline);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(struct queue_client *client, char **argv);
	} commands[] = { { "submit", 4, submit },
			 { "batch", 1, show_batch },
			 { "stage", 1, show_stage } };
	DEFER(queue_client_freep) struct queue_client *client = NULL;
	struct err err;

	for (size_t i = 0; argc > 2 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, argv[2]) != 0 || argc != 3 + commands[i].arguments)
			continue;
		if (!queue_client_open(argv[1], "main", &client, &err))
			return fail(&err);
		return commands[i].run(client, argv + 3);
	}
	fprintf(stderr, "usage: tool-farm URL submit LANE PIPELINES STAGES DEFINITION | batch ID | "
			"stage ID\n");
	return 2;
}
