/*
 * statvfs of a local file system does not block; a folder on a network that is away would stop more
 * than this.
 */
#include "base/room.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "base/config.h"
#include "base/units.h"

/* What cannot be asked counts as free: the write itself will say what is wrong with it. */
int64_t room_below(const char *path)
{
	struct statvfs at;

	if (statvfs(path, &at) < 0)
		return INT64_MAX;
	return (int64_t)at.f_bavail * (int64_t)at.f_frsize;
}

bool room_is_short(const struct config *config, char why[ROOM_TEXT])
{
	int64_t state = room_below(config->state_dir), store = room_below(config->store);
	int64_t least = store < state ? store : state;
	char has[32], wants[32];

	if (least >= config->min_free_bytes)
		return false;
	snprintf(why, ROOM_TEXT, "%.4200s has %s free, min_free is %s",
		 store < state ? config->store : config->state_dir, units_show_bytes(least, has),
		 units_show_bytes(config->min_free_bytes, wants));
	return true;
}
