/*
 * Durations and sizes as people write them, and how they are shown to people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "250ms", "8s", "1.5m", "2h", "30d", "1h30m"; a bare number is seconds. False when it is none of
 * these, or negative. */
bool units_parse_duration_ms(const char *text, int64_t *out_ms);

/* "512", "64KiB", "4MiB", "1.5GiB", also KB, MB, GB in powers of ten. */
bool units_parse_bytes(const char *text, int64_t *out_bytes);

/* "820 ms", "4.2 s", "3 m 05 s", "2 h 10 m"; out holds 32 bytes; returns out. */
const char *units_show_duration(int64_t ms, char out[32]);

/* "731 B", "12.4 MB"; out holds 32 bytes; returns out. */
const char *units_show_bytes(int64_t bytes, char out[32]);
