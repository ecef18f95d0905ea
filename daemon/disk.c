/*
 * Free space of the two folders that grow. statvfs of a local file system does not block; a state
 * folder on a network that is away would stop more than this.
 */
#include "daemon/disk.h"

#include <sys/statvfs.h>

#include "base/config.h"
#include "base/log.h"
#include "base/units.h"

enum { LOOK_US = 5000000 };

/* What cannot be asked counts as free: the write itself will say what is wrong with it. */
static int64_t free_bytes(const char *path)
{
	struct statvfs at;

	if (statvfs(path, &at) < 0)
		return INT64_MAX;
	return (int64_t)at.f_bavail * (int64_t)at.f_frsize;
}

bool disk_look(struct disk *disk, const struct config *config, int64_t now_us)
{
	int64_t state, store;
	bool is_full;
	char has[32], wants[32];

	if (disk->looked_us && now_us - disk->looked_us < LOOK_US)
		return false;
	disk->looked_us = now_us;
	state = free_bytes(config->state_dir);
	store = free_bytes(config->store);
	is_full = state < config->min_free_bytes || store < config->min_free_bytes;
	if (is_full == disk->is_full)
		return false;
	disk->is_full = is_full;
	if (is_full)
		log_err("disk is nearly full: %s has %s free, min_free is %s; media stages wait "
			"until there is room",
			store < state ? config->store : config->state_dir,
			units_show_bytes(store < state ? store : state, has),
			units_show_bytes(config->min_free_bytes, wants));
	else
		log_info("disk has room again: media stages go on");
	return true;
}
