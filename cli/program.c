/*
 * fork and exec of other programs. The child puts signals back to their defaults, because ours
 * ignore SIGPIPE, and reports a failed exec through a pipe that a good exec closes.
 */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

enum { OUTPUT_LIMIT = 16 << 20 };

char *program_on_path(const char *name)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		size_t len = strcspn(path, ":");
		char *full = xasprintf("%.*s/%s", (int)len, path, name);

		if (len && !access(full, X_OK))
			return full;
		free(full);
		path += len + (path[len] == ':');
	}
	return NULL;
}

char *program_sibling(const char *name)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		char *slash, *full;

		self[len] = '\0';
		slash = strrchr(self, '/');
		full = xasprintf("%.*s/%s", (int)(slash - self), self, name);
		if (!access(full, X_OK))
			return full;
		free(full);
	}
	return program_on_path(name);
}

static void child_reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
}

static NORETURN void child_exec(const char *const *argv, int report)
{
	int number;

	execv(argv[0], (char *const *)(uintptr_t)argv);
	number = errno;
	(void)!write(report, &number, sizeof(number));
	_exit(127);
}

/* True when the exec went through: the pipe closed without a word. */
static bool exec_succeeded(int report, const char *program, struct err *err)
{
	int number;
	ssize_t got;

	do
		got = read(report, &number, sizeof(number));
	while (got < 0 && errno == EINTR);
	if (got != sizeof(number))
		return true;
	errno = number;
	return err_errno(err, ERR_OPERATOR, "%s", program);
}

static bool pipes_open(int (*pipes)[2], int count, struct err *err)
{
	for (int i = 0; i < count; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return err_errno(err, ERR_RETRY, "pipe");
	return true;
}

static void pipes_close(int (*pipes)[2], int count)
{
	for (int i = 0; i < count; i++) {
		file_closep(&pipes[i][0]);
		file_closep(&pipes[i][1]);
	}
}

/* Reads what is there; false at the end of the stream. */
static bool gather(int fd, struct buf *out)
{
	ssize_t got;

	buf_reserve(out, 65536);
	got = read(fd, out->data + out->len, 65536);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	if (out->len + (size_t)got <= OUTPUT_LIMIT) {
		out->len += (size_t)got;
		out->data[out->len] = '\0';
	}
	return got > 0;
}

static void gather_both(int out_fd, int err_fd, struct buf *out, struct buf *errors)
{
	struct pollfd fds[2] = { { out_fd, POLLIN, 0 }, { err_fd, POLLIN, 0 } };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && !gather(out_fd, out))
			fds[0].fd = -1;
		if (fds[1].revents && !gather(err_fd, errors))
			fds[1].fd = -1;
	}
}

bool program_run(const char *const *argv, struct buf *out, struct buf *errors, int *out_status,
		 struct err *err)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }; /* stdout, stderr, exec's word */
	pid_t child = -1;
	bool is_good;

	if (!pipes_open(pipes, 3, err) || (child = fork()) < 0) {
		pipes_close(pipes, 3);
		return child < 0 ? err_errno(err, ERR_RETRY, "fork") : false;
	}
	if (child == 0) {
		int null = open("/dev/null", O_RDONLY);

		child_reset();
		dup2(null, 0);
		dup2(pipes[0][1], 1);
		dup2(pipes[1][1], 2);
		child_exec(argv, pipes[2][1]);
	}
	for (int i = 0; i < 3; i++)
		file_closep(&pipes[i][1]);
	is_good = exec_succeeded(pipes[2][0], argv[0], err);
	gather_both(pipes[0][0], pipes[1][0], out, errors);
	pipes_close(pipes, 3);
	while (waitpid(child, out_status, 0) < 0 && errno == EINTR)
		continue;
	return is_good;
}

static NORETURN void detached(const char *const *argv, const char *log, int keep_fd,
			      const char *const *environment, int report)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	setsid();
	child_reset();
	dup2(null, 0);
	dup2(file >= 0 ? file : null, 1);
	dup2(file >= 0 ? file : null, 2);
	if (keep_fd >= 0)
		fcntl(keep_fd, F_SETFD, 0);
	for (; environment && *environment; environment++)
		putenv((char *)(uintptr_t)*environment);
	child_exec(argv, report);
}

bool program_detach(const char *const *argv, const char *log, int keep_fd,
		    const char *const *environment, int *out_pid, struct err *err)
{
	int report[1][2] = { { -1, -1 } };
	bool is_good;
	pid_t child;

	if (!pipes_open(report, 1, err))
		return false;
	child = fork();
	if (child == 0)
		detached(argv, log, keep_fd, environment, report[0][1]);
	file_closep(&report[0][1]);
	is_good = child < 0 ? err_errno(err, ERR_RETRY, "fork")
			    : exec_succeeded(report[0][0], argv[0], err);
	pipes_close(report, 1);
	*out_pid = child;
	return is_good;
}
