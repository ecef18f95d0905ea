/*
 * The one home of libsystemd. A lost notification is not worth an error: the next one follows.
 */
#include "daemon/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

void notify_init(struct notify *notify)
{
	*notify = (struct notify){ .is_wanted = getenv("NOTIFY_SOCKET") != NULL };
}

void notify_ready(struct notify *notify)
{
	if (notify->is_wanted)
		(void)sd_notify(0, "READY=1");
}

void notify_status(struct notify *notify, const char *format, ...)
{
	char text[sizeof(notify->status)];
	va_list args;

	if (!notify->is_wanted)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!strcmp(text, notify->status))
		return;
	memcpy(notify->status, text, sizeof(text));
	(void)sd_notifyf(0, "STATUS=%s", text);
}

void notify_reloading(struct notify *notify)
{
	/* sd_notify(3): Type=notify-reload needs the time beside it. */
	if (notify->is_wanted)
		(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
}

void notify_stopping(struct notify *notify)
{
	if (notify->is_wanted)
		(void)sd_notify(0, "STOPPING=1");
}

int64_t notify_watchdog_us(void)
{
	uint64_t limit_us = 0;

	return sd_watchdog_enabled(0, &limit_us) > 0 ? (int64_t)(limit_us / 2) : 0;
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}
