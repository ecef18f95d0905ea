/*
 * An allow list: what libav, libass, fontconfig, libjq and our own store were seen to need, each
 * group with its reason. Everything else raises SIGSYS, so that a missing row shows itself by name
 * in a test and an attack in the log; only calls that libraries try and do without get an errno.
 *
 * Not on it, on purpose: sockets of any kind, exec, fork, ptrace, kill of others, mount, bpf,
 * keyctl, io_uring, userfaultfd, perf_event_open, symbolic links.
 */
#include "worker/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/macros.h"

enum {
	NAMED_CALLS = 512,
	NAME_VMA = 0x53564d41, /* PR_SET_VMA (linux/prctl.h of 5.17): malloc names its areas */
};

/* clang-format off: one group a paragraph */
static const int allowed[] = {
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(membarrier),
	/* files; where, landlock says */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(lseek),
	SCMP_SYS(stat),
	SCMP_SYS(fstat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(truncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(utimensat),
	SCMP_SYS(umask),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(sendfile),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(pipe2),
	/* time, chance and who we are */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(times),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	/* limits: only downwards, or up to the hard one */
	SCMP_SYS(getrlimit),
	SCMP_SYS(setrlimit),
	/* signals to and in ourselves */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	/* threads: encoders and the sanitizers have some */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};
/* clang-format on */

/* Tried by libraries, which go on without. */
static const struct {
	int call, error;
} refused[] = {
	{ SCMP_SYS(clone3), ENOSYS }, /* glibc then uses clone, whose flags a filter can see */
	{ SCMP_SYS(sched_setaffinity), EPERM },
	{ SCMP_SYS(sched_setscheduler), EPERM },
	{ SCMP_SYS(sched_getscheduler), EPERM },
	{ SCMP_SYS(sched_setattr), EPERM },
	{ SCMP_SYS(sched_getattr), EPERM },
	{ SCMP_SYS(setpriority), EPERM },
	{ SCMP_SYS(ioprio_set), EPERM },
	{ SCMP_SYS(mbind), EPERM },
	{ SCMP_SYS(set_mempolicy), EPERM },
	{ SCMP_SYS(get_mempolicy), EPERM },
	{ SCMP_SYS(mlock), EPERM },
	{ SCMP_SYS(mlock2), EPERM },
	{ SCMP_SYS(fchown), EPERM },
};

static char *names[NAMED_CALLS];

void syscalls_prepare(void)
{
	for (int number = 0; number < NAMED_CALLS; number++)
		if (!names[number])
			names[number] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}

const char *syscalls_name(int number)
{
	return number >= 0 && number < NAMED_CALLS && names[number] ? names[number] : "unknown";
}

/* Calls that are allowed with certain arguments only: argument `index` is compared under `mask`. */
struct conditional {
	int call;
	uint32_t action;
	unsigned index;
	uint64_t mask, value;
};

static const uint64_t thread_flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

static int add_conditional(scmp_filter_ctx filter)
{
	const uint64_t all = UINT64_MAX;
	const struct conditional rows[] = {
		/* no code from anywhere: neither written here nor loaded later */
		{ SCMP_SYS(mmap), SCMP_ACT_ALLOW, 2, PROT_EXEC, 0 },
		{ SCMP_SYS(mmap), SCMP_ACT_ERRNO(EACCES), 2, PROT_EXEC, PROT_EXEC },
		{ SCMP_SYS(mprotect), SCMP_ACT_ALLOW, 2, PROT_EXEC, 0 },
		{ SCMP_SYS(mprotect), SCMP_ACT_ERRNO(EACCES), 2, PROT_EXEC, PROT_EXEC },
		/* threads, never processes */
		{ SCMP_SYS(clone), SCMP_ACT_ALLOW, 0, thread_flags, thread_flags },
		/* abort() and raise() */
		{ SCMP_SYS(tgkill), SCMP_ACT_ALLOW, 0, all, (uint64_t)getpid() },
		/* limits of this process, not of another */
		{ SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, 0, all, 0 },
		{ SCMP_SYS(prctl), SCMP_ACT_ALLOW, 0, all, PR_SET_NAME },
		{ SCMP_SYS(prctl), SCMP_ACT_ALLOW, 0, all, NAME_VMA },
		/* a copy in the store may share blocks with its source */
		{ SCMP_SYS(ioctl), SCMP_ACT_ALLOW, 1, all, FICLONE },
		/* asked of every file by stdio: is it a terminal? */
		{ SCMP_SYS(ioctl), SCMP_ACT_ERRNO(ENOTTY), 1, all, TCGETS },
	};
	int failed = 0;

	for (size_t i = 0; !failed && i < ARRAY_LEN(rows); i++) {
		const struct scmp_arg_cmp test = { .arg = rows[i].index,
						   .op = SCMP_CMP_MASKED_EQ,
						   .datum_a = rows[i].mask,
						   .datum_b = rows[i].value };

		failed = seccomp_rule_add_array(filter, rows[i].action, rows[i].call, 1, &test);
	}
	return failed;
}

static void filter_releasep(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

bool syscalls_restrict(struct err *err)
{
	DEFER(filter_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int failed = filter ? 0 : -1;

	for (size_t i = 0; !failed && i < ARRAY_LEN(allowed); i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !failed && i < ARRAY_LEN(refused); i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error),
					  refused[i].call, 0);
	if (!failed)
		failed = add_conditional(filter);
	if (!failed)
		failed = seccomp_load(filter);
	if (!failed)
		return true;
	return err_set(err, ERR_OPERATOR,
		       "sandbox: seccomp refused (%s); a container that forbids seccomp must allow "
		       "it for reeld",
		       strerror(-failed));
}
