/*
 * The event-loop shell. Owns the records of the stages it carries and knows what each waits for;
 * what a stage means is in pipeline/stage.
 *
 *      RUN -> [step] -> waiting for a timer -> [step] -> VERDICT          (CANCEL, the attempt's
 * limit: VERDICT)
 *
 * Everything between two waits is one step: the tag stands in the shared page while it is taken, so
 * that the supervisor knows whom to charge when this process dies. End of file on the channel:
 * there is nothing on the wire that would be money, so nothing is left to end.
 */
#include "worker/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "pipeline/stage/noop.h"
#include "pipeline/stage/task.h"
#include "worker/shell.h"

enum { BUCKETS = 4096, PAGE_BYTES = 4096 };

struct carried { /* one stage in hand */
	struct carried *next;
	struct remote *remote;
	uint64_t tag;
	struct stage_request request; /* the task it was made from */
	struct noop noop;
	struct event *timer;
	bool is_limit; /* the timer is the attempt's limit and not the stage's own wait */
	uint64_t timeout_ms;
};

struct remote {
	struct shell shell;
	uint64_t *page;			  /* NULL: none */
	struct carried *buckets[BUCKETS]; /* by tag */
	uint32_t count;
};

static void page_set(const struct remote *remote, uint64_t tag)
{
	if (remote->page)
		__atomic_store_n(remote->page, tag, __ATOMIC_RELEASE);
}

static struct carried **carried_slot(struct remote *remote, uint64_t tag)
{
	struct carried **slot = &remote->buckets[tag % BUCKETS];

	while (*slot && (*slot)->tag != tag)
		slot = &(*slot)->next;
	return slot;
}

static void carried_free(struct carried *stage)
{
	if (stage->timer)
		event_free(stage->timer);
	stage_request_done(&stage->request);
	free(stage);
}

static void put_verdict(struct remote *remote, uint64_t tag, const struct stage_outcome *outcome)
{
	DEFER(freep) char *result = outcome->result ? json_text(outcome->result) : NULL;

	channel_put(remote->shell.channel,
		    &(struct wire_message){ .type = WIRE_VERDICT,
					    .verdict = {
						    .tag = tag,
						    .class = outcome->class,
						    .after_ms = (uint64_t)outcome->after_ms,
						    .message = wire_text(outcome->message),
						    .result = wire_text(result),
					    } });
}

/* The end of a stage that waited: unlinks and frees it. */
static void carried_end(struct carried *stage, struct stage_outcome *outcome)
{
	struct remote *remote = stage->remote;

	put_verdict(remote, stage->tag, outcome);
	*carried_slot(remote, stage->tag) = stage->next;
	carried_free(stage);
	remote->count--;
	shell_look_if_drained(&remote->shell);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct carried *stage = arg;
	DEFER(stage_outcome_done) struct stage_outcome outcome = { 0 };
	struct remote *remote = stage->remote;

	(void)fd, (void)what;
	page_set(remote, stage->tag);
	if (stage->is_limit)
		stage_end(&outcome, VERDICT_TIMEOUT,
			  "the attempt took longer than its limit of %llu ms",
			  (unsigned long long)stage->timeout_ms);
	else
		noop_answer(&stage->noop, stage->request.task.attempt, &outcome);
	carried_end(stage, &outcome);
	page_set(remote, 0);
}

/* Keeps the stage until its timer: its own wait, or the attempt's limit when that comes first. */
static void carried_wait(struct remote *remote, const struct wire_run *run,
			 struct stage_request *request, const struct noop *noop)
{
	struct carried *stage = xcalloc(1, sizeof(*stage));
	int64_t wait_ms = noop->sleep_ms;
	struct timeval wait;

	*stage = (struct carried){ .remote = remote,
				   .tag = run->tag,
				   .request = *request,
				   .noop = *noop,
				   .timeout_ms = run->timeout_ms };
	*request = (struct stage_request){ 0 };
	if (run->timeout_ms && run->timeout_ms < (uint64_t)wait_ms) {
		stage->is_limit = true;
		wait_ms = (int64_t)run->timeout_ms;
	}
	wait = (struct timeval){ wait_ms / 1000, wait_ms % 1000 * 1000 };
	stage->timer = evtimer_new(remote->shell.base, on_timer, stage);
	evtimer_add(stage->timer, &wait);
	*carried_slot(remote, stage->tag) = stage;
	remote->count++;
}

static bool noop_of(const struct stage_request *request, struct noop *out, struct err *err)
{
	const char *type = request->task.type;

	if (strcmp(type, stage_noop.name) != 0)
		return err_set(err, ERR_REJECT,
			       "stage type '%s' cannot run in the remote worker of this release; "
			       "it belongs into a media lane",
			       type);
	return noop_decode(request->task.definition, out, err);
}

/* Gives true when the stage ended at once, with `outcome` filled. */
static bool carried_start(struct remote *remote, const struct wire_run *run,
			  struct stage_outcome *outcome)
{
	DEFER(stage_request_done) struct stage_request request = { 0 };
	struct err err = { 0 };
	struct noop noop;

	if (!stage_request_decode(run->task.data, run->task.len, &request, &err) ||
	    !noop_of(&request, &noop, &err)) {
		stage_fail(outcome, &err);
		return true;
	}
	/* one that is still text was decided by `prepare` before it came here */
	if (json_is_false(json_object_get(request.task.definition, "if"))) {
		stage_end(outcome, VERDICT_SKIPPED, "`if` was false");
		return true;
	}
	if (noop_is_crash(&noop, request.task.attempt))
		abort();
	if (noop.sleep_ms > 0) {
		carried_wait(remote, run, &request, &noop);
		return false;
	}
	noop_answer(&noop, request.task.attempt, outcome);
	return true;
}

static void on_run(void *context, const struct wire_run *run)
{
	struct remote *remote = context;
	DEFER(stage_outcome_done) struct stage_outcome outcome = { 0 };

	if (remote->count >= remote->shell.slots || *carried_slot(remote, run->tag)) {
		shell_protocol_error(&remote->shell, "more stages than it announced, or one twice");
		return;
	}
	page_set(remote, run->tag);
	if (carried_start(remote, run, &outcome))
		put_verdict(remote, run->tag, &outcome);
	page_set(remote, 0);
}

static void on_cancel(void *context, uint64_t tag)
{
	struct remote *remote = context;
	DEFER(stage_outcome_done) struct stage_outcome outcome = { 0 };
	struct carried *stage = *carried_slot(remote, tag);

	if (!stage) /* its verdict is on the way to the supervisor */
		return;
	stage_end(&outcome, VERDICT_CANCELLED, "cancelled");
	carried_end(stage, &outcome);
}

static uint32_t in_hand(const void *context)
{
	const struct remote *remote = context;

	return remote->count;
}

static void page_open(struct remote *remote, int fd)
{
	void *page = fd < 0 ? MAP_FAILED
			    : mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page != MAP_FAILED)
		remote->page = page;
	page_set(remote, 0);
}

static void drop_all(struct remote *remote)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (remote->buckets[i]) {
			struct carried *stage = remote->buckets[i];

			remote->buckets[i] = stage->next;
			carried_free(stage);
		}
	}
}

int remote_main(int channel_fd, int page_fd)
{
	static const struct shell_duties duties = { .run = on_run,
						    .cancel = on_cancel,
						    .in_hand = in_hand };
	struct remote *remote = xcalloc(1, sizeof(*remote));
	int exit_code;

	page_open(remote, page_fd);
	shell_init(&remote->shell, channel_fd, &duties, remote);
	shell_loop(&remote->shell);
	exit_code = remote->shell.exit_code;
	drop_all(remote);
	shell_done(&remote->shell);
	if (remote->page)
		munmap(remote->page, PAGE_BYTES);
	free(remote);
	return exit_code;
}
