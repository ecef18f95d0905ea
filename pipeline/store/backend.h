/*
 * What a kind of store must be able to do. store.c picks one by the scheme of the url and is the
 * only caller: argument checks, hashing and the form of ids are there, once.
 *
 *      open -> (create -> commit | abandon, add, find, ...)* -> close
 *
 * A commit is all or nothing and durable when it returns. Committing bytes that are there already
 * succeeds and refreshes their stored_at_s, so that a concurrent clean-up by age does not take
 * them.
 */
#pragma once

#include <sys/types.h>

#include "pipeline/store/store.h"

struct store_backend {
	const char *scheme; /* "dir" */
	bool (*open)(const char *location, void **out, struct err *err);
	void (*close)(void *state);
	const char *const *(*folders)(const void *state);
	bool (*create)(void *state, const char *suffix, char **out_path, struct err *err);
	bool (*commit)(void *state, const char *path, struct store_item *item, struct err *err);
	void (*abandon)(void *state, const char *path);
	bool (*add)(void *state, const char *path, int64_t max_bytes, struct store_item *out,
		    struct err *err);
	/* Every item whose hash begins with `hex` (lower case, may be empty). */
	bool (*each)(void *state, const char *hex,
		     bool (*visit)(void *context, const struct store_item *item), void *context,
		     struct err *err);
	bool (*path)(void *state, const struct store_item *item, char **out_path, struct err *err);
	bool (*remove)(void *state, const struct store_item *item, struct err *err);
	bool (*sweep)(void *state, int64_t older_than_s, struct err *err);
};

extern const struct store_backend store_dir;

/* SHA-256 of everything readable from fd, from where it stands. */
bool store_hash_file(int fd, char out[STORE_HEX_BYTES], int64_t *out_bytes,
		     struct err *err) MUST_CHECK;
