/*
 * The floor for the queue's benches: one process, one blocking connection, the same scripts, 64
 * stages a call; no event loop, no worker, nothing done with what is claimed. Also what the benches
 * share: a private redis-server, submitting noop pipelines, Redis' CPU time.
 */
#pragma once

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/verdict.h"
#include "queue/calls.h"

enum { LOOP_PIPELINES = 4000, LOOP_STAGES = 5, LOOP_BATCH = 64 };

struct bench_redis {
	char dir[100], socket[150], url[200];
	pid_t pid;
};

static inline void bench_die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "queue bench: %s: %s\n", what, err ? err->text : "");
	exit(1);
}

static inline void bench_redis_start(struct bench_redis *redis)
{
	const char *tmp = getenv("TMPDIR");
	struct err err;
	struct queue_client *client = NULL;

	(void)snprintf(redis->dir, sizeof(redis->dir), "%.60s/reel-bench-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(redis->dir))
		bench_die("mkdtemp", NULL);
	(void)snprintf(redis->socket, sizeof(redis->socket), "%s/redis.sock", redis->dir);
	(void)snprintf(redis->url, sizeof(redis->url), "unix://%s", redis->socket);
	redis->pid = fork();
	if (redis->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_RDWR), 1);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket,
		       "--dir", redis->dir, "--appendonly", "yes", "--appendfsync", "everysec",
		       "--save", "", (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; !queue_client_open(redis->url, "bench", &client, &err); tries++) {
		const struct timespec nap = { 0, 10000000 };
		if (tries > 1000)
			bench_die("redis-server does not start", &err);
		nanosleep(&nap, NULL);
	}
	queue_client_free(client);
}

static inline void bench_redis_stop(struct bench_redis *redis)
{
	char command[200];

	kill(redis->pid, SIGKILL);
	waitpid(redis->pid, NULL, 0);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", redis->dir);
	(void)!system(command);
}

static inline void bench_submit(struct queue_client *client, size_t pipelines, size_t stages)
{
	struct queue_stage_spec list[QUEUE_MAX_STAGES] = { 0 };
	static char ids[QUEUE_MAX_STAGES][8];
	char token[IDS_NONCE_LENGTH + 1];
	struct queue_submit *submit = NULL;
	struct err err;
	char *id = NULL;

	for (size_t i = 0; i < stages; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "s%zu", i);
		list[i] = (struct queue_stage_spec){ .id = ids[i],
						     .type = "noop",
						     .lane = "noop",
						     .definition = "{}",
						     .inputs = i ? 1u << (i - 1) : 0 };
	}
	ids_nonce(token);
	const struct queue_batch_spec batch = { .token = token,
						.name = "bench",
						.pipeline_count = pipelines,
						.retention_ms = 3600000,
						.priority = QUEUE_NORMAL };
	const struct queue_pipeline_spec pipeline = {
		.name = "p", .context = "{}", .stages = list, .stage_count = stages
	};
	if (!queue_submit_begin(client, &batch, &submit, NULL, &err))
		bench_die("submit", &err);
	for (size_t i = 0; i < pipelines; i++) {
		if (!queue_submit_add(submit, &pipeline, &err))
			bench_die("submit", &err);
	}
	if (!queue_submit_seal(submit, &id, &err))
		bench_die("submit", &err);
	queue_submit_freep(&submit);
	free(id);
}

/* User and system time of the whole server, in microseconds. */
static inline double bench_redis_cpu_us(struct queue_client *client)
{
	struct redis_args args = { .script = SCRIPTS };
	redisReply *reply = NULL;
	struct err err;
	double user = 0, system = 0;

	redis_args_text(&args, "INFO");
	redis_args_text(&args, "cpu");
	if (!client_call(client, &args, &reply, &err))
		bench_die("INFO cpu", &err);
	const char *at = strstr(reply->str, "used_cpu_sys:");
	if (at)
		(void)sscanf(at, "used_cpu_sys:%lf", &system);
	at = strstr(reply->str, "used_cpu_user:");
	if (at)
		(void)sscanf(at, "used_cpu_user:%lf", &user);
	freeReplyObject(reply);
	redis_args_done(&args);
	return (user + system) * 1e6;
}

struct loop_result {
	double stages_per_s, redis_us_per_stage, calls_per_stage;
};

struct loop_head {
	unsigned char bytes[64];
	size_t len;
};

static inline void loop_remember(struct loop_head *out, const redisReply *head)
{
	struct buf buf = { 0 };
	const char *pid = head->str + 18;

	buf_put(&buf, head->str, 1);	 /* stage index */
	buf_put(&buf, head->str + 2, 4); /* epoch */
	buf_put_u8(&buf, VERDICT_DONE);
	buf_put_u8(&buf, VERDICT_ENDS_WELL);
	buf_put_u8(&buf, 0);
	buf_put_u64(&buf, 0);
	buf_put(&buf, pid, strlen(pid) + 1);
	buf_put(&buf, "done", 5);
	out->len = buf.len < sizeof(out->bytes) ? buf.len : sizeof(out->bytes);
	memcpy(out->bytes, buf.data, out->len);
	buf_done(&buf);
}

/* Runs what is in the farm to its end. */
static inline struct loop_result queue_loop_run(struct queue_client *client, size_t total,
						size_t batch)
{
	struct loop_head *heads = xcalloc(batch, sizeof(*heads));
	struct redis_args args = { 0 };
	size_t in_hand = 0, ended = 0, calls = 0;
	double cpu = bench_redis_cpu_us(client);
	int64_t began = clock_monotonic_us();
	struct err err;

	while (ended < total) {
		redisReply *reply = NULL;
		redis_args_script(&args, SCRIPT_TURN, client_prefix(client));
		redis_args_text(&args, "loop");
		redis_args_printf(&args, "n%zu", calls++);
		for (int i = 0; i < 4; i++)
			redis_args_int(&args, (int64_t)batch);
		redis_args_text(&args, "3");
		for (size_t i = 0; i < in_hand; i++) {
			redis_args_add(&args, heads[i].bytes, heads[i].len);
			redis_args_text(&args, "");
			redis_args_text(&args, "{}");
		}
		if (!client_call(client, &args, &reply, &err))
			bench_die("turn", &err);
		ended += in_hand;
		in_hand = 0;
		for (size_t at = 4; at + 3 < reply->elements; at += 4)
			loop_remember(&heads[in_hand++], reply->element[at]);
		freeReplyObject(reply);
	}
	double seconds = (double)(clock_monotonic_us() - began) / 1e6;
	cpu = bench_redis_cpu_us(client) - cpu;
	redis_args_done(&args);
	free(heads);
	return (struct loop_result){ (double)total / seconds, cpu / (double)total,
				     (double)calls / (double)total };
}
