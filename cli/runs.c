/*
 * One small JSON file per (farm, spec) in state_dir/runs, replaced whole.
 */
#include "cli/runs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/fingerprint.h"

static char *memory_path(const struct session *session, const char *spec)
{
	uint64_t key = FINGERPRINT_START;
	char text[FINGERPRINT_TEXT];

	key = fingerprint_add(key, session->url, strlen(session->url) + 1);
	key = fingerprint_add(key, session->config->farm, strlen(session->config->farm) + 1);
	key = fingerprint_add(key, spec, strlen(spec));
	fingerprint_text(key, text);
	return xasprintf("%s/runs/%s.json", session->config->state_dir, text);
}

void runs_recall(const struct session *session, const char *spec, struct run_memory *out)
{
	DEFER(freep) char *path = memory_path(session, spec);
	DEFER(json_freep) json_t *value = NULL;
	DEFER(buf_done) struct buf text = { 0 };
	const char *batch, *print;
	struct err err = { 0 };

	*out = (struct run_memory){ 0 };
	if (access(path, F_OK) < 0)
		return;
	if (!file_read(path, 65536, &text, &err) ||
	    !json_parse(text.data ? text.data : "", text.len, path, &value, &err)) {
		output_note(&session->cli->out, "%s; going on as if this spec had never run",
			    err.text);
		return;
	}
	batch = json_string_value(json_object_get(value, "batch"));
	print = json_string_value(json_object_get(value, "fingerprint"));
	out->batch = batch ? xstrdup(batch) : NULL;
	out->fingerprint = print ? strtoull(print, NULL, 16) : 0;
}

void run_memory_done(struct run_memory *memory)
{
	free(memory->batch);
	memory->batch = NULL;
}

bool runs_remember(const struct session *session, const char *spec, const char *batch,
		   uint64_t fingerprint, struct err *err)
{
	DEFER(freep) char *folder = xasprintf("%s/runs", session->config->state_dir);
	DEFER(freep) char *path = memory_path(session, spec);
	DEFER(json_freep) json_t *value = NULL;
	DEFER(freep) char *text = NULL;
	char print[FINGERPRINT_TEXT];

	fingerprint_text(fingerprint, print);
	value = json_pack("{s:s,s:s,s:s,s:s}", "spec", spec, "farm", session->config->farm, "batch",
			  batch, "fingerprint", print);
	if (!value)
		return err_set(err, ERR_REJECT, "%s: its path is not UTF-8", spec);
	text = json_text(value);
	return file_make_dirs(folder, 0700, err) &&
	       file_write_atomic(path, text, strlen(text), 0600, err);
}
