/*
 * generate: what a local renderer can make in this process. A model that is served elsewhere never
 * comes here: its lane belongs to the remote or the gpu worker.
 *
 * Each take is rendered into a temporary of the store, committed and described. Takes differ by
 * their seed alone; without a seed one is derived from pipeline and stage, so that a repeated
 * attempt makes the same media and variants differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/stage/media_io.h"
#include "pipeline/stage/size.h"
#include "pipeline/stage/task.h"
#include "pipeline/stage/types.h"

enum { DEFAULT_SECONDS = 5, DEFAULT_FPS = 30, TAKES_MAX = 16 };

struct generate_args {
	char *kind, *prompt, *motion, *aspect_ratio, *resolution;
	json_t *model, *attach;
	double duration, fps;
	int64_t seed, variants, need;
};

static const struct json_field generate_fields[] = {
	{ "kind", JSON_FIELD_TEXT, offsetof(struct generate_args, kind), JSON_REQUIRED },
	{ "model", JSON_FIELD_ANY, offsetof(struct generate_args, model), JSON_REQUIRED },
	{ "prompt", JSON_FIELD_TEXT, offsetof(struct generate_args, prompt), 0 },
	{ "motion", JSON_FIELD_TEXT, offsetof(struct generate_args, motion), 0 },
	{ "aspect_ratio", JSON_FIELD_TEXT, offsetof(struct generate_args, aspect_ratio), 0 },
	{ "resolution", JSON_FIELD_TEXT, offsetof(struct generate_args, resolution), 0 },
	{ "attach", JSON_FIELD_ANY, offsetof(struct generate_args, attach), 0 },
	{ "duration", JSON_FIELD_NUMBER, offsetof(struct generate_args, duration), 0 },
	{ "fps", JSON_FIELD_NUMBER, offsetof(struct generate_args, fps), 0 },
	{ "seed", JSON_FIELD_INT, offsetof(struct generate_args, seed), 0 },
	{ "variants", JSON_FIELD_INT, offsetof(struct generate_args, variants), 0 },
	{ "need", JSON_FIELD_INT, offsetof(struct generate_args, need), 0 },
	{ 0 },
};

/* A definition that can be rendered here, with sizes worked out. */
struct generate {
	struct generate_args args;
	const char *model_id;
	bool is_still;
	int width, height;
};

/* The catalogue says which renderer makes a model's media; "animatic" is the one of this process.
 */
static bool is_local(const json_t *model)
{
	const char *engine = json_string_value(json_object_get(model, "engine"));

	return engine && !strcmp(engine, "animatic");
}

static bool generate_decode(const json_t *definition, struct arena *arena, struct generate *out,
			    struct err *err)
{
	struct generate generate = { .args = { .duration = DEFAULT_SECONDS,
					       .fps = DEFAULT_FPS,
					       .seed = -1,
					       .variants = 1,
					       .need = 1 } };
	struct generate_args *args = &generate.args;

	if (!stage_decode(definition, generate_fields, "definition", args, arena, err))
		return false;
	generate.model_id = json_string_value(json_object_get(args->model, "id"));
	generate.is_still = !strcmp(args->kind, "image");
	if (!generate.model_id)
		return err_set(err, ERR_REJECT, "definition.model.id: expected text");
	if (!is_local(args->model))
		return err_set(err, ERR_REJECT,
			       "model '%s' is served by another worker; this one has only the "
			       "engine 'animatic' (local/animatic)",
			       generate.model_id);
	if (!generate.is_still && strcmp(args->kind, "video") != 0)
		return err_set(err, ERR_REJECT, "the engine animatic makes video and image, not %s",
			       args->kind);
	if (args->duration <= 0 || args->duration > 600 || args->fps < 1 || args->fps > 120)
		return err_set(err, ERR_REJECT,
			       "duration %g s at %g fps: expected up to 600 s and 1 to 120 fps",
			       args->duration, args->fps);
	if (args->variants < 1 || args->variants > TAKES_MAX || args->need < 1 ||
	    args->need > args->variants)
		return err_set(err, ERR_REJECT,
			       "variants %lld, need %lld: expected 1 <= need <= variants <= %d",
			       (long long)args->variants, (long long)args->need, TAKES_MAX);
	if (!size_of(args->aspect_ratio, args->resolution, &generate.width, &generate.height, err))
		return false;
	*out = generate;
	return true;
}

static bool generate_check(const json_t *definition, struct err *err)
{
	DEFER(arena_done) struct arena arena = { 0 };
	struct generate generate;

	return generate_decode(definition, &arena, &generate, err);
}

/* The picture to set in motion: a start frame, else the first thing that can be seen. */
static const char *start_frame_name(const json_t *attach)
{
	static const char *const roles[] = { "start_frame", "product",	   "reference",
					     "character",   "composition", "source_video" };
	const json_t *item;
	size_t index;

	for (size_t role = 0; role < ARRAY_LEN(roles); role++) {
		json_array_foreach(attach, index, item)
		{
			const char *has = json_string_value(json_object_get(item, "role"));

			if (has && !strcmp(has, roles[role]))
				return json_string_value(json_object_get(item, "media"));
		}
	}
	return NULL;
}

static int64_t seed_of(const struct stage_task *task, const struct generate_args *args)
{
	DEFER(freep) char *text = NULL;
	char hex[STORE_HEX_BYTES];

	if (args->seed >= 0)
		return args->seed;
	text = xasprintf("%s/%s", task->pipeline, task->stage);
	store_hash_text(text, strlen(text), hex);
	hex[7] = '\0';
	return (int64_t)strtoll(hex, NULL, 16);
}

static json_t *origin_of(const struct generate *generate, int64_t seed,
			 const struct stage_media *start)
{
	const char *prompt = generate->args.prompt ? generate->args.prompt : "";
	char hex[STORE_HEX_BYTES];
	json_t *origin;

	store_hash_text(prompt, strlen(prompt), hex);
	origin = json_pack("{s:s, s:I, s:s, s:[]}", "model", generate->model_id, "seed",
			   (json_int_t)seed, "prompt_sha256", hex, "parents");
	if (start->path)
		json_array_append_new(json_object_get(origin, "parents"),
				      json_string(start->item.id));
	return origin;
}

static bool render_take(const struct stage_context *context, const struct generate *generate,
			const struct stage_media *start, int64_t seed, const json_t *origin,
			struct stage_media *out, struct err *err)
{
	DEFER(freep) char *path = NULL;
	DEFER(freep) char *provenance = stage_provenance(origin);
	DEFER(freep) char *label = xasprintf("%s  seed %lld", generate->model_id, (long long)seed);
	struct media_limits limits = stage_limits(context);
	struct media_animatic scene = {
		.prompt = generate->args.prompt ? generate->args.prompt : "",
		.motion = generate->args.motion,
		.start_frame = start->path,
		.width = generate->width,
		.height = generate->height,
		.fps = generate->args.fps,
		.duration_s = generate->is_still ? 0 : generate->args.duration,
		.seed = seed,
		.label = label,
		.provenance = provenance,
		.progress = context->progress,
		.context = context->reporter,
	};

	if (!store_create(context->store, generate->is_still ? ".png" : ".mp4", &path, err))
		return false;
	scene.output = path;
	if (!media_animatic(&scene, &limits, err)) {
		store_abandon(context->store, path);
		return false;
	}
	context->step(context->reporter, "commit");
	return stage_commit(context, path, out, err);
}

static bool make_take(const struct stage_task *task, const struct stage_context *context,
		      const struct generate *generate, const struct stage_media *start, int take,
		      json_t *result, struct err *err)
{
	int64_t seed = seed_of(task, &generate->args) + take - 1;
	DEFER(json_freep) json_t *origin = origin_of(generate, seed, start);
	DEFER(stage_media_done) struct stage_media media = { 0 };
	json_t *output;
	char step[32];

	snprintf(step, sizeof(step), generate->args.variants > 1 ? "render take %d" : "render",
		 take);
	context->step(context->reporter, step);
	if (!render_take(context, generate, start, seed, origin, &media, err) ||
	    !stage_describe(context, &media, take, &output, err))
		return err_context(err, "take %d", take);
	json_object_set_new(output, "seed", json_integer(seed));
	json_array_append_new(json_object_get(result, "outputs"), output);
	if (!json_object_get(result, "origin"))
		json_object_set(result, "origin", origin);
	return true;
}

/* All takes; true when enough of them succeeded. The others are warnings. */
static bool make_takes(const struct stage_task *task, const struct stage_context *context,
		       const struct generate *generate, const struct stage_media *start,
		       json_t *result, struct err *err)
{
	json_t *warnings = json_object_get(result, "warnings");

	for (int take = 1; take <= generate->args.variants; take++) {
		struct err problem = { 0 };

		if (make_take(task, context, generate, start, take, result, &problem))
			continue;
		*err = problem;
		json_array_append_new(warnings, json_string(problem.text));
		if (problem.kind == ERR_OPERATOR)
			return false; /* a full disk will not be emptier for the next take */
	}
	return (int64_t)json_array_size(json_object_get(result, "outputs")) >= generate->args.need;
}

static void generate_run(const struct stage_task *task, const struct stage_context *context,
			 struct stage_outcome *outcome)
{
	DEFER(arena_done) struct arena arena = { 0 };
	DEFER(stage_media_done) struct stage_media start = { 0 };
	struct generate generate;
	const char *start_name;
	struct err err = { 0 };

	if (!generate_decode(task->definition, &arena, &generate, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	start_name = start_frame_name(generate.args.attach);
	if (start_name && !stage_media_open(task, context, start_name, &start, &err)) {
		stage_fail(outcome, &err);
		return;
	}
	outcome->result =
		json_pack("{s:[], s:[], s:s, s:I, s:s}", "outputs", "warnings", "model",
			  generate.model_id, "seed", (json_int_t)seed_of(task, &generate.args),
			  "prompt", generate.args.prompt ? generate.args.prompt : "");
	if (!make_takes(task, context, &generate, &start, outcome->result, &err))
		stage_fail(outcome, &err);
}

const struct stage_type stage_generate = { .name = "generate",
					   .check = generate_check,
					   .run = generate_run };
