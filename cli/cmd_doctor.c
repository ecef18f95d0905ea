/*
 * reel doctor: looks at everything a farm needs and says what is wrong and what would help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/doctor.h"

void doctor_say(struct doctor *doctor, enum doctor_grade grade, const char *what,
		const char *format, ...)
{
	struct doctor_line *line;
	va_list args;

	doctor->lines = xrealloc(doctor->lines, (doctor->count + 1) * sizeof(*doctor->lines));
	line = &doctor->lines[doctor->count++];
	line->grade = grade;
	line->what = what;
	va_start(args, format);
	if (vasprintf(&line->text, format, args) < 0)
		abort();
	va_end(args);
}

static const char *grade_name(enum doctor_grade grade)
{
	switch (grade) {
	case DOCTOR_GOOD: return "good";
	case DOCTOR_NOTE: return "note";
	case DOCTOR_BAD: return "bad";
	}
	return "?";
}

static enum tone grade_tone(enum doctor_grade grade)
{
	return grade == DOCTOR_GOOD ? TONE_GOOD : grade == DOCTOR_NOTE ? TONE_WAIT : TONE_BAD;
}

static int print(const struct output *out, const struct doctor *doctor)
{
	static const char *const head[] = { "STATE", "WHAT", "FINDING", NULL };
	DEFER(table_done) struct table table = { 0 };
	json_t *list = json_array();
	int code = EXIT_DONE;

	table_init(&table, head);
	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_line *line = &doctor->lines[i];

		table_put(&table, grade_tone(line->grade), "%s", grade_name(line->grade));
		table_put(&table, TONE_PLAIN, "%s", line->what);
		table_put(&table, TONE_PLAIN, "%s", line->text);
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:s}", "state", grade_name(line->grade),
						"what", line->what, "finding", line->text));
	}
	if (out->format == OUTPUT_JSON)
		code = output_json(out, list);
	else if (!out->is_quiet)
		table_print(&table, out);
	json_decref(list);
	return code;
}

static int run(struct cli *cli, const void *given)
{
	struct doctor doctor = { .cli = cli };
	struct err err = { 0 };
	const struct config *config = cli_config(cli, &err);
	bool is_reached;
	int code;

	(void)given;
	if (!config)
		return cli_refuse(cli, &err);
	doctor_look_at_machine(&doctor, config);
	is_reached = doctor_look_at_farm(&doctor, config);
	code = print(&cli->out, &doctor);
	for (size_t i = 0; i < doctor.count; i++) {
		if (doctor.lines[i].grade == DOCTOR_BAD && code == EXIT_DONE)
			code = EXIT_FAILED;
		free(doctor.lines[i].text);
	}
	free(doctor.lines);
	return is_reached || code == EXIT_REFUSED ? code : EXIT_UNREACHABLE;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "is everything there that a farm needs? what can this Redis lose?",
	.usage = "",
	.details = "Exit code 0: nothing is wrong; 1: something is; 6: the farm cannot be reached.",
	.group = "Farm",
	.run = run,
};
