/*
 * The sandbox of media work: which folders it may see, and how much of everything it may use.
 */
#pragma once

#include "base/config.h"
#include "worker/sandbox.h"

struct store;

struct media_box {
	const struct config *config;
	const struct store *store;
	const char *work_dir; /* read and write; NULL: none */
	const char *input;    /* one more file to read; NULL: none */
	uint64_t timeout_ms;  /* wall time, from which the CPU time follows; 0: none */
	void (*last_words)(void *context, enum verdict_class class, const char *text);
	void *context;
};

bool media_box_enter(const struct media_box *box, struct err *err) MUST_CHECK;
