// links: queue
/*
 * queue-noop: how many no-op stages a second pass through everything: redis-server with
 * appendonly everysec on a unix socket, reeld, and the remote worker. 4,000 pipelines of 5 chained
 * stages are submitted first; then reeld starts. The time is Redis's own, from the first claim to
 * the end of the batch. The reference is the bare loop over the same scripts (bench queue-loop,
 * batches of 64), run in the same minute on the same machine.
 */
#include "base/json.h"
#include "tests/bench/farm.h"

enum { PIPELINES = 4000, STAGES = 5, ALL = PIPELINES * STAGES };

struct figures {
	double seconds, p50_ms, p99_ms, calls, redis_us;
};

/* Calls of reeld alone: scripts by EVALSHA or EVAL. */
static double script_calls(const char *info)
{
	return farm_info_number(info, "cmdstat_evalsha:calls=") +
	       farm_info_number(info, "cmdstat_eval:calls=");
}

static double cpu_us(const char *info)
{
	return 1e6 *
	       (farm_info_number(info, "used_cpu_user:") + farm_info_number(info, "used_cpu_sys:"));
}

/* First claim and time per stage, out of the records. */
static int64_t read_stages(struct farm *farm, const char *id, double *times_ms)
{
	int64_t first = INT64_MAX;
	size_t used = 0;

	for (int64_t from = 1; from <= PIPELINES; from += 200) {
		struct queue_pipeline *pipelines = NULL;
		size_t count = 0;
		struct err err;

		if (!queue_pipelines(farm->client, id, from, 200, false, &pipelines, &count, &err))
			farm_die("read", err.text);
		for (size_t i = 0; i < count; i++) {
			for (size_t k = 0; k < pipelines[i].stage_count && used < ALL; k++) {
				const struct queue_stage *stage = &pipelines[i].stages[k];

				if (stage->started_at < first)
					first = stage->started_at;
				times_ms[used++] =
					(double)(stage->ended_at - stage->started_at) / 1e3;
			}
			queue_pipeline_done(&pipelines[i]);
		}
		free(pipelines);
	}
	if (used != ALL)
		farm_die("read", "stages are missing");
	return first;
}

static void measure(struct farm *farm, struct figures *out)
{
	static double times_ms[ALL];
	DEFER(freep) char *id = farm_submit(farm, PIPELINES, STAGES, "{}");
	DEFER(freep) char *before = farm_info(farm);
	DEFER(freep) char *after = NULL;
	struct queue_batch batch;
	struct err err;
	int64_t first;

	farm_start_reeld(farm, "media_workers: 0\nremote_slots: 1000\nlog_level: info\n");
	/* Looking is a load too: rarely. */
	farm_wait_end(farm, id, 50000);
	after = farm_info(farm);
	if (!queue_batch_get(farm->client, id, &batch, &err))
		farm_die("look", err.text);
	first = read_stages(farm, id, times_ms);
	out->seconds = (double)(batch.ended_at - first) / 1e6;
	queue_batch_done(&batch);
	out->p50_ms = farm_percentile(times_ms, ALL, 50);
	out->p99_ms = farm_percentile(times_ms, ALL, 99);
	out->calls = (script_calls(after) - script_calls(before)) / ALL;
	out->redis_us = (cpu_us(after) - cpu_us(before)) / ALL;
}

/* Stages a second of the bare loop; 0 when it could not be run. */
static double run_reference(const struct farm *farm)
{
	char command[PATH_MAX + 64], line[4096] = "";
	DEFER(json_freep) json_t *root = NULL;
	struct err err;
	FILE *pipe;

	snprintf(command, sizeof(command), "'%s/tests/bench/bench-queue_loop' 2>/dev/null",
		 farm->build);
	pipe = popen(command, "r");
	if (!pipe || !fgets(line, sizeof(line), pipe))
		fprintf(stderr, "bench: queue-loop gave nothing, no reference\n");
	if (pipe)
		pclose(pipe);
	if (!json_parse(line, strlen(line), "queue-loop", &root, &err))
		return 0;
	return json_number_value(json_object_get(root, "value"));
}

int main(void)
{
	struct figures figures;
	double rate, reference;
	struct farm farm;

	farm_init(&farm);
	measure(&farm, &figures);
	farm_end(&farm);
	reference = run_reference(&farm);
	rate = ALL / figures.seconds;
	printf("{\"bench\":\"queue-noop\",\"value\":%.0f,\"unit\":\"stages/s\","
	       "\"reference\":\"bare hiredis loop, same scripts, batch 64\","
	       "\"reference_value\":%.0f,\"ratio\":%.3f,\"stages\":%d,\"calls_per_stage\":%.4f,"
	       "\"redis_us_per_stage\":%.1f,\"stage_p50_ms\":%.2f,\"stage_p99_ms\":%.2f}\n",
	       rate, reference, reference > 0 ? rate / reference : 0, ALL, figures.calls,
	       figures.redis_us, figures.p50_ms, figures.p99_ms);
	return 0;
}
