/*
 * The logger: the only mutable global of the project, because a line may come from anywhere.
 * Newlines and control characters inside an event are made visible: one event is always one line.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static struct {
	const char *program;
	enum log_level level;
	bool is_journal, may_block;
	unsigned dropped;
	char context[160];
} logger = { .program = "reeld", .level = LOG_LEVEL_INFO, .may_block = true };

static bool stderr_is_journal(const struct stat *at)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       device == at->st_dev && inode == at->st_ino;
}

void log_init(const char *program, enum log_level level)
{
	struct stat at;

	logger.program = program;
	logger.level = level;
	if (fstat(STDERR_FILENO, &at) < 0)
		return;
	logger.is_journal = stderr_is_journal(&at);
	/* A file or a terminal takes a line; a pipe or socket may have a reader that stopped
	 * reading. */
	logger.may_block = !S_ISFIFO(at.st_mode) && !S_ISSOCK(at.st_mode);
}

void log_set_level(enum log_level level)
{
	logger.level = level;
}

void log_set_context(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(logger.context, sizeof(logger.context), format, args);
	va_end(args);
}

static bool stderr_has_room(void)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* A pipe is writable when PIPE_BUF (4096) bytes fit, so one line never blocks after this.
	 */
	return logger.may_block || (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT));
}

static size_t append(char *line, size_t used, const char *format, ...) PRINTF_LIKE(3, 4);
static size_t append(char *line, size_t used, const char *format, ...)
{
	va_list args;
	int more;

	va_start(args, format);
	more = vsnprintf(line + used, LINE_MAX_BYTES - 1 - used, format, args);
	va_end(args);
	used += (size_t)more;
	return used < LINE_MAX_BYTES - 1 ? used : LINE_MAX_BYTES - 2;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	int saved = errno;
	size_t used = 0, event;
	va_list args;
	ssize_t written;

	if (level > logger.level)
		return;
	if (logger.is_journal)
		used = append(line, used, "<%d>", (int)level);
	else
		used = append(line, used, "%s: %s", logger.program,
			      level == LOG_LEVEL_ERR	? "error: "
			      : level == LOG_LEVEL_WARN ? "warning: "
							: "");
	event = used;
	if (logger.context[0])
		used = append(line, used, "%s ", logger.context);
	va_start(args, format);
	errno = saved;
	int more = vsnprintf(line + used, LINE_MAX_BYTES - 1 - used, format, args);
	va_end(args);
	used += (size_t)more;
	if (used > LINE_MAX_BYTES - 2)
		used = LINE_MAX_BYTES - 2;
	if (logger.dropped)
		used = append(line, used, " log_lines_dropped=%u", logger.dropped);
	for (size_t i = event; i < used; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[used++] = '\n';

	if (!stderr_has_room()) {
		logger.dropped++;
	} else {
		written = write(STDERR_FILENO, line, used);
		if (written == (ssize_t)used)
			logger.dropped = 0;
		else
			logger.dropped++;
	}
	errno = saved;
}
