// links: spec
/*
 * Every example is a good spec with the delivered catalogue, and the published schema is the one
 * that the tables give.
 */
#include <dirent.h>
#include <libgen.h>
#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"
#include "pipeline/spec/schema.h"
#include "tests/unit/spec_fixture.h"

static struct catalogue *delivered(void)
{
	static const char *const names[] = { "models", "profiles", "publishers" };
	struct catalogue *catalogue = catalogue_new();

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		DEFER(buf_done) struct buf text = { 0 };
		char path[256];
		struct err err = { 0 };

		snprintf(path, sizeof(path), REELD_SOURCE_DIR "/recipes/%s.yaml", names[i]);
		if (!file_read(path, 1 << 20, &text, &err) ||
		    !catalogue_add(catalogue, text.data, text.len, path, &err))
			fail_msg("%s", err.text);
	}
	return catalogue;
}

static bool read_beside(void *context, const char *path, char **out, struct err *err)
{
	DEFER(freep) char *full = xasprintf(REELD_SOURCE_DIR "/examples/%s", path);
	struct buf text = { 0 };

	(void)context;
	if (!file_read(full, 4 << 20, &text, err)) {
		buf_done(&text);
		return false;
	}
	*out = buf_take(&text);
	return true;
}

/* Which example gives how many variants. */
static size_t variants_of(const char *name)
{
	DEFER(freep) char *path = xasprintf(REELD_SOURCE_DIR "/examples/%s", name);
	struct spec_files files = { read_beside, fixture_take_media, NULL };
	DEFER(catalogue_freep) struct catalogue *catalogue = delivered();
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(spec_freep) struct spec *spec = NULL;
	struct spec_batch batch;
	struct err err = { 0 };

	if (!file_read(path, 1 << 20, &text, &err) ||
	    !spec_parse(text.data, text.len, name, catalogue, &spec, &err) ||
	    !spec_expand(spec, &files, &arena, &batch, &err))
		fail_msg("%s", err.text);
	return batch.pipeline_count;
}

static void takes_examples(void **state)
{
	(void)state;
	assert_int_equal(variants_of("ad-variants.yaml"), 6);
	assert_int_equal(variants_of("prompt-test-50.yaml"), 50);
	assert_int_equal(variants_of("autopilot.yaml"), 1);
}

/* Whatever else lies there and has stages is a spec, and must be taken, too. */
static void takes_whatever_is_there(void **state)
{
	DIR *folder = opendir(REELD_SOURCE_DIR "/examples");
	struct dirent *entry;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		DEFER(freep) char *path = xasprintf(REELD_SOURCE_DIR "/examples/%s", entry->d_name);
		size_t length = strlen(entry->d_name);
		DEFER(buf_done) struct buf text = { 0 };
		DEFER(yaml_freep) struct yaml_doc *doc = NULL;
		struct err err = { 0 };

		if (length < 6 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
			continue;
		if (!file_read(path, 1 << 20, &text, &err) ||
		    !yaml_parse(text.data, text.len, path, &doc, &err))
			fail_msg("%s", err.text);
		if (json_object_get(yaml_root(doc), "stages"))
			assert_true(variants_of(entry->d_name) > 0);
	}
	closedir(folder);
}

static void publishes_its_schema(void **state)
{
	DEFER(buf_done) struct buf published = { 0 };
	DEFER(buf_done) struct buf written = { 0 };
	struct err err = { 0 };

	(void)state;
	schema_write(&written);
	if (!file_read(REELD_SOURCE_DIR "/docs/pipeline.schema.json", 1 << 20, &published, &err))
		fail_msg("%s", err.text);
	if (getenv("REELD_WRITE_SCHEMA")) /* how the file is renewed */
		assert_true(file_write_atomic(REELD_SOURCE_DIR "/docs/pipeline.schema.json",
					      written.data, written.len, 0644, &err));
	else if (strcmp(published.data, written.data) != 0)
		fail_msg(
			"docs/pipeline.schema.json is not what the tables give: run this test once "
			"with REELD_WRITE_SCHEMA=1");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_examples),
		cmocka_unit_test(takes_whatever_is_there),
		cmocka_unit_test(publishes_its_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
