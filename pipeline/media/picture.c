/*
 * Three small header readers over pread. Every list (PNG chunks, JPEG segments, RIFF chunks) moves
 * forward by at least its header and is bounded in count; EXIF is looked at for one tag alone.
 */
#include "pipeline/media/picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

enum { PARTS_MAX = 20000, EXIF_MAX = 65536, TAIL_BYTES = 65536 };

struct bytes {
	int fd;
	int64_t len;
};

/* False at the end of the file or on a read error: both mean that the picture is not all there. */
static bool read_at(struct bytes file, int64_t at, void *to, size_t len)
{
	char *put = to;

	if (at < 0 || (int64_t)len > file.len - at)
		return false;
	while (len) {
		ssize_t got = pread(file.fd, put, len, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		put += got;
		at += got;
		len -= (size_t)got;
	}
	return true;
}

static uint32_t big(const unsigned char *at, int bytes)
{
	uint32_t value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static uint32_t little(const unsigned char *at, int bytes)
{
	uint32_t value = 0;

	for (int i = bytes; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

/* TIFF 6.0: the first directory's tag 0x0112, Orientation, 1 to 8. */
static int exif_orientation(const unsigned char *tiff, size_t len)
{
	uint32_t (*number)(const unsigned char *, int) = tiff[0] == 'I' ? little : big;
	size_t at, count;

	if (len < 8)
		return 1;
	at = number(tiff + 4, 4);
	if (at > len - 2)
		return 1;
	count = number(tiff + at, 2);
	at += 2;
	for (; count && len - at >= 12; count--, at += 12)
		if (number(tiff + at, 2) == 0x0112)
			return (int)number(tiff + at + 8, 2);
	return 1;
}

/* Mirrored orientations (2, 4, 5, 7) are turned like their plain twins; the mirror is kept. */
static int rotation_of(int orientation)
{
	static const int degrees[] = { 0, 0, 0, 180, 180, 90, 90, 270, 270 };

	return orientation >= 1 && orientation <= 8 ? degrees[orientation] : 0;
}

static void read_exif(struct bytes file, int64_t at, size_t len, struct picture *out)
{
	unsigned char head[EXIF_MAX];

	if (len > sizeof(head))
		len = sizeof(head);
	if (len < 8 || !read_at(file, at, head, len))
		return;
	if (len > 14 && memcmp(head, "Exif\0\0", 6) == 0)
		out->rotation = rotation_of(exif_orientation(head + 6, len - 6));
	else if (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0)
		out->rotation = rotation_of(exif_orientation(head, len));
}

static const char *png_format(int depth, int colour)
{
	switch (colour) {
	case 0: return depth == 16 ? "gray16be" : depth == 1 ? "monob" : "gray";
	case 2: return depth == 16 ? "rgb48be" : "rgb24";
	case 3: return "pal8";
	case 4: return depth == 16 ? "ya16be" : "ya8";
	case 6: return depth == 16 ? "rgba64be" : "rgba";
	default: return "";
	}
}

/* PNG specification, third edition: IHDR comes first, IEND last. */
static bool read_png(struct bytes file, struct picture *out, struct err *err)
{
	unsigned char head[33], chunk[8];
	int64_t at = 8;

	if (!read_at(file, 0, head, sizeof(head)) || memcmp(head + 12, "IHDR", 4) != 0)
		return err_set(err, ERR_REJECT, "this PNG picture has no header");
	out->width = (int)(big(head + 16, 4) & INT32_MAX);
	out->height = (int)(big(head + 20, 4) & INT32_MAX);
	snprintf(out->pixel_format, sizeof(out->pixel_format), "%s",
		 png_format(head[24], head[25]));
	out->is_cut_short = true;
	for (int i = 0; i < PARTS_MAX && read_at(file, at, chunk, 8); i++) {
		uint32_t len = big(chunk, 4);

		if (memcmp(chunk + 4, "IEND", 4) == 0)
			out->is_cut_short = false;
		if (memcmp(chunk + 4, "eXIf", 4) == 0)
			read_exif(file, at + 8, len, out);
		at += 12 + (int64_t)len;
	}
	return true;
}

/* Data between the scans of a JPEG is not a list of segments: its end mark is searched from
 * behind. */
static bool has_jpeg_end(struct bytes file)
{
	unsigned char tail[TAIL_BYTES];
	size_t len = file.len < (int64_t)sizeof(tail) ? (size_t)file.len : sizeof(tail);

	if (!read_at(file, file.len - (int64_t)len, tail, len))
		return false;
	return memmem(tail, len, "\xff\xd9", 2) != NULL;
}

static bool is_jpeg_frame(int marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
	       marker != 0xcc;
}

/* ITU-T T.81: segments from SOI to the frame header (SOFn), which holds the size. */
static bool read_jpeg(struct bytes file, struct picture *out, struct err *err)
{
	unsigned char head[4], frame[5];
	int64_t at = 2;

	out->is_cut_short = !has_jpeg_end(file);
	for (int i = 0; i < PARTS_MAX && read_at(file, at, head, 4); i++) {
		if (head[0] == 0xff && head[1] == 0xff) { /* fill byte */
			at++;
			continue;
		}
		if (head[0] != 0xff || head[1] == 0xda || big(head + 2, 2) < 2)
			break;
		if (head[1] == 0xe1)
			read_exif(file, at + 4, big(head + 2, 2) - 2, out);
		if (is_jpeg_frame(head[1])) {
			if (!read_at(file, at + 4, frame, sizeof(frame)))
				break;
			out->height = (int)big(frame + 1, 2);
			out->width = (int)big(frame + 3, 2);
			return true;
		}
		at += 2 + (int64_t)big(head + 2, 2);
	}
	return err_set(err, ERR_REJECT, "this JPEG picture has no frame header%s",
		       out->is_cut_short ? ": it is cut short" : "");
}

/* RFC 9649: the size stands in VP8X when there is one, else in the bit stream's first bytes. */
static void read_webp_size(const char *name, const unsigned char *body, struct picture *out)
{
	if (memcmp(name, "VP8X", 4) == 0) {
		out->width = (int)little(body + 4, 3) + 1;
		out->height = (int)little(body + 7, 3) + 1;
		out->is_animated = body[0] & 2;
	} else if (memcmp(name, "VP8L", 4) == 0 && body[0] == 0x2f) {
		out->width = (int)(little(body + 1, 4) & 0x3fff) + 1;
		out->height = (int)(little(body + 1, 4) >> 14 & 0x3fff) + 1;
	} else if (memcmp(name, "VP8 ", 4) == 0 && memcmp(body + 3, "\x9d\x01\x2a", 3) == 0) {
		out->width = (int)little(body + 6, 2) & 0x3fff;
		out->height = (int)little(body + 8, 2) & 0x3fff;
	}
}

static bool read_webp(struct bytes file, struct picture *out, struct err *err)
{
	unsigned char head[18];
	int64_t at = 12;

	if (!read_at(file, 0, head, 12))
		return err_set(err, ERR_REJECT, "this WebP picture has no header");
	out->is_cut_short = little(head + 4, 4) + INT64_C(8) > file.len;
	for (int i = 0; i < PARTS_MAX && read_at(file, at, head, sizeof(head)); i++) {
		int64_t len = little(head + 4, 4);

		if (!out->width)
			read_webp_size((const char *)head, head + 8, out);
		if (memcmp(head, "EXIF", 4) == 0)
			read_exif(file, at + 8, (size_t)len, out);
		at += 8 + len + (len & 1);
	}
	if (!out->width)
		return err_set(err, ERR_REJECT, "this WebP picture has no frame header");
	return true;
}

bool picture_read(int fd, int64_t bytes, const char *container, struct picture *out,
		  struct err *err)
{
	struct bytes file = { fd, bytes };
	struct picture found = { 0 };
	bool fine;

	if (strcmp(container, "png") == 0)
		fine = read_png(file, &found, err);
	else if (strcmp(container, "jpeg") == 0)
		fine = read_jpeg(file, &found, err);
	else
		fine = read_webp(file, &found, err);
	if (!fine)
		return false;
	if (found.width <= 0 || found.height <= 0)
		return err_set(err, ERR_REJECT, "the picture's header says %d x %d pixels",
			       found.width, found.height);
	*out = found;
	return true;
}
