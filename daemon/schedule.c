/*
 * Decides, does nothing. Every rule of upkeep is in this file and in no other.
 *
 *	NONE --start--> STARTING --(its READY)--> READY --dismiss--> leaving --(its end)--> gone
 *	   ^________________________(it died)________|
 */
#include "daemon/schedule.h"

enum { BACKOFF_FIRST_US = 250000, BACKOFF_MAX_US = 30000000, BACKOFF_FREE = 2 };

int64_t schedule_backoff_us(unsigned deaths)
{
	int64_t wait_us = BACKOFF_FIRST_US;

	if (deaths <= BACKOFF_FREE)
		return 0;
	for (unsigned i = BACKOFF_FREE + 1; i < deaths && wait_us < BACKOFF_MAX_US; i++)
		wait_us *= 2;
	return wait_us < BACKOFF_MAX_US ? wait_us : BACKOFF_MAX_US;
}

static void look_again_at(struct schedule *out, int64_t at_us)
{
	if (at_us < out->look_again_us)
		out->look_again_us = at_us;
}

static void serve(const struct schedule_snapshot *now_is, const struct schedule_kind *kind,
		  int64_t now_us, struct schedule_actions *actions, struct schedule *out)
{
	int64_t start_us =
		kind->deaths ? kind->died_us + schedule_backoff_us(kind->deaths) : now_us;

	if (kind->phase == SCHEDULE_NONE && kind->slots) {
		actions->start = start_us <= now_us;
		if (!actions->start)
			look_again_at(out, start_us);
	}
	if (kind->phase != SCHEDULE_READY)
		return;
	actions->dismiss = kind->is_stale || !kind->slots;
	if (!actions->dismiss && !(now_is->is_disk_full && kind->writes))
		actions->slots = kind->slots;
}

static void drain(const struct schedule_snapshot *now_is, const struct schedule_kind *kind,
		  int64_t now_us, struct schedule_actions *actions, struct schedule *out)
{
	bool is_time_up = now_us >= now_is->drain_until_us;

	if (kind->phase == SCHEDULE_NONE && !kind->leaving)
		return;
	out->is_over = false;
	/* A worker that is only starting has nothing to finish. */
	actions->kill = is_time_up || (kind->phase == SCHEDULE_STARTING && !kind->leaving);
	actions->dismiss = !actions->kill && kind->phase == SCHEDULE_READY;
	if (!is_time_up)
		look_again_at(out, now_is->drain_until_us);
}

void schedule_make(const struct schedule_snapshot *now_is, int64_t now_us, struct schedule *out)
{
	*out = (struct schedule){ .is_over = now_is->is_draining, .look_again_us = INT64_MAX };
	for (size_t i = 0; i < BROKER_KINDS; i++) {
		if (now_is->is_draining)
			drain(now_is, &now_is->kinds[i], now_us, &out->kinds[i], out);
		else
			serve(now_is, &now_is->kinds[i], now_us, &out->kinds[i], out);
	}
}
