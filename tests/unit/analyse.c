/*
 * media_analyse on clips whose faults are known because they were put there.
 */
// links: media
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "pipeline/media/media.h"
#include "tests/media_files.h"

static const struct media_limits limits = { 64 << 20, 1 << 30, 600 };

static json_t *analyse_with(const char *path, const struct media_analysis_options *options)
{
	json_t *metrics = NULL;
	struct err err = { 0 };

	if (!media_analyse(path, &limits, options, &metrics, &err))
		fail_msg("%s", err.text);
	return metrics;
}

static json_t *analyse(const char *path)
{
	const struct media_analysis_options options = { .depth = "full" };

	return analyse_with(path, &options);
}

static double value(const json_t *metrics, const char *name)
{
	const json_t *found = json_object_get(metrics, name);

	if (!json_is_number(found))
		fail_msg("no number '%s'", name);
	return json_number_value(found);
}

static void between(const json_t *metrics, const char *name, double low, double high)
{
	double found = value(metrics, name);

	if (found < low || found > high)
		fail_msg("%s is %f, not within %f and %f", name, found, low, high);
}

static int bits_apart(const json_t *a, const json_t *b, const char *name)
{
	const char *x = json_string_value(json_object_get(a, name));
	const char *y = json_string_value(json_object_get(b, name));

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(strlen(x), 16);
	return __builtin_popcountll(strtoull(x, NULL, 16) ^ strtoull(y, NULL, 16));
}

#define MOVING "testsrc2=s=180x320:r=30"

static void sees_black(void **state)
{
	DEFER(json_freep)
	json_t *all = analyse(
		media_make("black.mp4", "-f lavfi -i color=black:s=180x320:r=30:d=2 " H264));
	DEFER(json_freep)
	json_t *half = analyse(media_make(
		"half.mp4", "-f lavfi -i " MOVING
			    ":d=2 -vf drawbox=c=black:t=fill:enable=\"'gte(t,1)'\" " H264));

	(void)state;
	between(all, "black_ratio", 1, 1);
	between(all, "freeze_ratio", 0.99, 1);
	between(all, "letterbox_ratio", 0, 0); /* a black clip is not a bar */
	between(half, "black_ratio", 0.44, 0.56);
	between(half, "freeze_ratio", 0.4, 0.56);
}

static void tells_frozen_from_moving(void **state)
{
	DEFER(json_freep)
	json_t *moving = analyse(media_make("moving.mp4", "-f lavfi -i " MOVING ":d=2 " H264));
	DEFER(json_freep)
	json_t *frozen = analyse(media_make("frozen.mp4",
					    "-f lavfi -i " MOVING
					    ":d=1 -vf tpad=stop_mode=clone:stop_duration=3 " H264));

	(void)state;
	between(moving, "freeze_ratio", 0, 0);
	between(moving, "frames_decoded", 60, 60);
	between(moving, "frames_measured", 25, 35);
	between(moving, "black_ratio", 0, 0);
	between(frozen, "freeze_ratio", 0.65, 0.8);
	between(frozen, "longest_freeze", 2.7, 3.1);
	assert_true(value(moving, "motion") > 2 * value(frozen, "motion"));
}

static void counts_cuts(void **state)
{
	DEFER(json_freep)
	json_t *metrics = analyse(media_make(
		"cuts.mp4",
		"-f lavfi -i " MOVING ":d=1 -f lavfi -i mandelbrot=s=180x320:r=30 -f lavfi -i "
		"smptebars=s=180x320:r=30:d=1 -filter_complex "
		"\"[1]trim=duration=1,setsar=1[m];[0]setsar=1[t];[2]setsar=1[b];[t][m][b]concat=n=3\" " H264));
	const json_t *times = json_object_get(metrics, "scene_cut_times");

	(void)state;
	between(metrics, "scene_cuts", 2, 2);
	assert_true(fabs(json_real_value(json_array_get(times, 0)) - 1) < 0.1);
	assert_true(fabs(json_real_value(json_array_get(times, 1)) - 2) < 0.1);
}

static void finds_bars(void **state)
{
	DEFER(json_freep)
	json_t *letter = analyse(media_make(
		"letter.mp4",
		"-f lavfi -i testsrc2=s=320x180:r=30:d=1 -vf pad=320:320:0:70:black " H264));
	DEFER(json_freep)
	json_t *pillar = analyse(media_make(
		"pillar.mp4",
		"-f lavfi -i testsrc2=s=180x320:r=30:d=1 -vf pad=320:320:70:0:black " H264));

	(void)state;
	between(letter, "letterbox_ratio", 0.41, 0.45);
	between(letter, "pillarbox_ratio", 0, 0);
	between(letter, "crop_y", 66, 72);
	between(letter, "crop_height", 178, 186);
	between(pillar, "pillarbox_ratio", 0.41, 0.45);
	between(pillar, "crop_x", 66, 72);
}

static void tells_sharp_from_blurred(void **state)
{
	DEFER(json_freep)
	json_t *sharp = analyse(
		media_make("sharp.mp4", "-f lavfi -i testsrc2=s=540x960:r=10:d=1 " H264 "-crf 10"));
	DEFER(json_freep)
	json_t *blurred = analyse(media_make(
		"blurred.mp4",
		"-f lavfi -i testsrc2=s=540x960:r=10:d=1 -vf gblur=sigma=8 " H264 "-crf 10"));

	(void)state;
	assert_true(value(sharp, "blur") < 0.4);
	assert_true(value(blurred, "blur") > 0.8);
	between(sharp, "brightness", 0.2, 0.8);
	between(sharp, "contrast", 0.1, 0.5);
}

/* What `ffmpeg -af ebur128` says. */
static double peer_loudness(const char *name)
{
	DEFER(freep)
	char *command = xasprintf(
		"cd '%s' && ffmpeg -nostdin -i '%s' -vn -af ebur128=framelog=verbose -f null - 2>&1 | "
		"awk '$1 == \"I:\" {v = $2} END {print v}'",
		media_folder, name);
	FILE *pipe = popen(command, "r");
	double loudness = 0;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%lf", &loudness), 1);
	pclose(pipe);
	return loudness;
}

static void agrees_with_ffmpeg_on_loudness(void **state)
{
	static const struct {
		const char *name, *arguments;
	} cases[] = {
		{ "sine.wav", "-f lavfi -i sine=1000:r=48000:d=4 -ac 2" },
		{ "low.wav", "-f lavfi -i sine=60:r=44100:d=4" },
		{ "noise.m4a", "-f lavfi -i anoisesrc=r=48000:d=4:a=0.3:seed=3 -ac 2 -c:a aac" },
		{ "gated.wav",
		  "-f lavfi -i sine=500:r=48000:d=6 -af volume=0.001:enable=\"'gte(t,3)'\"" },
		{ "float.wav", "-f lavfi -i anoisesrc=r=32000:d=3:a=0.1:seed=4 -c:a pcm_f32le" },
		{ "round.wav", "-f lavfi -i anoisesrc=r=48000:d=3:a=0.2:seed=5 -ac 6" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		DEFER(json_freep)
		json_t *metrics = analyse(media_make(cases[i].name, cases[i].arguments));
		double peer = peer_loudness(cases[i].name);

		if (fabs(value(metrics, "loudness") - peer) > 0.5)
			fail_msg("%s: %f, ffmpeg says %f", cases[i].name,
				 value(metrics, "loudness"), peer);
	}
}

static void hears_silence_and_clipping(void **state)
{
	DEFER(json_freep)
	json_t *silent =
		analyse(media_make("silent.wav", "-f lavfi -i anullsrc=r=48000:cl=stereo -t 2"));
	DEFER(json_freep)
	json_t *half = analyse(
		media_make("pause.wav",
			   "-f lavfi -i sine=440:r=48000:d=2 -af volume=0:enable=\"'gte(t,1)'\""));
	DEFER(json_freep)
	json_t *loud =
		analyse(media_make("loud.wav", "-f lavfi -i sine=440:r=48000:d=1 -af volume=30dB"));

	(void)state;
	between(silent, "silence_ratio", 1, 1);
	between(silent, "loudness", -70, -70);
	between(silent, "true_peak", -100, -90);
	between(half, "silence_ratio", 0.45, 0.55);
	between(half, "longest_silence", 0.9, 1.1);
	between(half, "clipping_ratio", 0, 0);
	between(loud, "clipping_ratio", 0.3, 1);
	assert_true(value(loud, "true_peak") > -0.1);
}

static void hashes_what_is_seen(void **state)
{
	DEFER(json_freep)
	json_t *good = analyse(
		media_make("good.mp4", "-f lavfi -i smptebars=s=360x640:r=10:d=1 " H264 "-crf 10"));
	DEFER(json_freep)
	json_t *poor =
		analyse(media_make("poor.mp4", "-i good.mp4 -vf scale=180:320 " H264 "-crf 35"));
	DEFER(json_freep)
	json_t *other = analyse(
		media_make("other.mp4", "-f lavfi -i mandelbrot=s=360x640:r=10 -t 1 " H264));

	(void)state;
	assert_true(bits_apart(good, poor, "phash") <= 10);
	assert_true(bits_apart(good, other, "phash") >= 16);
	assert_true(bits_apart(good, good, "phash_first") == 0);
	assert_true(bits_apart(good, good, "phash_middle") == 0);
	assert_true(bits_apart(good, good, "phash_last") == 0);
}

static void ten_bits_are_as_bright_as_eight(void **state)
{
	DEFER(json_freep)
	json_t *eight =
		analyse(media_make("eight.mp4", "-f lavfi -i " MOVING ":d=1 " H264 "-crf 10"));
	DEFER(json_freep)
	json_t *ten = analyse(media_make(
		"ten.mp4", "-i eight.mp4 -c:v libx264 -threads 1 -pix_fmt yuv420p10le -crf 10"));

	(void)state;
	assert_true(fabs(value(eight, "brightness") - value(ten, "brightness")) < 0.01);
}

static void quick_decodes_key_frames_alone(void **state)
{
	const struct media_analysis_options quick = { .depth = "quick" };
	DEFER(json_freep)
	json_t *metrics = analyse_with(
		media_make("quick.mp4", "-f lavfi -i " MOVING ":d=2 " H264 "-g 15 -bf 0"), &quick);

	(void)state;
	between(metrics, "frames", 60, 60);
	between(metrics, "frames_decoded", 4, 4);
	assert_string_equal(json_string_value(json_object_get(metrics, "depth")), "quick");
}

static void makes_stills(void **state)
{
	const struct media_analysis_options options = { .poster_dir = media_folder,
							.poster_count = 3 };
	DEFER(json_freep) json_t *metrics = NULL;
	struct media_facts facts;
	struct err err;

	(void)state;
	media_make("tall.mp4", "-f lavfi -i testsrc2=s=720x1280:r=10:d=1 " H264);
	metrics = analyse_with(
		media_make("lying.mp4", "-i tall.mp4 -c copy -metadata:s:v rotate=90"), &options);
	assert_int_equal(json_array_size(json_object_get(metrics, "posters")), 3);
	assert_true(media_probe(media_path("poster_2.jpg"), &limits, &facts, &err));
	assert_int_equal(facts.width, 540);
	assert_int_equal(facts.height, 304);
}

static void measures_pictures(void **state)
{
	DEFER(json_freep)
	json_t *metrics = analyse(media_make("p.png", "-f lavfi -i testsrc=s=320x240 -frames:v 1"));
	DEFER(json_freep)
	json_t *black = analyse(media_make("b.jpg", "-f lavfi -i color=black:s=64x64 -frames:v 1"));

	(void)state;
	assert_string_equal(json_string_value(json_object_get(metrics, "kind")), "image");
	between(metrics, "black_ratio", 0, 0);
	between(metrics, "brightness", 0.3, 0.7);
	assert_non_null(json_object_get(metrics, "phash"));
	assert_null(json_object_get(metrics, "freeze_ratio"));
	between(black, "black_ratio", 1, 1);
}

static void refuse(const char *path, const char *depth, const char *words)
{
	const struct media_analysis_options options = { .depth = depth };
	json_t *metrics = NULL;
	struct err err;

	assert_false(media_analyse(path, &limits, &options, &metrics, &err));
	assert_int_equal(err.kind, ERR_REJECT);
	assert_null(metrics);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
}

/* The index is whole, the pictures are not. */
static void counts_damage_and_refuses_ruins(void **state)
{
	DEFER(buf_done)
	struct buf bytes = media_read(media_make("whole.mp4", "-f lavfi -i " MOVING ":d=2 " H264
							      "-movflags +faststart -g 10"));
	char *mdat = memmem(bytes.data, bytes.len, "mdat", 4);
	size_t begin;

	(void)state;
	assert_non_null(mdat);
	begin = (size_t)(mdat - bytes.data) + 4;
	for (size_t i = bytes.len - 4000; i < bytes.len - 2000; i++)
		bytes.data[i] = (char)0xff;
	{
		DEFER(json_freep)
		json_t *metrics = analyse(media_write("hurt.mp4", bytes.data, bytes.len));

		assert_true(value(metrics, "decode_errors") > 0);
	}
	memset(bytes.data + begin, 0xff, bytes.len - begin);
	refuse(media_write("ruin.mp4", bytes.data, bytes.len), "full", "ruin.mp4");
	refuse(media_path("whole.mp4"), "deep", "depth");
}

static void keep_rising(void *context, double fraction)
{
	double *last = context;

	assert_true(fraction > *last && fraction <= 1);
	*last = fraction;
}

static void tells_progress(void **state)
{
	double last = 0;
	const struct media_analysis_options options = { .progress = keep_rising, .context = &last };
	DEFER(json_freep)
	json_t *metrics =
		analyse_with(media_make("long.mp4", "-f lavfi -i " MOVING ":d=2 " H264), &options);

	(void)state;
	assert_non_null(metrics);
	assert_true(last > 0.9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_black),
		cmocka_unit_test(tells_frozen_from_moving),
		cmocka_unit_test(counts_cuts),
		cmocka_unit_test(finds_bars),
		cmocka_unit_test(tells_sharp_from_blurred),
		cmocka_unit_test(agrees_with_ffmpeg_on_loudness),
		cmocka_unit_test(hears_silence_and_clipping),
		cmocka_unit_test(hashes_what_is_seen),
		cmocka_unit_test(ten_bits_are_as_bright_as_eight),
		cmocka_unit_test(quick_decodes_key_frames_alone),
		cmocka_unit_test(makes_stills),
		cmocka_unit_test(measures_pictures),
		cmocka_unit_test(counts_damage_and_refuses_ruins),
		cmocka_unit_test(tells_progress),
	};

	return cmocka_run_group_tests(tests, media_folder_make, media_folder_remove);
}
