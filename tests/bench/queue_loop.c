/*
 * queue-loop: the floor for queue-noop. See queue_loop.h.
 */
// links: queue
#include "tests/bench/queue_loop.h"

int main(void)
{
	struct bench_redis redis;
	struct queue_client *client = NULL;
	struct err err;

	bench_redis_start(&redis);
	if (!queue_client_open(redis.url, "bench", &client, &err))
		bench_die("open", &err);
	int64_t began = clock_monotonic_us();
	bench_submit(client, LOOP_PIPELINES, LOOP_STAGES);
	int64_t submitted = clock_monotonic_us();
	struct loop_result result =
		queue_loop_run(client, LOOP_PIPELINES * LOOP_STAGES, LOOP_BATCH);
	printf("{\"bench\":\"queue-loop\",\"value\":%.0f,\"unit\":\"stages/s\",\"redis_us_per_stage\":%.2f,"
	       "\"calls_per_stage\":%.4f,\"submit_ms\":%.1f}\n",
	       result.stages_per_s, result.redis_us_per_stage, result.calls_per_stage,
	       (double)(submitted - began) / 1000);
	queue_client_free(client);
	bench_redis_stop(&redis);
	return 0;
}
