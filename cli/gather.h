/*
 * The media of a sheet: from the store into a folder beside it, or into the page itself.
 */
#pragma once

#include "base/err.h"
#include "cli/sheet.h"
#include "pipeline/store/store.h"

/* Copies (by hard link or reflink where it can) the final media of every card as NAME.mp4 into
 * folder and its poster into folder/posters; fills src, poster, file with paths relative to
 * `relative_to_sheet` ("" or "media/"). A medium that is not in this store is noted on its card. */
bool gather_files(struct store *store, struct sheet *sheet, const char *folder,
		  const char *relative_to_sheet, struct arena *arena, struct err *err) MUST_CHECK;

/* Puts posters and clips into the page as data: URIs, clips until `limit` bytes are used up (the
 * rest is noted on its card). */
bool gather_inline(struct store *store, struct sheet *sheet, int64_t limit, struct arena *arena,
		   struct err *err) MUST_CHECK;

/* ".mp4" for "video/mp4"; borrowed. */
const char *gather_suffix(const char *mime, const char *kind);

/* Copies a file of the store to a path, replacing what is there, whole or not at all. */
bool gather_copy(struct store *store, const char *media, const char *to,
		 struct err *err) MUST_CHECK;
