/*
 * Stays with a batch until it ends, showing how it goes: a picture that redraws on a terminal, one
 * line a change elsewhere, nothing when quiet. Survives the death of everything it talks to.
 */
#pragma once

#include <stdint.h>

#include "cli/board.h"
#include "cli/session.h"

struct follow_options {
	int64_t timeout_ms; /* 0: none */
	bool is_silent;	    /* show nothing (wait --quiet) */
	bool keeps_farm;    /* keep a private farm alive meanwhile */
	bool until_ended;   /* go on while things are held for a person */
	bool leaves_stuck;  /* but not while nothing at all can go on (board's `stuck`) */
};

/* Gives the exit code that the batch's end means; *board (to be board_done) is its last picture.
 * -1: a failure, err says which. */
int follow_batch(struct session *session, const char *batch, const struct follow_options *options,
		 struct board *board, struct err *err);

/* One line about what only a person can mend, when that is what `code` came from. */
void follow_tell_stuck(const struct cli *cli, const struct board *board, int code);

/* What a batch's state means to a script, right now: EXIT_UNKNOWN while it is going. */
int follow_exit_code(const struct board *board);
