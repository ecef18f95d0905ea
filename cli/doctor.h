/*
 * The examinations of `reel doctor`. Each says one line per finding; notes are worth knowing, bad
 * ones need a person.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "cli/command.h"

enum doctor_grade { DOCTOR_GOOD, DOCTOR_NOTE, DOCTOR_BAD };

struct doctor {
	struct cli *cli;
	struct doctor_line {
		enum doctor_grade grade;
		const char *what; /* borrowed */
		char *text;
	} * lines;
	size_t count;
};

void doctor_say(struct doctor *doctor, enum doctor_grade grade, const char *what,
		const char *format, ...) PRINTF_LIKE(4, 5);

void doctor_look_at_machine(struct doctor *doctor, const struct config *config);

/* false: the farm cannot be reached (said). A private farm that was never started is none, and no
 * fault. */
bool doctor_look_at_farm(struct doctor *doctor, const struct config *config);
