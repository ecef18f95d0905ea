/*
 * The typed, versioned messages between the supervisor and a worker, on descriptor 3 (a SOCK_STREAM
 * socketpair).
 *
 * A frame is u32 length of what follows, u16 type, then the fields of that type in order,
 * little-endian; texts are u32 length + bytes. A decoder consumes exactly every byte of its frame;
 * anything else ends the worker.
 *
 *      supervisor                         worker
 *      HELLO        ->
 *                   <-  READY                        within 5 s, else the worker is killed
 *      RUN          ->
 *                   <-  STEP, PROGRESS               any number
 *                   <-  VERDICT | CRASH              exactly one per RUN
 *      CANCEL       ->                               the RUN still ends in one VERDICT (cancelled)
 * or CRASH
 *      DRAIN        ->                               finish what runs, take nothing new, exit 0
 *
 * `tag` names one attempt between these two processes only; it is never reused during a worker's
 * life, and never 0.
 *
 * A worker that carries many stages in one process (--remote) also gets descriptor 4: a memfd of
 * WIRE_PAGE_BYTES to map shared. It writes the tag of the stage it is about to step into as a
 * native u64 at offset 0, and 0 when it left it. When the process dies, the supervisor charges that
 * stage alone; with 0 there, none (RACES 18).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/verdict.h"

enum {
	WIRE_VERSION = 1,
	WIRE_MAX_FRAME = 16 << 20,
	WIRE_FD = 3,
	WIRE_PAGE_FD = 4,
	WIRE_PAGE_BYTES = 4096
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_RUN = 2,
	WIRE_CANCEL = 3,
	WIRE_DRAIN = 4,
	WIRE_READY = 16,
	WIRE_STEP = 17,
	WIRE_PROGRESS = 18,
	WIRE_VERDICT = 19,
	WIRE_CRASH = 20,
};

struct wire_text {
	const char *data; /* borrowed from the frame when decoded; not NUL-terminated */
	size_t len;
};

struct wire_hello {
	uint32_t version;
	uint32_t slots; /* the most RUNs the supervisor will have open at once */
};

struct wire_run {
	uint64_t tag;
	uint64_t timeout_ms;   /* for the attempt; 0: none */
	struct wire_text task; /* JSON, see docs/protocol.md "task"; opaque to a media parent */
};

struct wire_cancel {
	uint64_t tag;
};

struct wire_drain {
	uint32_t within_ms;
};

struct wire_ready {
	uint32_t version;
	uint32_t pid;
};

struct wire_step { /* what the stage is doing, for the obituary and `reel watch` */
	uint64_t tag;
	uint32_t pid; /* of the process that does it */
	struct wire_text name;
};

struct wire_progress {
	uint64_t tag;
	uint32_t permille;
};

struct wire_verdict {
	uint64_t tag;
	enum verdict_class class;
	uint64_t after_ms;	  /* the far side asked to wait that long; 0: our own backoff */
	struct wire_text message; /* one sentence for a person; empty when done */
	struct wire_text result;  /* JSON object; empty when there is none */
};

struct wire_crash { /* a child of a media or gpu parent ended without a verdict */
	uint64_t tag;
	uint32_t pid;
	uint32_t status; /* as waitpid gives it */
	uint64_t run_ms;
	struct wire_text step;
};

/* One decoded frame. Texts point into the frame's bytes. */
struct wire_message {
	enum wire_type type;
	union {
		struct wire_hello hello;
		struct wire_run run;
		struct wire_cancel cancel;
		struct wire_drain drain;
		struct wire_ready ready;
		struct wire_step step;
		struct wire_progress progress;
		struct wire_verdict verdict;
		struct wire_crash crash;
	};
};

struct wire_text wire_text(const char *text); /* borrows a C string; NULL gives empty */

/* Appends one frame. */
void wire_put(struct buf *out, const struct wire_message *message);

/* Decodes the frame body (without its length). ERR_REJECT: unknown type, bytes missing or left
 * over, unknown class. */
bool wire_decode(const void *frame, size_t len, struct wire_message *out,
		 struct err *err) MUST_CHECK;
