/*
 * The table of operations and the decoding of a list of them. It knows no operation's arguments.
 */
#include "pipeline/media/operations.h"

#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "pipeline/media/media.h"

static const struct {
	const char *name;
	const struct edit_operation *type;
} table[] = {
	{ "conform", &op_conform },	     { "overlay", &op_overlay },
	{ "textOverlay", &op_text_overlay }, { "trim", &op_trim },
	{ "watermark", &op_overlay },
};

static const struct edit_operation *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!strcmp(table[i].name, name))
			return table[i].type;
	return NULL;
}

static bool refuse_unknown(const char *name, const char *path, struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		nearest_offer(&nearest, table[i].name);
	return err_set(err, ERR_REJECT, "%s: unknown operation%s", path, nearest_hint(&nearest));
}

static bool decode_one(const json_t *item, size_t index, struct arena *arena, struct operation *out,
		       struct err *err)
{
	void *at = json_object_iter((json_t *)(uintptr_t)item);
	const json_t *args;

	if (!json_is_object(item) || json_object_size(item) != 1)
		return err_set(err, ERR_REJECT,
			       "operations[%zu]: expected a map with one operation, such as {trim: "
			       "{start: 1}}",
			       index);
	out->name = arena_strdup(arena, json_object_iter_key(at));
	args = json_object_iter_value(at);
	snprintf(out->path, sizeof(out->path), "operations[%zu].%s", index, out->name);
	out->type = find(out->name);
	if (!out->type)
		return refuse_unknown(out->name, out->path, err);
	out->args = arena_alloc(arena, out->type->args_size);
	if (out->type->defaults)
		out->type->defaults(out->args);
	return json_decode(args, out->type->args, out->path, out->args, arena, err) &&
	       out->type->check(out->args, out->path, err);
}

bool operations_decode(const json_t *list, struct arena *arena, struct operation **out,
		       size_t *out_count, struct err *err)
{
	size_t count = json_array_size(list);
	struct operation *operations;

	av_log_set_level(AV_LOG_QUIET); /* what matters comes back as an err */
	if (!json_is_array(list) || !count)
		return err_set(err, ERR_REJECT,
			       "operations: expected a list with at least one operation");
	if (count > 64)
		return err_set(err, ERR_REJECT, "operations: %zu of them, at most 64", count);
	operations = arena_alloc(arena, count * sizeof(*operations));
	for (size_t i = 0; i < count; i++)
		if (!decode_one(json_array_get(list, i), i, arena, &operations[i], err))
			return false;
	*out = operations;
	*out_count = count;
	return true;
}

bool operation_range(double value, double least, double most, const char *path, const char *name,
		     struct err *err)
{
	if (value >= least && value <= most)
		return true;
	/* -1 is how defaults say "not given" */
	return err_set(err, ERR_REJECT, "%s.%s: expected %g to %g, found %g", path, name,
		       least < 0 ? 0 : least, most, value);
}

bool operation_times(double start_s, double end_s, const char *path, struct err *err)
{
	if (!(start_s >= 0))
		return err_set(err, ERR_REJECT, "%s.start: expected 0 or more, found %g", path,
			       start_s);
	if (end_s != 0 && !(end_s > start_s))
		return err_set(err, ERR_REJECT, "%s.end: expected more than start (%g), found %g",
			       path, start_s, end_s);
	return true;
}

bool media_edit_check(const json_t *list, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct operation *operations;
	size_t count;

	return operations_decode(list, &arena, &operations, &count, err);
}
