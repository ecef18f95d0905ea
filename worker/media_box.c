/*
 * What libav, libass and fontconfig read besides the media: fonts, their configuration and cache,
 * shared data. Nothing else of the machine is theirs to see.
 */
#include "worker/media_box.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "pipeline/store/store.h"

/* 4 GiB: the most that a platform takes as one video is 4 GB (TikTok, developers.tiktok.com, "Media
 * transfer guide", read 2026-11). */
static const int64_t FILE_BYTES_MAX = 4LL << 30;

static const char *const system_folders[] = {
	"/usr/share",	"/usr/local/share", "/etc/fonts",     "/var/cache/fontconfig",
	"/dev/urandom", "/dev/null",	    "/etc/localtime",
};

static const char *const home_folders[] = { ".fonts", ".local/share/fonts", ".cache/fontconfig",
					    ".config/fontconfig" };

enum { PATHS_MAX = 24 };

struct paths {
	const char *items[PATHS_MAX + 1];
	size_t count;
};

static void paths_add(struct paths *paths, const char *path)
{
	if (path && paths->count < PATHS_MAX)
		paths->items[paths->count++] = path;
}

static void fill_read_only(struct paths *paths, const struct media_box *box, struct arena *arena)
{
	const char *home = getenv("HOME");

	for (size_t i = 0; i < ARRAY_LEN(system_folders); i++)
		paths_add(paths, system_folders[i]);
	for (size_t i = 0; home && i < ARRAY_LEN(home_folders); i++)
		paths_add(paths, arena_printf(arena, "%s/%s", home, home_folders[i]));
	paths_add(paths, box->input);
}

static void fill_read_write(struct paths *paths, const struct media_box *box)
{
	const char *const *folders = box->store ? store_folders(box->store) : NULL;

	for (size_t i = 0; folders && folders[i]; i++)
		paths_add(paths, folders[i]);
	paths_add(paths, box->work_dir);
	if (box->store)
		paths_add(paths, box->config->outbox);
}

/* All processors for the whole time, and not a second more. */
static int64_t cpu_seconds(uint64_t timeout_ms)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return (int64_t)(timeout_ms / 1000 + 1) * (processors > 0 ? processors : 1);
}

bool media_box_enter(const struct media_box *box, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct paths read_only = { 0 }, read_write = { 0 };

	fill_read_only(&read_only, box, &arena);
	fill_read_write(&read_write, box);
	return sandbox_enter(
		&(struct sandbox_rules){
			.read_only = read_only.items,
			.read_write = read_write.items,
			.memory_bytes = box->config->media_memory_bytes,
			.file_bytes = FILE_BYTES_MAX,
			.cpu_s = box->timeout_ms ? cpu_seconds(box->timeout_ms) : 0,
			.last_words = box->last_words,
			.context = box->context,
		},
		err);
}
