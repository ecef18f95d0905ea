/*
 * Walks ISO base media boxes (ISO/IEC 14496-12:2022, 4.2): size, name, content. It looks only at
 *
 *      ftyp  moov ─┬─ mvhd            moof  mdat
 *                  ├─ mvex
 *                  └─ trak ─┬─ mdia ── mdhd
 *                           └─ edts ── elst
 *
 * and steps over the rest. A box ends within its parent or the walk stops; the number of boxes
 * looked at is bounded, so that a file of eight-byte boxes ends too.
 */
#include "pipeline/media/boxes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

/* A fragmented hour in fragments of a quarter second is 14,400 fragments, 28,800 boxes. */
enum { BOXES_MAX = 40000, ELST_ENTRIES_MAX = 64 };

struct box {
	char name[5];
	int64_t begin, body, end; /* offsets in the file; end is as declared */
};

struct walk {
	int fd;
	int64_t bytes;
	int seen;
	int64_t first_moov, first_mdat; /* -1: none yet */
	int64_t track_scale;		/* ticks a second; 0: not read yet */
	int64_t edit_start;		/* of the current track; -1: no single entry */
	enum boxes_edits track_edits;
	struct boxes *out;
	struct err *err;
};

static bool read_at(struct walk *walk, int64_t at, void *to, size_t len)
{
	char *put = to;

	while (len) {
		ssize_t got = pread(walk->fd, put, len, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(walk->err, ERR_RETRY, "reading at byte %lld",
					 (long long)at);
		if (got == 0)
			return err_set(walk->err, ERR_REJECT,
				       "the file ends inside a box, at byte %lld", (long long)at);
		put += got;
		at += got;
		len -= (size_t)got;
	}
	return true;
}

static uint32_t u32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t u64(const unsigned char *at)
{
	return (uint64_t)u32(at) << 32 | u32(at + 4);
}

static void name_box(struct box *box, const unsigned char *name)
{
	for (int i = 0; i < 4; i++)
		box->name[i] = name[i] >= 32 && name[i] < 127 ? (char)name[i] : '?';
	box->name[4] = '\0';
}

/* Reads the header of the box at `at`; `end` is where its parent ends. */
static bool read_box(struct walk *walk, int64_t at, int64_t end, struct box *out)
{
	unsigned char head[16];
	uint64_t size, header = 8;

	if (++walk->seen > BOXES_MAX)
		return err_set(walk->err, ERR_REJECT, "more than %d boxes", BOXES_MAX);
	if (!read_at(walk, at, head, 8))
		return false;
	name_box(out, head + 4);
	size = u32(head);
	if (size == 1) {
		if (end - at < 16)
			return err_set(walk->err, ERR_REJECT,
				       "box '%s' at byte %lld has no room for its size", out->name,
				       (long long)at);
		if (!read_at(walk, at + 8, head + 8, 8))
			return false;
		size = u64(head + 8);
		header = 16;
	} else if (size == 0) { /* "to the end" */
		size = (uint64_t)(end - at);
	}
	if (size < header || size > INT64_MAX / 2)
		return err_set(walk->err, ERR_REJECT,
			       "box '%s' at byte %lld has the impossible size %llu", out->name,
			       (long long)at, (unsigned long long)size);
	out->begin = at;
	out->body = at + (int64_t)header;
	out->end = at + (int64_t)size;
	return true;
}

typedef bool visit_fn(struct walk *walk, const struct box *box);

/* Calls visit for every child. A child that reaches beyond its parent contradicts it. */
static bool each_child(struct walk *walk, const struct box *parent, visit_fn *visit)
{
	struct box box;

	/* fewer than eight bytes cannot be a box: QuickTime ends some lists with four zero bytes */
	for (int64_t at = parent->body; parent->end - at >= 8; at = box.end) {
		if (!read_box(walk, at, parent->end, &box))
			return false;
		if (box.end > parent->end)
			return err_set(walk->err, ERR_REJECT,
				       "box '%s' at byte %lld reaches beyond its parent '%s'",
				       box.name, (long long)box.begin, parent->name);
		if (!visit(walk, &box))
			return false;
	}
	return true;
}

static bool is_named(const struct box *box, const char *name)
{
	return strcmp(box->name, name) == 0;
}

/* The time scale in mvhd and mdhd stands at the same place. */
static bool read_scale(struct walk *walk, const struct box *box, int64_t *out)
{
	unsigned char body[24];

	if (box->end - box->body < (int64_t)sizeof(body))
		return err_set(walk->err, ERR_REJECT, "box '%s' is too short", box->name);
	if (!read_at(walk, box->body, body, sizeof(body)))
		return false;
	*out = u32(body + (body[0] == 1 ? 20 : 12));
	return true;
}

/* One entry at speed 1: where in the track it starts decides, but mdhd may come after edts. */
static bool visit_elst(struct walk *walk, const struct box *box)
{
	unsigned char body[8 + 20] = { 0 };
	int64_t len = box->end - box->body;
	bool is_wide;

	if (!is_named(box, "elst"))
		return true;
	if (len < 8)
		return err_set(walk->err, ERR_REJECT, "box 'elst' is too short");
	if (!read_at(walk, box->body, body, (size_t)(len < 28 ? len : 28)))
		return false;
	is_wide = body[0] == 1;
	if (u32(body + 4) == 0)
		return true;
	if (u32(body + 4) > 1 || len < (is_wide ? 28 : 20) ||
	    u32(body + (is_wide ? 24 : 16)) != 0x10000) {
		walk->track_edits = BOXES_REAL_EDITS;
		return true;
	}
	walk->edit_start = is_wide ? (int64_t)u64(body + 16) : (int32_t)u32(body + 12);
	if (walk->edit_start < 0) /* an empty edit: the track begins with nothing */
		walk->track_edits = BOXES_REAL_EDITS;
	return true;
}

static bool visit_mdia(struct walk *walk, const struct box *box)
{
	return !is_named(box, "mdhd") || read_scale(walk, box, &walk->track_scale);
}

static bool visit_trak(struct walk *walk, const struct box *box)
{
	if (is_named(box, "edts"))
		return each_child(walk, box, visit_elst);
	if (is_named(box, "mdia"))
		return each_child(walk, box, visit_mdia);
	return true;
}

static bool read_track(struct walk *walk, const struct box *box)
{
	walk->track_edits = BOXES_NO_EDITS;
	walk->track_scale = 0;
	walk->edit_start = 0;
	if (!each_child(walk, box, visit_trak))
		return false;
	/* 0.2 s holds the delay of every encoder (three B-frames at 24 fps, AAC's 2112 samples) and
	 * no cut anybody made on purpose */
	if (walk->track_edits == BOXES_NO_EDITS && walk->edit_start > 0)
		walk->track_edits = walk->edit_start <= walk->track_scale / 5 ? BOXES_DELAY_EDITS
									      : BOXES_REAL_EDITS;
	if (walk->track_edits > walk->out->edits)
		walk->out->edits = walk->track_edits;
	walk->out->tracks++;
	return true;
}

static bool visit_moov(struct walk *walk, const struct box *box)
{
	if (is_named(box, "trak"))
		return read_track(walk, box);
	if (is_named(box, "mvex"))
		walk->out->is_fragmented = true;
	return true;
}

static bool visit_top(struct walk *walk, const struct box *box)
{
	if (is_named(box, "mdat") && walk->first_mdat < 0)
		walk->first_mdat = box->begin;
	if (!is_named(box, "moov"))
		return true;
	if (walk->first_moov >= 0)
		return err_set(walk->err, ERR_REJECT, "two 'moov' boxes");
	walk->first_moov = box->begin;
	/* cut off in its middle: nothing in it can be trusted, the caller refuses the file */
	return box->end > walk->bytes || each_child(walk, box, visit_moov);
}

/* True when the eight bytes there do not even have a name. */
static bool is_junk(struct walk *walk, int64_t at)
{
	unsigned char head[8];
	struct box box;

	if (!read_at(walk, at, head, sizeof(head)))
		return true;
	name_box(&box, head + 4);
	return strchr(box.name, '?') != NULL;
}

bool boxes_read(int fd, int64_t bytes, struct boxes *out, struct err *err)
{
	struct boxes found = { 0 };
	struct walk walk = { .fd = fd,
			     .bytes = bytes,
			     .first_moov = -1,
			     .first_mdat = -1,
			     .out = &found,
			     .err = err };
	struct box box;

	for (int64_t at = 0; bytes - at >= 8; at = box.end) {
		if (walk.first_moov >= 0 && walk.first_mdat >= 0 && is_junk(&walk, at))
			break; /* some tools leave a trailer behind the last box */
		if (!read_box(&walk, at, bytes, &box) || !visit_top(&walk, &box))
			return false;
		if (box.end > bytes) {
			found.missing_bytes = box.end - bytes;
			memcpy(found.cut_box, box.name, sizeof(found.cut_box));
			break;
		}
	}
	found.has_moov = walk.first_moov >= 0;
	found.has_mdat = walk.first_mdat >= 0;
	found.is_moov_first =
		found.has_moov && (!found.has_mdat || walk.first_moov < walk.first_mdat);
	*out = found;
	return true;
}
