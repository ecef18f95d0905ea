/*
 * Names of things by their first bytes.
 */
// links: media
#include "pipeline/media/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *sentence;
	const char *data;
	size_t len;
	const char *what; /* what the answer begins with */
	enum media_kind kind;
} cases[] = {
	{ "no byte at all", BYTES(""), "an empty file", MEDIA_UNKNOWN },
	{ "a download that was never filled", BYTES("\0\0\0\0\0\0\0\0\0\0\0\0"), "nothing but zero",
	  MEDIA_UNKNOWN },
	{ "a page", BYTES("<!DOCTYPE html>\n<html>"), "an HTML page", MEDIA_UNKNOWN },
	{ "a page in capitals behind blanks", BYTES("\n\n  <HTML>"), "an HTML page",
	  MEDIA_UNKNOWN },
	{ "a page behind a byte order mark", BYTES("\xef\xbb\xbf<html>"), "an HTML page",
	  MEDIA_UNKNOWN },
	{ "an API's answer", BYTES("{\"error\": \"expired\"}"), "JSON text", MEDIA_UNKNOWN },
	{ "a list", BYTES("[1, 2]"), "JSON text", MEDIA_UNKNOWN },
	{ "an S3 answer", BYTES("<?xml version=\"1.0\"?><Error>"), "an XML document",
	  MEDIA_UNKNOWN },
	{ "a drawing", BYTES("<?xml version=\"1.0\"?>\n<svg xmlns=\"\">"), "an SVG drawing",
	  MEDIA_UNKNOWN },
	{ "words", BYTES("hello, world\n"), "plain text", MEDIA_UNKNOWN },
	{ "words with accents", BYTES("gr\xc3\xbc\xc3\x9f dich"), "plain text", MEDIA_UNKNOWN },
	{ "a nested playlist", BYTES("#EXTM3U\n#EXT-X-VERSION:3"), "a playlist", MEDIA_UNKNOWN },
	{ "a concat script", BYTES("ffconcat version 1.0\nfile /etc/passwd"), "a playlist",
	  MEDIA_UNKNOWN },
	{ "a document", BYTES("%PDF-1.7"), "a PDF document", MEDIA_UNKNOWN },
	{ "an archive", BYTES("PK\x03\x04zzzz"), "a ZIP archive", MEDIA_UNKNOWN },
	{ "packed bytes", BYTES("\x1f\x8b\x08\x00"), "gzip data", MEDIA_UNKNOWN },
	{ "a program",
	  BYTES("\x7f"
		"ELF\x02"),
	  "a program", MEDIA_UNKNOWN },
	{ "AVI",
	  BYTES("RIFF\x00\x01\x00\x00"
		"AVI LIST"),
	  "an AVI video", MEDIA_UNKNOWN },
	{ "HEIC shares MP4's form",
	  BYTES("\0\0\0\x18"
		"ftypheic\0\0\0\0"),
	  "a HEIC", MEDIA_UNKNOWN },
	{ "AVIF shares MP4's form",
	  BYTES("\0\0\0\x18"
		"ftypavif\0\0\0\0"),
	  "an AVIF", MEDIA_UNKNOWN },
	{ "bytes", BYTES("\x01\x02\x03\x04"), "data of an unknown kind", MEDIA_UNKNOWN },
	{ "one byte", BYTES("\x05"), "data of an unknown kind", MEDIA_UNKNOWN },
	{ "PNG", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "a PNG", MEDIA_IMAGE },
	{ "JPEG", BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "a JPEG", MEDIA_IMAGE },
	{ "WebP", BYTES("RIFF\x10\0\0\0WEBPVP8 "), "a WebP picture", MEDIA_IMAGE },
	{ "GIF", BYTES("GIF89a\1\0\1\0"), "a GIF", MEDIA_IMAGE },
	{ "MP4",
	  BYTES("\0\0\0\x20"
		"ftypisom\0\0\2\0"),
	  "an MP4", MEDIA_VIDEO },
	{ "QuickTime",
	  BYTES("\0\0\0\x14"
		"ftypqt  \0\0\2\0"),
	  "a QuickTime", MEDIA_VIDEO },
	{ "QuickTime from before ftyp", BYTES("\0\0\0\x08wide\0\0\1\0mdat"), "a QuickTime",
	  MEDIA_VIDEO },
	{ "M4A",
	  BYTES("\0\0\0\x20"
		"ftypM4A \0\0\2\0"),
	  "an M4A", MEDIA_AUDIO },
	{ "WebM", BYTES("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"), "a WebM",
	  MEDIA_VIDEO },
	{ "Matroska", BYTES("\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska"), "a Matroska",
	  MEDIA_VIDEO },
	{ "WAV", BYTES("RIFF\x10\0\0\0WAVEfmt "), "a WAV", MEDIA_AUDIO },
	{ "MP3 with a tag", BYTES("ID3\x04\0\0\0\0\0\x23"), "an MP3", MEDIA_AUDIO },
	{ "MP3 without a tag", BYTES("\xff\xfb\x90\x64"), "an MP3", MEDIA_AUDIO },
	{ "AAC", BYTES("\xff\xf1\x50\x80\x03\xdf\xfc"), "an AAC", MEDIA_AUDIO },
	{ "FLAC", BYTES("fLaC\0\0\0\x22"), "a FLAC", MEDIA_AUDIO },
	{ "Ogg", BYTES("OggS\0\2"), "an Ogg", MEDIA_AUDIO },
};

static void names_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct sniff_type *type = sniff(cases[i].data, cases[i].len);

		if (strncmp(type->what, cases[i].what, strlen(cases[i].what)) != 0)
			fail_msg("%s: \"%s\"", cases[i].sentence, type->what);
		if (type->kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].sentence, (int)type->kind);
	}
}

/* Every case again, cut at every length: nothing is read behind the end (sanitizers watch). */
static void survives_every_length(void **state)
{
	char what[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t len = 0; len <= cases[i].len; len++) {
			char *copy = malloc(len ? len : 1);

			assert_non_null(copy);
			memcpy(copy, cases[i].data, len);
			assert_non_null(sniff(copy, len));
			assert_true(strlen(sniff_describe(copy, len, what)) < sizeof(what));
			free(copy);
		}
}

static void quotes_the_beginning_of_text(void **state)
{
	static const char answer[] = "{\"error\":\n\"the link\x01 has expired\"}";
	char what[200], text[SNIFF_BYTES];

	(void)state;
	assert_string_equal(sniff_describe("{\"a\":\n1}", 8, what),
			    "JSON text that begins: {\"a\": 1}");
	/* a control character makes it no text at all */
	assert_null(strstr(sniff_describe(answer, sizeof(answer) - 1, what), "begins"));
	memset(text, 'x', sizeof(text));
	assert_true(strlen(sniff_describe(text, sizeof(text), what)) < 140);
	assert_string_equal(sniff_describe("\x01\x02\x03\x04", 4, what),
			    "data of an unknown kind (first bytes 01 02 03 04)");
}

static void knows_what_a_name_promises(void **state)
{
	(void)state;
	assert_string_equal(sniff_expected("a/clip.mp4"), "a video");
	assert_string_equal(sniff_expected("CLIP.MOV"), "a video");
	assert_string_equal(sniff_expected("shot.PNG"), "a picture");
	assert_string_equal(sniff_expected("voice.wav"), "a sound file");
	assert_string_equal(sniff_expected("m_0123"), "a video, picture or sound file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_it_is),
		cmocka_unit_test(survives_every_length),
		cmocka_unit_test(quotes_the_beginning_of_text),
		cmocka_unit_test(knows_what_a_name_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
