/*
 * The ends of steering commands.
 */
#include "cli/steer.h"

#include "base/alloc.h"
#include "cli/follow.h"
#include "cli/target.h"

int steer_report(const struct session *session, const char *action, const char *id, int64_t stages)
{
	const struct output *out = &session->cli->out;

	if (out->format == OUTPUT_JSON) {
		json_t *value = json_pack("{s:s,s:s,s:I}", "id", id, "action", action, "stages",
					  (json_int_t)stages);
		int code = output_json(out, value);

		json_decref(value);
		return code;
	}
	if (out->is_quiet)
		output_line("%s", id);
	else
		output_line("%s: %lld %s of %s", action, (long long)stages,
			    stages == 1 ? "stage" : "stages", id);
	return EXIT_DONE;
}

int steer_wait(struct session *session, const char *id, bool wait)
{
	const struct follow_options options = { .keeps_farm = true };
	DEFER(freep) char *batch = target_batch(id);
	struct err err = { 0 };
	struct board board;
	int code;

	if (!wait)
		return EXIT_DONE;
	code = follow_batch(session, batch, &options, &board, &err);
	follow_tell_stuck(session->cli, &board, code);
	board_done(&board);
	return code < 0 ? cli_fail(session->cli, &err) : code;
}
