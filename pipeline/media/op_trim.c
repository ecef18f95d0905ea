/*
 * trim: keeps a part of the clip. Times are seconds of the clip as the operations before it left
 * it. Alone, at key frames of a clip without B-frames, it costs no decoding: see edit.c.
 */
#include "pipeline/media/operations.h"

struct trim_args {
	double start, end, duration;
};

static const struct json_field trim_fields[] = {
	{ "start", JSON_FIELD_NUMBER, offsetof(struct trim_args, start), 0 },
	{ "end", JSON_FIELD_NUMBER, offsetof(struct trim_args, end), 0 },
	{ "duration", JSON_FIELD_NUMBER, offsetof(struct trim_args, duration), 0 },
	{ 0 },
};

static void trim_defaults(void *args)
{
	*(struct trim_args *)args = (struct trim_args){ .end = -1, .duration = -1 };
}

static bool trim_check(const void *args, const char *path, struct err *err)
{
	const struct trim_args *trim = args;

	if (trim->start < 0)
		return err_set(err, ERR_REJECT, "%s.start: expected 0 or more, found %g", path,
			       trim->start);
	if (trim->end != -1 && trim->duration != -1)
		return err_set(err, ERR_REJECT, "%s: end and duration exclude each other", path);
	if (trim->end != -1 && trim->end <= trim->start)
		return err_set(err, ERR_REJECT, "%s.end: expected more than start (%g), found %g",
			       path, trim->start, trim->end);
	if (trim->duration != -1 && trim->duration <= 0)
		return err_set(err, ERR_REJECT, "%s.duration: expected more than 0, found %g", path,
			       trim->duration);
	return true;
}

static bool trim_graph(struct edit_graph *graph, const void *args, struct err *err)
{
	const struct trim_args *trim = args;
	double end = trim->duration != -1 ? trim->start + trim->duration
		     : trim->end != -1	  ? trim->end
					  : 0;

	return graph_cut(graph, trim->start, end, err);
}

const struct edit_operation op_trim = {
	.args_size = sizeof(struct trim_args),
	.args = trim_fields,
	.defaults = trim_defaults,
	.check = trim_check,
	.graph = trim_graph,
};
