/*
 * Ids apart, and records by id.
 */
#include "cli/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/records.h"

enum { PAGE = 200 };

enum target_kind target_kind(const char *id)
{
	return strchr(id, '/') ? TARGET_STAGE : strchr(id, '-') ? TARGET_PIPELINE : TARGET_BATCH;
}

char *target_batch(const char *id)
{
	return xstrndup(id, strcspn(id, "-/"));
}

char *target_pipeline(const char *id)
{
	return xstrndup(id, strcspn(id, "/"));
}

const char *target_stage(const char *id)
{
	const char *slash = strchr(id, '/');

	return slash ? slash + 1 : NULL;
}

bool target_all_pipelines(struct session *session, const char *batch, bool with_payload,
			  struct queue_pipeline **out, size_t *count, struct err *err)
{
	struct queue_pipeline *all = NULL, *page;
	size_t have = 0, got;

	do {
		if (!queue_pipelines(session->client, batch, (int64_t)have + 1, PAGE, with_payload,
				     &page, &got, err)) {
			record_free_pipelines(all, have);
			return false;
		}
		all = xrealloc(all, (have + got + 1) * sizeof(*all));
		if (got)
			memcpy(all + have, page, got * sizeof(*all));
		free(page);
		have += got;
	} while (got == PAGE);
	*out = all;
	*count = have;
	return true;
}

bool target_pipelines(struct session *session, const char *id, bool with_payload,
		      struct queue_pipeline **out, size_t *count, struct err *err)
{
	DEFER(freep) char *pipeline = target_pipeline(id);

	if (target_kind(id) == TARGET_BATCH)
		return target_all_pipelines(session, id, with_payload, out, count, err);
	*out = xcalloc(1, sizeof(**out));
	*count = 1;
	if (queue_pipeline_get(session->client, pipeline, *out, err))
		return true;
	free(*out);
	return false;
}

bool target_open(struct cli *cli, enum session_use use, struct session *session, char **out_id,
		 int *code)
{
	struct err err = { 0 };

	if (!session_open(cli, use, session, &err)) {
		*code = cli_fail(cli, &err);
		return false;
	}
	*out_id = session_resolve(session, cli->arg_count ? cli->args[0] : NULL, &err);
	if (!*out_id)
		*code = cli_fail(cli, &err);
	return *out_id != NULL;
}
