/*
 * Copying media out of the store. Names on disk come from variant names, made safe and unique.
 */
#include "cli/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { POSTER_MAX = 4 << 20 };

const char *gather_suffix(const char *mime, const char *kind)
{
	static const struct {
		const char *mime, *suffix;
	} known[] = {
		{ "video/mp4", ".mp4" },       { "video/webm", ".webm" },
		{ "video/quicktime", ".mov" }, { "image/png", ".png" },
		{ "image/jpeg", ".jpg" },      { "image/webp", ".webp" },
		{ "audio/mpeg", ".mp3" },      { "audio/wav", ".wav" },
		{ "audio/mp4", ".m4a" },       { "video/x-matroska", ".mkv" },
	};

	for (size_t i = 0; mime && i < ARRAY_LEN(known); i++)
		if (!strcmp(mime, known[i].mime))
			return known[i].suffix;
	if (kind && !strcmp(kind, "image"))
		return ".png";
	return kind && !strcmp(kind, "audio") ? ".m4a" : ".mp4";
}

static bool copy_bytes(int from, int to, const char *path, struct err *err)
{
	off_t left;
	struct stat at;

	if (!ioctl(to, FICLONE, from))
		return true;
	if (fstat(from, &at) < 0)
		return err_errno(err, ERR_RETRY, "%s", path);
	for (left = at.st_size; left > 0;) {
		ssize_t done = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);

		if (done <= 0 && errno != EINTR)
			break;
		left -= done > 0 ? done : 0;
	}
	if (!left)
		return true;
	/* Some file systems cannot: by hand from where it stopped. */
	for (;;) {
		char block[65536];
		ssize_t got = read(from, block, sizeof(block));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_RETRY, "%s", path);
		if (!got)
			return true;
		if (!file_write_all(to, block, (size_t)got, err))
			return err_context(err, "%s", path);
	}
}

static bool copy_whole(const char *from_path, const char *to_path, struct err *err)
{
	DEFER(freep) char *part = xasprintf("%s.part", to_path);
	DEFER(file_closep) int from = open(from_path, O_RDONLY | O_CLOEXEC);
	DEFER(file_closep) int to = -1;

	if (from < 0)
		return err_errno(err, ERR_RETRY, "%s", from_path);
	to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (to < 0)
		return err_errno(err, ERR_OPERATOR, "%s", part);
	if (copy_bytes(from, to, part, err) && rename(part, to_path) == 0)
		return true;
	if (!err->kind)
		err_errno(err, ERR_OPERATOR, "%s", to_path);
	unlink(part);
	return false;
}

bool gather_copy(struct store *store, const char *media, const char *to, struct err *err)
{
	DEFER(freep) char *from = NULL;
	struct store_item item;

	return store_find(store, media, &item, err) && store_path(store, &item, &from, err) &&
	       copy_whole(from, to, err);
}

/* Two variants may have names that become one on disk. */
static const char *unique_name(const struct sheet *sheet, const struct sheet_card *card,
			       struct arena *arena)
{
	const char *suffix = gather_suffix(card->mime, card->kind);
	const char *name = sheet_file_name(card->name, suffix, arena);

	for (const struct sheet_card *other = sheet->cards; other < card; other++)
		if (other->file && strstr(other->file, name) &&
		    !strcmp(strstr(other->file, name), name))
			return arena_printf(arena, "%s-%lld%s",
					    sheet_file_name(card->name, "", arena),
					    (long long)card->index, suffix);
	return name;
}

/* A path as a relative URL: names hold spaces, '#', '%' and '?'. */
static const char *url_of(const char *path, struct arena *arena)
{
	DEFER(buf_done) struct buf out = { 0 };

	for (const unsigned char *at = (const unsigned char *)path; *at; at++)
		if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
		    (*at >= '0' && *at <= '9') || strchr("-_./~", *at))
			buf_putc(&out, (char)*at);
		else
			buf_printf(&out, "%%%02X", *at);
	return arena_strdup(arena, out.data ? out.data : "");
}

/* A medium that another host's store has is no reason to have no sheet. */
static bool note_missing(struct sheet_card *card, struct err *err, struct arena *arena)
{
	if (err->kind != ERR_REJECT)
		return false;
	card->left_out = arena_printf(arena, "its media is not in this store: %s", err->text);
	*err = (struct err){ 0 };
	return true;
}

static bool gather_poster(struct store *store, struct sheet_card *card, const char *folder,
			  const char *relative, struct arena *arena, struct err *err)
{
	const char *name;

	if (!card->poster_media)
		return true;
	name = arena_printf(arena, "%lld.jpg", (long long)card->index);
	if (!gather_copy(store, card->poster_media,
			 arena_printf(arena, "%s/posters/%s", folder, name), err)) {
		if (err->kind != ERR_REJECT)
			return false;
		*err = (struct err){ 0 }; /* a clip shows its first frame without one */
		return true;
	}
	card->poster = url_of(arena_printf(arena, "%sposters/%s", relative, name), arena);
	return true;
}

bool gather_files(struct store *store, struct sheet *sheet, const char *folder,
		  const char *relative_to_sheet, struct arena *arena, struct err *err)
{
	if (!file_make_dirs(arena_printf(arena, "%s/posters", folder), 0755, err))
		return false;
	for (size_t i = 0; i < sheet->count; i++) {
		struct sheet_card *card = &sheet->cards[i];
		const char *name;

		if (!gather_poster(store, card, folder, relative_to_sheet, arena, err))
			return false;
		if (!card->media)
			continue;
		name = unique_name(sheet, card, arena);
		if (!gather_copy(store, card->media, arena_printf(arena, "%s/%s", folder, name),
				 err)) {
			if (!note_missing(card, err, arena))
				return false;
			continue;
		}
		card->file = arena_printf(arena, "%s%s", relative_to_sheet, name);
		card->src = url_of(card->file, arena);
	}
	rmdir(arena_printf(arena, "%s/posters", folder)); /* stays when it is not empty */
	return true;
}

static const char *base64(const struct buf *bytes, const char *mime, struct arena *arena)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = (const unsigned char *)bytes->data;
	size_t head = strlen(mime) + strlen("data:;base64,");
	char *out = arena_alloc(arena, head + (bytes->len + 2) / 3 * 4 + 1), *to = out + head;

	snprintf(out, head + 1, "data:%s;base64,", mime);
	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t have = bytes->len - i;
		unsigned long group = (unsigned long)at[i] << 16 |
				      (have > 1 ? (unsigned long)at[i + 1] << 8 : 0) |
				      (have > 2 ? at[i + 2] : 0);

		*to++ = letters[group >> 18];
		*to++ = letters[group >> 12 & 63];
		*to++ = have > 1 ? letters[group >> 6 & 63] : '=';
		*to++ = have > 2 ? letters[group & 63] : '=';
	}
	*to = '\0';
	return out;
}

static bool inline_one(struct store *store, const char *media, const char *mime, size_t limit,
		       const char **out, struct arena *arena, struct err *err)
{
	DEFER(freep) char *path = NULL;
	DEFER(buf_done) struct buf bytes = { 0 };
	struct store_item item;

	if (!store_find(store, media, &item, err) || !store_path(store, &item, &path, err) ||
	    !file_read(path, limit, &bytes, err))
		return false;
	*out = base64(&bytes, mime, arena);
	return true;
}

bool gather_inline(struct store *store, struct sheet *sheet, int64_t limit, struct arena *arena,
		   struct err *err)
{
	int64_t left = limit;

	for (size_t i = 0; i < sheet->count; i++) {
		struct sheet_card *card = &sheet->cards[i];

		if (card->poster_media && !inline_one(store, card->poster_media, "image/jpeg",
						      POSTER_MAX, &card->poster, arena, err)) {
			if (err->kind != ERR_REJECT)
				return false;
			*err = (struct err){ 0 }; /* as in gather_poster */
		}
		if (!card->media)
			continue;
		if (card->bytes > left) {
			card->left_out = "clip left out: the page has its limit of clips; a sheet "
					 "with -o DIR has them all as files";
			continue;
		}
		if (!inline_one(store, card->media, card->mime ? card->mime : "video/mp4",
				(size_t)left, &card->src, arena, err)) {
			if (!note_missing(card, err, arena))
				return false;
			continue;
		}
		left -= card->bytes;
	}
	return true;
}
