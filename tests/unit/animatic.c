// links: media
/*
 * local/animatic: the clip is what was ordered, moves, differs by words and seed, and is the same
 * bytes when nothing differs.
 */
#include "media_clip.h"

#include <sys/stat.h>

#include "pipeline/media/animatic.h"

static void make(const struct media_animatic *scene)
{
	struct err err = { 0 };

	if (!media_animatic(scene, &clip_limits, &err))
		fail_msg("%s", err.text);
}

static const char *still(void)
{
	static char path[128];
	struct media_animatic scene = clip_scene("still.png", 0);

	if (path[0])
		return path;
	scene.width = scene.height = 400;
	scene.prompt = "Acme CLI";
	make(&scene);
	snprintf(path, sizeof(path), "%s", scene.output);
	return path;
}

static void makes_what_was_ordered(void **state)
{
	static const int sizes[][2] = { { 270, 480 }, { 480, 270 }, { 320, 320 }, { 322, 182 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct media_animatic scene = clip_scene("size.mp4", 1);
		struct media_facts facts;

		scene.width = sizes[i][0];
		scene.height = sizes[i][1];
		scene.label = "local/animatic seed 7";
		make(&scene);
		clip_is_publishable(scene.output);
		facts = clip_facts(scene.output);
		assert_int_equal(facts.width, sizes[i][0] & ~1);
		assert_int_equal(facts.height, sizes[i][1] & ~1);
		assert_true(fabs(facts.duration_s - 1) < 0.034);
		assert_int_equal(clip_count(scene.output), 30);
	}
}

static void is_the_same_twice(void **state)
{
	struct media_animatic one = clip_scene("one.mp4", 1), two = clip_scene("two.mp4", 1);

	(void)state;
	one.provenance = two.provenance = "x";
	make(&one);
	make(&two);
	assert_true(clip_same(one.output, two.output));
	one.start_frame = two.start_frame = still();
	make(&one);
	make(&two);
	assert_true(clip_same(one.output, two.output));
	two.seed = 8;
	make(&two);
	assert_false(clip_same(one.output, two.output));
}

static double difference(const struct media_animatic *a, double at_a,
			 const struct media_animatic *b, double at_b)
{
	AVFrame *one = clip_frame(a->output, at_a), *two = clip_frame(b->output, at_b);
	double seen = clip_difference(one, two, -1, -1);

	av_frame_free(&one);
	av_frame_free(&two);
	return seen;
}

/* Over the same still with the same seed. Chroma is not looked at, so these differ in more than
 * light. */
static void looks_differ_over_a_still(void **state)
{
	static const char *const looks[] = { "neon",   "golden hour", "night",
					     "studio", "pastel",      "monochrome" };
	struct media_animatic scenes[ARRAY_LEN(looks)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		char name[16];

		snprintf(name, sizeof(name), "look%zu.mp4", i);
		scenes[i] = clip_scene(name, 0.2);
		scenes[i].prompt = looks[i];
		scenes[i].start_frame = still();
		make(&scenes[i]);
		for (size_t j = 0; j < i; j++)
			if (difference(&scenes[i], 0, &scenes[j], 0) < 2)
				fail_msg("%s looks like %s", looks[i], looks[j]);
	}
}

static void moves_as_the_words_say(void **state)
{
	static const char *const words[] = { "pan left",     "pan right", "pan up", "pan down",
					     "slow push-in", "pull out",  "orbit",  "handheld" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct media_animatic scene = clip_scene("move.mp4", 1);

		scene.motion = words[i];
		scene.prompt = "studio";
		scene.start_frame = still();
		make(&scene);
		if (difference(&scene, 0, &scene, 0.96) < 0.7)
			fail_msg("'%s' moves by %.2f only", words[i],
				 difference(&scene, 0, &scene, 0.96));
	}
}

static void reads_motion_words(void **state)
{
	static const struct {
		const char *words;
		double x, y, zoom; /* signs of the change from beginning to end */
	} rows[] = {
		{ "pan left", -1, 0, 0 },
		{ "Camera pans RIGHT", 1, 0, 0 },
		{ "tilt up", 0, -1, 0 },
		{ "pan down slowly", 0, 1, 0 },
		{ "push-in", 0, 0, 1 },
		{ "dolly in", 0, 0, 1 },
		{ "pull-out", 0, 0, -1 },
		{ "zoom out", 0, 0, -1 },
		{ "static", 0, 0, 0 },
		{ "a cat on a sofa", 0, 0, 1 },
		{ "pandas push carts", 0, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dice dice = dice_of(3, "motion");
		struct motion motion = motion_read(rows[i].words, &dice);
		struct view first, last;

		motion.towards_x = motion.towards_y = 0;
		first = motion_at(&motion, 0, 0);
		last = motion_at(&motion, 1, 5);
		if ((last.x - first.x) * rows[i].x < 0 || (rows[i].x == 0) != (last.x == first.x) ||
		    (last.y - first.y) * rows[i].y < 0 || (rows[i].y == 0) != (last.y == first.y) ||
		    (last.zoom - first.zoom) * rows[i].zoom < 0 ||
		    (rows[i].zoom == 0) != (last.zoom == first.zoom))
			fail_msg("'%s' goes x %.3f y %.3f zoom %.3f", rows[i].words,
				 last.x - first.x, last.y - first.y, last.zoom - first.zoom);
	}
}

/* The upright shortcut and the general way give the same picture. */
static void samples_both_ways_alike(void **state)
{
	struct dice dice = dice_of(1, "x");
	struct view view = { .x = 0.51, .y = 0.48, .zoom = 1.13 };
	AVFrame *canvas, *frames[2];
	struct err err = { 0 };
	struct look look;

	(void)state;
	look_choose("studio", &dice, true, &look);
	assert_true(canvas_make(still(), &clip_limits, 270, 480, &look, &canvas, &err));
	for (int i = 0; i < 2; i++) {
		frames[i] = av_frame_alloc();
		frames[i]->format = AV_PIX_FMT_YUV420P;
		frames[i]->width = 270;
		frames[i]->height = 480;
		assert_int_equal(av_frame_get_buffer(frames[i], 0), 0);
		view.tilt_x = i * 1e-12;
		canvas_draw(canvas, &view, frames[i]);
	}
	assert_true(clip_difference(frames[0], frames[1], -1, -1) < 0.1);
	av_frame_free(&frames[0]);
	av_frame_free(&frames[1]);
	av_frame_free(&canvas);
}

static void a_still_carries_no_prompt(void **state)
{
	struct media_animatic one = clip_scene("plain1.mp4", 0.2),
			      two = clip_scene("plain2.mp4", 0.2);

	(void)state;
	one.start_frame = two.start_frame = still();
	one.motion = two.motion = "static";
	one.prompt = "a word";
	two.prompt = "quite another sentence of many words";
	make(&one);
	make(&two);
	assert_true(difference(&one, 0.1, &two, 0.1) < 0.01);
}

static void writes_a_picture(void **state)
{
	static const char head[] = "\x89PNG\r\n\x1a\n";
	DEFER(buf_done) struct buf bytes = { 0 };
	struct media_animatic scene = clip_scene("picture.png", 0);
	struct media_facts facts;

	(void)state;
	scene.provenance = "made by a test";
	make(&scene);
	clip_read(scene.output, &bytes);
	assert_memory_equal(bytes.data, head, 8);
	assert_non_null(memmem(bytes.data, bytes.len, "made by a test", 14));
	facts = clip_facts(scene.output);
	assert_int_equal(facts.kind, MEDIA_IMAGE);
	assert_int_equal(facts.width, 270);
}

static void takes_a_clip_as_start_frame(void **state)
{
	struct media_animatic scene = clip_scene("ofclip.mp4", 0.5);

	(void)state;
	scene.start_frame = clip_moving();
	make(&scene);
	clip_is_publishable(scene.output);
}

static void refuses_nonsense(void **state)
{
	struct media_animatic good = clip_scene("bad.mp4", 1), rows[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i] = good;
	rows[0].width = 10;
	rows[1].height = 100000;
	rows[2].duration_s = 3600;
	rows[3].fps = 0;
	rows[4].prompt = " ";
	rows[5].start_frame = clip_path("missing.png");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { 0 };

		if (media_animatic(&rows[i], &clip_limits, &err))
			fail_msg("row %zu was made", i);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_int_equal(access(good.output, F_OK), -1);
	}
}

static void says_that_the_disk_is_full(void **state)
{
	struct media_animatic scene = clip_scene("x", 1);
	struct err err = { 0 };
	struct stat status;

	(void)state;
	scene.output = "/dev/full";
	assert_false(media_animatic(&scene, &clip_limits, &err));
	assert_int_equal(err.kind, ERR_OPERATOR);
	assert_true(stat("/dev/full", &status) == 0 && S_ISCHR(status.st_mode));
}

/* As in the media parent: what the warm up let go must come back by itself. */
static void works_after_the_warm_up(void **state)
{
	struct media_animatic cold = clip_scene("cold.mp4", 0.3),
			      warm = clip_scene("warm.mp4", 0.3);

	(void)state;
	make(&cold);
	media_warm_up();
	media_warm_up();
	make(&warm);
	assert_true(clip_same(cold.output, warm.output));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_what_was_ordered),
		cmocka_unit_test(is_the_same_twice),
		cmocka_unit_test(looks_differ_over_a_still),
		cmocka_unit_test(moves_as_the_words_say),
		cmocka_unit_test(reads_motion_words),
		cmocka_unit_test(samples_both_ways_alike),
		cmocka_unit_test(a_still_carries_no_prompt),
		cmocka_unit_test(writes_a_picture),
		cmocka_unit_test(takes_a_clip_as_start_frame),
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(says_that_the_disk_is_full),
		cmocka_unit_test(works_after_the_warm_up),
	};

	return cmocka_run_group_tests(tests, clip_set_up, clip_tear_down);
}
