/*
 * What media_probe says about files of every sort, honest and not.
 */
// links: media
#include "pipeline/media/media.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/media_files.h"

static const struct media_limits limits = { 64 << 20, 1 << 30, 600 };

#define CLIP "-f lavfi -i testsrc2=s=180x320:r=30:d=1 "
#define TONE "-f lavfi -i sine=440:r=48000:d=1 "

static struct media_facts probe(const char *path)
{
	struct media_facts facts = { 0 };
	struct err err = { 0 };

	if (!media_probe(path, &limits, &facts, &err))
		fail_msg("%s", err.text);
	return facts;
}

/* The refusal's text must hold both words. */
static void refuses(const char *path, const struct media_limits *by, const char *first,
		    const char *second)
{
	struct media_facts facts = { .width = 77 };
	struct err err = { 0 };

	if (media_probe(path, by, &facts, &err))
		fail_msg("%s was taken", path);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(facts.width, 77); /* untouched on failure */
	if (!strstr(err.text, first) || !strstr(err.text, second))
		fail_msg("%s", err.text);
}

static void near(double found, double expected, double within)
{
	if (fabs(found - expected) > within)
		fail_msg("%f instead of %f", found, expected);
}

static void reads_a_plain_clip(void **state)
{
	struct media_facts f = probe(media_make("plain.mp4", CLIP TONE H264
						"-g 15 -bf 0 " AAC "-ac 2 -movflags +faststart"));

	(void)state;
	assert_int_equal(f.kind, MEDIA_VIDEO);
	assert_string_equal(f.container, "mp4");
	assert_string_equal(f.mime, "video/mp4");
	assert_string_equal(f.extension, "mp4");
	assert_int_equal(f.width, 180);
	assert_int_equal(f.height, 320);
	assert_int_equal(f.rotation, 0);
	assert_string_equal(f.video_codec, "h264");
	assert_string_equal(f.pixel_format, "yuv420p");
	assert_int_equal(f.frames, 30);
	near(f.fps, 30, 0.001);
	near(f.duration_s, 1, 0.05);
	near(f.keyframe_interval_s, 0.5, 0.01);
	assert_true(f.has_audio && f.is_moov_first && f.is_closed_gop);
	assert_false(f.is_variable_rate || f.is_hdr || f.is_interlaced);
	assert_string_equal(f.audio_codec, "aac");
	assert_string_equal(f.audio_profile, "LC");
	assert_int_equal(f.sample_rate, 48000);
	assert_int_equal(f.channels, 2);
	assert_string_equal(f.edit_list, "delay");
	assert_true(f.bit_rate > 0 && f.video_bit_rate > 0 && f.audio_bit_rate > 0);
}

static void reads_structure(void **state)
{
	struct media_facts f = probe(media_make("last.mp4", CLIP H264 "-bf 0 -use_editlist 0"));

	(void)state;
	assert_false(f.is_moov_first || f.has_edit_list || f.has_audio);
	assert_string_equal(f.edit_list, "none");
	f = probe(media_make("late.mov", CLIP H264 "-output_ts_offset 2"));
	assert_string_equal(f.container, "mov");
	f = probe(media_make("pieces.mp4", CLIP H264 "-movflags +frag_keyframe+empty_moov"));
	assert_true(f.is_fragmented);
	near(f.duration_s, 1, 0.05);
}

static void turns_upright(void **state)
{
	struct media_facts f;

	(void)state;
	media_make("stored.mp4", CLIP H264);
	f = probe(media_make("turned.mp4", "-i stored.mp4 -c copy -metadata:s:v rotate=90"));
	assert_int_equal(f.width, 320);
	assert_int_equal(f.height, 180);
	assert_true(f.rotation == 90 || f.rotation == 270);
	f = probe(media_make("wide.mp4", CLIP "-vf setsar=2 " H264));
	assert_int_equal(f.width, 360);
	assert_int_equal(f.height, 320);
}

static void finds_uneven_rates(void **state)
{
	struct media_facts f;

	(void)state;
	f = probe(media_make("uneven.mp4", "-f lavfi -i testsrc2=s=64x64:r=30:d=3 -vf "
					   "\"select='lt(n,40)+not(mod(n,3))'\" -vsync vfr " H264));
	assert_true(f.is_variable_rate);
	near(f.duration_s, 3, 0.15);
	/* a container that counts milliseconds writes 33 and 34: that is even */
	f = probe(media_make("even.webm", "-f lavfi -i testsrc2=s=64x64:r=30:d=1 -c:v libvpx"));
	assert_false(f.is_variable_rate);
	near(f.fps, 30, 0.1);
}

static void sees_hdr_and_fields(void **state)
{
	struct media_facts f = probe(media_make("hdr.mp4", CLIP H264
						"-x264-params transfer=smpte2084:colorprim=bt2020:"
						"colormatrix=bt2020nc"));

	(void)state;
	assert_true(f.is_hdr);
	f = probe(media_make("fields.mp4", CLIP "-c:v libx264 -threads 1 -pix_fmt yuv420p "
						"-flags +ildct+ilme -x264-params tff=1"));
	assert_true(f.is_interlaced);
}

static void reads_other_containers(void **state)
{
	struct media_facts f;

	(void)state;
	f = probe(media_make("tone.mp3", TONE));
	assert_int_equal(f.kind, MEDIA_AUDIO);
	assert_string_equal(f.mime, "audio/mpeg");
	assert_int_equal(f.width, 0);
	f = probe(media_make("tone.wav", TONE));
	assert_string_equal(f.container, "wav");
	near(f.duration_s, 1, 0.01);
	f = probe(media_make("sound.mp4", TONE AAC));
	assert_int_equal(f.kind, MEDIA_AUDIO);
	assert_string_equal(f.mime, "audio/mp4");
	f = probe(media_make("move.gif", "-f lavfi -i testsrc=s=64x64:r=10:d=1"));
	assert_int_equal(f.kind, MEDIA_VIDEO);
	f = probe(media_make("still.gif", "-f lavfi -i testsrc=s=64x64:d=1 -frames:v 1"));
	assert_int_equal(f.kind, MEDIA_IMAGE);
}

static void a_cover_is_no_video(void **state)
{
	struct media_facts f;

	(void)state;
	media_make("cover.png", "-f lavfi -i testsrc=s=64x64 -frames:v 1");
	f = probe(media_make("covered.mp3", TONE "-i cover.png -map 0 -map 1 -c:v copy "
						 "-disposition:v attached_pic"));
	assert_int_equal(f.kind, MEDIA_AUDIO);
}

/* JPEG with an EXIF block put behind its first two bytes: orientation 6, a quarter turn. */
static void reads_pictures(void **state)
{
	static const char exif[] = "\xff\xe1\x00\x22"
				   "Exif\0\0"
				   "MM\0*\0\0\0\x08\0\x01"
				   "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
	DEFER(buf_done) struct buf plain = { 0 }, turned = { 0 };
	struct media_facts f;

	(void)state;
	f = probe(media_make("p.png", "-f lavfi -i testsrc=s=64x48 -frames:v 1"));
	assert_int_equal(f.kind, MEDIA_IMAGE);
	assert_int_equal(f.width, 64);
	assert_string_equal(f.pixel_format, "rgb24");
	f = probe(media_make("p.webp", "-f lavfi -i testsrc=s=64x48 -frames:v 1"));
	assert_int_equal(f.height, 48);
	plain = media_read(media_make("p.jpg", "-f lavfi -i testsrc=s=64x48 -frames:v 1"));
	buf_put(&turned, plain.data, 2);
	buf_put(&turned, exif, 36);
	buf_put(&turned, plain.data + 2, plain.len - 2);
	f = probe(media_write("turned.jpg", turned.data, turned.len));
	assert_int_equal(f.rotation, 90);
	assert_int_equal(f.width, 48);
	assert_int_equal(f.height, 64);
	refuses(media_write("cut.jpg", plain.data, plain.len / 2), &limits, "JPEG", "cut short");
}

static void names_impostors(void **state)
{
	static const struct {
		const char *name, *content, *first, *second;
	} cases[] = {
		{ "page.mp4", "<!doctype html><html></html>", "an HTML page", "not a video" },
		{ "answer.mp4", "{\"error\":\"expired\"}", "JSON", "expired" },
		{ "words.mp4", "this is no clip\n", "plain text", "not a video" },
		{ "list.mp4", "#EXTM3U\nhttp://example.com/a.ts\n", "a playlist", "not a video" },
		{ "script.mp4", "ffconcat version 1.0\nfile /etc/passwd\n", "a playlist", "" },
		{ "paper.png", "%PDF-1.4", "PDF", "not a picture" },
		{ "empty.mp4", "", "an empty file", "not a video" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refuses(media_write(cases[i].name, cases[i].content, strlen(cases[i].content)),
			&limits, cases[i].first, cases[i].second);
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(media_path("folder.mp4"), 0755), 0);
	assert_int_equal(mkfifo(media_path("pipe.mp4"), 0600), 0);
	refuses(media_path("folder.mp4"), &limits, "folder", "not a video");
	refuses(media_path("pipe.mp4"), &limits, "pipe", ""); /* and does not wait for a writer */
	refuses(media_path("missing.mp4"), &limits, "missing.mp4", "No such file");
	refuses("/dev/zero", &limits, "device", "");
}

static void refuses_truncated_files(void **state)
{
	DEFER(buf_done)
	struct buf front = media_read(media_make("f.mp4", CLIP H264 "-movflags +faststart"));
	DEFER(buf_done) struct buf back = media_read(media_make("b.mp4", CLIP H264));

	(void)state;
	refuses(media_write("front.mp4", front.data, front.len - 500), &limits, "cut short",
		"500 bytes");
	refuses(media_write("back.mp4", back.data, back.len - 500), &limits, "cut short", "moov");
	refuses(media_write("head.mp4", front.data, 40), &limits, "cut short", "");
}

/* The header is whole and names a size; there is no picture behind it. */
static void refuses_bombs_by_their_header(void **state)
{
	static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0"
				  "\x08\x06\0\0\0\0\0\0\0";
	const struct media_limits few = { 1000, 1 << 30, 600 };

	(void)state;
	refuses(media_write("bomb.png", png, sizeof(png) - 1), &limits, "100000 x 100000", "limit");
	refuses(media_make("big.mp4", CLIP H264), &few, "180 x 320", "limit of 1000");
	refuses(media_make("big.webm", CLIP "-c:v libvpx"), &few, "180 x 320", "limit of 1000");
	refuses(media_make("big.gif", CLIP), &few, "180 x 320", "limit of 1000");
}

static void keeps_to_limits(void **state)
{
	const struct media_limits small = { 64 << 20, 1000, 600 },
				  brief = { 64 << 20, 1 << 30, 0.5 };
	const char *path = media_make("limits.mp4", CLIP H264);

	(void)state;
	refuses(path, &small, "bytes", "limit of 1000");
	refuses(path, &brief, "1.0 s long", "limit of 0.5");
}

/* Header durations are overwritten; the packets still say a second. */
static void counts_instead_of_believing(void **state)
{
	DEFER(buf_done) struct buf bytes = media_read(media_make("honest.mp4", CLIP H264));
	static const char *const boxes[] = { "mvhd", "mdhd" };
	static const int offsets[] = { 20, 20 }; /* of the duration, from the name */
	struct media_facts f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
		char *at = memmem(bytes.data, bytes.len, boxes[i], 4);

		assert_non_null(at);
		memcpy(at + offsets[i], "\x11\x00\x00\x00", 4);
	}
	f = probe(media_write("liar.mp4", bytes.data, bytes.len));
	assert_true(f.declared_duration_s > 1000);
	near(f.duration_s, 1, 0.05);
	near(f.fps, 30, 0.01);
}

static void refuses_headers_without_frames(void **state)
{
	DEFER(buf_done) struct buf webm = media_read(media_make("v.webm", CLIP "-c:v libvpx"));
	char *cluster = memmem(webm.data, webm.len, "\x1f\x43\xb6\x75", 4);
	DEFER(freep)
	char *command = xasprintf("cd '%s' && ffmpeg -nostdin -loglevel quiet -y " CLIP "-t 0 " H264
				  "none.mp4",
				  media_folder);

	(void)state;
	assert_non_null(cluster);
	refuses(media_write("none.webm", webm.data, (size_t)(cluster - webm.data)), &limits,
		"none.webm", "");
	assert_int_equal(system(command), 0);
	refuses(media_path("none.mp4"), &limits, "none.mp4", "");
}

static void refuses_codecs_off_the_list(void **state)
{
	(void)state;
	refuses(media_make("old.mkv", CLIP "-c:v mpeg2video"), &limits, "mpeg2video",
		"not read here");
}

static void shows_facts_as_json(void **state)
{
	struct media_facts f = { .kind = MEDIA_VIDEO,
				 .container = "mp4",
				 .width = 1080,
				 .height = 1920,
				 .fps = 30000 / 1001.0,
				 .duration_s = 8.0083333,
				 .edit_list = "none" };
	json_t *json = media_facts_json(&f);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json, "kind")), "video");
	near(json_real_value(json_object_get(json, "fps")), 29.97, 1e-9);
	near(json_real_value(json_object_get(json, "duration")), 8.008, 1e-9);
	near(json_real_value(json_object_get(json, "ratio")), 0.5625, 1e-9);
	assert_true(json_is_false(json_object_get(json, "has_audio")));
	assert_null(json_object_get(json, "audio_codec"));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_plain_clip),
		cmocka_unit_test(reads_structure),
		cmocka_unit_test(turns_upright),
		cmocka_unit_test(finds_uneven_rates),
		cmocka_unit_test(sees_hdr_and_fields),
		cmocka_unit_test(reads_other_containers),
		cmocka_unit_test(a_cover_is_no_video),
		cmocka_unit_test(reads_pictures),
		cmocka_unit_test(names_impostors),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(refuses_truncated_files),
		cmocka_unit_test(refuses_bombs_by_their_header),
		cmocka_unit_test(keeps_to_limits),
		cmocka_unit_test(counts_instead_of_believing),
		cmocka_unit_test(refuses_headers_without_frames),
		cmocka_unit_test(refuses_codecs_off_the_list),
		cmocka_unit_test(shows_facts_as_json),
	};

	return cmocka_run_group_tests(tests, media_folder_make, media_folder_remove);
}
