/*
 * Everything is prepared before the fork; between fork and exec only calls that are safe there.
 */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/wire.h"

extern char **environ;

/* Signals that mean "end" to a whole process group or control group (a terminal's ^C, systemd's
 * KillMode=control-group). Only the supervisor acts on them: a worker ends on DRAIN or on end of
 * file, so that nothing on the wire is cut. */
static const int ignored_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* What a worker must not inherit: our notify socket (it could say READY for us), sockets passed to
 * us, the password in the farm's address; secrets unless it is the one that uses them. */
static bool is_inherited(const char *variable, const struct kind *kind)
{
	static const char *const private_ones[] = {
		"NOTIFY_SOCKET=", "WATCHDOG_USEC=",  "WATCHDOG_PID=",  "LISTEN_FDS=",
		"LISTEN_PID=",	  "LISTEN_FDNAMES=", "REEL_REDIS_URL="
	};

	for (size_t i = 0; i < ARRAY_LEN(private_ones); i++)
		if (starts_with(variable, private_ones[i]))
			return false;
	return (kind->caps & KIND_HOLDS_SECRETS) ||
	       !starts_with(variable, "CREDENTIALS_DIRECTORY=");
}

/* Borrows the strings. Caller frees the array. */
static char **make_environment(const struct kind *kind)
{
	size_t count = 0, kept = 0;
	char **out;

	while (environ[count])
		count++;
	out = xcalloc(count + 1, sizeof(*out));
	for (size_t i = 0; i < count; i++)
		if (is_inherited(environ[i], kind))
			out[kept++] = environ[i];
	return out;
}

/* Sealed, because a worker that shrinks it would take us down with SIGBUS. */
static bool make_page(int *out_fd, volatile uint64_t **out, struct err *err)
{
	DEFER(file_closep) int fd = memfd_create("reel-step", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *page;

	if (fd < 0 || ftruncate(fd, WIRE_PAGE_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_errno(err, ERR_RETRY, "shared page");
	page = mmap(NULL, WIRE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return err_errno(err, ERR_RETRY, "shared page");
	*out = page;
	*out_fd = fd;
	fd = -1;
	return true;
}

static bool reset_signals(void)
{
	struct sigaction reset = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		(void)sigaction(signal_number, &reset, NULL); /* some cannot be set: fine */
	reset.sa_handler = SIG_IGN;
	for (size_t i = 0; i < ARRAY_LEN(ignored_signals); i++)
		(void)sigaction(ignored_signals[i], &reset, NULL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* A limit of 1 byte, not 0: the kernel obeys 0 only for core files, and 1 also when core_pattern
 * is a pipe to a program (fs/coredump.c, Linux 6.1: "limit of 1 here as a special value"). */
static bool limit_core(void)
{
	const struct rlimit none = { 1, 1 };

	return setrlimit(RLIMIT_CORE, &none) == 0;
}

/* Thousands of connections: select() is used nowhere. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* it says so itself when it runs out */
}

static bool bind_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return false;
	return getppid() == parent; /* it may have died before the call above */
}

/* 0 from /dev/null, 1 to where 2 goes, 3 the channel, 4 the page, nothing else. Both are first
 * moved out of the way of these numbers. */
static bool arrange_files(int channel_fd, int page_fd)
{
	int nothing = open("/dev/null", O_RDWR);
	int channel = fcntl(channel_fd, F_DUPFD, 10);
	int page = page_fd < 0 ? -1 : fcntl(page_fd, F_DUPFD, 10);

	if (nothing < 0 || channel < 0 || dup2(nothing, 0) < 0)
		return false;
	if (fcntl(2, F_GETFD) < 0 && dup2(nothing, 2) < 0)
		return false;
	if (dup2(2, 1) < 0 || dup2(channel, WIRE_FD) < 0)
		return false;
	if (page >= 0 && dup2(page, WIRE_PAGE_FD) < 0)
		return false;
	return close_range(page >= 0 ? WIRE_PAGE_FD + 1 : WIRE_FD + 1, ~0u, 0) == 0;
}

static NORETURN void become_worker(const struct kind *kind, char **argv, char **environment,
				   pid_t parent, int channel_fd, int page_fd)
{
	unsigned caps = kind->caps;

	if (!reset_signals() || setsid() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(SPAWN_EXIT_SETUP);
	if ((caps & KIND_DIES_WITH_US) && !bind_to_parent(parent))
		_exit(SPAWN_EXIT_SETUP);
	if ((caps & KIND_HOLDS_SECRETS) && !limit_core())
		_exit(SPAWN_EXIT_SETUP);
	if (caps & KIND_SHARED)
		raise_file_limit();
	if (!arrange_files(channel_fd, page_fd))
		_exit(SPAWN_EXIT_SETUP);
	execve(argv[0], argv, environment);
	_exit(SPAWN_EXIT_EXEC);
}

static bool fork_worker(const struct spawn_plan *plan, int channel_fd, int page_fd, pid_t *out,
			struct err *err)
{
	DEFER(freep) char *program = xasprintf("%s/%s", plan->folder, plan->kind->program);
	DEFER(freep) char *option = xstrdup(plan->kind->option ? plan->kind->option : "");
	DEFER(freep) char *path = xstrdup(plan->config_path ? plan->config_path : "");
	char config_option[] = "--config", *argv[5] = { program };
	size_t count = 1;
	DEFER(freep) char **environment = make_environment(plan->kind);
	pid_t parent = getpid();
	sigset_t all, before;

	if (*option)
		argv[count++] = option;
	if (*path) {
		argv[count++] = config_option;
		argv[count++] = path;
	}
	/* Blocked, so that no handler of ours runs in the child before it has reset them. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*out = fork();
	if (*out == 0)
		become_worker(plan->kind, argv, environment, parent, channel_fd, page_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return *out > 0 || err_errno(err, ERR_RETRY, "fork");
}

bool spawn_worker(const struct spawn_plan *plan, struct spawned *out, struct err *err)
{
	struct spawned made = { .pid = -1, .pidfd = -1, .channel_fd = -1 };
	DEFER(file_closep) int page_fd = -1;
	DEFER(file_closep) int theirs = -1;
	int fds[2];

	if ((plan->kind->caps & KIND_SHARED) && !make_page(&page_fd, &made.page, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		spawn_release(&made);
		return err_errno(err, ERR_RETRY, "socketpair");
	}
	made.channel_fd = fds[0];
	theirs = fds[1];
	if (!fork_worker(plan, theirs, page_fd, &made.pid, err)) {
		spawn_release(&made);
		return false;
	}
	made.pidfd = (int)syscall(SYS_pidfd_open, made.pid, 0);
	if (made.pidfd < 0) { /* out of descriptors: it sees end of file, or is killed */
		err_errno(err, ERR_RETRY, "pidfd_open");
		kill(made.pid, SIGKILL);
		spawn_release(&made);
		return false;
	}
	*out = made;
	return true;
}

void spawn_release(struct spawned *spawned)
{
	if (spawned->page)
		munmap((void *)(uintptr_t)spawned->page, WIRE_PAGE_BYTES);
	file_closep(&spawned->pidfd);
	file_closep(&spawned->channel_fd);
	spawned->page = NULL;
}
