/*
 * A file of the user's becomes media of the farm: looked at by a sandboxed worker, then stored.
 */
#pragma once

#include <stdbool.h>

#include "base/config.h"
#include "base/err.h"
#include "pipeline/store/store.h"

/* Zero-initialise with config and is_storing; remembers what it took, because many variants name
 * the same picture. */
struct media_taker {
	const struct config *config;
	bool is_storing; /* else only checks, and gives an id of zeros */
	struct store *store;
	struct media_taken {
		char *path;
		char id[STORE_ID_BYTES];
	} * taken;
	size_t count;
};

/* path may be a media id. out_id holds STORE_ID_BYTES. ERR_REJECT: not there, or not media. */
bool media_take(struct media_taker *taker, const char *path, char *out_id,
		struct err *err) MUST_CHECK;
void media_taker_done(struct media_taker *taker);

/* Refuses what is no picture, clip or sound; the error says what the file really is. */
bool media_check_file(const char *path, struct err *err) MUST_CHECK;
