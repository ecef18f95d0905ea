/*
 * Lanes as they are, compared with what they were, and the room on this machine's disk. Reads only.
 */
#include "cli/stuck.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/room.h"

/* "operator: take 1: ... No space left on device": the class stands in front. */
static bool needs_a_person(const struct queue_lane *lane)
{
	const char *colon = lane->reason ? strchr(lane->reason, ':') : NULL;
	DEFER(freep)
	char *name = colon ? xstrndup(lane->reason, (size_t)(colon - lane->reason)) : NULL;
	enum verdict_class class;

	return lane->is_cordoned && name && verdict_find(name, &class) &&
	       verdict_info(class)->policy == VERDICT_HOLDS;
}

static void remember(struct stuck *stuck, const struct queue_lane *lanes, size_t count)
{
	stuck->has_looked = true;
	stuck->before = xcalloc(count, sizeof(*stuck->before));
	for (size_t i = 0; i < count; i++)
		if (lanes[i].is_cordoned)
			stuck->before[stuck->count++] =
				(struct stuck_lane){ .name = xstrdup(lanes[i].name),
						     .probe_at = lanes[i].probe_at };
}

static bool failed_since(const struct stuck *stuck, const struct queue_lane *lane)
{
	for (size_t i = 0; i < stuck->count; i++)
		if (!strcmp(stuck->before[i].name, lane->name))
			return stuck->before[i].probe_at != lane->probe_at;
	return true;
}

static char *sentence(const struct queue_lane *lane)
{
	time_t at_s = (time_t)(lane->probe_at / 1000000);
	char at[16] = "";
	struct tm tm;

	if (lane->probe_at && localtime_r(&at_s, &tm))
		(void)strftime(at, sizeof(at), "%H:%M:%S", &tm);
	return xasprintf(
		"lane %s is closed because of %s. %s%s%s`reel lanes uncordon %s` tries now",
		lane->name, lane->reason, *at ? "It tries again by itself at " : "", at,
		*at ? "; " : "", lane->name);
}

/* The lane to name, NULL when some lane with work is open or may still open by itself. */
static const struct queue_lane *closed_lane(const struct stuck *stuck,
					    const struct queue_lane *lanes, size_t count)
{
	const struct queue_lane *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!lanes[i].ready && !lanes[i].running)
			continue;
		if (!needs_a_person(&lanes[i]) || !failed_since(stuck, &lanes[i]))
			return NULL;
		found = &lanes[i];
	}
	return found;
}

static bool has_ready_work_only(const struct queue_batch *batch)
{
	return batch->end == QUEUE_END_NONE &&
	       batch->stages[QUEUE_READY] + batch->stages[QUEUE_PREPARING] > 0 &&
	       !batch->stages[QUEUE_RUNNING] && !batch->stages[QUEUE_BACKOFF] &&
	       !batch->stages[QUEUE_CANCELLING];
}

/* Is all that waits for media workers, which alone are not started without room to write? */
static bool waits_for_media_only(const struct queue_lane *lanes, size_t count)
{
	bool waits = false;

	for (size_t i = 0; i < count; i++) {
		if (!lanes[i].ready)
			continue;
		if (strcmp(lanes[i].name, "cpu") != 0)
			return false;
		waits = true;
	}
	return waits;
}

/* What room another host has is not known here: it may go on with the batch. */
static bool is_alone(struct queue_client *client, const char *host, bool *out, struct err *err)
{
	struct queue_host *hosts;
	size_t count, alive = 0, others = 0;

	if (!queue_hosts(client, &hosts, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		alive += !hosts[i].is_lapsed;
		others += !hosts[i].is_lapsed && strcmp(hosts[i].name, host) != 0;
		queue_host_done(&hosts[i]);
	}
	free(hosts);
	*out = alive && !others;
	return true;
}

static bool look_for_room(struct queue_client *client, const struct config *config, char **out_why,
			  struct err *err)
{
	char why[ROOM_TEXT];
	bool alone;

	if (!room_is_short(config, why))
		return true;
	if (!is_alone(client, config->host, &alone, err))
		return false;
	if (alone)
		*out_why = xasprintf("%s: nothing that writes is started. Free some, or lower "
				     "min_free; it goes on by itself then",
				     why);
	return true;
}

bool stuck_look(struct stuck *stuck, struct queue_client *client, const struct config *config,
		const struct queue_batch *batch, char **out_why, struct err *err)
{
	const struct queue_lane *closed = NULL;
	struct queue_lane *lanes;
	bool needs_room, is_good = true;
	size_t count;

	*out_why = NULL;
	if (!queue_lanes(client, &lanes, &count, err))
		return false;
	if (!stuck->has_looked)
		remember(stuck, lanes, count);
	if (has_ready_work_only(batch))
		closed = closed_lane(stuck, lanes, count);
	needs_room = has_ready_work_only(batch) && waits_for_media_only(lanes, count);
	if (closed)
		*out_why = sentence(closed);
	else if (needs_room)
		is_good = look_for_room(client, config, out_why, err);
	for (size_t i = 0; i < count; i++)
		queue_lane_done(&lanes[i]);
	free(lanes);
	return is_good;
}

void stuck_done(struct stuck *stuck)
{
	for (size_t i = 0; i < stuck->count; i++)
		free(stuck->before[i].name);
	free(stuck->before);
	*stuck = (struct stuck){ 0 };
}
