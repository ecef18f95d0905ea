/*
 * What the steering commands share: how many stages something touched, said once.
 */
#pragma once

#include "cli/session.h"

/* "retried 3 stages of k3f9x2m4", as JSON {id, action, stages}, or the id when quiet. */
int steer_report(const struct session *session, const char *action, const char *id, int64_t stages);

/* Waits for the batch of id when `wait` says so; else gives EXIT_DONE. */
int steer_wait(struct session *session, const char *id, bool wait);
