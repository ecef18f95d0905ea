/*
 * Memory that either arrives or ends the process, and arenas that are dropped whole.
 * A daemon that goes on after malloc failed has states nobody tested; its parent restarts it
 * instead.
 */
#pragma once

#include <stddef.h>

#include "base/macros.h"

void *xmalloc(size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xstrndup(const char *text, size_t length) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* free() for DEFER: `DEFER(freep) char *name = xstrdup(...)`. Takes the address of any pointer. */
void freep(void *pointer_address);

/* An arena: everything allocated from it ends with it. Zero-initialise, then use; arena_done ends
 * it. */
struct arena {
	struct arena_block *blocks;
};

void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull)); /* zeroed */
char *arena_strdup(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *arena, const char *text, size_t length)
	__attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3)
	__attribute__((returns_nonnull));
void arena_done(struct arena *arena);
