/*
 * A worker that does what the text of its task says: the other half of workers.c.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/wire.h"

static bool read_all(int fd, char *data, size_t len)
{
	while (len) {
		ssize_t got = read(fd, data, len);

		if (got > 0) {
			data += got;
			len -= (size_t)got;
		} else if (got == 0 || errno != EAGAIN) {
			return false;
		} else {
			(void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
		}
	}
	return true;
}

static void say(const struct wire_message *message)
{
	DEFER(buf_done) struct buf frame = { 0 };

	wire_put(&frame, message);
	if (write(WIRE_FD, frame.data, frame.len) != (ssize_t)frame.len)
		_exit(9);
}

static void say_verdict(uint64_t tag, enum verdict_class class, const char *text)
{
	say(&(struct wire_message){
		.type = WIRE_VERDICT,
		.verdict = { .tag = tag,
			     .class = class,
			     .message = wire_text(class == VERDICT_DONE ? "" : text),
			     .result = wire_text(class == VERDICT_DONE ? text : "") } });
}

/* What a worker finds when it starts: checked by the test of the clean image. */
static void describe_image(char out[256])
{
	struct rlimit core;
	char link[64];
	int open_files = 0;
	struct sigaction term;

	for (int fd = 0; fd < 256; fd++)
		open_files += fcntl(fd, F_GETFD) >= 0;
	getrlimit(RLIMIT_CORE, &core);
	sigaction(SIGTERM, NULL, &term);
	if (readlink("/proc/self/fd/0", link, sizeof(link)) < 0)
		_exit(8);
	snprintf(out, 256,
		 "files=%d core=%s session=%d no_new_privs=%d notify=%s credentials=%s redis=%s "
		 "term_ignored=%d stdin=%.9s",
		 open_files, core.rlim_cur <= 1 ? "no" : "yes", getsid(0) == getpid(),
		 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getenv("NOTIFY_SOCKET") ? "yes" : "no",
		 getenv("CREDENTIALS_DIRECTORY") ? "yes" : "no",
		 getenv("REEL_REDIS_URL") ? "yes" : "no", term.sa_handler == SIG_IGN, link);
}

static void step_into(uint64_t tag)
{
	uint64_t *page =
		mmap(NULL, WIRE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, WIRE_PAGE_FD, 0);

	if (page == MAP_FAILED)
		_exit(7);
	*page = tag;
}

static void work(uint64_t tag, const char *task)
{
	char image[256];

	if (!strcmp(task, "done"))
		say_verdict(tag, VERDICT_DONE, "{\"ok\":true}");
	else if (!strcmp(task, "fail"))
		say_verdict(tag, VERDICT_TRANSIENT, "no luck");
	else if (!strcmp(task, "image"))
		describe_image(image), say_verdict(tag, VERDICT_PERMANENT, image);
	else if (!strcmp(task, "step"))
		say(&(struct wire_message){ .type = WIRE_STEP,
					    .step = { tag, 1, wire_text("encode") } });
	else if (!strcmp(task, "progress"))
		say(&(struct wire_message){ .type = WIRE_PROGRESS, .progress = { tag, 5000 } });
	else if (!strcmp(task, "crash"))
		say(&(struct wire_message){
			.type = WIRE_CRASH,
			.crash = { tag, 77, SIGSEGV, 1500, wire_text("decode") } });
	else if (!strcmp(task, "poison"))
		step_into(tag), kill(getpid(), SIGKILL);
	else if (!strcmp(task, "innocent"))
		step_into(0), kill(getpid(), SIGKILL);
	else if (!strcmp(task, "exit"))
		_exit(3);
	else if (!strcmp(task, "twice"))
		say_verdict(tag, VERDICT_DONE, "{}"), say_verdict(tag, VERDICT_DONE, "{}");
	else if (!strcmp(task, "stranger"))
		say_verdict(tag + 1000, VERDICT_DONE, "{}");
	else if (!strcmp(task, "garbage"))
		(void)!write(WIRE_FD, "\2\0\0\0\xff\xff", 6);
	else if (!strcmp(task, "command"))
		say(&(struct wire_message){ .type = WIRE_DRAIN });
	else if (!strcmp(task, "close"))
		close(WIRE_FD), pause();
	/* "sleep", "deaf": nothing until CANCEL, or not even then */
}

static void obey(const struct wire_message *message, char *tasks[64])
{
	char task[32];

	switch (message->type) {
	case WIRE_RUN:
		snprintf(task, sizeof(task), "%.*s", (int)message->run.task.len,
			 message->run.task.data);
		tasks[message->run.tag % 64] = xstrdup(task);
		work(message->run.tag, task);
		return;
	case WIRE_CANCEL:
		if (strcmp(tasks[message->cancel.tag % 64], "deaf") != 0)
			say_verdict(message->cancel.tag, VERDICT_CANCELLED, "stopped");
		return;
	case WIRE_DRAIN:
		if (!getenv("FAKE_STAYS"))
			_exit(0);
		return;
	default: return;
	}
}

static void greet(void)
{
	const char *mode = getenv("FAKE_GREETING");
	struct wire_message ready = { .type = WIRE_READY,
				      .ready = { WIRE_VERSION, (uint32_t)getpid() } };

	if (mode && !strcmp(mode, "mute"))
		return;
	if (mode && !strcmp(mode, "version"))
		ready.ready.version++;
	if (mode && !strcmp(mode, "pid"))
		ready.ready.pid++;
	if (mode && !strcmp(mode, "early"))
		say_verdict(1, VERDICT_DONE, "{}");
	say(&ready);
	if (mode && !strcmp(mode, "twice"))
		say(&ready);
}

static int worker_main(void)
{
	char *tasks[64] = { NULL };
	char head[4], *body;

	for (;;) {
		struct wire_message message;
		struct reader in;
		struct err err;
		uint32_t len;

		if (!read_all(WIRE_FD, head, 4))
			return 0;
		reader_init(&in, head, 4);
		len = reader_u32(&in);
		body = xmalloc(len);
		if (!read_all(WIRE_FD, body, len) || !wire_decode(body, len, &message, &err))
			return 5;
		if (message.type == WIRE_HELLO)
			greet();
		else
			obey(&message, tasks);
		free(body);
	}
}
