/*
 * The part of the store that every backend shares: which backend a url means, the form of ids, and
 * looking one up by a prefix. It knows no folder and no network.
 *
 * An id is "m_" and the first 20 hex digits of the hash (80 bits: two of a billion files share them
 * once in two million such stores); the backend writes the long form where two files do.
 */
#include "pipeline/store/store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"
#include "pipeline/store/backend.h"

enum { TEMPORARY_LIFE_S = 24 * 3600, SHOWN_MATCHES = 5 };

struct store {
	const struct store_backend *backend;
	void *state;
};

static const struct store_backend *const backends[] = { &store_dir };

static const struct store_backend *backend_find(const char *scheme, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (strlen(backends[i]->scheme) == len &&
		    !strncmp(backends[i]->scheme, scheme, len))
			return backends[i];
	return NULL;
}

static bool backend_choose(const char *url, const struct store_backend **backend,
			   const char **location, struct err *err)
{
	const char *colon = strchr(url, ':');

	*backend = &store_dir;
	*location = url;
	if (url[0] == '/')
		return true;
	if (!colon)
		return err_set(err, ERR_REJECT,
			       "store '%s': expected an absolute path (/srv/media) or dir:/path",
			       url);
	*backend = backend_find(url, (size_t)(colon - url));
	*location = colon + 1;
	if (!*backend)
		return err_set(err, ERR_REJECT, "store '%s': no store of kind '%.*s'; known: dir",
			       url, (int)(colon - url), url);
	return true;
}

bool store_open(const char *url, struct store **out, struct err *err)
{
	const struct store_backend *backend;
	const char *location;
	struct store *store;
	void *state;

	if (!backend_choose(url, &backend, &location, err))
		return false;
	if (!backend->open(location, &state, err))
		return err_context(err, "store %s", url);
	store = xcalloc(1, sizeof(*store));
	store->backend = backend;
	store->state = state;
	*out = store;
	return true;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store->backend->close(store->state);
	free(store);
}

void store_freep(struct store **store)
{
	store_free(*store);
	*store = NULL;
}

const char *const *store_folders(const struct store *store)
{
	return store->backend->folders(store->state);
}

bool store_create(struct store *store, const char *suffix, char **out_path, struct err *err)
{
	return store->backend->create(store->state, suffix, out_path, err);
}

bool store_commit(struct store *store, const char *path, struct store_item *out, struct err *err)
{
	return store->backend->commit(store->state, path, out, err);
}

void store_abandon(struct store *store, const char *path)
{
	store->backend->abandon(store->state, path);
}

bool store_add(struct store *store, const char *path, int64_t max_bytes, struct store_item *out,
	       struct err *err)
{
	return store->backend->add(store->state, path, max_bytes, out, err);
}

/* "m_3f9a" or a whole hash as sha256sum prints it; gives the digits. */
static bool id_digits(const char *id, char hex[STORE_HEX_BYTES])
{
	size_t len;

	if (!strncmp(id, "m_", 2))
		id += 2;
	else if (strlen(id) != STORE_HEX_BYTES - 1)
		return false;
	len = strlen(id);
	if (!len || len >= STORE_HEX_BYTES)
		return false;
	for (size_t i = 0; i <= len; i++) {
		hex[i] = (char)tolower((unsigned char)id[i]);
		if (i < len && !strchr("0123456789abcdef", hex[i]))
			return false;
	}
	return true;
}

struct matches {
	size_t count;
	struct store_item first;
	struct buf names;
};

static void matches_done(struct matches *matches)
{
	buf_done(&matches->names);
}

static bool match_one(void *context, const struct store_item *item)
{
	struct matches *matches = context;

	if (!matches->count++)
		matches->first = *item;
	if (matches->count <= SHOWN_MATCHES)
		buf_printf(&matches->names, "%s%s", matches->count > 1 ? ", " : "", item->id);
	return true;
}

bool store_find(struct store *store, const char *id, struct store_item *out, struct err *err)
{
	DEFER(matches_done) struct matches matches = { 0 };
	char hex[STORE_HEX_BYTES];

	if (!id_digits(id, hex))
		return err_set(err, ERR_REJECT,
			       "'%s' is not a media id: expected m_ and up to 64 hex digits", id);
	if (!store->backend->each(store->state, hex, match_one, &matches, err))
		return false;
	if (!matches.count)
		return err_set(err, ERR_REJECT, "no media '%s' in the store", id);
	if (matches.count > 1)
		return err_set(err, ERR_REJECT, "'%s' fits %zu media: %s%s; give more digits", id,
			       matches.count, matches.names.data,
			       matches.count > SHOWN_MATCHES ? ", ..." : "");
	*out = matches.first;
	return true;
}

bool store_path(struct store *store, const struct store_item *item, char **out_path,
		struct err *err)
{
	return store->backend->path(store->state, item, out_path, err);
}

bool store_each(struct store *store, bool (*visit)(void *context, const struct store_item *item),
		void *context, struct err *err)
{
	return store->backend->each(store->state, "", visit, context, err);
}

bool store_remove(struct store *store, const struct store_item *item, struct err *err)
{
	return store->backend->remove(store->state, item, err);
}

bool store_sweep(struct store *store, struct err *err)
{
	return store->backend->sweep(store->state, (int64_t)time(NULL) - TEMPORARY_LIFE_S, err);
}
