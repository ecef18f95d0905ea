/*
 * The private farm of one user on one machine: a redis-server on a unix socket in the state folder
 * and a reeld, both started when missing and both outliving the client that started them.
 *
 *      state_dir/run.lock      shared by every client that uses the farm; who gets it alone may
 * stop it state_dir/redis.lock    held by redis-server itself, for its whole life: inherited at
 * exec state_dir/reeld.lock    held by reeld likewise
 *
 * When no client is left, reeld ends by itself as soon as nothing is left to do, and ends Redis
 * too: held work and a client that was killed leave nothing running.
 *
 * A lock that its program holds cannot be stale: the kernel drops it with the process. The pid
 * written in the file is valid exactly while the lock is held.
 */
#pragma once

#include <stdbool.h>

#include "base/config.h"
#include "base/err.h"

struct private_farm;

/* Was a private farm ever started with this state folder? */
bool private_exists(const struct config *config);

/* Joins the farm, starting its Redis. is_new_fine false: ERR_RETRY when nothing was ever started
 * here, because then there is nothing to look at. */
bool private_open(const struct config *config, bool is_new_fine, struct private_farm **out,
		  struct err *err) MUST_CHECK;
const char *private_url(const struct private_farm *farm); /* borrowed */

/* Level-triggered: starts again whichever of the two is not alive. Gives up (ERR_OPERATOR, with the
 * last lines of its log) when one of them keeps dying. */
bool private_keep_redis(struct private_farm *farm, struct err *err) MUST_CHECK;
bool private_keep_reeld(struct private_farm *farm, struct err *err) MUST_CHECK;

/* Is it the farm's own reeld that is alive (its lock is held)? */
bool private_has_reeld(const struct private_farm *farm);

/* Leaves. When no other client uses the farm: ends reeld if `is_idle` says that there is no work,
 * and Redis if then no reeld is left. */
void private_close(struct private_farm *farm, bool is_idle);
