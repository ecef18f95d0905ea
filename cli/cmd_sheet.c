/*
 * reel sheet: the comparison sheet of a batch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/make_sheet.h"
#include "cli/target.h"

struct sheet_options {
	const char *out, *limit;
};

static const struct option_row rows[] = {
	{ "out", 0, OPTION_TEXT, offsetof(struct sheet_options, out), "DIR|FILE.html",
	  "also -o; a folder with clips as files, or one self-contained page" },
	{ "limit", 0, OPTION_TEXT, offsetof(struct sheet_options, limit), "SIZE",
	  "clips inside one page, at most (256MiB)" },
	{ 0 },
};

static bool ends_in_html(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && !strcmp(path + len - 5, ".html");
}

static int report(struct cli *cli, const char *batch, const char *path)
{
	json_t *value;
	int code;

	if (cli->out.format == OUTPUT_TABLE) {
		output_line("%s%s", cli->out.is_quiet ? "" : "sheet: ", path);
		return EXIT_DONE;
	}
	value = json_pack("{s:s,s:s}", "batch", batch, "sheet", path);
	code = output_json(&cli->out, value);
	json_decref(value);
	return code;
}

static int run(struct cli *cli, const void *given)
{
	const struct sheet_options *options = given;
	DEFER(session_close) struct session session = { 0 };
	DEFER(freep) char *id = NULL;
	DEFER(freep) char *batch = NULL;
	DEFER(freep) char *to = NULL;
	DEFER(freep) char *path = NULL;
	int64_t limit = 256 << 20;
	struct err err = { 0 };
	int code;

	if (options->limit && !units_parse_bytes(options->limit, &limit)) {
		err_set(&err, ERR_REJECT, "--limit %s: expected a size such as 64MiB",
			options->limit);
		return cli_refuse(cli, &err);
	}
	if (!target_open(cli, SESSION_LOOK, &session, &id, &code))
		return code;
	batch = target_batch(id);
	to = options->out ? xstrdup(options->out) : xasprintf("sheet-%s", batch);
	if (!make_sheet(&session, batch, to, ends_in_html(to) ? MAKE_PAGE : MAKE_FOLDER, limit,
			&path, &err))
		return cli_refuse(cli, &err);
	return report(cli, batch, path);
}

const struct command command_sheet = {
	.name = "sheet",
	.summary = "the comparison sheet of a batch: page, clips, CSV",
	.usage = "[BATCH] [-o DIR|FILE.html]",
	.details =
		"Without -o: a folder sheet-BATCH with sheet.html, sheet.csv and media/. With -o "
		"FILE.html: one page that\nholds its clips itself, to send around; FILE.csv beside "
		"it. Both open offline.",
	.options = rows,
	.options_size = sizeof(struct sheet_options),
	.group = "Look",
	.max_args = 1,
	.args = ARGS_ID,
	.run = run,
};
