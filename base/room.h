/*
 * Is there room to write? Whoever starts work and whoever explains why none is started ask here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;

enum { ROOM_TEXT = 4352 }; /* a path and two amounts */

/* Bytes that may still be written below `path`; INT64_MAX when that cannot be told. */
int64_t room_below(const char *path);

/* Has one of the two folders that grow less than min_free? `why` says which: "/srv/media has 1.2
 * GiB free, min_free is 5 GiB". */
bool room_is_short(const struct config *config, char why[ROOM_TEXT]);
