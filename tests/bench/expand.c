// links: spec
/*
 * 1,000 variants of a six-stage spec, from its text to 6,000 definitions: once with plain paths,
 * which is what most specs hold, and once with a function of jq in it, where compiling any jq
 * program at all (29 ms of CPU in libjq 1.6, whatever the program) is most of it. The floor is
 * copying the bytes that come out; what is above the floor is the language.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "pipeline/spec/catalogue.h"
#include "pipeline/spec/spec.h"

enum { RUNS = 7 };

static const char CATALOGUE[] =
	"models:\n"
	"  local/animatic: {modalities: [text->video, image->video], roles: [start_frame], lane: cpu}\n"
	"profiles:\n"
	"  reel: {limits: {max_duration: 90}, conform: {width: 1080, height: 1920}}\n"
	"publishers:\n"
	"  outbox: {lane: cpu}\n";

/* FILTER: what is done to the overlay's text */
#define STAGES(FILTER)                                                                               \
	"stages:\n"                                                                                  \
	"  draft:\n"                                                                                 \
	"    generate: video\n"                                                                      \
	"    prompt: '${{ .matrix.hook }}: ${{ .vars.product }} in ${{ .matrix.look }}'\n"           \
	"    attach: [{media: ./shot.png, role: start_frame}]\n"                                     \
	"    seed: 7\n"                                                                              \
	"  check: {inspect: draft, profile: reel, require: [.duration >= 4, .black_ratio < 0.05]}\n" \
	"  caption:\n"                                                                               \
	"    edit: draft\n"                                                                          \
	"    operations:\n"                                                                          \
	"      - textOverlay: {text: '${{ .matrix.hook" FILTER " }}', position: center}\n"           \
	"      - conform: {profile: reel}\n"                                                         \
	"  store: {upload: caption}\n"                                                               \
	"  review: {approve: store}\n"                                                               \
	"  post: {publish: store, to: outbox, caption: '${{ .matrix.hook }} by ${{ .vars.product }}'}\n"

static bool take_media(void *context, const char *path, char *out_id, struct err *err)
{
	(void)context;
	(void)path;
	(void)err;
	strcpy(out_id, "m_0123456789abcdef");
	return true;
}

static void die(const struct err *err)
{
	fprintf(stderr, "expand: %s\n", err->text);
	exit(1);
}

static size_t copy_all(const struct spec_batch *batch)
{
	struct arena arena = { 0 };
	size_t bytes = 0;

	for (size_t i = 0; i < batch->pipeline_count; i++) {
		const struct spec_pipeline *pipeline = &batch->pipelines[i];

		for (size_t j = 0; j < pipeline->stage_count; j++)
			bytes += strlen(arena_strdup(&arena, pipeline->stages[j].definition));
		bytes += strlen(arena_strdup(&arena, pipeline->context));
	}
	arena_done(&arena);
	return bytes;
}

static void put_spec(struct buf *text, const char *stages)
{
	buf_puts(text, "version: 1\nname: bench\nvars: {product: Acme}\nmatrix:\n  hook: [");
	for (int i = 0; i < 50; i++)
		buf_printf(text, "%s'Hook number %d, as long as hooks are'", i ? ", " : "", i);
	buf_puts(text, "]\n  look: [");
	for (int i = 0; i < 20; i++)
		buf_printf(text, "%s'look %d'", i ? ", " : "", i);
	buf_puts(text, "]\n");
	buf_puts(text, stages);
}

struct times {
	int64_t parse, expand, floor;
	size_t bytes;
};

static void keep_least(int64_t *least, int64_t value)
{
	if (!*least || value < *least)
		*least = value;
}

static void run_once(const struct catalogue *catalogue, const struct buf *text, struct times *times)
{
	struct spec_files files = { .take_media = take_media };
	int64_t start = clock_monotonic_us(), parsed, expanded;
	struct arena arena = { 0 };
	struct spec_batch batch;
	struct spec *spec;
	struct err err;

	if (!spec_parse(text->data, text->len, "bench", catalogue, &spec, &err))
		die(&err);
	parsed = clock_monotonic_us();
	if (!spec_expand(spec, &files, &arena, &batch, &err))
		die(&err);
	expanded = clock_monotonic_us();
	times->bytes = copy_all(&batch);
	keep_least(&times->floor, clock_monotonic_us() - expanded);
	keep_least(&times->expand, expanded - parsed);
	keep_least(&times->parse, parsed - start);
	spec_free(spec);
	arena_done(&arena);
}

static void measure(const struct catalogue *catalogue, const char *name, const char *stages)
{
	struct times times = { 0 };
	struct buf text = { 0 };

	put_spec(&text, stages);
	for (int run = 0; run < RUNS; run++)
		run_once(catalogue, &text, &times);
	printf("{\"bench\":\"%s\",\"value\":%.2f,\"unit\":\"ms\",\"reference\":\"copying its "
	       "output\",\"reference_value\":%.2f,\"ratio\":%.2f,\"variants\":1000,\"stages\":6000,"
	       "\"bytes\":%zu,\"parse_ms\":%.2f}\n",
	       name, (double)times.expand / 1e3, (double)times.floor / 1e3,
	       (double)times.expand / (double)times.floor, times.bytes, (double)times.parse / 1e3);
	buf_done(&text);
}

int main(void)
{
	struct catalogue *catalogue = catalogue_new();
	struct err err;

	if (!catalogue_add(catalogue, CATALOGUE, strlen(CATALOGUE), "catalogue", &err))
		die(&err);
	measure(catalogue, "expand", STAGES(""));
	measure(catalogue, "expand-jq", STAGES(" | ascii_upcase"));
	catalogue_free(catalogue);
	return 0;
}
