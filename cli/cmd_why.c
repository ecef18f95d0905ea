/*
 * reel why: the one reason something does not run.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/records.h"
#include "cli/show.h"
#include "cli/target.h"

enum { CASES_MAX = 5 };

/* A batch waits for many things: its first cases in trouble, by name. */
static bool put_cases(struct session *session, const char *id, struct buf *out, struct err *err)
{
	struct queue_pipeline *pipelines;
	size_t count, cases = 0;

	if (target_kind(id) == TARGET_STAGE)
		return true;
	if (!target_pipelines(session, id, false, &pipelines, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct queue_stage *stage = show_telling_stage(&pipelines[i]);

		if (!stage || !stage->message || ++cases > CASES_MAX)
			continue;
		buf_printf(out, "\n%s/%s %s: ", pipelines[i].id, stage->id,
			   queue_state_name(stage->state));
		output_put_clean(out, stage->message);
	}
	if (cases > CASES_MAX)
		buf_printf(out, "\nand %zu more like these", cases - CASES_MAX);
	record_free_pipelines(pipelines, count);
	return true;
}

static int run(struct cli *cli, const void *options)
{
	DEFER(buf_done) struct buf text = { 0 };
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	DEFER(freep) char *reason = NULL;
	struct err err = { 0 };
	int code;

	(void)options;
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	if (!queue_why(session.client, id, &reason, &err))
		return cli_fail(cli, &err);
	output_put_clean(&text, reason);
	if (!put_cases(&session, id, &text, &err))
		return cli_fail(cli, &err);
	if (cli->out.format == OUTPUT_TABLE) {
		output_line("%s", text.data ? text.data : "");
		return EXIT_DONE;
	}
	DEFER(json_freep) json_t *value = json_pack("{s:s,s:s}", "id", id, "why", text.data);

	return output_json(&cli->out, value);
}

const struct command command_why = {
	.name = "why",
	.summary = "the one reason why something does not run",
	.usage = "[ID]",
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
