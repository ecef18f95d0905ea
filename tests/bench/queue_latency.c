// links: queue
/*
 * queue-latency: an idle farm; how long from the moment a client begins to submit until the stage
 * starts in the worker. The worker writes down the monotonic clock when it starts (echo: clock).
 * The reference is one round trip to the same Redis, a PING on a unix socket.
 */
#include "base/json.h"
#include "tests/bench/farm.h"

enum { ROUNDS = 500, WARM_UP = 20 };

static double started_us(struct farm *farm, const char *batch)
{
	DEFER(freep) char *id = xasprintf("%s-1", batch);
	DEFER(json_freep) json_t *result = NULL;
	struct queue_pipeline pipeline = { 0 };
	struct err err;
	double at;

	if (!queue_pipeline_get(farm->client, id, &pipeline, &err) ||
	    !json_parse(pipeline.stages[0].result, strlen(pipeline.stages[0].result), "result",
			&result, &err))
		farm_die("result", err.text);
	at = json_number_value(json_object_get(result, "started_us"));
	if (at <= 0)
		farm_die("result", "has no started_us");
	queue_pipeline_done(&pipeline);
	return at;
}

static double one_round(struct farm *farm)
{
	double begin = (double)clock_monotonic_us(), latency;
	char *batch = farm_submit(farm, 1, 1, "{\"echo\":\"clock\"}");

	farm_wait_end(farm, batch, 2000);
	latency = started_us(farm, batch) - begin;
	free(batch);
	farm_pause_us(3000); /* so that the farm is idle again */
	return latency / 1e3;
}

static double ping_ms(const struct farm *farm)
{
	static double times[ROUNDS];
	int fd = farm_connect(farm);
	char answer[16];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t begin = clock_monotonic_us();

		if (write(fd, "PING\r\n", 6) != 6 || read(fd, answer, sizeof(answer)) <= 0)
			farm_die("PING", strerror(errno));
		times[i] = (double)(clock_monotonic_us() - begin) / 1e3;
		farm_pause_us(1000);
	}
	close(fd);
	return farm_percentile(times, ROUNDS, 50);
}

int main(void)
{
	static double times[ROUNDS];
	struct farm farm;
	double p50, p99, ping;

	farm_init(&farm);
	farm_start_reeld(&farm, "media_workers: 0\n");
	farm_wait_ready(&farm);
	for (int i = 0; i < WARM_UP; i++)
		(void)one_round(&farm);
	for (int i = 0; i < ROUNDS; i++)
		times[i] = one_round(&farm);
	ping = ping_ms(&farm);
	farm_end(&farm);
	p50 = farm_percentile(times, ROUNDS, 50);
	p99 = farm_percentile(times, ROUNDS, 99);
	printf("{\"bench\":\"queue-latency\",\"value\":%.3f,\"unit\":\"ms\",\"reference\":\"one round "
	       "trip to Redis (PING), p50\",\"reference_value\":%.3f,\"ratio\":%.2f,\"p99_ms\":%.3f,"
	       "\"max_ms\":%.3f,\"rounds\":%d}\n",
	       p50, ping, p50 / ping, p99, times[ROUNDS - 1], ROUNDS);
	return 0;
}
