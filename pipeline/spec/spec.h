/*
 * The spec: text in, checked structs out, no I/O of its own (the caller lends two functions that
 * read files).
 *
 *      spec_parse -> spec_expand -> one spec_pipeline per variant, ready to be submitted
 *
 * spec_parse refuses every mistake that can be seen without running: unknown names, wrong types,
 * cycles, references to nothing, expressions that do not compile, impossible limits. Errors are
 * ERR_REJECT, one, the first in the file: ads.yaml:14:5: stages.draft.promt: unknown name, did you
 * mean 'prompt'? The language is docs/spec.md; its schema docs/pipeline.schema.json.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

struct spec;
struct catalogue; /* pipeline/spec/catalogue.h: models, profiles, publishers */

/* What a spec may look at outside itself; paths are as written in the spec, relative to the spec's
 * folder. */
struct spec_files {
	/* Text of a file named in `matrix` ({file:}, {csv:}); at most 4 MiB. Caller frees
	 * *out_text. */
	bool (*read_text)(void *context, const char *path, char **out_text, struct err *err);
	/* Turns a local media file (attach, watermark, inspect of a path) into a media id, storing
	 * it on submit and only checking that it exists and is a picture, clip or sound on plan.
	 * Given "m_…" ids too: checks that they exist. id holds 68 bytes. */
	bool (*take_media)(void *context, const char *path, char *out_id, struct err *err);
	void *context;
};

/* `name` is shown in errors. The catalogue is borrowed for the spec's life. */
bool spec_parse(const char *text, size_t len, const char *name, const struct catalogue *catalogue,
		struct spec **out, struct err *err) MUST_CHECK;
void spec_free(struct spec *spec);
void spec_freep(struct spec **spec);

struct spec_stage {
	const char *id, *type, *lane;
	const char *definition; /* JSON, defaults filled in, everything that needs only matrix and
				   vars folded */
	uint32_t inputs,
		needs; /* bit masks over the pipeline's stages, gates included; see queue/queue.h */
	bool needs_prepare;
	int64_t max_attempts, base_ms, max_ms; /* retry */
	double factor;
	int64_t attempt_ms, queue_ms, total_ms;
	uint32_t gates; /* bit mask: the inspect and approve stages that stand before this one
			   (shown by plan for publish) */
};

struct spec_pipeline {
	const char *name;    /* rendered name_variants, unique in the batch */
	const char *context; /* JSON {matrix, vars, labels, name, index, batch_name} */
	const struct spec_stage *stages;
	size_t stage_count;
};

struct spec_batch {
	const char *name, *labels; /* labels: JSON object */
	const char *priority;	   /* "urgent", "normal", "bulk" */
	int64_t max_parallel;
	const char
		*schedule;  /* JSON of the parsed schedule, or NULL; it fires in a later release */
	const char *budget; /* JSON of the parsed budget, or NULL */
	const struct spec_pipeline *pipelines;
	size_t pipeline_count;
	struct spec_notice {
		const char *text;
	} * notices; /* things a person should know: a skipped route, a font that is not installed,
			on_fail that is not acted on yet */
	size_t notice_count;
};

/* Expands the matrix and folds. Everything is allocated from `arena`. ERR_REJECT with the position
 * as above. */
bool spec_expand(struct spec *spec, const struct spec_files *files, struct arena *arena,
		 struct spec_batch *out, struct err *err) MUST_CHECK;
