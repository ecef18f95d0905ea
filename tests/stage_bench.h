/*
 * A store, a work folder and an outbox for tests that run stages in their own process.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "pipeline/stage/stage.h"
#include "pipeline/store/store.h"

struct bench {
	char *folder, *work_dir, *outbox;
	struct store *store;
	unsigned steps; /* how often a stage said what it does */
};

static inline void bench_step(void *reporter, const char *name)
{
	struct bench *bench = reporter;

	assert_true(strlen(name) > 0 && strlen(name) < 64);
	bench->steps++;
}

static inline void bench_progress(void *reporter, double fraction)
{
	(void)reporter;
	assert_true(fraction >= 0 && fraction <= 1);
}

static inline struct bench *bench_new(void)
{
	const char *tmp = getenv("TMPDIR");
	struct bench *bench = xcalloc(1, sizeof(*bench));
	DEFER(freep) char *store = NULL;
	struct err err = { 0 };

	bench->folder = xasprintf("%s/reel-stages-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(bench->folder));
	bench->work_dir = xasprintf("%s/work", bench->folder);
	bench->outbox = xasprintf("%s/outbox", bench->folder);
	store = xasprintf("%s/store", bench->folder);
	assert_int_equal(mkdir(bench->work_dir, 0700), 0);
	assert_true(store_open(store, &bench->store, &err));
	return bench;
}

static inline void bench_free(struct bench *bench)
{
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", bench->folder);

	assert_int_equal(system(command), 0);
	store_free(bench->store);
	free(bench->folder);
	free(bench->work_dir);
	free(bench->outbox);
	free(bench);
}

/* Runs one task made of these JSON texts; end it with stage_outcome_done. */
static inline struct stage_outcome bench_run(struct bench *bench, const char *type,
					     const char *definition, const char *results,
					     bool is_prepare)
{
	DEFER(freep)
	char *task = xasprintf(
		"{\"batch\":\"b7\",\"pipeline\":\"b7-1\",\"stage\":\"this\",\"type\":\"%s\","
		"\"epoch\":1,\"attempt\":1,\"prepare\":%s,\"definition\":%s,\"context\":{"
		"\"matrix\":{\"hook\":\"Ship it\"},\"vars\":{\"n\":3},\"labels\":{\"c\":\"spring\"},"
		"\"name\":\"spring|Ship it|v1\",\"index\":1,\"batch_name\":\"spring ad\"},"
		"\"results\":%s}",
		type, is_prepare ? "true" : "false", definition, results);
	struct stage_context context = { .store = bench->store,
					 .work_dir = bench->work_dir,
					 .outbox = bench->outbox,
					 .max_pixels = 1 << 24,
					 .step = bench_step,
					 .progress = bench_progress,
					 .reporter = bench };
	struct stage_outcome outcome;

	stage_run(task, strlen(task), &context, &outcome);
	return outcome;
}

static inline const char *first_media(const json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "outputs"), 0);

	return json_string_value(json_object_get(first, "media"));
}

/* A generated clip as the results of a stage "draft": {"draft": {...}}. Caller frees. */
static inline char *bench_draft(struct bench *bench)
{
	struct stage_outcome outcome = bench_run(
		bench, "generate",
		"{\"kind\":\"video\",\"model\":{\"id\":\"local/animatic\",\"engine\":\"animatic\"},"
		"\"prompt\":\"one\",\"duration\":1,\"fps\":10,\"resolution\":\"144x256\","
		"\"seed\":7}",
		"{}", false);
	DEFER(freep) char *result = NULL;

	if (outcome.class != VERDICT_DONE)
		fail_msg("%s", outcome.message);
	result = json_text(outcome.result);
	stage_outcome_done(&outcome);
	return xasprintf("{\"draft\":%s}", result);
}
