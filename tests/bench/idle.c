// links: queue
/*
 * idle: what a farm costs that has nothing to do: CPU of the supervisor over 10 s, and the memory
 * of each process. The reference is redis-server in the same 10 s, which polls its own timers.
 */
#include "tests/bench/farm.h"

enum { SECONDS = 10 };

/* CPU so far, in ticks of the kernel. */
static double cpu_ticks(pid_t pid)
{
	char path[64], text[1024] = "";
	unsigned long user = 0, system_ticks = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file) || !strrchr(text, ')'))
		farm_die(path, "cannot be read");
	fclose(file);
	(void)sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		     &user, &system_ticks);
	return (double)(user + system_ticks);
}

/* "Pss:" or "Rss:" of a process, in MB. */
static double memory_mb(pid_t pid, const char *what)
{
	char path[64], line[256];
	double kb = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			kb = atof(line + strlen(what));
	if (file)
		fclose(file);
	return kb * 1024 / 1e6;
}

int main(void)
{
	double reeld_ticks, redis_ticks, tick_ms = 1e3 / (double)sysconf(_SC_CLK_TCK);
	struct farm farm;
	pid_t media, remote;

	farm_init(&farm);
	farm_start_reeld(&farm, "");
	farm_wait_ready(&farm);
	farm_pause_us(1000000);
	reeld_ticks = cpu_ticks(farm.reeld);
	redis_ticks = cpu_ticks(farm.redis);
	farm_pause_us(SECONDS * 1000000LL);
	reeld_ticks = cpu_ticks(farm.reeld) - reeld_ticks;
	redis_ticks = cpu_ticks(farm.redis) - redis_ticks;
	media = farm_find_worker(farm.reeld, "--media");
	remote = farm_find_worker(farm.reeld, "reel-remote");
	printf("{\"bench\":\"idle\",\"value\":%.0f,\"unit\":\"ms of CPU in %d s\",\"reference\":"
	       "\"redis-server in the same time\",\"reference_value\":%.0f,\"ratio\":%.2f,"
	       "\"tick_ms\":%.0f,\"reeld_pss_mb\":%.1f,\"reeld_rss_mb\":%.1f,\"media_pss_mb\":%.1f,"
	       "\"remote_pss_mb\":%.1f}\n",
	       reeld_ticks * tick_ms, SECONDS, redis_ticks * tick_ms,
	       redis_ticks > 0 ? reeld_ticks / redis_ticks : 0, tick_ms,
	       memory_mb(farm.reeld, "Pss:"), memory_mb(farm.reeld, "Rss:"),
	       media ? memory_mb(media, "Pss:") : -1, remote ? memory_mb(remote, "Pss:") : -1);
	farm_end(&farm);
	return 0;
}
