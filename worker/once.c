/*
 * The one-shot modes. What they open is as untrusted as in a farm, so the process boxes itself in
 * first; what it prints goes through descriptors that are open already.
 */
#include "worker/once.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/units.h"
#include "pipeline/media/media.h"
#include "pipeline/stage/inspect.h"
#include "pipeline/stage/stage.h"
#include "pipeline/store/store.h"
#include "worker/media_box.h"
#include "worker/shell.h"
#include "worker/wire.h"
#include "worker/workdir.h"

static int complain(int exit_code, const char *text)
{
	fprintf(stderr, "reel-worker: %s\n", text);
	return exit_code;
}

static int complain_err(const struct err *err)
{
	return complain(err->kind == ERR_OPERATOR ? EXIT_OPERATOR : EXIT_BAD_INPUT, err->text);
}

/* In a signal handler: one write, then the process ends with status 1. */
static void last_words(void *context, enum verdict_class class, const char *text)
{
	char line[1024];
	ssize_t ignored;

	(void)class;
	snprintf(line, sizeof(line), "reel-worker: %s: %s\n", (const char *)context, text);
	ignored = write(STDERR_FILENO, line, strlen(line));
	(void)ignored; /* nobody is left to be told */
}

static void on_alarm(int signal)
{
	static const char text[] = "reel-worker: it took longer than media_timeout allows\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal, (void)ignored;
	_exit(EXIT_BAD_INPUT);
}

static void no_step(void *reporter, const char *name)
{
	(void)reporter, (void)name;
}

static void no_progress(void *reporter, double fraction)
{
	(void)reporter, (void)fraction;
}

/* Inside the box a file that is not there looks like a forbidden one. */
static bool check_file(const char *path, struct err *err)
{
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat at;

	if (fd < 0 || fstat(fd, &at) < 0) {
		err_errno(err, ERR_REJECT, "%s", path);
		err->kind = ERR_REJECT; /* the user's file, not our disk */
		return false;
	}
	if (!S_ISREG(at.st_mode))
		return err_set(err, ERR_REJECT, "%s: not a file", path);
	return true;
}

/* Everything is loaded and opened; from here on the machine is out of reach. */
static bool enter(const struct config *config, const struct once_options *options,
		  const struct store *store, const char *work_dir, struct err *err)
{
	media_warm_up();
	sandbox_prepare();
	signal(SIGALRM, on_alarm);
	alarm((unsigned)((config->media_timeout_ms + 999) / 1000));
	return media_box_enter(
		&(struct media_box){ .config = config,
				     .store = store,
				     .work_dir = work_dir,
				     .input = store ? NULL : options->file,
				     .timeout_ms = (uint64_t)config->media_timeout_ms,
				     .last_words = last_words,
				     .context = (void *)(uintptr_t)options->file },
		err);
}

static int print(const json_t *value, int exit_code)
{
	DEFER(freep) char *text = json_text(value);

	puts(text);
	return fflush(stdout) == 0 ? exit_code
				   : complain(EXIT_OPERATOR, "stdout cannot be written");
}

int once_probe(const struct config *config, const struct once_options *options)
{
	struct media_limits limits = { config->media_max_pixels, 4LL << 30, 4 * 3600 };
	DEFER(json_freep) json_t *shown = NULL;
	struct media_facts facts;
	struct err err = { 0 };

	if (!check_file(options->file, &err) || !enter(config, options, NULL, NULL, &err) ||
	    !media_probe(options->file, &limits, &facts, &err))
		return complain_err(&err);
	shown = media_facts_json(&facts);
	return print(shown, EXIT_DONE);
}

static int exit_code_of(enum verdict_class class)
{
	switch (verdict_info(class)->policy) {
	case VERDICT_ENDS_WELL: return EXIT_DONE;
	case VERDICT_HOLDS: return EXIT_OPERATOR;
	case VERDICT_RETRIES:
	case VERDICT_ENDS_BADLY: break;
	}
	return EXIT_BAD_INPUT;
}

int once_inspect(const struct config *config, const struct once_options *options)
{
	DEFER(json_freep) json_t *profile = NULL;
	DEFER(stage_outcome_done) struct stage_outcome outcome = { .class = VERDICT_DONE };
	struct stage_context context = { .max_pixels = config->media_max_pixels,
					 .step = no_step,
					 .progress = no_progress };
	struct err err = { 0 };
	int exit_code;

	if (options->profile &&
	    !json_parse(options->profile, strlen(options->profile), "--profile", &profile, &err))
		return complain(EXIT_USAGE, err.text);
	if (!check_file(options->file, &err) || !enter(config, options, NULL, NULL, &err))
		return complain_err(&err);
	inspect_file(&(struct inspection){ .path = options->file,
					   .depth = options->depth,
					   .profile = profile },
		     &context, &outcome);
	exit_code = exit_code_of(outcome.class);
	if (outcome.message[0])
		complain(exit_code, outcome.message);
	return outcome.result ? print(outcome.result, exit_code) : exit_code;
}

static bool read_task(const char *path, struct buf *out, struct err *err)
{
	const char *name = !strcmp(path, "-") ? "/dev/stdin" : path;
	char piece[64 << 10];
	size_t got;

	if (strcmp(path, "-") != 0)
		return file_read(name, WIRE_MAX_FRAME, out, err);
	while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0 && out->len <= WIRE_MAX_FRAME)
		buf_put(out, piece, got);
	return out->len <= WIRE_MAX_FRAME ||
	       err_set(err, ERR_REJECT, "stdin: larger than %d bytes", WIRE_MAX_FRAME);
}

static int print_outcome(const struct stage_outcome *outcome)
{
	DEFER(json_freep)
	json_t *shown =
		json_pack("{s:s, s:s, s:I}", "class", verdict_info(outcome->class)->name, "message",
			  outcome->message, "after_ms", (json_int_t)outcome->after_ms);

	if (outcome->result)
		json_object_set(shown, "result", outcome->result);
	return print(shown, exit_code_of(outcome->class));
}

static int run_boxed_task(const struct config *config, const struct once_options *options,
			  const struct buf *task, struct store *store, const char *work_dir)
{
	DEFER(stage_outcome_done) struct stage_outcome outcome = { 0 };
	struct err err = { 0 };

	if (!enter(config, options, store, work_dir, &err))
		return complain_err(&err);
	stage_run(task->data, task->len,
		  &(struct stage_context){ .store = store,
					   .work_dir = work_dir,
					   .outbox = config->outbox,
					   .max_pixels = config->media_max_pixels,
					   .step = no_step,
					   .progress = no_progress },
		  &outcome);
	return print_outcome(&outcome);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain(EXIT_OPERATOR, "the stage's process is lost");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "reel-worker: the stage was ended by signal %d (%s)\n", WTERMSIG(status),
		strsignal(WTERMSIG(status)));
	return EXIT_BAD_INPUT;
}

/* In a process of its own, so that somebody outside the box is left to clean up. */
static int fork_boxed_task(const struct config *config, const struct once_options *options,
			   const struct buf *task, struct store *store, const char *work_dir)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return complain(EXIT_OPERATOR, "no process for the stage: fork failed");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(run_boxed_task(config, options, task, store, work_dir));
	}
	return wait_for(pid);
}

int once_task(const struct config *config, const struct once_options *options)
{
	DEFER(workdir_done) struct workdir workdir = { .lock_fd = -1 };
	DEFER(store_freep) struct store *store = NULL;
	DEFER(buf_done) struct buf task = { 0 };
	DEFER(freep) char *work_dir = NULL;
	struct err err = { 0 };

	if (!read_task(options->file, &task, &err) || !store_open(config->store, &store, &err) ||
	    !file_make_dirs(config->outbox, 0755, &err) ||
	    !workdir_open(&workdir, config->state_dir, &err) ||
	    !workdir_make(&workdir, 1, &work_dir, &err))
		return complain_err(&err);
	return fork_boxed_task(config, options, &task, store, work_dir);
}
