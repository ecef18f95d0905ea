// links: media
/*
 * Any bytes as a media file: sniffed, walked, probed, and when the probe takes them, analysed. The
 * limits are small, so that what is found is a fault and not a heavy file.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "pipeline/media/boxes.h"
#include "pipeline/media/media.h"
#include "pipeline/media/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct media_limits limits = { 1 << 16, 1 << 20, 5 };

static void analyse(const char *path)
{
	const struct media_analysis_options options = { .depth = "quick" };
	json_t *metrics = NULL;
	struct err err;

	if (media_analyse(path, &limits, &options, &metrics, &err))
		json_decref(metrics);
	else
		assert(err.kind != ERR_NONE && err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(file_closep) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct media_facts facts;
	struct boxes boxes;
	struct err err;
	char path[64], what[200];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	assert(strlen(sniff_describe(data, size < SNIFF_BYTES ? size : SNIFF_BYTES, what)) < 200);
	(void)!boxes_read(fd, (int64_t)size, &boxes, &err); /* any answer will do */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (media_probe(path, &limits, &facts, &err)) {
		json_decref(media_facts_json(&facts));
		analyse(path);
	} else {
		assert(err.kind != ERR_NONE && err.text[0]);
	}
	return 0;
}
