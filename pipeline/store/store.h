/*
 * The media store: files named by the SHA-256 of their bytes. A backend is one struct of functions;
 * the directory backend is the default, S3 comes beside it. Writers make a temporary file inside
 * the store, then commit it: hash, fsync, rename into sha256/ab/cd…; a reader never sees a
 * half-written file, two writers of the same bytes both win.
 *
 * A media id is "m_" and the first 20 hex digits; where two files share them, the longer form "m_"
 * + 64 is used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store;

enum { STORE_ID_BYTES = 2 + 64 + 1, STORE_HEX_BYTES = 64 + 1 };

struct store_item {
	char id[STORE_ID_BYTES];
	char sha256[STORE_HEX_BYTES];
	int64_t bytes;
	int64_t stored_at_s; /* seconds since 1970 */
};

/* "/path" or "dir:/path" now, "s3://bucket/prefix" later. Creates the folder. ERR_OPERATOR names
 * what is not writable. */
bool store_open(const char *url, struct store **out, struct err *err) MUST_CHECK;
void store_free(struct store *store);
void store_freep(struct store **store);

/* A new temporary file inside the store, for a library that wants a path. Give it to store_commit
 * or store_abandon. `suffix` (".mp4" or "") ends the name. Caller frees the path. Leftovers of the
 * dead are swept by store_sweep. */
bool store_create(struct store *store, const char *suffix, char **out_path,
		  struct err *err) MUST_CHECK;
bool store_commit(struct store *store, const char *path, struct store_item *out,
		  struct err *err) MUST_CHECK;
void store_abandon(struct store *store, const char *path);

/* Copies a file of anyone's into the store (reflink when it can). `max_bytes` guards against
 * devices and mistakes. */
bool store_add(struct store *store, const char *path, int64_t max_bytes, struct store_item *out,
	       struct err *err) MUST_CHECK;

/* Finds by id or by a unique prefix of one. ERR_REJECT: none, or several (names them). */
bool store_find(struct store *store, const char *id, struct store_item *out,
		struct err *err) MUST_CHECK;

/* A path that can be read as a file until the process ends. Caller frees. */
bool store_path(struct store *store, const struct store_item *item, char **out_path,
		struct err *err) MUST_CHECK;

/* Calls visit for every item; stops early when it returns false. */
bool store_each(struct store *store, bool (*visit)(void *context, const struct store_item *item),
		void *context, struct err *err) MUST_CHECK;
bool store_remove(struct store *store, const struct store_item *item, struct err *err) MUST_CHECK;

/* Removes temporary files older than a day. */
bool store_sweep(struct store *store, struct err *err) MUST_CHECK;

/* The folders a sandboxed process must be able to write to use this store; NULL-terminated,
 * borrowed.
 */
const char *const *store_folders(const struct store *store);

/* SHA-256 of a text as hex, for provenance ("prompt_sha256"). */
void store_hash_text(const char *text, size_t len, char out[STORE_HEX_BYTES]);
