/*
 * What a spec may name besides its own stages: models (recipes/models.yaml), platform profiles
 * (recipes/profiles.yaml), publishers (recipes/publishers.yaml for local ones; recipes later). Data
 * files, extended by users in /etc/reeld/models.d and ~/.config/reel/models.d (files ending in
 * .yaml; profiles.d likewise). A later file wins by id.
 *
 * What a spec uses of them is copied into the stage's definition at submit, so a running batch
 * never changes under a changed catalogue, and a host needs no copy of it to run a stage.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct catalogue;

struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *catalogue);
void catalogue_freep(struct catalogue **catalogue);

/* Adds the text of one file; the kind is its top-level key (models, profiles, publishers). Errors
 * are file:line:column. */
bool catalogue_add(struct catalogue *catalogue, const char *text, size_t len, const char *name,
		   struct err *err) MUST_CHECK;

/* NULL when absent; `hint` (may be NULL, 160 bytes) then gets ", did you mean 'x'?" or "".
 * Borrowed. */
const json_t *catalogue_model(const struct catalogue *catalogue, const char *id, char *hint);
const json_t *catalogue_profile(const struct catalogue *catalogue, const char *id, char *hint);
const json_t *catalogue_publisher(const struct catalogue *catalogue, const char *id, char *hint);

/* All of a kind in the order of the files, which is the order in which `model: auto` asks.
 * Borrowed. */
const json_t *catalogue_entries(const struct catalogue *catalogue, const char *kind);

/* Calls visit for every id of a kind ("models", "profiles", "publishers"), sorted. */
void catalogue_each(const struct catalogue *catalogue, const char *kind,
		    void (*visit)(void *context, const char *id, const json_t *entry),
		    void *context);
