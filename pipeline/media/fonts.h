/*
 * Which installed font family a name stands for. fontconfig's one home.
 */
#pragma once

#include <stdbool.h>

enum { FONT_NAME_MAX = 128 };

/* Writes the family to use. False: `wanted` is not installed and `out` is the nearest that is; NULL
 * wants nothing in particular, which always succeeds. */
bool font_choose(const char *wanted, char out[FONT_NAME_MAX]);

/* Reads fontconfig's cache, so that forked children need not. */
void font_warm_up(void);
void font_cool_down(void);
