/*
 * Prints every stage of a batch as the queue has it, a line each, with times in microseconds (`reel
 *show` gives people seconds):
 *
 *	tool-stages URL BATCH      ->      PIPELINE/STAGE STATE HOST EPOCH ATTEMPTS READY_AT
 *STARTED_AT ENDED_AT
 */
// links: queue
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "queue/client.h"

enum { AT_ONCE = 500 };

static void print_pipeline(const struct queue_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		const struct queue_stage *stage = &pipeline->stages[i];

		printf("%s/%s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
		       pipeline->id, stage->id, queue_state_name(stage->state),
		       stage->host && *stage->host ? stage->host : "-", stage->epoch,
		       stage->attempts, stage->ready_at, stage->started_at, stage->ended_at);
	}
}

static bool print_all(struct queue_client *client, const char *batch, struct err *err)
{
	for (int64_t first = 1;;) {
		struct queue_pipeline *pipelines;
		size_t count;

		if (!queue_pipelines(client, batch, first, AT_ONCE, false, &pipelines, &count, err))
			return false;
		for (size_t i = 0; i < count; i++) {
			print_pipeline(&pipelines[i]);
			first = pipelines[i].index + 1;
			queue_pipeline_done(&pipelines[i]);
		}
		free(pipelines);
		if (!count)
			return true;
	}
}

int main(int argc, char **argv)
{
	DEFER(queue_client_freep) struct queue_client *client = NULL;
	struct err err;

	if (argc != 3) {
		fprintf(stderr, "usage: stages URL BATCH\n");
		return 2;
	}
	if (queue_client_open(argv[1], "main", &client, &err) && print_all(client, argv[2], &err))
		return 0;
	fprintf(stderr, "stages: %s\n", err.text);
	return 1;
}
