/*
 * The words that specs and catalogues choose from. Every list ends with NULL. Validator, schema and
 * catalogue read the same lists, so a word that one knows all know.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

extern const char *const words_roles[]; /* of attachments */
extern const char *const words_tiers[];
extern const char *const words_modalities[]; /* "text->video" */
extern const char *const words_positions[];  /* the nine anchors */
extern const char *const words_colors[];     /* CSS names; #RRGGBB and #RRGGBBAA beside them */

bool words_hold(const char *const *words, const char *word);

/* "a, b or c", cut with "…" when it is long; out holds 256 bytes; returns out. */
const char *words_show(const char *const *words, char out[256]);

/* ", did you mean 'x'?" or "". hint holds 160 bytes; returns hint. */
const char *words_hint(const char *const *words, const char *word, char hint[160]);
