// links: media
/*
 * Edits of real clips, looked at afterwards: what is in the picture, how long, how loud, how it is
 * boxed, and what is refused.
 */
#include "media_clip.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "pipeline/media/loudness.h"

struct report {
	char warning[256], steps[128];
	int progress;
};

static void take_warning(void *context, const char *text)
{
	snprintf(((struct report *)context)->warning, 256, "%s", text);
}

static void take_step(void *context, const char *name)
{
	struct report *report = context;
	size_t used = strlen(report->steps);

	snprintf(report->steps + used, sizeof(report->steps) - used, "%s ", name);
}

static void take_progress(void *context, double fraction)
{
	assert_true(fraction >= 0 && fraction <= 1);
	((struct report *)context)->progress++;
}

static bool resolve_plain(void *context, const char *media_id, char **out_path, struct err *err)
{
	(void)context;
	if (!strcmp(media_id, "m_gone"))
		return err_set(err, ERR_REJECT, "media m_gone is not in the store");
	*out_path = xstrdup(media_id);
	return true;
}

static bool edit(const char *input, const char *output, const char *operations,
		 struct report *report, struct err *err)
{
	DEFER(json_freep) json_t *list = NULL;
	struct media_edit_options options = {
		.input = input,
		.output = output,
		.provenance = "{\"model\":\"local/animatic\",\"ai\":true}",
		.limits = &clip_limits,
		.resolve = resolve_plain,
		.warn = take_warning,
		.step = take_step,
		.progress = take_progress,
		.context = report,
	};

	*report = (struct report){ .progress = 0 };
	assert_true(json_parse(operations, strlen(operations), "test", &list, err));
	options.operations = list;
	return media_edit(&options, err);
}

static struct report edit_well(const char *input, const char *output, const char *operations)
{
	struct report report;
	struct err err = { 0 };

	if (!edit(input, output, operations, &report, &err))
		fail_msg("%s\n  failed: %s", operations, err.text);
	return report;
}

static void puts_text_at_nine_anchors(void **state)
{
	static const char *const names[3][3] = {
		{ "top-left", "top-center", "top-right" },
		{ "center-left", "center", "center-right" },
		{ "bottom-left", "bottom-center", "bottom-right" },
	};
	const char *out = clip_path("anchor.mp4");
	AVFrame *plain;

	(void)state;
	edit_well(clip_moving(), out, "[{\"trim\":{\"duration\":0.2}},{\"conform\":{\"fps\":15}}]");
	plain = clip_frame(out, 0);
	for (int row = 0; row < 3; row++)
		for (int column = 0; column < 3; column++) {
			char operations[256];
			AVFrame *with;

			snprintf(operations, sizeof(operations),
				 "[{\"trim\":{\"duration\":0.2}},{\"conform\":{\"fps\":15}},"
				 "{\"textOverlay\":{\"text\":\"Wow\",\"position\":\"%s\","
				 "\"sizePercent\":25}}]",
				 names[row][column]);
			edit_well(clip_moving(), out, operations);
			with = clip_frame(out, 0);
			for (int y = 0; y < 3; y++)
				for (int x = 0; x < 3; x++) {
					double seen = clip_difference(plain, with, x, y);

					if (y == row && x == column ? seen < 4 : seen > 1)
						fail_msg("%s: cell %d,%d differs by %.2f",
							 names[row][column], x, y, seen);
				}
			av_frame_free(&with);
		}
	av_frame_free(&plain);
}

static void shows_text_only_in_its_time(void **state)
{
	const char *plain_path = clip_path("time0.mp4"), *out = clip_path("time1.mp4");

	(void)state;
	edit_well(clip_moving(), plain_path, "[{\"conform\":{\"video_bit_rate\":2000000}}]");
	edit_well(
		clip_moving(), out,
		"[{\"textOverlay\":{\"text\":\"Now\",\"start\":1,\"end\":2,\"position\":\"center\"}},"
		"{\"conform\":{\"video_bit_rate\":2000000}}]");
	for (int i = 0; i < 3; i++) {
		double at = (double[]){ 0.9, 1.5, 2.1 }[i], seen;
		AVFrame *plain = clip_frame(plain_path, at), *with = clip_frame(out, at);

		seen = clip_difference(plain, with, 1, 1);
		if (i == 1 ? seen < 5 : seen > 3)
			fail_msg("at %.1f s the middle differs by %.2f", at, seen);
		av_frame_free(&plain);
		av_frame_free(&with);
	}
}

static void names_the_font_it_used(void **state)
{
	struct report report;

	(void)state;
	report = edit_well(clip_moving(), clip_path("font.mp4"),
			   "[{\"trim\":{\"duration\":0.2}},{\"textOverlay\":{\"text\":\"a\","
			   "\"fontFamily\":\"No Such Family\"}}]");
	assert_non_null(strstr(report.warning, "font 'No Such Family' is not installed, used '"));
}

static void makes_the_same_bytes_twice(void **state)
{
	static const char operations[] =
		"[{\"textOverlay\":{\"text\":\"Same\"}},{\"conform\":{\"ratio\":\"1:1\",\"width\":320,"
		"\"loudness\":-16}}]";
	const char *one = clip_path("same1.mp4"), *two = clip_path("same2.mp4");

	(void)state;
	edit_well(clip_moving(), one, operations);
	edit_well(clip_moving(), two, operations);
	assert_true(clip_same(one, two));
}

static void makes_what_platforms_take(void **state)
{
	const char *out = clip_path("conform.mp4");
	struct report report;
	struct media_facts facts;

	(void)state;
	report = edit_well(
		clip_moving(), out,
		"[{\"textOverlay\":{\"text\":\"Hello\"}},{\"conform\":{\"profile\":{\"conform\":"
		"{\"width\":540,\"height\":540,\"fps\":25,\"gop_s\":2,\"video_bit_rate\":3000000,"
		"\"max_rate\":4000000,\"audio_bit_rate\":128000,\"sample_rate\":48000,"
		"\"channels\":2,\"loudness_lufs\":-14,\"max_duration\":3}}}}]");
	facts = clip_facts(out);
	clip_is_publishable(out);
	assert_int_equal(facts.width, 540);
	assert_int_equal(facts.height, 540);
	assert_true(fabs(facts.fps - 25) < 0.01);
	assert_true(fabs(facts.duration_s - 3) < 0.05);
	assert_int_equal(clip_count(out), 75);
	assert_non_null(strstr(report.warning, "cut to the 3.00 s"));
	assert_string_equal(report.steps, "open encode finish ");
}

static void pads_as_asked(void **state)
{
	static const char *const pads[] = { "blur", "black", "crop" };
	double edges[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *out = clip_path("pad.mp4");
		char operations[160];
		double sum = 0;
		AVFrame *frame;

		snprintf(
			operations, sizeof(operations),
			"[{\"trim\":{\"duration\":0.5}},{\"conform\":{\"ratio\":\"16:9\",\"height\":270,"
			"\"pad\":\"%s\"}}]",
			pads[i]);
		edit_well(clip_moving(), out, operations);
		frame = clip_frame(out, 0.2);
		assert_int_equal(frame->width, 480);
		assert_int_equal(frame->height, 270);
		for (int y = 0; y < frame->height; y++)
			sum += frame->data[0][y * frame->linesize[0] + 20];
		edges[i] = sum / frame->height;
		av_frame_free(&frame);
	}
	assert_true(fabs(edges[1] - 16) < 1); /* black */
	assert_true(edges[0] > edges[1] + 2 && edges[2] > edges[1] + 2);
}

static void reaches_the_loudness(void **state)
{
	const char *out = clip_path("loud.mp4");

	(void)state;
	for (int i = 0; i < 3; i++) {
		double wanted = (double[]){ -23, -16, -9 }[i], gain;
		struct err err = { 0 };
		char operations[96];
		bool limits;

		snprintf(operations, sizeof(operations), "[{\"conform\":{\"loudness\":%g}}]",
			 wanted);
		edit_well(clip_moving(), out, operations);
		clip_is_publishable(out);
		if (!loudness_gain(out, &clip_limits, 0, 0, wanted, &gain, &limits, &err))
			fail_msg("%s", err.text);
		if (fabs(gain) > 1)
			fail_msg("%g LUFS wanted, off by %.2f", wanted, gain);
	}
}

static void keeps_a_picture_that_fits(void **state)
{
	struct report report;

	(void)state;
	report = edit_well(clip_moving(), clip_path("fits.mp4"),
			   "[{\"conform\":{\"loudness\":-14}}]");
	assert_string_equal(report.steps, "open copy finish ");
	clip_is_publishable(clip_path("fits.mp4"));
	assert_int_equal(clip_count(clip_path("fits.mp4")), 150);
}

static void trims_exactly(void **state)
{
	static const struct {
		const char *operations, *steps;
		double begins_s, length_s;
	} rows[] = {
		{ "[{\"trim\":{\"start\":2,\"duration\":2}}]", "open copy finish ", 2, 2 },
		{ "[{\"trim\":{\"end\":1.5}}]", "open copy finish ", 0, 1.5 },
		{ "[{\"trim\":{\"start\":1.1,\"end\":2.1}}]", "open encode finish ", 1.1, 1 },
		{ "[{\"trim\":{\"start\":1}},{\"trim\":{\"start\":1,\"duration\":1}}]",
		  "open copy finish ", 2, 1 },
		{ "[{\"textOverlay\":{\"text\":\"x\",\"end\":0.1}},{\"trim\":{\"start\":3,\"end\":4}}]",
		  "open encode finish ", 3, 1 },
		{ "[{\"trim\":{\"start\":4.5,\"end\":60}}]", "open encode finish ", 4.5, 0.5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *out = clip_path("trim.mp4");
		struct report report = edit_well(clip_moving(), out, rows[i].operations);
		AVFrame *expected = clip_frame(clip_moving(), rows[i].begins_s),
			*found = clip_frame(out, 0);
		double seen = clip_difference(expected, found, -1, -1);

		clip_is_publishable(out);
		assert_string_equal(report.steps, rows[i].steps);
		if (clip_count(out) != (int)lrint(rows[i].length_s * 30))
			fail_msg("%s: %d frames", rows[i].operations, clip_count(out));
		if (fabs(clip_facts(out).duration_s - rows[i].length_s) > 0.034 || seen > 2)
			fail_msg("%s: %.3f s, first frame off by %.2f", rows[i].operations,
				 clip_facts(out).duration_s, seen);
		av_frame_free(&expected);
		av_frame_free(&found);
	}
}

static void lays_a_watermark(void **state)
{
	struct media_animatic scene = clip_scene("mark.png", 0);
	const char *one = clip_path("mark1.mp4"), *half = clip_path("mark2.mp4"),
		   *none = clip_path("mark0.mp4");
	char operations[256];
	struct err err = { 0 };
	double full_seen, half_seen;
	AVFrame *frames[3];

	(void)state;
	scene.prompt = "white bright";
	scene.width = scene.height = 128;
	assert_true(media_animatic(&scene, &clip_limits, &err));
	for (int i = 0; i < 3; i++) {
		const char *out = (const char *[]){ none, half, one }[i];

		snprintf(
			operations, sizeof(operations),
			"[{\"trim\":{\"duration\":0.2}},{\"watermark\":{\"media\":\"%s\",\"position\":"
			"\"top-right\",\"sizePercent\":30,\"opacity\":%g}}]",
			scene.output, i * 0.5);
		edit_well(clip_moving(), out, operations);
		frames[i] = clip_frame(out, 0);
	}
	full_seen = clip_difference(frames[0], frames[2], 2, 0);
	half_seen = clip_difference(frames[0], frames[1], 2, 0);
	assert_true(full_seen > 10);
	assert_true(half_seen > full_seen * 0.35 && half_seen < full_seen * 0.65);
	assert_true(clip_difference(frames[0], frames[2], 0, 2) < 1);
	for (int i = 0; i < 3; i++)
		av_frame_free(&frames[i]);
}

static void keeps_provenance_and_no_time(void **state)
{
	DEFER(buf_done) struct buf bytes = { 0 };

	(void)state;
	edit_well(clip_moving(), clip_path("origin.mp4"), "[{\"trim\":{\"duration\":1}}]");
	clip_read(clip_path("origin.mp4"), &bytes);
	assert_non_null(
		memmem(bytes.data, bytes.len, "{\"model\":\"local/animatic\",\"ai\":true}", 36));
	assert_null(memmem(bytes.data, bytes.len, "Lavf", 4));
}

static void expect_refusal(const char *input, const char *operations, enum err_kind kind,
			   const char *expected)
{
	const char *out = clip_path("refused.mp4");
	struct report report;
	struct err err = { 0 };

	if (edit(input, out, operations, &report, &err))
		fail_msg("accepted: %s of %s", operations, input);
	if (err.kind != kind || !strstr(err.text, expected))
		fail_msg("%s, not %s: %s", err_kind_name(err.kind), expected, err.text);
	assert_int_equal(access(out, F_OK), -1);
}

static void refuses_what_is_no_clip(void **state)
{
	const char *text = clip_path("text.mp4"), *picture = clip_path("picture.png");
	static const char page[] = "<!doctype html><html><body>404</body></html>";
	struct media_animatic scene = clip_scene("picture.png", 0);
	struct err err = { 0 };

	(void)state;
	assert_true(file_write_atomic(text, page, sizeof(page) - 1, 0600, &err));
	assert_true(media_animatic(&scene, &clip_limits, &err));
	expect_refusal(text, "[{\"trim\":{}}]", ERR_REJECT, "HTML");
	expect_refusal(picture, "[{\"trim\":{}}]", ERR_REJECT, "still picture");
	expect_refusal(clip_path("nowhere.mp4"), "[{\"trim\":{}}]", ERR_REJECT, "nowhere.mp4");
	expect_refusal(clip_moving(), "[{\"trim\":{\"start\":60}}]", ERR_REJECT, "behind the end");
	expect_refusal(clip_moving(), "[{\"overlay\":{\"media\":\"m_gone\"}}]", ERR_REJECT,
		       "m_gone");
	expect_refusal(clip_moving(), "[{\"conform\":{\"profile\":\"x\"}}]", ERR_REJECT,
		       "was not resolved");
}

static void says_that_the_disk_is_full(void **state)
{
	struct report report;
	struct err err = { 0 };
	struct stat status;

	(void)state;
	if (edit(clip_moving(), "/dev/full", "[{\"conform\":{\"fps\":15}}]", &report, &err))
		fail_msg("wrote to a full disk");
	assert_int_equal(err.kind, ERR_OPERATOR);
	assert_true(stat("/dev/full", &status) == 0 && S_ISCHR(status.st_mode)); /* still there */
}

/* A limit on the file's size fails in the middle, as a disk does; in a child, for it stays. */
static void leaves_no_half_file(void **state)
{
	const char *out = clip_path("half.mp4"), *input = clip_moving();
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		struct rlimit limit = { 40000, 40000 };
		struct report report;
		struct err err = { 0 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		if (edit(input, out, "[{\"conform\":{\"fps\":15}}]", &report, &err))
			_exit(2);
		_exit(err.kind == ERR_OPERATOR && access(out, F_OK) < 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void tells_how_far_it_is(void **state)
{
	struct report report;

	(void)state;
	report =
		edit_well(clip_moving(), clip_path("progress.mp4"), "[{\"conform\":{\"fps\":15}}]");
	assert_true(report.progress >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_text_at_nine_anchors),
		cmocka_unit_test(shows_text_only_in_its_time),
		cmocka_unit_test(names_the_font_it_used),
		cmocka_unit_test(makes_the_same_bytes_twice),
		cmocka_unit_test(makes_what_platforms_take),
		cmocka_unit_test(pads_as_asked),
		cmocka_unit_test(reaches_the_loudness),
		cmocka_unit_test(keeps_a_picture_that_fits),
		cmocka_unit_test(trims_exactly),
		cmocka_unit_test(lays_a_watermark),
		cmocka_unit_test(keeps_provenance_and_no_time),
		cmocka_unit_test(refuses_what_is_no_clip),
		cmocka_unit_test(says_that_the_disk_is_full),
		cmocka_unit_test(leaves_no_half_file),
		cmocka_unit_test(tells_how_far_it_is),
	};

	return cmocka_run_group_tests(tests, clip_set_up, clip_tear_down);
}
