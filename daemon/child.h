/*
 * One worker process and its channel: handshake, and an end that is reported exactly once.
 *
 *	STARTING --(READY within 5 s)--> READY --(closed and exited, in either order)--> ENDED
 *	    |________________________________(the same)____________________________________^
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/spawn.h"
#include "worker/wire.h"

struct child;
struct event_base;

struct child_end {
	int status; /* as waitpid gives it */
	int64_t run_us;
	bool was_ready;
	const char *why_killed; /* a sentence; NULL when we did not kill it. Borrowed. */
	uint64_t culprit;	/* tag it was stepping into; 0: none, or not a KIND_SHARED worker */
};

struct child_handler {
	void (*ready)(void *context);
	/* Anything but READY; texts valid during the call. */
	void (*message)(void *context, const struct wire_message *message);
	/* Last call; the handler frees the child, here or later. */
	void (*end)(void *context, const struct child_end *end);
};

/* slots: the most RUNs that will be open at once. ready_ms: the time it has for its READY. */
bool child_spawn(struct event_base *base, const struct spawn_plan *plan, uint32_t slots,
		 int ready_ms, const struct child_handler *handler, void *context,
		 struct child **out, struct err *err) MUST_CHECK;
void child_put(struct child *child, const struct wire_message *message);
pid_t child_pid(const struct child *child);

/* SIGKILL to the process and its group; `why` (copied) is the reason in the end. The first counts.
 */
void child_kill(struct child *child, const char *why, ...) PRINTF_LIKE(2, 3);

/* Lets go of a process that may outlive us: closes its channel and forgets it. Also frees one that
 * has ended. */
void child_free(struct child *child);

/* "exit status 3", "signal 11 (Segmentation fault), core dumped", ...; returns out. */
const char *child_show_status(int status, char out[96]);
