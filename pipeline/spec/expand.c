/*
 * One pipeline per variant. A stage's definition was dumped once, and cut at the markers of its
 * holes; per variant only the holes are evaluated, checked and put between the pieces. A stage
 * without holes has one text that all variants share, and so has all that does not differ.
 *
 * Holes that read .stages stay as they were written: a media worker renders them. Where fields that
 * are checked together were holes, the variant's tree is built and checked as a whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/spec/spec_private.h"

struct piece {
	const char *text;
	size_t length;
	const struct hole *hole; /* behind the text; NULL in the last piece */
};

struct plan { /* of one stage */
	struct stage *stage;
	struct piece *pieces;
	size_t piece_count;	/* 1: the same in every variant */
	struct spec_stage head; /* all but the definition */
};

struct expand {
	struct spec *spec;
	struct check check;
	const struct spec_files *files;
	struct arena *arena;
	struct plan plans[SPEC_MAX_STAGES];
	json_t *media;			  /* {path: id} of what was taken */
	json_t *names;			  /* {name: index} */
	json_t *results;		  /* of expressions, see eval */
	char *labels, *vars, *batch_name; /* JSON texts */
};

/* ---- media ---- */

static bool take_media(struct expand *expand, const char *path, const char *place, const char **out)
{
	const json_t *known = json_object_get(expand->media, path);
	char id[80] = "";
	enum err_kind kind;

	if (known) {
		*out = json_string_value(known);
		return true;
	}
	if (!expand->files || !expand->files->take_media)
		return check_refuse(&expand->check, place, "'%s' cannot be read here", path);
	if (!expand->files->take_media(expand->files->context, path, id, expand->check.err)) {
		kind = expand->check.err->kind;
		check_refuse(&expand->check, place, "%s", expand->check.err->text);
		expand->check.err->kind = kind;
		return false;
	}
	json_object_set_new(expand->media, path, json_string(id));
	*out = json_string_value(json_object_get(expand->media, path));
	return true;
}

/* ---- the value of a hole ---- */

static bool refuse_null(struct expand *expand, const struct hole *hole)
{
	return check_refuse(&expand->check, hole->path, "%s gave nothing", hole->text);
}

static bool fold_media(struct expand *expand, const struct hole *hole, const json_t *value,
		       json_t **out)
{
	const char *text = json_string_value(value), *id;

	if (!text || !*text)
		return check_refuse_type(&expand->check, hole->path, "a path or a media id", value);
	if (spec_stage_index(expand->spec, text) >= 0)
		return check_refuse(&expand->check, hole->path,
				    "'%s' is a stage: write it out, so that the order is known",
				    text);
	if (!take_media(expand, text, hole->path, &id))
		return false;
	*out = json_string(id);
	return true;
}

struct key {
	const json_t *context;
	char text[256];
	size_t length; /* sizeof(text): too long to be remembered by */
};

static void add_to_key(void *context, const char *root, const char *second)
{
	struct key *key = context;
	const json_t *value = json_object_get(key->context, root);

	if (second)
		value = json_object_get(value, second);
	if (key->length > sizeof(key->text) - 24) {
		key->length = sizeof(key->text);
		return;
	}
	key->length += (size_t)snprintf(key->text + key->length, sizeof(key->text) - key->length,
					"%p ", (const void *)value);
}

/* What libjq gave is remembered by the very values that it read: variants share those of their
 * axes, and a run costs up to 40 us. */
static bool eval(struct expand *expand, const struct hole *hole, const json_t *context,
		 json_t **out)
{
	struct expr_set *set = expand->spec->set;
	struct key key = { .context = context };
	json_t *known;

	if (expr_is_plain(set, hole->handle) ||
	    (expr_roots(set, hole->handle) & ~(unsigned)(EXPR_MATRIX | EXPR_VARS)))
		return expr_eval(set, hole->handle, context, out, expand->check.err);
	key.length = (size_t)snprintf(key.text, sizeof(key.text), "%d ", hole->handle);
	expr_each_path(set, hole->handle, add_to_key, &key);
	known = key.length < sizeof(key.text) ? json_object_get(expand->results, key.text) : NULL;
	if (known) {
		*out = json_incref(known);
		return true;
	}
	if (!expr_eval(set, hole->handle, context, out, expand->check.err))
		return false;
	if (key.length < sizeof(key.text))
		json_object_set(expand->results, key.text, *out);
	return true;
}

static bool fold(struct expand *expand, const struct hole *hole, const json_t *context,
		 json_t **out)
{
	DEFER(json_freep) json_t *value = NULL;
	const struct field *field = hole->field;

	if (!eval(expand, hole, context, &value))
		return check_refuse(&expand->check, hole->path, "%s", expand->check.err->text);
	if (json_is_null(value) && field->type != FIELD_CONDITION && field->type != FIELD_ANY) {
		if (hole->is_nested || (field->flags & FIELD_REQUIRED))
			return refuse_null(expand, hole);
		*out = TAKE(value);
		return true;
	}
	if (field->type == FIELD_MEDIA)
		return fold_media(expand, hole, value, out);
	return check_value(&expand->check, field, value, hole->path, out);
}

/* ---- the plan of a stage ---- */

static bool is_open_hole(const struct hole *hole)
{
	return !hole->is_late && hole->handle >= 0;
}

/* The value of a hole that is the same in every variant: late text, or a media file. */
static bool fixed_value(struct expand *expand, const struct hole *hole, json_t **out)
{
	const char *id;

	if (hole->is_late) {
		*out = json_string(hole->text);
		return true;
	}
	if (!take_media(expand, hole->text, hole->path, &id))
		return false;
	*out = json_string(id);
	return true;
}

/* A copy of the tree with the holes filled by `fill`, as far as it does. */
typedef bool fill_fn(struct expand *expand, const struct hole *hole, const json_t *context,
		     json_t **out);

static bool fill_tree(struct expand *expand, const json_t *tree, fill_fn *fill,
		      const json_t *context, json_t **out)
{
	DEFER(json_freep) json_t *copy = NULL;
	long number = hole_number(tree);
	const char *name;
	json_t *member, *got;

	if (number >= 0)
		return fill(expand, &expand->spec->holes[number], context, out);
	if (!json_is_object(tree) && !json_is_array(tree)) {
		*out = json_incref((json_t *)(uintptr_t)tree);
		return true;
	}
	copy = json_is_object(tree) ? json_object() : json_array();
	json_object_foreach((json_t *)(uintptr_t)tree, name, member)
	{
		if (!fill_tree(expand, member, fill, context, &got))
			return false;
		json_object_set_new(copy, name, got);
	}
	for (size_t i = 0; i < json_array_size(tree); i++) {
		if (!fill_tree(expand, json_array_get(tree, i), fill, context, &got))
			return false;
		json_array_append_new(copy, got);
	}
	*out = TAKE(copy);
	return true;
}

static bool fill_fixed(struct expand *expand, const struct hole *hole, const json_t *context,
		       json_t **out)
{
	(void)context;
	if (!is_open_hole(hole))
		return fixed_value(expand, hole, out);
	*out = hole_marker((size_t)(hole - expand->spec->holes));
	return true;
}

static bool fill_open(struct expand *expand, const struct hole *hole, const json_t *context,
		      json_t **out)
{
	return is_open_hole(hole) ? fold(expand, hole, context, out)
				  : fixed_value(expand, hole, out);
}

static void add_piece(struct expand *expand, struct plan *plan, struct piece piece)
{
	struct piece *pieces =
		arena_alloc(expand->arena, (plan->piece_count + 1) * sizeof(*pieces));

	if (plan->piece_count)
		memcpy(pieces, plan->pieces, plan->piece_count * sizeof(*pieces));
	pieces[plan->piece_count++] = piece;
	plan->pieces = pieces;
}

/* Cuts the text of a definition at its markers, which JSON writes as "\u0001NUMBER\u0001". */
static void cut_pieces(struct expand *expand, struct plan *plan, const char *text)
{
	const char *at = arena_strdup(expand->arena, text), *next;

	while ((next = strstr(at, "\"\\u0001"))) {
		char *end;
		size_t number = strtoul(next + 7, &end, 10);

		add_piece(expand, plan,
			  (struct piece){ at, (size_t)(next - at), &expand->spec->holes[number] });
		at = end + 7;
	}
	add_piece(expand, plan, (struct piece){ at, strlen(at), NULL });
}

static bool has_late(const struct spec *spec, const struct stage *stage)
{
	for (size_t i = stage->hole_first; i < stage->hole_end; i++)
		if (spec->holes[i].is_late)
			return true;
	return false;
}

static bool plan_stage(struct expand *expand, size_t index)
{
	struct plan *plan = &expand->plans[index];
	struct stage *stage = &expand->spec->stages[index];
	DEFER(json_freep) json_t *tree = NULL;
	DEFER(freep) char *text = NULL;

	plan->stage = stage;
	expand->check.stage = stage;
	if (!fill_tree(expand, stage->definition, fill_fixed, NULL, &tree))
		return false;
	text = json_text(tree);
	cut_pieces(expand, plan, text);
	plan->head = stage->limits;
	plan->head.id = arena_strdup(expand->arena, stage->id);
	plan->head.type = stage->kind->name;
	plan->head.lane = stage->kind->lane;
	plan->head.inputs = graph_inputs(stage);
	plan->head.needs = graph_needs(stage);
	plan->head.gates = graph_gates(expand->spec, index);
	/* only a media child renders, and decides `if` */
	plan->head.needs_prepare =
		strcmp(stage->kind->lane, "cpu") != 0 &&
		(has_late(expand->spec, stage) || json_object_get(stage->definition, "if"));
	plan->head.definition = plan->piece_count == 1 ? plan->pieces[0].text : NULL;
	return true;
}

/* ---- a variant ---- */

static bool fill_pieces(struct expand *expand, const struct plan *plan, const json_t *context,
			struct buf *out)
{
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct piece *piece = &plan->pieces[i];
		DEFER(json_freep) json_t *value = NULL;
		DEFER(freep) char *text = NULL;

		buf_put(out, piece->text, piece->length);
		if (!piece->hole)
			break;
		if (!fold(expand, piece->hole, context, &value))
			return false;
		if (json_is_string(value)) {
			json_put_text(out, json_string_value(value));
			continue;
		}
		text = json_text(value);
		buf_puts(out, text);
	}
	return true;
}

static bool fill_together(struct expand *expand, const struct plan *plan, const json_t *context,
			  struct buf *out)
{
	DEFER(json_freep) json_t *tree = NULL;
	DEFER(freep) char *text = NULL;

	if (!fill_tree(expand, plan->stage->definition, fill_open, context, &tree) ||
	    !check_together(&expand->check, tree, plan->stage->path))
		return false;
	text = json_text(tree);
	buf_puts(out, text);
	return true;
}

static bool fill_stage(struct expand *expand, const struct plan *plan, const json_t *context,
		       struct buf *scratch, struct spec_stage *out)
{
	bool ok;

	*out = plan->head;
	if (out->definition)
		return true;
	expand->check.stage = plan->stage;
	buf_clear(scratch);
	ok = plan->stage->has_cross_holes ? fill_together(expand, plan, context, scratch)
					  : fill_pieces(expand, plan, context, scratch);
	if (ok)
		out->definition = arena_strndup(expand->arena, scratch->data, scratch->len);
	return ok;
}

static bool name_variant(struct expand *expand, const json_t *context, size_t index,
			 const char **out)
{
	const json_t *other;

	if (!name_render(&expand->check, context, expand->arena, out))
		return false;
	other = json_object_get(expand->names, *out);
	expand->check.variant = NULL;
	if (other)
		return check_refuse(
			&expand->check, expand->spec->name_variants ? "name_variants" : "matrix#",
			"variants %lld and %zu are both called '%.100s'; %s",
			(long long)json_integer_value(other), index + 1, *out,
			expand->spec->name_variants ? "put {n} into it"
						    : "set name_variants, with {n} in it");
	json_object_set_new_nocheck(expand->names, *out, json_integer((json_int_t)index + 1));
	return true;
}

/* The context as text: only matrix, name and number differ. */
static const char *context_text(struct expand *expand, const json_t *matrix, const char *name,
				size_t index, struct buf *scratch)
{
	DEFER(freep) char *text = json_dumps(matrix, JSON_COMPACT);

	buf_clear(scratch);
	buf_printf(scratch,
		   "{\"batch_name\":%s,\"index\":%zu,\"labels\":%s,\"matrix\":%s,\"name\":",
		   expand->batch_name, index + 1, expand->labels, text);
	json_put_text(scratch, name);
	buf_printf(scratch, ",\"vars\":%s}", expand->vars);
	return arena_strndup(expand->arena, scratch->data, scratch->len);
}

static bool make_pipeline(struct expand *expand, json_t *context, const json_t *matrix,
			  size_t index, struct buf *scratch, struct spec_pipeline *out)
{
	size_t count = expand->spec->stage_count;
	struct spec_stage *stages = arena_alloc(expand->arena, count * sizeof(*stages));
	char variant[64];

	snprintf(variant, sizeof(variant), "%zu", index + 1);
	expand->check.variant = variant;
	json_object_set(context, "matrix", (json_t *)(uintptr_t)matrix);
	json_object_set_new(context, "index", json_integer((json_int_t)index + 1));
	json_object_del(context, "name");
	if (!name_variant(expand, context, index, &out->name))
		return false;
	json_object_set_new(context, "name", json_string(out->name));
	expand->check.variant = out->name;
	for (size_t i = 0; i < count; i++)
		if (!fill_stage(expand, &expand->plans[i], context, scratch, &stages[i]))
			return false;
	expand->check.variant = NULL;
	out->context = context_text(expand, matrix, out->name, index, scratch);
	out->stages = stages;
	out->stage_count = count;
	return true;
}

/* ---- all of them ---- */

static void learn_names(struct spec *spec, const json_t *variants)
{
	DEFER(json_freep) json_t *all = json_object();
	const char *name;
	json_t *value;
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(variants); i++)
		json_object_update(all, json_array_get(variants, i));
	spec->axes = arena_alloc(&spec->arena, (json_object_size(all) + 1) * sizeof(*spec->axes));
	json_object_foreach(all, name, value)
	{
		spec->axes[count++] = arena_strdup(&spec->arena, name);
	}
	spec->axis_count = count;
}

/* The columns of matrix: {csv:} are known only now: what names them can be judged. */
static bool check_columns(struct expand *expand, const json_t *variants)
{
	struct spec *spec = expand->spec;

	if (!spec->has_open_axes)
		return true;
	learn_names(spec, variants);
	spec->has_open_axes = false;
	for (size_t i = 0; i < spec->late_count; i++) {
		const struct late *late = &spec->lates[i];

		expand->check.stage = late->stage;
		if (late->stage && !(late->allowed & EXPR_OTHER) &&
		    !check_reads(&expand->check, late->handle, late->path, late->allowed))
			return false;
	}
	return true;
}

static json_t *new_context(const struct spec *spec)
{
	const json_t *root = yaml_root(spec->doc);
	json_t *context = json_object();

	json_object_set_new(context, "labels", json_object());
	json_object_set_new(context, "vars", json_object());
	if (json_object_get(root, "labels"))
		json_object_set(context, "labels", json_object_get(root, "labels"));
	if (json_object_get(root, "vars"))
		json_object_set(context, "vars", json_object_get(root, "vars"));
	json_object_set_new(context, "batch_name", json_string(spec->batch.name));
	return context;
}

static bool expand_all(struct expand *expand, struct spec_batch *out)
{
	DEFER(json_freep) json_t *variants = NULL, *context = new_context(expand->spec);
	DEFER(buf_done) struct buf scratch = { 0 };
	struct spec_pipeline *pipelines;

	expand->labels = json_text(json_object_get(context, "labels"));
	expand->vars = json_text(json_object_get(context, "vars"));
	expand->batch_name = json_text(json_object_get(context, "batch_name"));
	if (!matrix_expand(&expand->check, expand->files, &variants) ||
	    !check_columns(expand, variants))
		return false;
	for (size_t i = 0; i < expand->spec->stage_count; i++)
		if (!plan_stage(expand, i))
			return false;
	pipelines = arena_alloc(expand->arena, json_array_size(variants) * sizeof(*pipelines));
	expand->check.is_folded = true;
	for (size_t i = 0; i < json_array_size(variants); i++)
		if (!make_pipeline(expand, context, json_array_get(variants, i), i, &scratch,
				   &pipelines[i]))
			return false;
	*out = expand->spec->batch;
	out->pipelines = pipelines;
	out->pipeline_count = json_array_size(variants);
	return true;
}

/* The batch must not point into the spec, which may be freed before it. */
static void copy_head(struct arena *arena, struct spec_batch *batch)
{
	struct spec_notice *notices =
		arena_alloc(arena, (batch->notice_count + 1) * sizeof(*notices));

	for (size_t i = 0; i < batch->notice_count; i++)
		notices[i].text = arena_strdup(arena, batch->notices[i].text);
	batch->notices = notices;
	batch->name = arena_strdup(arena, batch->name);
	batch->labels = arena_strdup(arena, batch->labels);
	batch->priority = arena_strdup(arena, batch->priority);
	batch->schedule = batch->schedule ? arena_strdup(arena, batch->schedule) : NULL;
	batch->budget = batch->budget ? arena_strdup(arena, batch->budget) : NULL;
}

bool spec_expand(struct spec *spec, const struct spec_files *files, struct arena *arena,
		 struct spec_batch *out, struct err *err)
{
	struct expand expand = {
		.spec = spec,
		.check = { .spec = spec, .err = err },
		.files = files,
		.arena = arena,
		.media = json_object(),
		.names = json_object(),
		.results = json_object(),
	};
	bool ok = expand_all(&expand, out);

	if (ok)
		copy_head(arena, out);
	json_decref(expand.media);
	json_decref(expand.names);
	json_decref(expand.results);
	free(expand.labels);
	free(expand.vars);
	free(expand.batch_name);
	return ok;
}
