/*
 * Looks through the definitions and results of every batch that is kept: a finished one still has
 * its sheet. Slow on a big farm and never wrong, which is the order that matters before an rm.
 */
#include "cli/media_use.h"

#include <string.h>

#include "cli/private.h"
#include "cli/records.h"
#include "cli/target.h"

static bool mentions(const char *text, const struct store_item *item)
{
	return text && (strstr(text, item->id) || strstr(text, item->sha256));
}

static bool stage_mentions(const struct queue_stage *stage, const struct store_item *item)
{
	return mentions(stage->definition, item) || mentions(stage->result, item);
}

static bool check_batch(struct session *session, const char *batch, const struct store_item *item,
			struct err *err)
{
	struct queue_pipeline *pipelines;
	const char *user = NULL;
	size_t count;

	if (!target_all_pipelines(session, batch, true, &pipelines, &count, err))
		return false;
	for (size_t i = 0; i < count && !user; i++)
		for (size_t j = 0; j < pipelines[i].stage_count && !user; j++)
			if (stage_mentions(&pipelines[i].stages[j], item))
				user = pipelines[i].id;
	if (user)
		err_set(err, ERR_REJECT, "%s: %s refers to it; --force removes it all the same",
			item->id, user);
	record_free_pipelines(pipelines, count);
	return !user;
}

/* Without any farm there is nothing that could refer to it. */
static bool has_farm(struct cli *cli)
{
	return cli->config->redis || private_exists(cli->config);
}

bool media_use_none(struct cli *cli, const struct store_item *item, struct err *err)
{
	DEFER(session_close) struct session session = { 0 };
	struct queue_batch *batches;
	bool is_free = true;
	size_t count;

	if (!has_farm(cli))
		return true;
	if (!session_open(cli, SESSION_LOOK, &session, err) ||
	    !queue_batches(session.client, 100000, &batches, &count, err))
		return err_context(err, "cannot tell whether %s is in use (--force does not ask)",
				   item->id);
	for (size_t i = 0; i < count && is_free; i++)
		is_free = check_batch(&session, batches[i].id, item, err);
	record_free_batches(batches, count);
	return is_free;
}
