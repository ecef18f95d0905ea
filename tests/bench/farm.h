/*
 * What the benches of the farm share: a private redis-server (append-only file, everysec, unix
 * socket), a real reeld with its real workers, and batches of no-op stages.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/ids.h"
#include "queue/client.h"

enum { FARM_PATIENCE_S = 120 };

struct farm {
	char dir[64], url[96], socket[80], build[PATH_MAX];
	pid_t redis, reeld;
	struct queue_client *client;
};

static inline NORETURN void farm_die(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

static inline void farm_pause_us(int64_t us)
{
	nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
}

/* Its output goes to FILE in the farm's folder. */
static inline pid_t farm_spawn(const struct farm *farm, const char *file, char *const argv[])
{
	pid_t parent = getpid(), pid = fork();
	char path[128];

	if (pid < 0)
		farm_die("fork", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/%s", farm->dir, file);
	if (getppid() != parent || !freopen(path, "a", stderr) || dup2(2, 1) < 0)
		_exit(127);
	execvp(argv[0], argv);
	_exit(127);
}

/* A connection of our own for PING and INFO: hiredis has its home elsewhere. */
static inline int farm_connect(const struct farm *farm)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", farm->socket);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline void farm_start_redis(struct farm *farm)
{
	char program[] = "redis-server", o1[] = "--port", v1[] = "0", o2[] = "--unixsocket",
	     o3[] = "--dir", o4[] = "--save", v4[] = "", o5[] = "--appendonly", v5[] = "yes",
	     o6[] = "--appendfsync", v6[] = "everysec";
	char *argv[] = { program, o1, v1, o2, farm->socket, o3, farm->dir,
			 o4,	  v4, o5, v5, o6,	    v6, NULL };
	int fd = -1;

	farm->redis = farm_spawn(farm, "redis.log", argv);
	for (int i = 0; fd < 0 && i < 1000; i++) {
		farm_pause_us(10000);
		fd = farm_connect(farm);
	}
	if (fd < 0)
		farm_die("redis-server", "did not start");
	close(fd);
}

static inline void farm_init(struct farm *farm)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct err err;

	*farm = (struct farm){ 0 };
	self[len > 0 ? len : 0] = '\0';
	snprintf(farm->build, sizeof(farm->build), "%s/../..", dirname(self));
	snprintf(farm->dir, sizeof(farm->dir), "/tmp/farm.XXXXXX");
	if (!mkdtemp(farm->dir))
		farm_die(farm->dir, strerror(errno));
	snprintf(farm->socket, sizeof(farm->socket), "%s/s", farm->dir);
	snprintf(farm->url, sizeof(farm->url), "unix://%s", farm->socket);
	farm_start_redis(farm);
	if (!queue_client_open(farm->url, "main", &farm->client, &err))
		farm_die("connect", err.text);
}

static inline bool farm_log_has(const struct farm *farm, const char *words)
{
	DEFER(buf_done) struct buf log = { 0 };
	char path[128];
	struct err err;

	snprintf(path, sizeof(path), "%s/reeld.log", farm->dir);
	return file_read(path, 64 << 20, &log, &err) && log.data && strstr(log.data, words);
}

/* `options` are lines of configuration. Returns at once; farm_wait_ready waits. */
static inline void farm_start_reeld(struct farm *farm, const char *options)
{
	DEFER(buf_done) struct buf text = { 0 };
	char path[128], program[PATH_MAX + 16], c[] = "-c";
	char *argv[] = { program, c, path, NULL };
	struct err err;

	snprintf(path, sizeof(path), "%s/reeld.yaml", farm->dir);
	snprintf(program, sizeof(program), "%s/reeld", farm->build);
	buf_printf(&text, "redis: %s\nhost: bench\nstate_dir: %s/state\nmin_free: 1MiB\n%s",
		   farm->url, farm->dir, options);
	if (!file_write_atomic(path, text.data, text.len, 0600, &err))
		farm_die("configuration", err.text);
	farm->reeld = farm_spawn(farm, "reeld.log", argv);
}

static inline void farm_wait_ready(struct farm *farm)
{
	for (int i = 0; i < 2000; i++) {
		if (farm_log_has(farm, "is ready"))
			return;
		farm_pause_us(10000);
	}
	farm_die("reeld", "is not ready after 20 s");
}

static inline void farm_end(struct farm *farm)
{
	char clean[128];

	queue_client_free(farm->client);
	if (farm->reeld) {
		kill(farm->reeld, SIGTERM);
		waitpid(farm->reeld, NULL, 0);
	}
	kill(farm->redis, SIGKILL);
	waitpid(farm->redis, NULL, 0);
	snprintf(clean, sizeof(clean), "rm -rf '%s'", farm->dir);
	if (!getenv("BENCH_KEEP") && system(clean) != 0)
		fprintf(stderr, "bench: %s is left behind\n", farm->dir);
}

/* Pipelines of `stages` no-op stages in a chain. Gives the batch's id; caller frees. */
static inline char *farm_submit(struct farm *farm, size_t pipelines, size_t stages,
				const char *definition)
{
	struct queue_stage_spec list[QUEUE_MAX_STAGES] = { 0 };
	char ids[QUEUE_MAX_STAGES][8], token[IDS_NONCE_LENGTH + 1], *id = NULL;
	struct queue_submit *submit = NULL;
	struct queue_batch_spec batch = { .token = token,
					  .name = "bench",
					  .labels = "{}",
					  .spec = "",
					  .origin = "",
					  .priority = QUEUE_NORMAL,
					  .retention_ms = 3600000,
					  .pipeline_count = pipelines };
	struct err err = { 0 };
	bool is_known, is_fine;

	ids_nonce(token);
	for (size_t i = 0; i < stages; i++) {
		snprintf(ids[i], sizeof(ids[i]), "s%zu", i + 1);
		list[i] = (struct queue_stage_spec){ .id = ids[i],
						     .type = "noop",
						     .lane = "noop",
						     .definition = definition,
						     .inputs = i ? 1u << (i - 1) : 0 };
	}
	is_fine = queue_submit_begin(farm->client, &batch, &submit, &is_known, &err);
	for (size_t i = 0; is_fine && i < pipelines; i++) {
		char name[24];

		snprintf(name, sizeof(name), "v%zu", i + 1);
		is_fine = queue_submit_add(submit,
					   &(struct queue_pipeline_spec){ .name = name,
									  .context = "{}",
									  .stages = list,
									  .stage_count = stages },
					   &err);
	}
	if (!is_fine || !queue_submit_seal(submit, &id, &err))
		farm_die("submit", err.text);
	queue_submit_freep(&submit);
	return id;
}

static inline void farm_wait_end(struct farm *farm, const char *id, int64_t look_every_us)
{
	int64_t until = clock_monotonic_us() + FARM_PATIENCE_S * 1000000LL;

	while (clock_monotonic_us() < until) {
		struct queue_batch batch = { 0 };
		struct err err;
		enum queue_end end;

		if (!queue_batch_get(farm->client, id, &batch, &err))
			farm_die("look", err.text);
		end = batch.end;
		queue_batch_done(&batch);
		if (end == QUEUE_END_DONE)
			return;
		if (end != QUEUE_END_NONE)
			farm_die("batch", queue_end_name(end));
		farm_pause_us(look_every_us);
	}
	farm_die("batch", "did not end in time; the folder's reeld.log may say why");
}

/* The whole INFO; caller frees. */
static inline char *farm_info(const struct farm *farm)
{
	struct buf text = { 0 };
	int fd = farm_connect(farm);
	char chunk[65536];
	ssize_t got;
	size_t want = 0;

	if (fd < 0 || write(fd, "INFO everything\r\n", 17) != 17)
		farm_die("INFO", strerror(errno));
	while ((!want || text.len < want) && (got = read(fd, chunk, sizeof(chunk))) > 0) {
		buf_put(&text, chunk, (size_t)got);
		if (!want && text.len > 16 && strstr(text.data, "\r\n"))
			want = (size_t)atol(text.data + 1) +
			       (size_t)(strstr(text.data, "\r\n") - text.data) + 4;
	}
	close(fd);
	return buf_take(&text);
}

/* The number behind "name" in INFO; 0 when it is not there. */
static inline double farm_info_number(const char *info, const char *name)
{
	const char *at = strstr(info, name);

	return at ? atof(at + strlen(name)) : 0;
}

/* The child of reeld whose command line has `option`; 0: none. */
static inline bool farm_is_child(pid_t pid, pid_t parent, const char *option)
{
	char path[64], text[4096] = "";
	size_t len;
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fgets(text, sizeof(text), file) && strrchr(text, ')'))
		(void)sscanf(strrchr(text, ')') + 2, "%*c %d", &found);
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	file = found == parent ? fopen(path, "r") : NULL;
	if (!file)
		return false;
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	return memmem(text, len, option, strlen(option)) != NULL;
}

static inline pid_t farm_find_worker(pid_t reeld, const char *option)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc)))
		if (farm_is_child(atoi(entry->d_name), reeld, option))
			found = atoi(entry->d_name);
	if (proc)
		closedir(proc);
	return found;
}

static inline int farm_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sorts. */
static inline double farm_percentile(double *values, size_t count, double percent)
{
	qsort(values, count, sizeof(*values), farm_compare);
	return values[(size_t)((double)(count - 1) * percent / 100)];
}
