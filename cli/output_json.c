/*
 * JSON output and --jq. The expression is the user's own, but a runaway one must not take the
 * terminal and the memory with it: it runs in a child with limits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/command.h"
#include "pipeline/spec/expr.h"

/* JQ_REFUSED: the child has said what is wrong; EXPR_LIMIT_EXIT and signals: it could not. */
enum { JQ_CPU_S = 10, JQ_REFUSED = 3 };
static const uint64_t JQ_ADDRESS_BYTES = 2ull << 30;

static bool print_value(void *context, const json_t *value)
{
	DEFER(freep)
	char *text = json_is_string(value) ? json_plain(value) : json_show(value);

	(void)context;
	puts(text);
	return !ferror(stdout);
}

/* Runs in the child; never returns. */
static NORETURN void filter(const char *jq, const json_t *value)
{
	struct expr_set *set = expr_set_new();
	int handle, own_stderr = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct err err = { 0 };

	/* The last words of a process at its limits are said by the parent, once. */
	dup2(null, STDERR_FILENO);
	expr_limit_process(JQ_CPU_S, JQ_ADDRESS_BYTES);
	if (!expr_add(set, jq, &handle, &err) ||
	    !expr_eval_all(set, handle, value, print_value, NULL, &err)) {
		fflush(stdout);
		dprintf(own_stderr, "reel: --jq: %s\n", err.text);
		_exit(JQ_REFUSED);
	}
	_exit(fflush(stdout) ? EXIT_FAILED : EXIT_DONE);
}

static int run_filter(const char *jq, const json_t *value)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("reel: --jq: fork");
		return EXIT_FAILED;
	}
	if (child == 0)
		filter(jq, value);
	if (waitpid(child, &status, 0) < 0)
		return EXIT_FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) != EXPR_LIMIT_EXIT)
		return WEXITSTATUS(status) == JQ_REFUSED ? EXIT_REFUSED : WEXITSTATUS(status);
	fprintf(stderr,
		"reel: --jq: the expression used more than %d s of CPU time or 2 GiB of memory: "
		"is a range or a recursion without end in it?\n",
		JQ_CPU_S);
	return EXIT_REFUSED;
}

int output_json(const struct output *out, const json_t *value)
{
	DEFER(freep) char *shown = NULL;

	if (out->jq)
		return run_filter(out->jq, value);
	shown = json_show(value);
	puts(shown);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}
