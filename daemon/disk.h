/*
 * Is there room to write? Asked before work is started, at most every few seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;

struct disk {
	bool is_full;
	int64_t looked_us; /* 0: never */
};

/* Looks when the last look is older than a few seconds. Says it once when the answer changes, and
 * returns whether it did. */
bool disk_look(struct disk *disk, const struct config *config, int64_t now_us);
