/*
 * Media for tests: made on the spot with the ffmpeg program, in a folder that is removed
 * afterwards. Nothing here is about the code under test.
 */
#pragma once

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

/* Small and fast: what the picture shows matters, not how well it is coded. */
#define H264 "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1 "
#define AAC  "-c:a aac "

static char media_folder[PATH_MAX];

static inline int media_folder_make(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(media_folder, sizeof(media_folder), "%s/media.XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(media_folder) ? 0 : -1;
}

static inline int media_folder_remove(void **state)
{
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", media_folder);

	(void)state;
	return system(command);
}

/* Of the last eight names asked for. */
static inline const char *media_path(const char *name)
{
	static char paths[8][PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", media_folder, name);
	return path;
}

/* ffmpeg -y ARGUMENTS folder/name; the arguments go through the shell. Returns the path. */
static inline const char *media_make(const char *name, const char *arguments)
{
	const char *path = media_path(name);
	DEFER(freep)
	char *command = xasprintf("cd '%s' && ffmpeg -nostdin -hide_banner -loglevel error -y %s "
				  "'%s'",
				  media_folder, arguments, path);

	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n(the tests need the ffmpeg program)\n", command);
		abort();
	}
	return path;
}

static inline const char *media_write(const char *name, const void *data, size_t len)
{
	const char *path = media_path(name);
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0)
		abort();
	return path;
}

static inline struct buf media_read(const char *path)
{
	struct buf bytes = { 0 };
	struct err err;

	if (!file_read(path, 64 << 20, &bytes, &err))
		abort();
	return bytes;
}
