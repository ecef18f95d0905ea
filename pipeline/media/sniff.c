/*
 * A list of signatures, tried in order; the first that matches wins, text of some sort comes last.
 * Each matcher sees the head of the file and its length and reads nothing beyond it.
 */
#include "pipeline/media/sniff.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

struct head {
	const unsigned char *data;
	size_t len;
};

static bool has(struct head head, size_t at, const char *bytes, size_t len)
{
	return head.len >= at + len && memcmp(head.data + at, bytes, len) == 0;
}

#define HAS(head, at, text) has(head, at, "" text, sizeof(text) - 1)

/* The head as text: without byte order mark and leading blanks. */
static struct head text_of(struct head head)
{
	if (HAS(head, 0, "\xef\xbb\xbf")) {
		head.data += 3;
		head.len -= 3;
	}
	while (head.len && isspace(head.data[0])) {
		head.data++;
		head.len--;
	}
	return head;
}

static bool begins(struct head head, const char *word)
{
	struct head text = text_of(head);
	size_t len = strlen(word);

	return text.len >= len && strncasecmp((const char *)text.data, word, len) == 0;
}

/* Text: no control characters but blanks. Bytes above 127 pass: UTF-8 and its older cousins. */
static bool is_text(struct head head)
{
	if (!head.len)
		return false;
	for (size_t i = 0; i < head.len; i++)
		if (head.data[i] == 127 || (head.data[i] < 32 && !isspace(head.data[i])))
			return false;
	return true;
}

static bool is_empty(struct head head)
{
	return head.len == 0;
}

static bool is_zeros(struct head head)
{
	for (size_t i = 0; i < head.len; i++)
		if (head.data[i])
			return false;
	return true;
}

static bool is_brand(struct head head, const char *const *brands)
{
	if (!HAS(head, 4, "ftyp"))
		return false;
	for (; *brands; brands++)
		if (has(head, 8, *brands, 4))
			return true;
	return false;
}

static bool is_avif(struct head head)
{
	return is_brand(head, (const char *const[]){ "avif", "avis", NULL });
}

static bool is_heic(struct head head)
{
	return is_brand(head,
			(const char *const[]){ "heic", "heix", "hevc", "mif1", "msf1", NULL });
}

static bool is_m4a(struct head head)
{
	return is_brand(head, (const char *const[]){ "M4A ", "M4B ", NULL });
}

static bool is_m4v(struct head head)
{
	return is_brand(head, (const char *const[]){ "M4V ", "M4VH", "M4VP", NULL });
}

/* QuickTime files from before `ftyp` begin with any of its boxes. */
static bool is_mov(struct head head)
{
	return is_brand(head, (const char *const[]){ "qt  ", NULL }) || HAS(head, 4, "moov") ||
	       HAS(head, 4, "mdat") || HAS(head, 4, "wide");
}

static bool is_mp4(struct head head)
{
	return HAS(head, 4, "ftyp");
}

static bool holds(struct head head, size_t within, const char *word)
{
	size_t len = head.len < within ? head.len : within;

	return len && memmem(head.data, len, word, strlen(word)) != NULL;
}

static bool is_webm(struct head head)
{
	return HAS(head, 0, "\x1a\x45\xdf\xa3") && holds(head, 64, "webm");
}

static bool is_matroska(struct head head)
{
	return HAS(head, 0, "\x1a\x45\xdf\xa3") && holds(head, 64, "matroska");
}

static bool is_png(struct head head)
{
	return HAS(head, 0, "\x89PNG\r\n\x1a\n");
}

static bool is_jpeg(struct head head)
{
	return HAS(head, 0, "\xff\xd8\xff");
}

static bool is_gif(struct head head)
{
	return HAS(head, 0, "GIF87a") || HAS(head, 0, "GIF89a");
}

static bool is_webp(struct head head)
{
	return HAS(head, 0, "RIFF") && HAS(head, 8, "WEBP");
}

static bool is_wav(struct head head)
{
	return HAS(head, 0, "RIFF") && HAS(head, 8, "WAVE");
}

static bool is_avi(struct head head)
{
	return HAS(head, 0, "RIFF") && HAS(head, 8, "AVI ");
}

static bool is_flac(struct head head)
{
	return HAS(head, 0, "fLaC");
}

static bool is_ogg(struct head head)
{
	return HAS(head, 0, "OggS");
}

/* Frame header: eleven sync bits, layer III, neither free nor forbidden bit rate, known sample
 * rate. */
static bool is_mp3(struct head head)
{
	const unsigned char *b = head.data;

	if (HAS(head, 0, "ID3"))
		return true;
	return head.len >= 4 && b[0] == 0xff && (b[1] & 0xe6) == 0xe2 && (b[1] & 0x18) != 0x08 &&
	       (b[2] & 0xf0) != 0xf0 && (b[2] & 0xf0) && (b[2] & 0x0c) != 0x0c;
}

static bool is_adts(struct head head)
{
	return head.len >= 7 && head.data[0] == 0xff && (head.data[1] & 0xf6) == 0xf0;
}

static bool is_mpegts(struct head head)
{
	return head.len > 376 && head.data[0] == 0x47 && head.data[188] == 0x47 &&
	       head.data[376] == 0x47;
}

static bool is_mpegps(struct head head)
{
	return HAS(head, 0, "\x00\x00\x01\xba") || HAS(head, 0, "\x00\x00\x01\xb3");
}

static bool is_flv(struct head head)
{
	return HAS(head, 0, "FLV\x01");
}

static bool is_raw_h264(struct head head)
{
	return HAS(head, 0, "\x00\x00\x00\x01") || HAS(head, 0, "\x00\x00\x01");
}

static bool is_tiff(struct head head)
{
	return HAS(head, 0, "II*\x00") || HAS(head, 0, "MM\x00*");
}

static bool is_bmp(struct head head)
{
	return HAS(head, 0, "BM") && head.len > 18 && head.data[14] <= 124 && head.data[15] == 0;
}

static bool is_pdf(struct head head)
{
	return HAS(head, 0, "%PDF-");
}

static bool is_zip(struct head head)
{
	return HAS(head, 0, "PK\x03\x04") || HAS(head, 0, "PK\x05\x06");
}

static bool is_gzip(struct head head)
{
	return HAS(head, 0, "\x1f\x8b");
}

static bool is_packed(struct head head)
{
	return HAS(head, 0, "7z\xbc\xaf\x27\x1c") || HAS(head, 0, "Rar!") ||
	       HAS(head, 0,
		   "\xfd"
		   "7zXZ") ||
	       HAS(head, 0, "\x28\xb5\x2f\xfd") || HAS(head, 0, "BZh") || HAS(head, 257, "ustar");
}

static bool is_program(struct head head)
{
	return HAS(head, 0,
		   "\x7f"
		   "ELF") ||
	       HAS(head, 0, "MZ\x90") || HAS(head, 0, "#!/");
}

static bool is_playlist(struct head head)
{
	return begins(head, "#EXTM3U") || begins(head, "ffconcat version") ||
	       (begins(head, "<?xml") && holds(head, SNIFF_BYTES, "<MPD"));
}

static bool is_html(struct head head)
{
	return begins(head, "<!doctype html") || begins(head, "<html") || begins(head, "<head") ||
	       begins(head, "<body") || begins(head, "<!-- ");
}

static bool is_svg(struct head head)
{
	return begins(head, "<svg") || (begins(head, "<?xml") && holds(head, SNIFF_BYTES, "<svg"));
}

static bool is_xml(struct head head)
{
	return begins(head, "<?xml");
}

static bool is_json(struct head head)
{
	return is_text(head) && (begins(head, "{") || begins(head, "["));
}

static bool is_anything(struct head head)
{
	(void)head;
	return true;
}

static const struct sniff_type TYPE_UNKNOWN = { .what = "data of an unknown kind" };

/* Order matters where one signature holds another: brands before plain `ftyp`, text last. */
static const struct {
	bool (*matches)(struct head head);
	struct sniff_type type;
} types[] = {
	{ is_empty, { .what = "an empty file" } },
	{ is_zeros, { .what = "nothing but zero bytes" } },
	{ is_png, { "a PNG picture", MEDIA_IMAGE, "png", "image/png", "png", NULL } },
	{ is_jpeg, { "a JPEG picture", MEDIA_IMAGE, "jpeg", "image/jpeg", "jpg", NULL } },
	{ is_webp, { "a WebP picture", MEDIA_IMAGE, "webp", "image/webp", "webp", NULL } },
	{ is_gif, { "a GIF picture", MEDIA_IMAGE, "gif", "image/gif", "gif", "gif" } },
	{ is_avif, { .what = "an AVIF picture (reeld reads PNG, JPEG, WebP and GIF)" } },
	{ is_heic, { .what = "a HEIC picture (reeld reads PNG, JPEG, WebP and GIF)" } },
	{ is_m4a, { "an M4A sound file", MEDIA_AUDIO, "m4a", "audio/mp4", "m4a", "mov" } },
	{ is_m4v, { "an M4V video", MEDIA_VIDEO, "m4v", "video/x-m4v", "m4v", "mov" } },
	{ is_mov, { "a QuickTime video", MEDIA_VIDEO, "mov", "video/quicktime", "mov", "mov" } },
	{ is_mp4, { "an MP4 video", MEDIA_VIDEO, "mp4", "video/mp4", "mp4", "mov" } },
	{ is_webm, { "a WebM video", MEDIA_VIDEO, "webm", "video/webm", "webm", "matroska" } },
	{ is_matroska,
	  { "a Matroska video", MEDIA_VIDEO, "matroska", "video/x-matroska", "mkv", "matroska" } },
	{ is_wav, { "a WAV sound file", MEDIA_AUDIO, "wav", "audio/wav", "wav", "wav" } },
	{ is_flac, { "a FLAC sound file", MEDIA_AUDIO, "flac", "audio/flac", "flac", "flac" } },
	{ is_ogg, { "an Ogg sound file", MEDIA_AUDIO, "ogg", "audio/ogg", "ogg", "ogg" } },
	{ is_adts, { "an AAC sound file", MEDIA_AUDIO, "aac", "audio/aac", "aac", "aac" } },
	{ is_mp3, { "an MP3 sound file", MEDIA_AUDIO, "mp3", "audio/mpeg", "mp3", "mp3" } },
	{ is_avi, { .what = "an AVI video (reeld reads MP4, MOV, WebM and Matroska)" } },
	{ is_mpegts,
	  { .what = "an MPEG transport stream (reeld reads MP4, MOV, WebM and Matroska)" } },
	{ is_mpegps,
	  { .what = "an MPEG program stream (reeld reads MP4, MOV, WebM and Matroska)" } },
	{ is_flv, { .what = "a Flash video (reeld reads MP4, MOV, WebM and Matroska)" } },
	{ is_raw_h264, { .what = "a bare video stream without a container" } },
	{ is_tiff, { .what = "a TIFF picture (reeld reads PNG, JPEG, WebP and GIF)" } },
	{ is_bmp, { .what = "a BMP picture (reeld reads PNG, JPEG, WebP and GIF)" } },
	{ is_pdf, { .what = "a PDF document" } },
	{ is_zip, { .what = "a ZIP archive" } },
	{ is_gzip, { .what = "gzip data" } },
	{ is_packed, { .what = "an archive" } },
	{ is_program, { .what = "a program" } },
	{ is_playlist, { .what = "a playlist, which names media instead of being it" } },
	{ is_html, { .what = "an HTML page" } },
	{ is_svg, { .what = "an SVG drawing" } },
	{ is_xml, { .what = "an XML document" } },
	{ is_json, { .what = "JSON text" } },
	{ is_text, { .what = "plain text" } },
	{ is_anything, { .what = "data of an unknown kind" } },
};

const struct sniff_type *sniff(const void *data, size_t len)
{
	struct head head = { data, len };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].matches(head))
			return &types[i].type;
	return &TYPE_UNKNOWN; /* not reached: the last row matches everything */
}

/* The text's first line on one line of ours, cut, without quotes that would confuse a log. */
static void quote_beginning(struct head head, char *out, size_t size)
{
	struct head text = text_of(head);
	size_t used = 0;

	for (size_t i = 0; i < text.len && used + 4 < size && used < 90; i++)
		out[used++] = text.data[i] >= 32 && text.data[i] < 127 ? (char)text.data[i] : ' ';
	while (used && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}

const char *sniff_describe(const void *data, size_t len, char out[200])
{
	struct head head = { data, len };
	const struct sniff_type *type = sniff(data, len);
	char beginning[96];

	if (type->kind == MEDIA_UNKNOWN && len >= 4 && is_text(head) && !is_html(head)) {
		quote_beginning(head, beginning, sizeof(beginning));
		snprintf(out, 200, "%s that begins: %s", type->what, beginning);
	} else if (type->kind == MEDIA_UNKNOWN && len &&
		   type == &types[ARRAY_LEN(types) - 1].type) {
		snprintf(out, 200, "%s (first bytes %02x %02x %02x %02x)", type->what, head.data[0],
			 len > 1 ? head.data[1] : 0, len > 2 ? head.data[2] : 0,
			 len > 3 ? head.data[3] : 0);
	} else {
		snprintf(out, 200, "%s", type->what);
	}
	return out;
}

const char *sniff_expected(const char *name)
{
	static const struct {
		const char *extension, *expected;
	} names[] = {
		{ ".mp4", "a video" },	     { ".mov", "a video" },	 { ".m4v", "a video" },
		{ ".webm", "a video" },	     { ".mkv", "a video" },	 { ".png", "a picture" },
		{ ".jpg", "a picture" },     { ".jpeg", "a picture" },	 { ".webp", "a picture" },
		{ ".gif", "a picture" },     { ".mp3", "a sound file" }, { ".wav", "a sound file" },
		{ ".m4a", "a sound file" },  { ".aac", "a sound file" }, { ".ogg", "a sound file" },
		{ ".flac", "a sound file" },
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(names); i++)
		if (strcasecmp(dot, names[i].extension) == 0)
			return names[i].expected;
	return "a video, picture or sound file";
}
