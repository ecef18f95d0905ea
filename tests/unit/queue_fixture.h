/*
 * A real redis-server on a unix socket in a folder of its own, a client on it, and a host played by
 * hand: for the queue's tests.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
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

enum { FIXTURE_WAIT_MS = 30000 };

struct fixture {
	char dir[128], url[256], socket[200];
	pid_t redis;
	struct queue_client *client;
};

static inline void nap(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	nanosleep(&t, NULL);
}

static inline void fixture_start_redis(struct fixture *f)
{
	f->redis = fork();
	if (f->redis == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", f->socket,
		       "--dir", f->dir, "--appendonly", "yes", "--appendfsync", "everysec",
		       "--save", "", (char *)NULL);
		_exit(127);
	}
	for (int waited = 0;; waited += 5) {
		struct err err;
		struct queue_client *probe = NULL;
		struct queue_server server;
		if (queue_client_open(f->url, "probe", &probe, &err) &&
		    queue_server(probe, &server, &err)) {
			queue_client_free(probe);
			return;
		}
		queue_client_free(probe);
		assert_true(waited < FIXTURE_WAIT_MS);
		nap(5);
	}
}

static inline void fixture_stop_redis(struct fixture *f, int signal)
{
	if (f->redis > 0) {
		kill(f->redis, signal);
		waitpid(f->redis, NULL, 0);
	}
	f->redis = 0;
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	struct err err;

	(void)snprintf(f->dir, sizeof(f->dir), "%s/reel-queue-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->socket, sizeof(f->socket), "%s/redis.sock", f->dir);
	(void)snprintf(f->url, sizeof(f->url), "unix://%s", f->socket);
	fixture_start_redis(f);
	if (!queue_client_open(f->url, "t", &f->client, &err))
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char command[300];

	queue_client_free(f->client);
	fixture_stop_redis(f, SIGKILL);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	(void)!system(command);
	free(f);
	return 0;
}

/* ---- plain commands */

PRINTF_LIKE(2, 3) static inline redisReply *command(struct fixture *f, const char *format, ...)
{
	struct redis_args args = { .script = SCRIPTS };
	struct err err;
	redisReply *reply = NULL;
	char text[1000];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	char *save = NULL;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		redis_args_copy(&args, word, strlen(word));
	if (!client_call(f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	redis_args_done(&args);
	return reply;
}

PRINTF_LIKE(2, 3) static inline int64_t command_int(struct fixture *f, const char *format, ...)
{
	char text[1000];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	redisReply *reply = command(f, "%s", text);
	int64_t value = redis_int(reply);
	freeReplyObject(reply);
	return value;
}

/* Moves the scripts' clock: what waits for a time need not be waited for. */
static inline void advance_ms(struct fixture *f, int64_t ms)
{
	freeReplyObject(command(f, "HINCRBY reel:{t}:farm offset %lld", (long long)ms * 1000));
}

/* ---- submitting */

#define STAGE(name, ...)                                                \
	{                                                               \
		.id = name, .type = "noop", .lane = "noop", __VA_ARGS__ \
	}

#define STAGE_IN(name, its_lane, ...)                                     \
	{                                                                 \
		.id = name, .type = "noop", .lane = its_lane, __VA_ARGS__ \
	}

static inline char *submit(struct fixture *f, struct queue_batch_spec batch,
			   const struct queue_stage_spec *stages, size_t stage_count)
{
	struct queue_pipeline_spec pipeline = {
		.name = "p", .context = "{\"n\":1}", .stages = stages, .stage_count = stage_count
	};
	struct queue_submit *submission = NULL;
	char token[IDS_NONCE_LENGTH + 1];
	struct err err;
	char *id = NULL;

	ids_nonce(token);
	if (!batch.token)
		batch.token = token;
	if (!batch.pipeline_count)
		batch.pipeline_count = 1;
	if (!batch.retention_ms)
		batch.retention_ms = 3600000;
	if (!queue_submit_begin(f->client, &batch, &submission, NULL, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < batch.pipeline_count; i++) {
		if (!queue_submit_add(submission, &pipeline, &err))
			fail_msg("%s", err.text);
	}
	if (!queue_submit_seal(submission, &id, &err))
		fail_msg("%s", err.text);
	queue_submit_freep(&submission);
	return id;
}

/* ---- a host by hand */

struct hand_claim {
	char stage[200], pipeline[100], lane[100];
	unsigned index;
	bool is_prepare;
	int64_t epoch, attempt;
	double timeout_ms;
	char *definition, *results;
};

struct hand_end {
	const struct hand_claim *claim;
	enum verdict_class class;
	bool is_return, is_kill;
	int64_t after_ms;
	const char *message, *result;
};

struct hand_turn {
	struct hand_claim claims[512];
	size_t count;
	char codes[64];
	int64_t due_us;
};

static inline void hand_head(struct redis_args *args, const struct hand_end *end)
{
	struct buf out = { 0 };
	const struct verdict_info *info = verdict_info(end->class);
	double after = (double)end->after_ms;
	uint64_t bits;

	memcpy(&bits, &after, sizeof(bits));
	buf_put_u8(&out, (uint8_t)end->claim->index);
	buf_put_u32(&out, (uint32_t)end->claim->epoch);
	buf_put_u8(&out, (uint8_t)end->class);
	buf_put_u8(&out, end->is_return ? 4 : (uint8_t)info->policy);
	buf_put_u8(&out, (end->is_kill ? 1 : 0) | (info->counts_for_breaker ? 2 : 0));
	buf_put_u64(&out, bits);
	buf_put(&out, end->claim->pipeline, strlen(end->claim->pipeline) + 1);
	buf_put(&out, info->name, strlen(info->name) + 1);
	redis_args_copy(args, out.data, out.len);
	buf_done(&out);
}

static inline void hand_read(struct hand_turn *turn, const redisReply *reply)
{
	turn->count = 0;
	(void)snprintf(turn->codes, sizeof(turn->codes), "%s", redis_text(reply->element[0]));
	turn->due_us = redis_int(reply->element[2]);
	for (size_t at = 4; at + 3 < reply->elements; at += 4) {
		struct hand_claim *claim = &turn->claims[turn->count++];
		struct reader reader;
		uint64_t bits;
		reader_init(&reader, reply->element[at]->str, reply->element[at]->len);
		claim->index = reader_u8(&reader);
		claim->is_prepare = reader_u8(&reader);
		claim->epoch = reader_u32(&reader);
		claim->attempt = reader_u32(&reader);
		bits = reader_u64(&reader);
		memcpy(&claim->timeout_ms, &bits, sizeof(bits));
		const char *pid = (const char *)reader.at, *name = pid + strlen(pid) + 1;
		const char *type = name + strlen(name) + 1;
		(void)snprintf(claim->pipeline, sizeof(claim->pipeline), "%s", pid);
		(void)snprintf(claim->stage, sizeof(claim->stage), "%s/%s", pid, name);
		(void)snprintf(claim->lane, sizeof(claim->lane), "%s", type + strlen(type) + 1);
		claim->definition = xstrdup(redis_text(reply->element[at + 1]));
		claim->results = xstrdup(redis_text(reply->element[at + 3]));
	}
}

static inline void hand_clear(struct hand_turn *turn)
{
	for (size_t i = 0; i < turn->count; i++) {
		free(turn->claims[i].definition);
		free(turn->claims[i].results);
	}
	turn->count = 0;
}

/* One call of turn.lua as `host`; claims up to `most` with that many slots of every kind. */
static inline void hand(struct fixture *f, struct hand_turn *turn, const char *host,
			const char *nonce, int most, const struct hand_end *ends, size_t end_count)
{
	struct redis_args args = { 0 };
	redisReply *reply = NULL;
	struct err err;

	hand_clear(turn);
	redis_args_script(&args, SCRIPT_TURN, client_prefix(f->client));
	redis_args_text(&args, host);
	redis_args_text(&args, nonce);
	for (int i = 0; i < 4; i++)
		redis_args_int(&args, most);
	redis_args_int(&args, 3);
	for (size_t i = 0; i < end_count; i++) {
		hand_head(&args, &ends[i]);
		redis_args_text(&args, ends[i].message);
		redis_args_text(&args, ends[i].result);
	}
	if (!client_call(f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	hand_read(turn, reply);
	freeReplyObject(reply);
	redis_args_done(&args);
}

static inline void hand_claim(struct fixture *f, struct hand_turn *turn, const char *host, int most)
{
	char nonce[IDS_NONCE_LENGTH + 1];

	ids_nonce(nonce);
	hand(f, turn, host, nonce, most, NULL, 0);
}

/* Ends one claimed stage, claiming nothing; the answer's letter. */
static inline char hand_end(struct fixture *f, const char *host, const struct hand_claim *claim,
			    enum verdict_class class, const char *message)
{
	static struct hand_turn turn;
	struct hand_end end = { .claim = claim,
				.class = class,
				.message = message,
				.result = class == VERDICT_DONE ? "{\"ok\":1}" : NULL };

	hand(f, &turn, host, "", 0, &end, 1);
	return turn.codes[0];
}

static inline struct queue_stage *stage_named(struct queue_pipeline *pipeline, const char *name)
{
	for (size_t i = 0; i < pipeline->stage_count; i++) {
		if (!strcmp(pipeline->stages[i].id, name))
			return &pipeline->stages[i];
	}
	(void)fprintf(stderr, "no stage %s\n", name);
	abort();
}

static inline enum queue_state state_of(struct fixture *f, const char *batch, int index,
					const char *stage)
{
	struct queue_pipeline pipeline;
	struct err err;
	char id[100];

	(void)snprintf(id, sizeof(id), "%s-%d", batch, index);
	if (!queue_pipeline_get(f->client, id, &pipeline, &err))
		fail_msg("%s", err.text);
	enum queue_state state = stage_named(&pipeline, stage)->state;
	queue_pipeline_done(&pipeline);
	return state;
}

/* Counts everything from the records and compares it with every counter the scripts keep. */
static inline void assert_consistent(struct fixture *f)
{
	static const char text[] =
		"local P = 'reel:{t}:' local call = redis.call local bad = {} "
		"local run, rdy, held, ends = {}, {}, {}, {} "
		"local function add(t, k, n) t[k] = (t[k] or 0) + (n or 1) end "
		"for _, bid in ipairs(call('ZRANGE', P..'batches', 0, -1)) do "
		"  local n, over, waiting, active = {}, {}, 0, 0 "
		"  local b = call('HMGET', P..'b:'..bid, 'total', 'done', 'failed', 'cancelled', 'wait', 'active', 'end', 'added') "
		"  for i = 1, tonumber(b[8]) do "
		"    local key = P..'p:'..bid..'-'..i "
		"    local v = call('HMGET', key, 'x', 's', 'e', 'a') "
		"    local e = tonumber(v[3]) or 0 "
		"    if e == 0 then if v[4] == '1' then active = active + 1 else waiting = waiting + 1 end end "
		"    add(over, e) "
		"    if v[2] then "
		"      if (e ~= 0) ~= (not string.find(v[2], '[bpqruwhc]')) then bad[#bad+1] = bid..'-'..i..' e='..e..' s='..v[2] end "
		"      for j = 0, #v[2] - 1 do "
		"        local l = string.sub(v[2], j+1, j+1) "
		"        add(n, l) "
		"        local k = call('HGET', key, 'k'..j) "
		"        local o, len, fl = struct.unpack('<I2I2I2', v[1], 23 + j*26) "
		"        local lane = string.sub(v[1], o, o+len-1) "
		"        local epoch, flags, host = 0, 0, '' "
		"        if k then local a,b2,c,d,e2,g,h,i2,j2,k2,l2 "
		"          epoch,a,b2,flags,d,e2,g,h,i2,j2,k2,host,l2 = struct.unpack('<I4I4I2BBBdddddss', k) "
		"          if l2 ~= '' then lane = l2 end end "
		"        if bit.band(fl, 2) ~= 0 and bit.band(flags, 1) == 0 then lane = 'cpu' end "
		"        if l == 'r' or l == 'p' then add(rdy, lane) end "
		"        if bit.band(flags, 2) ~= 0 then add(run, lane) end "
		"        if l == 'u' or l == 'q' or l == 'c' then "
		"          add(held, host) "
		"          if call('SISMEMBER', P..'run:'..host, bid..'-'..i..'.'..j..'.'..epoch) == 0 then bad[#bad+1] = 'not in run: '..bid..'-'..i..'.'..j end "
		"        end "
		"      end "
		"    end "
		"  end "
		"  for _, l in ipairs({'b','p','q','r','u','w','h','c','d','f','s','t','x'}) do "
		"    local c = tonumber(call('HGET', P..'b:'..bid, 'n'..l)) or 0 "
		"    if c ~= (n[l] or 0) then bad[#bad+1] = bid..' n'..l..'='..c..' but '..(n[l] or 0) end "
		"  end "
		"  local want = { [2]=over[1] or 0, [3]=over[3] or 0, [4]=over[4] or 0, [5]=waiting, [6]=active } "
		"  for i, w in pairs(want) do if (tonumber(b[i]) or 0) ~= w then bad[#bad+1] = bid..' field '..i..'='..tostring(b[i])..' but '..w end end "
		"  if (tonumber(b[7]) or 0) ~= 0 and waiting + active > 0 then bad[#bad+1] = bid..' ended too early' end "
		"  if (tonumber(b[7]) or 0) == 0 and waiting + active == 0 then bad[#bad+1] = bid..' has not ended' end "
		"end "
		"for _, name in ipairs(call('SMEMBERS', P..'lanes')) do "
		"  local v = call('HMGET', P..'lane:'..name, 'run', 'rdy') "
		"  if (tonumber(v[1]) or 0) ~= (run[name] or 0) then bad[#bad+1] = 'lane '..name..' run='..tostring(v[1])..' but '..(run[name] or 0) end "
		"  if (tonumber(v[2]) or 0) ~= (rdy[name] or 0) then bad[#bad+1] = 'lane '..name..' rdy='..tostring(v[2])..' but '..(rdy[name] or 0) end "
		"end "
		"for _, key in ipairs(call('KEYS', P..'run:*')) do "
		"  local host = string.sub(key, #P + 5) "
		"  if call('SCARD', key) ~= (held[host] or 0) then bad[#bad+1] = key..' has '..call('SCARD', key)..' but '..(held[host] or 0) end "
		"end "
		"return table.concat(bad, '; ')";
	struct redis_args args = { .script = SCRIPTS };
	redisReply *reply = NULL;
	struct err err;

	redis_args_text(&args, "EVAL");
	redis_args_text(&args, text);
	redis_args_text(&args, "0");
	if (!client_call(f->client, &args, &reply, &err))
		fail_msg("%s", err.text);
	if (redis_text(reply)[0])
		fail_msg("counters and records differ: %s", redis_text(reply));
	freeReplyObject(reply);
	redis_args_done(&args);
}
