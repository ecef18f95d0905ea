/*
 * What the tests of the spec share: a small catalogue, files that exist only here, and rows of
 * sentence, text and expectation.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "pipeline/spec/catalogue.h"
#include "pipeline/spec/spec.h"

#define HEAD  "version: 1\nname: t\n"
#define DRAFT "stages:\n  a: {generate: video, prompt: x}\n"

struct row {
	const char *sentence, *text, *expected;
};

static inline struct catalogue *fixture_catalogue(void)
{
	static const char text[] =
		"models:\n"
		"  local/animatic: {modalities: [text->video, image->video, text->image], roles: "
		"[start_frame], durations: {min: 0.5, max: 60}, ratios: [any], tiers: [draft], lane: "
		"cpu}\n"
		"profiles:\n"
		"  instagram-reels: {limits: {max_duration: 90}, conform: {width: 1080, height: 1920}}\n"
		"  limits-only: {limits: {max_duration: 90}}\n"
		"publishers:\n"
		"  outbox: {lane: cpu}\n";
	struct catalogue *catalogue = catalogue_new();
	struct err err;

	if (!catalogue_add(catalogue, text, strlen(text), "fixture", &err))
		fail_msg("%s", err.text);
	return catalogue;
}

static inline bool fixture_read_text(void *context, const char *path, char **out, struct err *err)
{
	static const char *const files[][2] = {
		{ "empty.txt", " \n\n" },
		{ "short.csv", "a,b\n1,2\n3\n" },
		{ "open.csv", "a,b\n1,\"2\n" },
		{ "good.csv", "hook,look\na,b\n\"c, d\",\"say \"\"hi\"\"\"\n" },
		{ "hooks.txt", "one\n\n  two  \nthree" },
	};

	(void)context;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!strcmp(files[i][0], path)) {
			*out = xstrdup(files[i][1]);
			return true;
		}
	}
	return err_set(err, ERR_REJECT, "%s: No such file or directory", path);
}

/* Everything is there but what is called none. */
static inline bool fixture_take_media(void *context, const char *path, char *out_id,
				      struct err *err)
{
	(void)context;
	if (strstr(path, "none"))
		return err_set(err, ERR_REJECT, "%s: No such file or directory", path);
	snprintf(out_id, 68, "m_%zu", strlen(path));
	return true;
}

static const struct spec_files fixture_files = { fixture_read_text, fixture_take_media, NULL };

/* Parses and, when asked, expands; the error text of either, "" when both went well. */
static inline bool fixture_run(const char *text, bool expands, struct arena *arena,
			       struct spec_batch *out, struct err *err)
{
	DEFER(catalogue_freep) struct catalogue *catalogue = fixture_catalogue();
	DEFER(spec_freep) struct spec *spec = NULL;

	return spec_parse(text, strlen(text), "t.yaml", catalogue, &spec, err) &&
	       (!expands || spec_expand(spec, &fixture_files, arena, out, err));
}

static inline void fixture_refuses(const struct row *row, bool expands)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch;
	struct err err = { 0 };

	if (expands && !fixture_run(row->text, false, &arena, &batch, &err))
		fail_msg("%s: refused too early: %s", row->sentence, err.text);
	if (fixture_run(row->text, expands, &arena, &batch, &err))
		fail_msg("%s: was taken", row->sentence);
	assert_int_equal(err.kind, ERR_REJECT);
	if (strcmp(err.text, row->expected) != 0)
		fail_msg("%s:\n  said     '%s'\n  expected '%s'", row->sentence, err.text,
			 row->expected);
}
