/*
 * Every metric is documented, and nothing is documented that is not measured.
 */
// links: media
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "pipeline/media/media.h"
#include "tests/media_files.h"

static const struct media_limits limits = { 64 << 20, 1 << 30, 600 };

static json_t *metrics_of_a_clip(void)
{
	const struct media_analysis_options options = { .poster_dir = media_folder,
							.poster_count = 1 };
	json_t *metrics = NULL;
	struct err err;

	if (!media_analyse(media_make("clip.mp4", "-f lavfi -i testsrc2=s=64x64:d=1 -f lavfi -i "
						  "sine=d=1 " H264 AAC),
			   &limits, &options, &metrics, &err))
		fail_msg("%s", err.text);
	return metrics;
}

static struct buf read_document(void)
{
	return media_read(REELD_SOURCE_DIR "/docs/metrics.md");
}

static void each_is_documented(void **state)
{
	DEFER(json_freep) json_t *metrics = metrics_of_a_clip();
	DEFER(buf_done) struct buf document = read_document();
	const char *name;
	json_t *value;

	(void)state;
	json_object_foreach(metrics, name, value)
	{
		DEFER(freep) char *quoted = xasprintf("`%s`", name);

		if (!strstr(document.data, quoted))
			fail_msg("docs/metrics.md says nothing of %s", quoted);
	}
}

/* The names in the first column of the tables. */
static void each_documented_one_is_measured(void **state)
{
	DEFER(json_freep) json_t *metrics = metrics_of_a_clip();
	DEFER(buf_done) struct buf document = read_document();
	char *save = NULL;

	(void)state;
	for (char *line = strtok_r(document.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *end = strstr(line, " | "), *name;

		if (strncmp(line, "| `", 3) != 0 || !end)
			continue;
		*end = '\0';
		for (name = strtok(line + 2, "`, "); name; name = strtok(NULL, "`, "))
			if (!json_object_get(metrics, name))
				fail_msg("documented, not measured: %s", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_documented),
		cmocka_unit_test(each_documented_one_is_measured),
	};

	return cmocka_run_group_tests(tests, media_folder_make, media_folder_remove);
}
