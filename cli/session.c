/*
 * Connecting, and connecting again.
 */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/private.h"
#include "cli/records.h"

enum { PATIENCE_MS = 60000, SAY_AFTER_MS = 1500 };

/* The queue's error names the address; here is what a person can do about it. */
static bool explain(const struct session *session, struct err *err)
{
	static const char advice[] =
		". Is it up, and is the address (REEL_REDIS_URL, or redis: in the "
		"configuration) right?";

	if (session->private)
		return err_context(err, "the private farm of this machine");
	if (err->kind == ERR_RETRY && strlen(err->text) + sizeof(advice) < sizeof(err->text))
		strcat(err->text, advice);
	return false;
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l }, NULL);
}

/* Connected is not yet answering: a Redis that loads its data says so to commands only. */
static bool answers(struct session *session, struct err *err)
{
	struct queue_batch *batches;
	size_t count;

	if (!queue_client_open(session->url, session->config->farm, &session->client, err))
		return false;
	if (!queue_batches(session->client, 1, &batches, &count, err)) {
		queue_client_freep(&session->client);
		return false;
	}
	record_free_batches(batches, count);
	return true;
}

/* Tries until it works, something is wrong for good, or patience ends. */
static bool connect_patiently(struct session *session, int patience_ms, struct err *err)
{
	int64_t began = clock_monotonic_us();
	bool is_said = false;

	for (int delay_ms = 2;; delay_ms = delay_ms < 100 ? delay_ms * 2 : 100) {
		int64_t waited_ms;

		if (session->private && !private_keep_redis(session->private, err))
			return false;
		if (answers(session, err))
			return true;
		waited_ms = (clock_monotonic_us() - began) / 1000;
		if (err->kind != ERR_RETRY || waited_ms >= patience_ms || interrupt_is_set())
			return explain(session, err);
		if (!is_said && waited_ms > SAY_AFTER_MS) {
			is_said = true;
			output_note(&session->cli->out, "waiting for Redis: %s", err->text);
		}
		pause_ms(delay_ms);
	}
}

bool session_open(struct cli *cli, enum session_use use, struct session *out, struct err *err)
{
	*out = (struct session){ .cli = cli, .config = cli_config(cli, err) };
	if (!out->config)
		return false;
	if (out->config->redis) {
		out->url = out->config->redis;
	} else {
		if (!private_open(out->config, use == SESSION_WORK, &out->private, err))
			return false;
		out->url = private_url(out->private);
	}
	if (connect_patiently(out, out->private ? PATIENCE_MS : 0, err))
		return true;
	session_close(out);
	return false;
}

void session_close(struct session *session)
{
	queue_client_freep(&session->client);
	private_close(TAKE(session->private), session->is_idle);
}

bool session_work(struct session *session, struct err *err)
{
	return !session->private || private_keep_reeld(session->private, err);
}

bool session_recover(struct session *session, int patience_ms, struct err *err)
{
	queue_client_freep(&session->client);
	return connect_patiently(session, patience_ms, err);
}

char *session_resolve(struct session *session, const char *prefix, struct err *err)
{
	struct queue_batch *batches;
	char *id = NULL;
	size_t count;

	if (prefix && strcmp(prefix, "last") != 0)
		return queue_resolve(session->client, prefix, &id, err) ? id : NULL;
	if (!queue_batches(session->client, 1, &batches, &count, err))
		return NULL;
	if (count)
		id = xstrdup(batches[0].id);
	else
		err_set(err, ERR_REJECT, "this farm has no batch yet; `reel run SPEC` makes one");
	record_free_batches(batches, count);
	return id;
}
