/*
 * What the service manager is told: READY, STATUS, RELOADING, STOPPING and the watchdog. Without
 * one ($NOTIFY_SOCKET unset) every call does nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct notify {
	bool is_wanted;
	char status[256]; /* as last told */
};

void notify_init(struct notify *notify);
void notify_ready(struct notify *notify);
void notify_status(struct notify *notify, const char *format, ...) PRINTF_LIKE(2, 3);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);

/* How often notify_watchdog must be called: half the limit; 0: no watchdog. */
int64_t notify_watchdog_us(void);
void notify_watchdog(void);
