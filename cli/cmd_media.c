/*
 * reel media: the store by hand. Works on the store this machine is configured for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/gather.h"
#include "cli/media_take.h"
#include "cli/media_use.h"
#include "cli/records.h"

struct get_options {
	const char *out;
};

struct rm_options {
	bool force;
};

static const struct option_row get_rows[] = {
	{ "out", 0, OPTION_TEXT, offsetof(struct get_options, out), "FILE",
	  "also -o; where to (its id in this folder)" },
	{ 0 },
};

static const struct option_row rm_rows[] = {
	{ "force", 'f', OPTION_FLAG, offsetof(struct rm_options, force), NULL,
	  "even if a batch still refers to it" },
	{ 0 },
};

static bool open_store(struct cli *cli, struct store **out, struct err *err)
{
	const struct config *config = cli_config(cli, err);

	return config && store_open(config->store, out, err);
}

static json_t *item_json(const struct store_item *item)
{
	char time[32];

	return json_pack("{s:s,s:s,s:s,s:I,s:s}", "media", item->id, "mediaId", item->id, "sha256",
			 item->sha256, "bytes", (json_int_t)item->bytes, "stored_at",
			 record_time(item->stored_at_s * 1000000, time));
}

static int finish_json(struct cli *cli, json_t *value)
{
	int code = output_json(&cli->out, value);

	json_decref(value);
	return code;
}

static int run_upload(struct cli *cli, const void *given)
{
	struct err err = { 0 };
	struct media_taker taker = { .config = cli_config(cli, &err), .is_storing = true };
	json_t *list = json_array();
	bool is_good = taker.config != NULL;
	int code;

	(void)given;
	for (int i = 0; is_good && i < cli->arg_count; i++) {
		char id[STORE_ID_BYTES];

		is_good = media_take(&taker, cli->args[i], id, &err);
		if (is_good && cli->out.format == OUTPUT_TABLE)
			output_line("%s", id);
		if (is_good)
			json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "media", id,
							      "mediaId", id, "path", cli->args[i]));
	}
	media_taker_done(&taker);
	code = !is_good				? cli_refuse(cli, &err)
	       : cli->out.format == OUTPUT_JSON ? output_json(&cli->out, list)
						: EXIT_DONE;
	json_decref(list);
	return code;
}

static int run_get(struct cli *cli, const void *given)
{
	const struct get_options *options = given;
	DEFER(store_freep) struct store *store = NULL;
	struct store_item item;
	struct err err = { 0 };
	const char *to;

	if (!open_store(cli, &store, &err) || !store_find(store, cli->args[0], &item, &err))
		return cli_refuse(cli, &err);
	to = options->out ? options->out : item.id;
	if (!gather_copy(store, item.id, to, &err))
		return cli_refuse(cli, &err);
	if (cli->out.format == OUTPUT_JSON)
		return finish_json(cli, json_pack("{s:s,s:s}", "media", item.id, "path", to));
	if (!cli->out.is_quiet)
		output_line("%s", to);
	return EXIT_DONE;
}

struct listing {
	struct cli *cli;
	struct table table;
	json_t *list;
	int64_t bytes;
};

static bool list_item(void *context, const struct store_item *item)
{
	struct listing *listing = context;
	char time[32], bytes[32];

	listing->bytes += item->bytes;
	if (listing->cli->out.is_quiet) {
		puts(item->id);
	} else if (listing->cli->out.format == OUTPUT_JSON) {
		json_array_append_new(listing->list, item_json(item));
	} else {
		table_put(&listing->table, TONE_STRONG, "%s", item->id);
		table_put(&listing->table, TONE_PLAIN, "%s", units_show_bytes(item->bytes, bytes));
		table_put(&listing->table, TONE_DIM, "%s",
			  record_time(item->stored_at_s * 1000000, time));
	}
	return true;
}

static int run_ls(struct cli *cli, const void *given)
{
	static const char *const head[] = { "MEDIA", "SIZE", "STORED", NULL };
	DEFER(store_freep) struct store *store = NULL;
	struct listing listing = { .cli = cli, .list = json_array() };
	struct err err = { 0 };
	int code = EXIT_DONE;

	(void)given;
	table_init(&listing.table, head);
	if (!open_store(cli, &store, &err) || !store_each(store, list_item, &listing, &err))
		code = cli_refuse(cli, &err);
	else if (cli->out.format == OUTPUT_JSON)
		code = output_json(&cli->out, listing.list);
	else if (!cli->out.is_quiet)
		table_print(&listing.table, &cli->out);
	table_done(&listing.table);
	json_decref(listing.list);
	return code;
}

static int run_rm(struct cli *cli, const void *given)
{
	const struct rm_options *options = given;
	DEFER(store_freep) struct store *store = NULL;
	struct store_item item;
	struct err err = { 0 };

	if (!open_store(cli, &store, &err))
		return cli_refuse(cli, &err);
	for (int i = 0; i < cli->arg_count; i++) {
		if (!store_find(store, cli->args[i], &item, &err) ||
		    (!options->force && !media_use_none(cli, &item, &err)) ||
		    !store_remove(store, &item, &err))
			return cli_refuse(cli, &err);
		if (cli->out.format == OUTPUT_TABLE)
			output_line("%s%s", cli->out.is_quiet ? "" : "removed ", item.id);
	}
	return EXIT_DONE;
}

static const struct command upload = {
	.name = "upload",
	.summary = "store files; prints their media ids",
	.usage = "FILE...",
	.min_args = 1,
	.max_args = -1,
	.args = ARGS_FILE,
	.run = run_upload,
};

static const struct command get = {
	.name = "get",
	.summary = "copy a medium out of the store",
	.usage = "MEDIA [-o FILE]",
	.options = get_rows,
	.options_size = sizeof(struct get_options),
	.min_args = 1,
	.max_args = 1,
	.args = ARGS_MEDIA,
	.run = run_get,
};

static const struct command list = {
	.name = "ls",
	.summary = "list what is stored",
	.usage = "",
	.run = run_ls,
};

static const struct command rm = {
	.name = "rm",
	.summary = "remove media nothing refers to",
	.usage = "MEDIA... [--force]",
	.options = rm_rows,
	.options_size = sizeof(struct rm_options),
	.min_args = 1,
	.max_args = -1,
	.args = ARGS_MEDIA,
	.run = run_rm,
};

static const struct command *const verbs[] = { &upload, &get, &list, &rm, NULL };

const struct command command_media = {
	.name = "media",
	.summary = "the media store: upload, get, ls, rm",
	.usage = "upload|get|ls|rm ...",
	.verbs = verbs,
	.group = "Media",
	.max_args = -1,
};
