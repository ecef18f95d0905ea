/*
 * inspect: measures a media, compares it with a platform's limits and the spec's own requirements,
 * and keeps stills for the sheet. A media that does not please is REJECTED with all it was found to
 * be; a file that is no media is an error.
 */
#include "pipeline/stage/inspect.h"

#include <stdio.h>
#include <string.h>

#include "pipeline/stage/media_io.h"
#include "pipeline/stage/require.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

enum { POSTERS = 3 };

struct inspect_args {
	char *input, *depth;
	json_t *profile, *require;
};

static const struct json_field inspect_fields[] = {
	{ "input", JSON_FIELD_TEXT, offsetof(struct inspect_args, input), JSON_REQUIRED },
	{ "depth", JSON_FIELD_TEXT, offsetof(struct inspect_args, depth), 0 },
	{ "profile", JSON_FIELD_ANY, offsetof(struct inspect_args, profile), 0 },
	{ "require", JSON_FIELD_ANY, offsetof(struct inspect_args, require), 0 },
	{ 0 },
};

static bool inspect_decode(const json_t *definition, struct arena *arena, struct inspect_args *out,
			   struct err *err)
{
	*out = (struct inspect_args){ .depth = NULL };
	if (!stage_decode(definition, inspect_fields, "definition", out, arena, err))
		return false;
	if (out->depth && strcmp(out->depth, "full") != 0 && strcmp(out->depth, "quick") != 0)
		return err_set(err, ERR_REJECT, "definition.depth: '%s' is neither full nor quick",
			       out->depth);
	if (out->profile && !json_is_object(out->profile))
		return err_set(err, ERR_REJECT, "definition.profile: expected an object");
	if (out->require && !json_is_array(out->require))
		return err_set(err, ERR_REJECT, "definition.require: expected a list");
	return true;
}

static bool inspect_check(const json_t *definition, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct inspect_args args;

	return inspect_decode(definition, &arena, &args, err);
}

static bool measure(const struct inspection *inspection, const struct stage_context *context,
		    struct media_facts *facts, json_t **out_metrics, struct err *err)
{
	struct media_limits limits = stage_limits(context);
	struct media_analysis_options options = {
		.depth = inspection->depth ? inspection->depth : "full",
		.poster_dir = inspection->poster_dir,
		.poster_count = inspection->poster_count,
		.progress = context->progress,
		.context = context->reporter,
	};
	DEFER(json_freep) json_t *facts_json = NULL;

	context->step(context->reporter, "probe");
	if (!media_probe(inspection->path, &limits, facts, err))
		return false;
	context->step(context->reporter, "measure");
	if (!media_analyse(inspection->path, &limits, &options, out_metrics, err))
		return false;
	facts_json = media_facts_json(facts);
	json_object_update_missing(*out_metrics, facts_json);
	return true;
}

static void put_plain(struct buf *out, const json_t *value)
{
	DEFER(freep) char *text = json_text(value);

	buf_printf(out, "%.80s", json_is_string(value) ? json_string_value(value) : text);
}

/* Findings that are errors reject; warnings are for the sheet. */
static void explain_findings(const json_t *findings, const json_t *profile, struct buf *failures)
{
	const char *name = json_string_value(json_object_get(profile, "id"));
	const json_t *finding;
	size_t index;

	json_array_foreach(findings, index, finding)
	{
		const char *severity = json_string_value(json_object_get(finding, "severity"));

		if (!severity || strcmp(severity, "error") != 0)
			continue;
		buf_printf(failures, "%s%s", failures->len ? "; " : "", name ? name : "profile");
		buf_printf(failures, " %s: found ",
			   json_string_value(json_object_get(finding, "rule")));
		put_plain(failures, json_object_get(finding, "found"));
		buf_puts(failures, ", expected ");
		put_plain(failures, json_object_get(finding, "expected"));
	}
}

static bool judge(const struct inspection *inspection, const struct media_facts *facts,
		  const json_t *metrics, const struct stage_context *context, json_t *result,
		  struct buf *failures, struct err *err)
{
	DEFER(json_freep) json_t *findings = NULL;
	json_t *verdicts;

	if (inspection->profile) {
		if (!media_check_profile(inspection->profile, facts, metrics, &findings, err))
			return err_context(err, "profile");
		explain_findings(findings, inspection->profile, failures);
		json_object_set(result, "findings", findings);
	}
	if (!inspection->require)
		return true;
	if (!require_check(inspection->require, metrics, context, &verdicts, failures, err))
		return false;
	json_object_set_new(result, "require", verdicts);
	return true;
}

void inspect_file(const struct inspection *inspection, const struct stage_context *context,
		  struct stage_outcome *outcome)
{
	DEFER(json_freep) json_t *metrics = NULL;
	DEFER(buf_done) struct buf failures = { 0 };
	struct media_facts facts;
	struct err err = { 0 };

	if (!measure(inspection, context, &facts, &metrics, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	outcome->result = json_pack("{s:O, s:[], s:[]}", "metrics", metrics, "findings", "require");
	context->step(context->reporter, "judge");
	if (!judge(inspection, &facts, metrics, context, outcome->result, &failures, &err))
		stage_fail(outcome, &err);
	else if (failures.len)
		stage_end(outcome, VERDICT_REJECTED, "%s", failures.data);
}

static void inspect_run(const struct stage_task *task, const struct stage_context *context,
			struct stage_outcome *outcome)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(stage_media_done) struct stage_media input = { 0 };
	struct inspect_args args;
	struct err err = { 0 };

	if (!inspect_decode(task->definition, &arena, &args, &err) ||
	    !stage_media_open(task, context, args.input, &input, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	inspect_file(&(struct inspection){ .path = input.path,
					   .depth = args.depth,
					   .profile = args.profile,
					   .require = args.require,
					   .poster_dir = context->work_dir,
					   .poster_count = POSTERS },
		     context, outcome);
	if (!outcome->result)
		return;
	json_object_set_new(outcome->result, "outputs", json_array());
	json_object_set_new(outcome->result, "media", json_string(input.item.id));
	if (!stage_keep_posters(context, POSTERS, outcome->result, &err))
		stage_fail(outcome, &err);
}

const struct stage_type stage_inspect = { .name = "inspect",
					  .check = inspect_check,
					  .run = inspect_run };
