/*
 * The comparison sheet of a batch: records in, texts out, no I/O.
 *
 *      sheet_build -> (gather_media fills src and poster) -> sheet_html, sheet_csv
 *
 * Every text in it comes from strangers (prompts, error messages, file names). In the HTML they
 * exist only as JSON data in which '<' cannot occur, and reach the page as text nodes; in the CSV
 * none can become a formula.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "queue/queue.h"

struct sheet_value {
	const char *name, *text;
	bool is_number;
};

struct sheet_values {
	struct sheet_value *items;
	size_t count, cap;
};

struct sheet_finding {
	const char *rule, *expected, *found, *severity;
};

struct sheet_stage {
	const char *id, *type, *state, *class, *message, *host;
	int64_t attempts, elapsed_ms;
};

struct sheet_card {
	const char *id, *name, *state; /* state: done, failed, held, running, waiting, cancelled */
	int64_t index;
	struct sheet_values axes, metrics;
	const char *prompt, *model, *seed, *caption, *url; /* NULL: unknown */
	int64_t attempts, elapsed_ms; /* of all stages; first start to last end */
	/* the final media; media NULL: none */
	const char *media, *kind, *mime;
	int64_t bytes;
	double width, height, duration, fps;
	const char *poster_media,
		*poster_of;   /* a still that inspect left, of which media; NULL: none */
	bool is_poster_exact; /* else the clip's own frame takes its place: a draft has no caption
			       */
	/* what the page loads: relative paths or data: URIs; filled by the caller, NULL: left out
	 */
	const char *src, *poster, *file, *left_out;
	const struct sheet_finding *findings;
	size_t finding_count;
	const struct sheet_stage *stages;
	size_t stage_count;
	const struct sheet_stage *failure; /* the stage that ended it or holds it; NULL: none */
};

struct sheet {
	const char *id, *name, *state, *created, *ended, *labels;
	int64_t elapsed_ms;
	const char **axes, **metrics; /* names over all cards, in the order they first appear */
	size_t axis_count, metric_count;
	struct sheet_card *cards;
	size_t count;
};

/* Everything is copied into arena. pipelines: with payload. */
void sheet_build(const struct queue_batch *batch, const struct queue_pipeline *pipelines,
		 size_t count, struct arena *arena, struct sheet *out);

void sheet_html(const struct sheet *sheet, struct buf *out);
void sheet_csv(const struct sheet *sheet, struct buf *out);

/* A variant's name as a file name: no folders, no control characters, no leading dot, at most 120
 * bytes. */
const char *sheet_file_name(const char *name, const char *suffix, struct arena *arena);
