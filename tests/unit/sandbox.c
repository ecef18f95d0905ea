// links: worker
/*
 * Every wall of the box, tried from the inside: each case is what code in the grip of a hostile
 * file would do, run in a child, and how the child must end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/sandbox.h"

enum { MEMORY_BYTES = 128 << 20, FILE_BYTES = 1 << 20, LETTERS = 512 };

struct fixture {
	char *root, *readable, *writable, *outside; /* folders */
};

static const struct fixture *inside; /* for the cases, which run in the child */

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");
	struct err err = { 0 };

	fixture->root = xasprintf("%s/reel-sandbox-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->root));
	fixture->readable = xasprintf("%s/readable", fixture->root);
	fixture->writable = xasprintf("%s/writable", fixture->root);
	fixture->outside = xasprintf("%s/outside", fixture->root);
	assert_true(file_make_dirs(fixture->readable, 0755, &err));
	assert_true(file_make_dirs(fixture->writable, 0755, &err));
	assert_true(file_make_dirs(fixture->outside, 0755, &err));
	for (size_t i = 0; i < 3; i++) {
		const char *const folders[] = { fixture->readable, fixture->writable,
						fixture->outside };
		DEFER(freep) char *path = xasprintf("%s/file", folders[i]);

		assert_true(file_write_atomic(path, "text", 4, 0644, &err));
	}
	inside = fixture;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *command = xasprintf("rm -rf '%s'", fixture->root);
	int status = system(command);

	free(fixture->root);
	free(fixture->readable);
	free(fixture->writable);
	free(fixture->outside);
	free(fixture);
	return status;
}

static void write_last_words(void *context, enum verdict_class class, const char *text)
{
	const int *fd = context;
	ssize_t ignored = dprintf(*fd, "%s: %s", verdict_info(class)->name, text);

	(void)ignored;
}

static char *in_folder(const char *folder, const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

/* What a child did and said. */
struct ending {
	int status;
	char words[LETTERS];
};

/* cmocka catches these to fail a test; in the child they must find what a worker has. */
static void forget_test_handlers(void)
{
	static const int caught[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGABRT };

	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		signal(caught[i], SIG_DFL);
}

static struct ending run_boxed(const struct fixture *fixture, int (*body)(void), int64_t cpu_s)
{
	const char *const read_only[] = { fixture->readable, "/nonexistent/is/fine", NULL };
	const char *const read_write[] = { fixture->writable, NULL };
	struct ending ending = { 0 };
	int pipes[2];
	pid_t pid;

	sandbox_prepare();
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct err err = { 0 };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		forget_test_handlers();
		if (!sandbox_enter(&(struct sandbox_rules){ .read_only = read_only,
							    .read_write = read_write,
							    .memory_bytes = MEMORY_BYTES,
							    .file_bytes = FILE_BYTES,
							    .cpu_s = cpu_s,
							    .last_words = write_last_words,
							    .context = &pipes[1] },
				   &err)) {
			dprintf(pipes[1], "%s", err.text);
			_exit(99);
		}
		_exit(body());
	}
	close(pipes[1]);
	for (size_t used = 0; used < LETTERS - 1;) {
		ssize_t got = read(pipes[0], ending.words + used, LETTERS - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &ending.status, 0), pid);
	return ending;
}

/* ---- what is allowed: 0 */

static int read_and_write_where_allowed(void)
{
	DEFER(freep) char *read_it = in_folder(inside->readable, "file");
	DEFER(freep) char *below = in_folder(inside->writable, "a/b");
	DEFER(freep) char *first = in_folder(inside->writable, "a/b/one");
	DEFER(freep) char *moved = in_folder(inside->writable, "two");
	DEFER(buf_done) struct buf text = { 0 };
	struct err err = { 0 };

	return !(file_read(read_it, 100, &text, &err) && file_make_dirs(below, 0755, &err) &&
		 file_write_atomic(first, "x", 1, 0644, &err) && rename(first, moved) == 0 &&
		 unlink(moved) == 0);
}

static void *touch_memory(void *context)
{
	memset(context, 1, 4096);
	return NULL;
}

static int threads_work(void)
{
	char memory[4096] = { 0 };
	pthread_t thread;

	return !(pthread_create(&thread, NULL, touch_memory, memory) == 0 &&
		 pthread_join(thread, NULL) == 0 && memory[4095] == 1);
}

static int allocations_below_the_limit_work(void)
{
	size_t size = MEMORY_BYTES / 2;
	char *memory = malloc(size);

	if (!memory)
		return 1;
	memset(memory, 1, size);
	free(memory);
	return sandbox_is_out_of_memory() ? 2 : 0;
}

static int sub_process_limits_are_set(void)
{
	struct rlimit core;

	return !(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
		 prctl(PR_SET_NAME, "boxed") == 0);
}

/* ---- what fails with an errno: 0 means it failed as it must */

static int fails_with(bool failed, int wanted)
{
	return failed && errno == wanted ? 0 : 1;
}

static int cannot_read_outside(void)
{
	DEFER(freep) char *path = in_folder(inside->outside, "file");

	return fails_with(open(path, O_RDONLY) < 0, EACCES);
}

static int cannot_read_passwords(void)
{
	return fails_with(open("/etc/passwd", O_RDONLY) < 0, EACCES);
}

static int cannot_list_the_root(void)
{
	return fails_with(open("/", O_RDONLY | O_DIRECTORY) < 0, EACCES);
}

static int cannot_read_itself_in_proc(void)
{
	return fails_with(open("/proc/self/environ", O_RDONLY) < 0, EACCES);
}

static int cannot_write_what_is_read_only(void)
{
	DEFER(freep) char *path = in_folder(inside->readable, "file");

	return fails_with(open(path, O_WRONLY) < 0, EACCES);
}

static int cannot_create_outside(void)
{
	DEFER(freep) char *path = in_folder(inside->outside, "new");

	return fails_with(open(path, O_WRONLY | O_CREAT, 0600) < 0, EACCES);
}

static int cannot_move_things_out(void)
{
	DEFER(freep) char *from = in_folder(inside->writable, "file");
	DEFER(freep) char *to = in_folder(inside->outside, "stolen");

	return fails_with(rename(from, to) < 0, EACCES) && fails_with(link(from, to) < 0, EXDEV);
}

static int cannot_reach_outside_by_a_link(void)
{
	DEFER(freep) char *path = in_folder(inside->writable, "link/file"); /* made by the test */

	return fails_with(open(path, O_RDONLY) < 0, EACCES);
}

static int cannot_load_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fails_with(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED,
			  EACCES) ||
	       fails_with(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0, EACCES);
}

static int cannot_write_large_files(void)
{
	DEFER(freep) char *path = in_folder(inside->writable, "large");
	static char piece[64 << 10];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	for (int i = 0; i < 100; i++)
		if (write(fd, piece, sizeof(piece)) < 0)
			return errno == EFBIG && i == 16 ? 0 : 1;
	return 2;
}

static int cannot_open_many_files(void)
{
	DEFER(freep) char *path = in_folder(inside->readable, "file");

	for (int i = 0; i < 1000; i++)
		if (open(path, O_RDONLY) < 0)
			return errno == EMFILE ? 0 : 1;
	return 2;
}

/* ---- what is blocked: the call itself must end the process */

static int opens_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int opens_a_local_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int runs_a_program(void)
{
	return execl("/bin/true", "true", NULL);
}

static int forks(void)
{
	return (int)syscall(SYS_fork);
}

static int forks_by_libc(void)
{
	return fork();
}

static int traces(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int kills_its_parent(void)
{
	return kill(getppid(), SIGKILL);
}

static int kills_its_parent_by_thread(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), SIGKILL);
}

static int mounts(void)
{
	return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int reads_keys(void)
{
	return (int)syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static int loads_bpf(void)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int makes_a_ring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int reads_others_memory(void)
{
	return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int makes_a_link(void)
{
	return symlink("/", "x");
}

static int enters_a_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int becomes_another(void)
{
	return setuid(0);
}

static int makes_no_sense(void)
{
	return (int)syscall(9999);
}

/* ---- limits */

static int burns_cpu(void)
{
	volatile unsigned long turns = 1;

	while (turns)
		turns += 2;
	return 0;
}

static int eats_memory_in_small_bites(void)
{
	for (size_t bites = 0; bites < 1 << 20; bites++)
		memset(xmalloc(1 << 20), 1, 1 << 20);
	return 0;
}

static int eats_memory_in_one_bite(void)
{
	memset(xmalloc((size_t)MEMORY_BYTES * 4), 1, 1);
	return 0;
}

static int trusts_malloc(void)
{
	for (size_t bites = 0; bites < 1 << 20; bites++) {
		volatile char *memory = malloc(4 << 20);

		for (size_t i = 0; i < 4 << 20; i += 4096)
			memory[i] = 1;
	}
	return 0;
}

static int crashes(void)
{
	raise(SIGSEGV);
	return 0;
}

static int aborts(void)
{
	errno = 0;
	abort();
}

static int recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	if (here[0]) /* never, but the compiler does not know */
		return 0;
	return recurse(here) + here[0];
}

static int overflows_its_stack(void)
{
	volatile char first[1] = { 0 };

	return recurse(first);
}

struct boxed_case {
	const char *name;
	int (*body)(void);
	const char *says; /* NULL: nothing is said */
	int exit_status;  /* -1: a signal */
	bool needs_landlock, needs_memory_limit;
};

#define CASE(function) .name = #function, .body = (function)

static const struct boxed_case cases[] = {
	{ CASE(read_and_write_where_allowed) },
	{ CASE(threads_work) },
	{ CASE(allocations_below_the_limit_work) },
	{ CASE(sub_process_limits_are_set) },
	{ CASE(cannot_read_outside), .needs_landlock = true },
	{ CASE(cannot_read_passwords), .needs_landlock = true },
	{ CASE(cannot_list_the_root), .needs_landlock = true },
	{ CASE(cannot_read_itself_in_proc), .needs_landlock = true },
	{ CASE(cannot_write_what_is_read_only), .needs_landlock = true },
	{ CASE(cannot_create_outside), .needs_landlock = true },
	{ CASE(cannot_move_things_out), .needs_landlock = true },
	{ CASE(cannot_reach_outside_by_a_link), .needs_landlock = true },
	{ CASE(cannot_load_code) },
	{ CASE(cannot_write_large_files) },
	{ CASE(cannot_open_many_files) },
	{ CASE(opens_a_socket), "permanent: the sandbox blocked system call socket", 1 },
	{ CASE(opens_a_local_socket), "system call socket", 1 },
	{ CASE(runs_a_program), "system call execve", 1 },
	{ CASE(forks), "system call fork", 1 },
	{ CASE(forks_by_libc), "system call clone", 1 },
	{ CASE(traces), "system call ptrace", 1 },
	{ CASE(kills_its_parent), "system call kill", 1 },
	{ CASE(kills_its_parent_by_thread), "system call tgkill", 1 },
	{ CASE(mounts), "system call mount", 1 },
	{ CASE(reads_keys), "system call keyctl", 1 },
	{ CASE(loads_bpf), "system call bpf", 1 },
	{ CASE(makes_a_ring), "system call io_uring_setup", 1 },
	{ CASE(reads_others_memory), "system call process_vm_readv", 1 },
	{ CASE(makes_a_link), "system call symlink", 1 },
	{ CASE(enters_a_namespace), "system call unshare", 1 },
	{ CASE(becomes_another), "system call setuid", 1 },
	{ CASE(makes_no_sense), "system call unknown (9999)", 1 },
	{ CASE(burns_cpu), "timeout: it used more than its limit of 1 s of CPU time", 1 },
	{ CASE(eats_memory_in_small_bites), "resources: the stage needed more than its 128 MiB", 1,
	  .needs_memory_limit = true },
	{ CASE(eats_memory_in_one_bite), "resources: the stage needed more than its 128 MiB", 1,
	  .needs_memory_limit = true },
	{ CASE(trusts_malloc), "resources: the stage needed more than its 128 MiB", 1,
	  .needs_memory_limit = true },
	{ CASE(crashes), NULL, -1 },
	{ CASE(aborts), NULL, -1 },
	{ CASE(overflows_its_stack), NULL, -1 },
};

static bool address_space_is_huge(void)
{
	DEFER(buf_done) struct buf text = { 0 };
	struct err err = { 0 };

	/* A sanitizer maps terabytes, so the box sets no limit (and says so in sandbox.c). */
	return file_read("/proc/self/statm", 4096, &text, &err) &&
	       strtoull(text.data, NULL, 10) > (1ULL << 28);
}

static void walls_hold(void **state)
{
	struct fixture *fixture = *state;
	DEFER(freep) char *link_path = in_folder(fixture->writable, "link");
	bool is_sanitized = address_space_is_huge();
	unsigned wrong = 0;

	assert_int_equal(symlink(fixture->outside, link_path), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct boxed_case *row = &cases[i];
		struct ending ending;
		bool is_right;

		if ((row->needs_landlock && !sandbox_landlock_abi()) ||
		    (row->needs_memory_limit && is_sanitized) ||
		    (row->exit_status < 0 && is_sanitized))
			continue;
		ending = run_boxed(fixture, row->body, 1);
		is_right = row->exit_status < 0
				   ? WIFSIGNALED(ending.status)
				   : WIFEXITED(ending.status) &&
					     WEXITSTATUS(ending.status) == row->exit_status;
		if (row->says)
			is_right = is_right && strstr(ending.words, row->says);
		if (is_right)
			continue;
		wrong++;
		print_error("%s: status %#x, said \"%s\"\n", row->name, (unsigned)ending.status,
			    ending.words);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walls_hold, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
