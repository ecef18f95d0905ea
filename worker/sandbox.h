/*
 * The box around one media stage: resource limits, no new privileges, landlock over the file
 * system, seccomp over system calls. What goes in: our code, libav, libass, libjq, and bytes that
 * somebody on the internet made.
 *
 *      sandbox_prepare (once, before forking) -> sandbox_enter (in the child, before the first
 * byte)
 *
 * There is no way out but the end of the process. When that is a limit or a blocked call,
 * `last_words` is called in a signal handler with a sentence for a person, then the process ends.
 * A kernel without landlock is used with seccomp alone, which still has no network, no exec and no
 * fork, but reads what the user can read; sandbox_landlock_abi tells.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/verdict.h"

struct sandbox_rules {
	/* Files and folders, NULL-terminated; what does not exist is passed over. */
	const char *const *read_only, *const *read_write;
	int64_t memory_bytes; /* beyond what is mapped already; 0: no limit */
	int64_t file_bytes;   /* largest file it may write; 0: no limit */
	int64_t cpu_s;	      /* CPU seconds of all threads; 0: no limit */
	/* Only async-signal-safe things may be done in it. TIMEOUT: CPU time is used up, RESOURCES:
	 * memory is used up, PERMANENT: a blocked system call. */
	void (*last_words)(void *context, enum verdict_class class, const char *text);
	void *context;
};

/* What can be computed once for all children. */
void sandbox_prepare(void);

/* ERR_OPERATOR: this kernel cannot do it. */
bool sandbox_enter(const struct sandbox_rules *rules, struct err *err) MUST_CHECK;

/* Is the memory limit so near that it explains a failure? */
bool sandbox_is_out_of_memory(void);

/* 0: this kernel has no landlock, or one too old to rename between folders (ABI 1, Linux < 5.19).
 */
int sandbox_landlock_abi(void);
