/*
 * local/animatic: reads the words, sets up the parts, draws frame after frame into the encoder.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "pipeline/media/animatic.h"

enum { PROGRESS_US = 250000, SIDE_MAX = 4096, STILL_TIME_MS = 3000 };

struct scene {
	const struct media_animatic *order;
	struct look look;
	struct motion motion;
	AVFrame *canvas, *label, *frame;
	struct light *light;
	struct type *type;
	struct encode *encode;
	struct score *sound;
	AVRational frame_rate;
	int64_t told_at_us;
};

static bool check(const struct media_animatic *order, const struct media_limits *limits,
		  struct err *err)
{
	if (order->width < 64 || order->height < 64 || order->width > SIDE_MAX ||
	    order->height > SIDE_MAX)
		return err_set(err, ERR_REJECT,
			       "animatic: %dx%d, expected sides from 64 to %d pixels", order->width,
			       order->height, SIDE_MAX);
	if (!(order->duration_s >= 0) ||
	    (limits->max_seconds > 0 && order->duration_s > limits->max_seconds))
		return err_set(err, ERR_REJECT, "animatic: %g s long, expected 0 to %g",
			       order->duration_s, limits->max_seconds);
	if (order->duration_s > 0 && !(order->fps >= 1 && order->fps <= 120))
		return err_set(err, ERR_REJECT, "animatic: %g frames a second, expected 1 to 120",
			       order->fps);
	if (!order->start_frame &&
	    (!order->prompt || !order->prompt[strspn(order->prompt, " \t\r\n")]))
		return err_set(err, ERR_REJECT,
			       "animatic: neither a prompt nor a start frame to show");
	return true;
}

static AVFrame *new_frame(int width, int height)
{
	AVFrame *frame = av_frame_alloc();

	frame->format = AV_PIX_FMT_YUV420P;
	frame->width = width;
	frame->height = height;
	if (av_frame_get_buffer(frame, 0) < 0)
		abort(); /* out of memory, as xmalloc */
	return frame;
}

static bool set_up(struct scene *scene, const struct media_limits *limits, struct err *err)
{
	const struct media_animatic *order = scene->order;
	const char *prompt = order->prompt ? order->prompt : "";
	int width = order->width & ~1, height = order->height & ~1;
	bool is_still = order->start_frame != NULL;
	/* Each part has dice of its own, so that one more roll in one does not change another. */
	struct dice look = dice_of(order->seed, "look"), motion = dice_of(order->seed, "motion");
	struct dice light = dice_of(order->seed, "light"), type = dice_of(order->seed, "type");

	look_choose(prompt, &look, is_still, &scene->look);
	scene->motion = motion_read(order->motion ? order->motion : prompt, &motion);
	scene->frame = new_frame(width, height);
	scene->light = light_new(&scene->look, &light, width, height, is_still);
	if (is_still && !canvas_make(order->start_frame, limits, width, height, &scene->look,
				     &scene->canvas, err))
		return err_context(err, "start frame");
	if (!is_still && !type_new(prompt, &scene->look, &type, width, height, order->duration_s,
				   &scene->type, err))
		return false;
	return !order->label || !*order->label ||
	       label_make(order->label, width, height, &scene->label, err);
}

static void draw(struct scene *scene, double seconds, double fraction)
{
	if (scene->canvas) {
		struct view view = motion_at(&scene->motion, fraction, seconds);

		canvas_draw(scene->canvas, &view, scene->frame);
	}
	light_draw(scene->light, seconds, scene->frame);
	if (scene->type)
		type_draw(scene->type, seconds, scene->frame);
	if (scene->label)
		label_draw(scene->label, scene->frame);
}

static void tell(struct scene *scene, double fraction)
{
	int64_t now = clock_monotonic_us();

	if (!scene->order->progress || now - scene->told_at_us < PROGRESS_US)
		return;
	scene->told_at_us = now;
	scene->order->progress(scene->order->context, fraction);
}

static bool open_encoder(struct scene *scene, struct err *err)
{
	struct encode_format format = {
		.path = scene->order->output,
		.width = scene->frame->width,
		.height = scene->frame->height,
		.frame_rate = scene->frame_rate,
		.has_even_groups = true, /* so that a later trim can copy */
		.provenance = scene->order->provenance,
	};
	struct dice dice = dice_of(scene->order->seed, "sound");

	if (!encode_open(&format, &scene->encode, err))
		return false;
	scene->sound = score_new(&dice, encode_sound_samples(scene->encode));
	return true;
}

static bool write_clip(struct scene *scene, struct err *err)
{
	double fps = av_q2d(scene->frame_rate), length;
	int64_t count = llrint(scene->order->duration_s * fps);

	count = count < 1 ? 1 : count;
	length = (double)count / fps;
	if (!open_encoder(scene, err))
		return false;
	for (int64_t i = 0; i < count; i++) {
		if (av_frame_make_writable(scene->frame) < 0)
			return err_set(err, ERR_RETRY, "out of memory");
		draw(scene, (double)i / fps, count > 1 ? (double)i / (double)(count - 1) : 0);
		scene->frame->pts = i;
		if (!encode_picture(scene->encode, scene->frame, err) ||
		    !score_write(scene->sound, scene->encode, (double)(i + 1) / fps, length, err))
			return false;
		tell(scene, (double)(i + 1) / (double)count);
	}
	return encode_finish(scene->encode, err);
}

static void scene_done(struct scene *scene)
{
	encode_free(scene->encode);
	score_free(scene->sound);
	type_free(scene->type);
	light_free(scene->light);
	av_frame_free(&scene->canvas);
	av_frame_free(&scene->label);
	av_frame_free(&scene->frame);
}

bool media_animatic(const struct media_animatic *order, const struct media_limits *limits,
		    struct err *err)
{
	DEFER(scene_done) struct scene scene = { .order = order };

	if (!check(order, limits, err))
		return false;
	scene.frame_rate = av_d2q(order->fps > 0 ? order->fps : 30, 1001000);
	if (!set_up(&scene, limits, err))
		return false;
	if (order->duration_s > 0)
		return write_clip(&scene, err);
	draw(&scene, STILL_TIME_MS / 1000.0, 0.5);
	return png_write(order->output, scene.frame, order->provenance, err);
}
