/*
 * The child reads the data files and the matrix files, parses, expands and sends the batch; the
 * parent answers its questions about media and reads.
 *
 *      child                              parent
 *      MEDIA path          ->             probe, store
 *                          <-  id or error
 *      BATCH fingerprint, bytes  ->       done
 *      ERROR kind, text    ->             done
 *      end of file without either         the limits ended it: said so
 */
#include "cli/expand.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/data.h"
#include "cli/expand_wire.h"
#include "cli/fingerprint.h"
#include "cli/media_take.h"
#include "pipeline/spec/expr.h"

enum { SPEC_LIMIT = 1 << 20, TEXT_LIMIT = 4 << 20, FRAME_LIMIT = 1 << 30, EXPAND_CPU_S = 10 };
static const uint64_t EXPAND_ADDRESS_BYTES = 3ull << 30;

enum frame_type { FRAME_MEDIA = 1, FRAME_BATCH, FRAME_ERROR, FRAME_ID };

struct child {
	const struct config *config;
	const struct expansion *expansion;
	const char *name; /* of the spec, as the user typed it */
	char *folder;
	int fd;
	uint64_t fingerprint;
};

/* ---- frames: u32 length, u8 type, body ---- */

static bool send_frame(int fd, enum frame_type type, const struct buf *body)
{
	DEFER(buf_done) struct buf head = { 0 };
	struct err ignored;

	buf_put_u32(&head, (uint32_t)body->len);
	buf_put_u8(&head, type);
	return file_write_all(fd, head.data, head.len, &ignored) &&
	       file_write_all(fd, body->data, body->len, &ignored);
}

static bool read_exactly(int fd, char *out, size_t len)
{
	while (len) {
		ssize_t got = read(fd, out, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out += got;
		len -= (size_t)got;
	}
	return true;
}

static bool receive_frame(int fd, enum frame_type *type, struct buf *body)
{
	unsigned char head[5];
	size_t len;

	buf_clear(body);
	if (!read_exactly(fd, (char *)head, sizeof(head)))
		return false;
	len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (len > FRAME_LIMIT)
		return false;
	*type = (enum frame_type)head[4];
	buf_reserve(body, len + 1);
	body->len = len;
	body->data[len] = '\0';
	return read_exactly(fd, body->data, len);
}

static void put_error(struct buf *body, const struct err *err)
{
	buf_put_u8(body, (uint8_t)err->kind);
	buf_puts(body, err->text);
}

static bool take_error(const struct buf *body, struct err *err)
{
	return err_set(err, body->len ? (enum err_kind)body->data[0] : ERR_RETRY, "%s",
		       body->len ? body->data + 1 : "");
}

/* ---- the child ---- */

static char *beside_spec(const struct child *child, const char *path)
{
	while (!strncmp(path, "./", 2))
		path += 2 + strspn(path + 2, "/");
	return *path == '/' || !strcmp(child->folder, ".")
		       ? xstrdup(path)
		       : xasprintf("%s/%s", child->folder, path);
}

static bool child_read_text(void *context, const char *path, char **out_text, struct err *err)
{
	struct child *child = context;
	DEFER(freep) char *full = beside_spec(child, path);
	struct buf text = { 0 };

	if (!file_read(full, TEXT_LIMIT, &text, err)) {
		buf_done(&text);
		return false;
	}
	child->fingerprint = fingerprint_add(child->fingerprint, text.data, text.len);
	*out_text = buf_take(&text);
	return true;
}

static bool child_take_media(void *context, const char *path, char *out_id, struct err *err)
{
	struct child *child = context;
	DEFER(buf_done) struct buf body = { 0 };
	enum frame_type type;

	if (strncmp(path, "m_", 2)) {
		DEFER(freep) char *full = beside_spec(child, path);

		buf_puts(&body, full);
	} else {
		buf_puts(&body, path);
	}
	if (!send_frame(child->fd, FRAME_MEDIA, &body) || !receive_frame(child->fd, &type, &body))
		return err_set(err, ERR_CANCEL, "the client went away");
	if (type == FRAME_ERROR)
		return take_error(&body, err);
	snprintf(out_id, 68, "%s", body.data);
	child->fingerprint = fingerprint_add(child->fingerprint, body.data, body.len);
	return true;
}

static bool child_expand(struct child *child, struct buf *body, struct err *err)
{
	const struct spec_files files = { child_read_text, child_take_media, child };
	DEFER(catalogue_freep) struct catalogue *catalogue = NULL;
	DEFER(spec_freep) struct spec *spec = NULL;
	const struct buf *text = &child->expansion->text;
	DEFER(arena_done) struct arena arena = { 0 };
	struct spec_batch batch = { 0 };

	if (!data_load_catalogue(child->config, &catalogue, err) ||
	    !spec_parse(text->data ? text->data : "", text->len, child->name, catalogue, &spec,
			err) ||
	    !spec_expand(spec, &files, &arena, &batch, err))
		return false;
	buf_put_u64(body, child->fingerprint);
	expand_put_batch(body, &batch);
	return true;
}

static NORETURN void child_main(struct child *child)
{
	DEFER(buf_done) struct buf body = { 0 };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct err err = { 0 };

	/* The last words of a process at its limits: the parent says it once, with the spec's name.
	 */
	dup2(null, STDERR_FILENO);
	expr_limit_process(EXPAND_CPU_S, EXPAND_ADDRESS_BYTES);
	if (child_expand(child, &body, &err))
		_exit(!send_frame(child->fd, FRAME_BATCH, &body));
	buf_clear(&body);
	put_error(&body, &err);
	_exit(!send_frame(child->fd, FRAME_ERROR, &body));
}

/* ---- the parent ---- */

static void answer_media(int fd, struct media_taker *taker, const char *path)
{
	DEFER(buf_done) struct buf body = { 0 };
	char id[STORE_ID_BYTES];
	struct err err = { 0 };

	if (media_take(taker, path, id, &err)) {
		buf_puts(&body, id);
		(void)send_frame(fd, FRAME_ID, &body); /* a dead child is seen by the next read */
		return;
	}
	put_error(&body, &err);
	(void)send_frame(fd, FRAME_ERROR, &body);
}

static bool take_batch(const struct buf *body, struct expansion *out, struct err *err)
{
	struct reader reader;

	reader_init(&reader, body->data, body->len);
	out->fingerprint = reader_u64(&reader);
	if (!expand_get_batch(&reader, &out->arena, &out->batch))
		return err_set(err, ERR_RETRY, "the expanded spec arrived broken: this is a bug");
	return true;
}

/* The child ended without a word: its limits, or a crash of libjq. */
static bool explain_silence(int status, const char *name, struct err *err)
{
	bool is_limit = WIFEXITED(status)
				? WEXITSTATUS(status) == EXPR_LIMIT_EXIT
				: WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL;

	if (is_limit)
		return err_set(err, ERR_REJECT,
			       "%s: its expressions used more than %d s of CPU time: is a range or "
			       "a recursion without end in one of them?",
			       name, EXPAND_CPU_S);
	return err_set(err, ERR_REJECT,
		       "%s: expanding it ended by %s %d: its expressions ran out of memory (3 GiB "
		       "are allowed) or crashed jq",
		       name, WIFSIGNALED(status) ? "signal" : "exit status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static bool converse(int fd, pid_t child, struct media_taker *taker, struct expansion *out,
		     const char *name, struct err *err)
{
	DEFER(buf_done) struct buf body = { 0 };
	enum frame_type type = 0;
	int status = 0;

	while (receive_frame(fd, &type, &body) && type == FRAME_MEDIA) {
		answer_media(fd, taker, body.data);
		type = 0;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (type == FRAME_BATCH)
		return take_batch(&body, out, err);
	if (type == FRAME_ERROR)
		return take_error(&body, err);
	return explain_silence(status, name, err);
}

static bool run_child(struct child *child, struct media_taker *taker, struct expansion *out,
		      struct err *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, ERR_RETRY, "socketpair");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		child->fd = pair[1];
		child_main(child);
	}
	close(pair[1]);
	if (pid < 0)
		err_errno(err, ERR_RETRY, "fork");
	DEFER(file_closep) int fd = pair[0];

	return pid > 0 && converse(fd, pid, taker, out, child->name, err);
}

static bool read_stdin(struct buf *out, struct err *err)
{
	ssize_t got;

	do {
		buf_reserve(out, 65536);
		got = read(STDIN_FILENO, out->data + out->len, 65536);
		out->len += got > 0 ? (size_t)got : 0;
		if (out->len > SPEC_LIMIT)
			return err_set(err, ERR_REJECT, "stdin: larger than %d bytes", SPEC_LIMIT);
	} while (got > 0 || (got < 0 && errno == EINTR));
	out->data[out->len] = '\0';
	return true;
}

static bool read_spec(const char *path, struct expansion *out, struct err *err)
{
	if (!strcmp(path, "-")) {
		out->path = xstrdup("-");
		return read_stdin(&out->text, err);
	}
	if (!file_read(path, SPEC_LIMIT, &out->text, err))
		return false;
	out->path = realpath(path, NULL);
	return out->path || err_errno(err, ERR_REJECT, "%s", path);
}

bool expand_file(const struct config *config, const char *path, enum expand_media media,
		 struct expansion *out, struct err *err)
{
	struct child child = { .config = config, .expansion = out, .name = path };
	struct media_taker taker = { .config = config, .is_storing = media == EXPAND_STORE };
	DEFER(freep) char *copy = NULL;
	bool is_good;

	*out = (struct expansion){ 0 };
	if (!read_spec(path, out, err))
		return false;
	copy = xstrdup(*out->path == '/' ? out->path : "./-");
	child.folder = dirname(copy);
	child.name = *out->path == '/' ? path : "stdin";
	child.fingerprint = fingerprint_add(FINGERPRINT_START, out->text.data, out->text.len);
	is_good = run_child(&child, &taker, out, err);
	media_taker_done(&taker);
	return is_good;
}

void expansion_done(struct expansion *expansion)
{
	arena_done(&expansion->arena);
	buf_done(&expansion->text);
	free(expansion->path);
	*expansion = (struct expansion){ 0 };
}
