/*
 * When to look, and what was seen last.
 */
#include "daemon/disk.h"

#include "base/config.h"
#include "base/log.h"
#include "base/room.h"

enum { LOOK_US = 5000000 };

bool disk_look(struct disk *disk, const struct config *config, int64_t now_us)
{
	char why[ROOM_TEXT];
	bool is_full;

	if (disk->looked_us && now_us - disk->looked_us < LOOK_US)
		return false;
	disk->looked_us = now_us;
	is_full = room_is_short(config, why);
	if (is_full == disk->is_full)
		return false;
	disk->is_full = is_full;
	if (is_full)
		log_err("disk is nearly full: %s; media stages wait until there is room", why);
	else
		log_info("disk has room again: media stages go on");
	return true;
}
