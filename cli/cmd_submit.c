/*
 * reel submit: hands a spec to the farm and leaves.
 */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/expand.h"
#include "cli/send.h"
#include "cli/steer.h"

struct submit_options {
	bool wait;
};

static const struct option_row rows[] = {
	{ "wait", 'w', OPTION_FLAG, offsetof(struct submit_options, wait), NULL,
	  "and watch until the batch ends" },
	{ 0 },
};

static int report(struct session *session, const struct expansion *expansion, const char *id)
{
	const struct output *out = &session->cli->out;
	const struct spec_batch *batch = &expansion->batch;

	for (size_t i = 0; i < batch->notice_count; i++)
		output_note(out, "note: %s", batch->notices[i].text);
	if (out->format == OUTPUT_JSON) {
		json_t *value = json_pack("{s:s,s:s,s:I}", "id", id, "name", batch->name,
					  "variants", (json_int_t)batch->pipeline_count);
		int code = output_json(out, value);

		json_decref(value);
		return code;
	}
	if (out->is_quiet)
		output_line("%s", id);
	else
		output_line("batch %s: %s, %zu %s; `reel watch %s` shows it", id, batch->name,
			    batch->pipeline_count,
			    batch->pipeline_count == 1 ? "variant" : "variants", id);
	return EXIT_DONE;
}

static int run(struct cli *cli, const void *given)
{
	const struct submit_options *options = given;
	DEFER(expansion_done) struct expansion expansion = { 0 };
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	struct err err = { 0 };
	const struct config *config = cli_config(cli, &err);
	int code;

	if (!config || !expand_file(config, cli->args[0], EXPAND_STORE, &expansion, &err))
		return cli_refuse(cli, &err);
	if (!session_open(cli, SESSION_WORK, &session, &err) ||
	    !send_batch(&session, &expansion, NULL, NULL, &id, &err) ||
	    !session_work(&session, &err))
		return cli_fail(cli, &err);
	code = report(&session, &expansion, id);
	return code == EXIT_DONE ? steer_wait(&session, id, options->wait) : code;
}

const struct command command_submit = {
	.name = "submit",
	.summary = "hand a spec to the farm and leave",
	.usage = "SPEC [--wait]",
	.details = "Prints the batch id. SPEC - reads stdin. A submit whose answer was lost may be "
		   "repeated: it is the same\nbatch. Exit code 2: refused, nothing runs.",
	.options = rows,
	.options_size = sizeof(struct submit_options),
	.group = "Make videos",
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_FILE,
	.run = run,
};
