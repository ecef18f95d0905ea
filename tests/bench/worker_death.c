// links: queue
/*
 * worker-death: SIGKILL of the remote worker with 1,000 stages in hand, until the same 1,000 run
 * again in its successor; the worse of two deaths (a third in a row would wait on purpose). Both
 * ends of the time are read here: when the signal was sent, and when the records say that all run
 * under a newer epoch (Redis's clock, which is this machine's). The reference is starting the
 * worker program alone: fork, exec, first words.
 */
#include "tests/bench/farm.h"

enum { IN_HAND = 1000, DEATHS = 2, STARTS = 9 };

struct look {
	size_t running;
	int64_t last_start_us; /* Redis time */
};

/* Counts those that run under a newer epoch than `before` says, which is left alone. */
static void look(struct farm *farm, const char *id, const int64_t *before, int64_t *epochs,
		 struct look *out)
{
	size_t at = 0;

	*out = (struct look){ 0 };
	for (int64_t from = 1; from <= IN_HAND; from += 500) {
		struct queue_pipeline *pipelines = NULL;
		size_t count = 0;
		struct err err;

		if (!queue_pipelines(farm->client, id, from, 500, false, &pipelines, &count, &err))
			farm_die("look", err.text);
		for (size_t i = 0; i < count; i++) {
			const struct queue_stage *stage = &pipelines[i].stages[0];

			epochs[at] = stage->epoch;
			if (stage->state == QUEUE_RUNNING && stage->epoch > before[at++]) {
				out->running++;
				if (stage->started_at > out->last_start_us)
					out->last_start_us = stage->started_at;
			}
			queue_pipeline_done(&pipelines[i]);
		}
		free(pipelines);
	}
}

/* Waits until all run under a newer epoch than before; then `epochs` says which. */
static void wait_running(struct farm *farm, const char *id, int64_t *epochs, struct look *out)
{
	static int64_t newer[IN_HAND];

	for (int i = 0; i < 300; i++) {
		look(farm, id, epochs, newer, out);
		if (out->running == IN_HAND) {
			memcpy(epochs, newer, sizeof(newer));
			return;
		}
		farm_pause_us(100000); /* rarely, so that looking is not what is measured */
	}
	fprintf(stderr, "bench: %zu of %d run again\n", out->running, IN_HAND);
	farm_die("worker-death", "stages were lost");
}

static double one_death(struct farm *farm, const char *id, int64_t *epochs)
{
	pid_t worker = farm_find_worker(farm->reeld, "reel-remote");
	int64_t killed_us;
	struct look again;

	if (!worker)
		farm_die("worker-death", "there is no remote worker");
	killed_us = clock_real_us();
	kill(worker, SIGKILL);
	farm_pause_us(300000);
	wait_running(farm, id, epochs, &again);
	return (double)(again.last_start_us - killed_us) / 1e3;
}

/* fork, exec, load its libraries, say that this is not how it is started. */
static double start_ms(const struct farm *farm)
{
	double times[STARTS];
	char program[PATH_MAX + 16];
	char help[] = "--help", *argv[] = { program, help, NULL };

	snprintf(program, sizeof(program), "%s/reel-remote", farm->build);
	for (int i = 0; i < STARTS; i++) {
		int64_t begin = clock_monotonic_us();

		waitpid(farm_spawn(farm, "start.log", argv), NULL, 0);
		times[i] = (double)(clock_monotonic_us() - begin) / 1e3;
	}
	return farm_percentile(times, STARTS, 50);
}

int main(void)
{
	static int64_t epochs[IN_HAND];
	double times[DEATHS], reference, value;
	struct farm farm;
	struct look first;
	char *id;

	farm_init(&farm);
	farm_start_reeld(&farm, "media_workers: 0\nremote_slots: 1000\n");
	farm_wait_ready(&farm);
	id = farm_submit(&farm, IN_HAND, 1, "{\"sleep_ms\":600000}");
	wait_running(&farm, id, epochs, &first);
	for (int i = 0; i < DEATHS; i++)
		times[i] = one_death(&farm, id, epochs);
	reference = start_ms(&farm);
	farm_end(&farm);
	free(id);
	value = farm_percentile(times, DEATHS, 100);
	printf("{\"bench\":\"worker-death\",\"value\":%.1f,\"unit\":\"ms\",\"reference\":\"starting "
	       "the worker program alone\",\"reference_value\":%.1f,\"ratio\":%.2f,\"best_ms\":%.1f,"
	       "\"in_hand\":%d,\"lost\":0}\n",
	       value, reference, value / reference, times[0], IN_HAND);
	return 0;
}
