// links: spec
/*
 * The catalogue: what it takes, what it refuses, and which file wins.
 */
#include "pipeline/spec/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"

static const char GOOD[] = "models:\n"
			   "  b/one: {title: One, modalities: [text->video], lane: cpu}\n"
			   "  a/two: {modalities: [text->image], roles: [start_frame], lane: cpu}\n"
			   "profiles:\n"
			   "  reel: {anything: [1, {goes: here}]}\n"
			   "publishers:\n"
			   "  outbox: {lane: cpu, caption_max: 2200}\n";

static void refuses(void **state)
{
	static const char *const rows[][3] = {
		{ "no map", "[1]", "c.yaml:1:1: expected a map of models, profiles or publishers" },
		{ "a kind that is none", "model: {}",
		  "c.yaml:1:1: model: unknown name, did you mean 'models'?" },
		{ "an id with a blank", "models:\n  'a b': {lane: cpu}",
		  "c.yaml:2:3: models.a b: expected an id of letters, digits and ._/:-, at most 64" },
		{ "an entry that is no map", "profiles:\n  a: 1",
		  "c.yaml:2:6: profiles.a: expected a map" },
		{ "no modalities", "models:\n  a: {lane: cpu}",
		  "c.yaml:2:6: models.a: 'modalities' is missing" },
		{ "a modality that is none", "models:\n  a: {modalities: [text-video], lane: cpu}",
		  "c.yaml:2:20: models.a.modalities[0]: expected one of text->video, image->video, "
		  "video->video, text->image or image->image" },
		{ "a name that is none", "models:\n  a: {modalites: [text->video], lane: cpu}",
		  "c.yaml:2:7: models.a.modalites: unknown name, did you mean 'modalities'?" },
		{ "a lane of the future", "models:\n  a: {modalities: [text->video], lane: gpu}",
		  "c.yaml:2:40: models.a.lane: lane: expected cpu; remote and GPU lanes come in a later "
		  "release" },
		{ "a price", "models:\n  a: {modalities: [text->video], lane: cpu, price_usd: 0.5}",
		  "c.yaml:2:56: models.a.price_usd: expected 0: priced models come in a later release" },
		{ "durations that end before they begin",
		  "models:\n  a: {modalities: [text->video], lane: cpu, durations: {min: 5, max: 2}}",
		  "c.yaml:2:56: models.a.durations: expected {min: seconds, max: seconds}" },
		{ "a caption limit of nothing", "publishers:\n  a: {lane: cpu, caption_max: 0}",
		  "c.yaml:2:31: publishers.a.caption_max: expected a whole number of characters above 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		DEFER(catalogue_freep) struct catalogue *catalogue = catalogue_new();
		struct err err = { 0 };

		if (catalogue_add(catalogue, rows[i][1], strlen(rows[i][1]), "c.yaml", &err))
			fail_msg("%s was taken", rows[i][0]);
		if (strcmp(err.text, rows[i][2]) != 0)
			fail_msg("%s: %s", rows[i][0], err.text);
	}
}

static void note_id(void *context, const char *id, const json_t *entry)
{
	assert_true(json_is_object(entry));
	strcat(strcat(context, id), " ");
}

static void finds(void **state)
{
	DEFER(catalogue_freep) struct catalogue *catalogue = catalogue_new();
	char hint[160], ids[64] = "";
	struct err err = { 0 };
	void *first;

	(void)state;
	assert_true(catalogue_add(catalogue, GOOD, strlen(GOOD), "c.yaml", &err));
	assert_non_null(catalogue_profile(catalogue, "reel", hint));
	assert_non_null(catalogue_publisher(catalogue, "outbox", NULL));
	assert_null(catalogue_model(catalogue, "b/on", hint));
	assert_string_equal(hint, ", did you mean 'b/one'?");
	assert_null(catalogue_model(catalogue, "sora2pro", hint));
	assert_string_equal(hint, "");
	catalogue_each(catalogue, "models", note_id, ids);
	assert_string_equal(ids, "a/two b/one ");
	first = json_object_iter((json_t *)(uintptr_t)catalogue_entries(catalogue, "models"));
	assert_string_equal(json_object_iter_key(first), "b/one"); /* the file's order is auto's */
}

static void lets_the_later_file_win(void **state)
{
	static const char mine[] =
		"models:\n  b/one: {title: Mine, modalities: [text->image], lane: cpu}\n";
	DEFER(catalogue_freep) struct catalogue *catalogue = catalogue_new();
	struct err err = { 0 };

	(void)state;
	assert_true(catalogue_add(catalogue, GOOD, strlen(GOOD), "c.yaml", &err));
	assert_true(catalogue_add(catalogue, mine, strlen(mine), "mine.yaml", &err));
	assert_string_equal(json_string_value(json_object_get(
				    catalogue_model(catalogue, "b/one", NULL), "title")),
			    "Mine");
	assert_non_null(catalogue_model(catalogue, "a/two", NULL));
}

/* What is delivered must be taken. */
static void takes_our_files(void **state)
{
	static const char *const names[] = { "models", "profiles", "publishers" };
	DEFER(catalogue_freep) struct catalogue *catalogue = catalogue_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		DEFER(buf_done) struct buf text = { 0 };
		char path[256];
		struct err err = { 0 };

		snprintf(path, sizeof(path), REELD_SOURCE_DIR "/recipes/%s.yaml", names[i]);
		if (!file_read(path, 1 << 20, &text, &err) ||
		    !catalogue_add(catalogue, text.data, text.len, path, &err))
			fail_msg("%s", err.text);
	}
	assert_non_null(catalogue_model(catalogue, "local/animatic", NULL));
	assert_non_null(catalogue_publisher(catalogue, "outbox", NULL));
	assert_non_null(catalogue_profile(catalogue, "instagram-reels", NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(finds),
		cmocka_unit_test(lets_the_later_file_win),
		cmocka_unit_test(takes_our_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
