/*
 * Builds the box in the order that makes each wall possible: limits, no new privileges (without
 * which the others need root), landlock (needs to open paths), seccomp last (forbids the calls that
 * built the rest). The system calls a stage may make are in syscalls.c.
 *
 * The second half is what the walls say: handlers for the signals that mean "a limit was reached",
 * which are the only mutable file-scope state here, because a signal handler has no other.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/macros.h"
#include "worker/syscalls.h"

/* Rights of later kernels than the headers of Debian 12 know (linux/landlock.h of 6.2 and 6.10). */
#define FS_TRUNCATE  (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                         \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |  \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER)
#define FS_NEVER                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |   \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
/* What a rule on a single file may hold. */
#define FS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

enum {
	FILES_MAX = 256,
	CPU_GRACE_S = 2, /* between SIGXCPU and SIGKILL */
	MEMORY_PROBE_BYTES = 32 << 20,
	SANITIZER_SHIFT = 40,
};

static struct {
	struct sandbox_rules rules;
	unsigned char stack[32 << 10] __attribute__((aligned(16)));
} box;

void sandbox_prepare(void)
{
	syscalls_prepare();
}

int sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	/* ABI 1 refuses every rename from one folder to another, which is how the store commits. */
	return abi >= 2 ? (int)abi : 0;
}

static uint64_t writes_of(int abi)
{
	return FS_WRITE | (abi >= 3 ? FS_TRUNCATE : 0);
}

static bool allow_path(int ruleset, const char *path, uint64_t rights, struct err *err)
{
	DEFER(file_closep) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	struct stat at;

	if (fd < 0 || fstat(fd, &at) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ||
		       err_errno(err, ERR_OPERATOR, "sandbox: %s", path);
	if (!S_ISDIR(at.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
		return true;
	err_errno(err, ERR_OPERATOR, "sandbox: landlock rule for %s", path);
	return false;
}

static bool allow_paths(int ruleset, const char *const *paths, uint64_t rights, struct err *err)
{
	for (size_t i = 0; paths && paths[i]; i++)
		if (!allow_path(ruleset, paths[i], rights, err))
			return false;
	return true;
}

static int64_t mapped_bytes(void)
{
	char text[64] = "";
	DEFER(file_closep) int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	long long pages = 0;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%lld", &pages) != 1)
		return 0;
	return pages * sysconf(_SC_PAGESIZE);
}

/* Address sanitizers map terabytes: then nothing can be limited, and they read their own maps. */
static bool is_sanitized(void)
{
	return mapped_bytes() >> SANITIZER_SHIFT;
}

static bool enter_landlock(const struct sandbox_rules *rules, struct err *err)
{
	int abi = sandbox_landlock_abi();
	struct landlock_ruleset_attr attributes = {
		.handled_access_fs =
			FS_READ | FS_NEVER | writes_of(abi) | (abi >= 5 ? FS_IOCTL_DEV : 0),
	};
	DEFER(file_closep) int ruleset = -1;

	if (!abi)
		return true; /* said once by the parent, not by each child */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (ruleset < 0)
		return err_errno(err, ERR_OPERATOR, "sandbox: landlock");
	if ((is_sanitized() && !allow_path(ruleset, "/proc/self/maps", FS_READ, err)) ||
	    !allow_paths(ruleset, rules->read_only, FS_READ, err) ||
	    !allow_paths(ruleset, rules->read_write, FS_READ | writes_of(abi), err))
		return false;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(err, ERR_OPERATOR, "sandbox: landlock");
	return true;
}

static bool limit(__rlimit_resource_t resource, int64_t soft, int64_t hard, struct err *err)
{
	struct rlimit now, wanted;

	if (getrlimit(resource, &now) < 0)
		return err_errno(err, ERR_OPERATOR, "sandbox: getrlimit");
	wanted.rlim_max = (rlim_t)hard < now.rlim_max ? (rlim_t)hard : now.rlim_max;
	wanted.rlim_cur = (rlim_t)soft < wanted.rlim_max ? (rlim_t)soft : wanted.rlim_max;
	if (setrlimit(resource, &wanted) < 0)
		return err_errno(err, ERR_OPERATOR, "sandbox: setrlimit");
	return true;
}

static bool enter_limits(const struct sandbox_rules *rules, struct err *err)
{
	int64_t memory = mapped_bytes() + rules->memory_bytes;

	if (rules->memory_bytes && !is_sanitized() && !limit(RLIMIT_AS, memory, memory, err))
		return false;
	if (rules->file_bytes && !limit(RLIMIT_FSIZE, rules->file_bytes, rules->file_bytes, err))
		return false;
	if (rules->cpu_s && !limit(RLIMIT_CPU, rules->cpu_s, rules->cpu_s + CPU_GRACE_S, err))
		return false;
	return limit(RLIMIT_NOFILE, FILES_MAX, FILES_MAX, err) && limit(RLIMIT_CORE, 0, 0, err);
}

bool sandbox_is_out_of_memory(void)
{
	void *probe = mmap(NULL, MEMORY_PROBE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (probe == MAP_FAILED)
		return true;
	munmap(probe, MEMORY_PROBE_BYTES);
	return false;
}

static NORETURN void end_with(enum verdict_class class, const char *text)
{
	box.rules.last_words(box.rules.context, class, text);
	_exit(1);
}

/* The process is inside one system call, which the filter refused: formatting is safe enough here,
 * writing through stdio would not be. */
static void on_blocked_call(int signal, siginfo_t *info, void *context)
{
	char text[256];
	int number = info->si_syscall;

	(void)signal, (void)context;
	snprintf(text, sizeof(text),
		 "the sandbox blocked system call %s (%d): the media may be made to attack its "
		 "decoder; if it is good, please report this",
		 syscalls_name(number), number);
	end_with(VERDICT_PERMANENT, text);
}

static void on_cpu_limit(int signal)
{
	struct rlimit now = { 0 }; /* an expression runs under a lower one than the stage */
	char text[128];

	(void)signal;
	getrlimit(RLIMIT_CPU, &now);
	/* with the signal the kernel moves the soft limit on by a second (setrlimit(2)) */
	snprintf(text, sizeof(text), "it used more than its limit of %lld s of CPU time",
		 (long long)now.rlim_cur - 1);
	end_with(VERDICT_TIMEOUT, text);
}

/* Our own allocator aborts when malloc gives nothing (errno still says so), a library walks into
 * the NULL. Anything else is a crash: the signal is raised again with its default action. */
static void on_crash(int signal)
{
	char text[128];

	if (box.rules.memory_bytes && (errno == ENOMEM || sandbox_is_out_of_memory())) {
		snprintf(text, sizeof(text),
			 "the stage needed more than its %lld MiB of memory (media_memory)",
			 (long long)(box.rules.memory_bytes >> 20));
		end_with(VERDICT_RESOURCES, text);
	}
	raise(signal); /* SA_RESETHAND: this one kills */
}

static void handle(int signal, void (*handler)(int), unsigned flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = (int)flags };
	struct sigaction before;

	/* A sanitizer's own handler tells more than ours. */
	if (sigaction(signal, NULL, &before) == 0 && before.sa_handler != SIG_DFL)
		return;
	sigaction(signal, &action, NULL);
}

static void enter_handlers(void)
{
	struct sigaction blocked = { .sa_sigaction = on_blocked_call,
				     .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_sp = box.stack, .ss_size = sizeof(box.stack) };

	sigaltstack(&stack, NULL); /* a stack that overflowed cannot hold the handler */
	sigaction(SIGSYS, &blocked, NULL);
	handle(SIGXCPU, on_cpu_limit, SA_ONSTACK);
	handle(SIGABRT, on_crash, SA_ONSTACK | SA_RESETHAND);
	handle(SIGSEGV, on_crash, SA_ONSTACK | SA_RESETHAND);
	handle(SIGBUS, on_crash, SA_ONSTACK | SA_RESETHAND);
	signal(SIGXFSZ, SIG_IGN); /* write gives EFBIG, which has words */
}

bool sandbox_enter(const struct sandbox_rules *rules, struct err *err)
{
	box.rules = *rules;
	enter_handlers();
	if (!enter_limits(rules, err))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, ERR_OPERATOR, "sandbox: no_new_privs");
	return enter_landlock(rules, err) && syscalls_restrict(err);
}
