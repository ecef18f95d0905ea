// links: wire
/* The message channel over a real socketpair and a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/channel.h"

struct end {
	struct channel *channel;
	unsigned messages, closes;
	uint64_t last_tag;
	bool frees_on_message, frees_on_close, answers;
	char why[256];
};

struct fixture {
	struct event_base *base;
	int fds[2];
	struct end a, b;
};

static void on_message(void *context, const struct wire_message *message)
{
	struct end *end = context;

	end->messages++;
	if (message->type == WIRE_CANCEL)
		end->last_tag = message->cancel.tag;
	if (end->answers)
		channel_put(end->channel, &(struct wire_message){ .type = WIRE_DRAIN });
	if (end->frees_on_message) {
		channel_free(end->channel);
		end->channel = NULL;
	}
}

static void on_closed(void *context, const char *why)
{
	struct end *end = context;

	end->closes++;
	snprintf(end->why, sizeof(end->why), "%s", why);
	if (end->frees_on_close) {
		channel_free(end->channel);
		end->channel = NULL;
	}
}

static const struct channel_handler handler = { .message = on_message, .closed = on_closed };

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->fds), 0);
	f->a.channel = channel_new(f->base, f->fds[0], &handler, &f->a);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	channel_free(f->a.channel);
	channel_free(f->b.channel);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void open_b(struct fixture *f)
{
	f->b.channel = channel_new(f->base, f->fds[1], &handler, &f->b);
}

/* Runs the loop until nothing is left to do at once: no clock is involved. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void put_cancel(struct channel *channel, uint64_t tag)
{
	channel_put(channel, &(struct wire_message){ .type = WIRE_CANCEL, .cancel.tag = tag });
}

static void test_order_is_kept(void **state)
{
	struct fixture *f = *state;

	open_b(f);
	for (uint64_t tag = 1; tag <= 1000; tag++)
		put_cancel(f->a.channel, tag);
	settle(f);
	assert_int_equal(f->b.messages, 1000);
	assert_int_equal(f->b.last_tag, 1000);
	assert_int_equal(channel_backlog(f->a.channel), 0);
}

static void test_one_turn_is_one_write(void **state)
{
	struct fixture *f = *state;
	char bytes[4096];

	for (uint64_t tag = 1; tag <= 10; tag++)
		put_cancel(f->a.channel, tag);
	assert_int_equal(recv(f->fds[1], bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	settle(f);
	assert_int_equal(recv(f->fds[1], bytes, sizeof(bytes), MSG_DONTWAIT), 10 * 14);
}

static void test_more_than_the_socket_holds(void **state)
{
	struct fixture *f = *state;
	DEFER(freep) char *task = xmalloc(4 << 20);
	struct wire_message run = { .type = WIRE_RUN, .run = { .task = { task, 4 << 20 } } };

	memset(task, 'x', 4 << 20);
	for (int i = 0; i < 5; i++)
		channel_put(f->a.channel, &run);
	settle(f);
	assert_true(channel_backlog(f->a.channel) > 0);
	open_b(f);
	for (int i = 0; i < 1000 && f->b.messages < 5; i++)
		settle(f);
	assert_int_equal(f->b.messages, 5);
	assert_int_equal(channel_backlog(f->a.channel), 0);
}

static void test_frame_in_pieces(void **state)
{
	struct fixture *f = *state;
	DEFER(buf_done) struct buf frame = { 0 };

	wire_put(&frame, &(struct wire_message){ .type = WIRE_CANCEL, .cancel.tag = 77 });
	for (size_t i = 0; i < frame.len; i++) {
		assert_int_equal(f->a.messages, 0);
		assert_int_equal(write(f->fds[1], frame.data + i, 1), 1);
		settle(f);
	}
	assert_int_equal(f->a.messages, 1);
	assert_int_equal(f->a.last_tag, 77);
}

static void test_last_words_are_heard(void **state)
{
	struct fixture *f = *state;
	DEFER(buf_done) struct buf frame = { 0 };

	/* It spoke, and died with our messages unread: the write fails, its words arrive. */
	put_cancel(f->a.channel, 1);
	settle(f);
	wire_put(&frame, &(struct wire_message){ .type = WIRE_CANCEL, .cancel.tag = 5 });
	assert_int_equal(write(f->fds[1], frame.data, frame.len), frame.len);
	close(f->fds[1]);
	put_cancel(f->a.channel, 2);
	settle(f);
	assert_int_equal(f->a.messages, 1);
	assert_int_equal(f->a.last_tag, 5);
	assert_int_equal(f->a.closes, 1);
	assert_string_equal(f->a.why, "closed its channel");
}

static void check_garbage(struct fixture *f, const void *bytes, size_t len, const char *why)
{
	assert_int_equal(write(f->fds[1], bytes, len), len);
	settle(f);
	assert_int_equal(f->a.closes, 1);
	assert_non_null(strstr(f->a.why, why));
	close(f->fds[1]);
	settle(f);
	assert_int_equal(f->a.closes, 1);
}

static void test_unknown_type(void **state)
{
	check_garbage(*state, "\2\0\0\0\xff\0", 6, "unknown type");
}

static void test_left_over_bytes(void **state)
{
	check_garbage(*state, "\7\0\0\0\4\0\1\0\0\0\0", 11, "malformed");
}

static void test_too_long(void **state)
{
	check_garbage(*state, "\xff\xff\xff\x7f", 4, "longer than 16 MiB");
}

static void test_end_in_a_message(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->fds[1], "\7\0\0\0\4", 5), 5);
	close(f->fds[1]);
	settle(f);
	assert_string_equal(f->a.why, "ended in the middle of a message");
}

static void test_backlog_is_bounded(void **state)
{
	struct fixture *f = *state;
	DEFER(freep) char *task = xmalloc(8 << 20);
	struct wire_message run = { .type = WIRE_RUN, .run = { .task = { task, 8 << 20 } } };

	memset(task, 'x', 8 << 20);
	for (int i = 0; i < 9; i++) {
		assert_int_equal(f->a.closes, 0); /* never from inside channel_put */
		channel_put(f->a.channel, &run);
	}
	assert_int_equal(f->a.closes, 0);
	settle(f);
	assert_int_equal(f->a.closes, 1);
	assert_non_null(strstr(f->a.why, "does not read"));
	close(f->fds[1]);
}

static void test_free_inside_message(void **state)
{
	struct fixture *f = *state;

	f->a.frees_on_message = true;
	open_b(f);
	put_cancel(f->b.channel, 1);
	put_cancel(f->b.channel, 2);
	settle(f);
	assert_int_equal(f->a.messages, 1);
	assert_int_equal(f->a.closes, 0);
	assert_int_equal(f->b.closes, 1);
}

static void test_free_inside_closed(void **state)
{
	struct fixture *f = *state;

	f->a.frees_on_close = true;
	close(f->fds[1]);
	settle(f);
	assert_int_equal(f->a.closes, 1);
	assert_null(f->a.channel);
}

static void test_answers_and_flush(void **state)
{
	struct fixture *f = *state;

	open_b(f);
	f->b.answers = true;
	put_cancel(f->a.channel, 9);
	assert_true(channel_flush(f->a.channel, 0));
	settle(f);
	assert_int_equal(f->a.messages, 1);
}

static void test_flush_gives_up(void **state)
{
	struct fixture *f = *state;
	DEFER(freep) char *task = xcalloc(1, 8 << 20);

	channel_put(f->a.channel, &(struct wire_message){ .type = WIRE_RUN,
							  .run = { .task = { task, 8 << 20 } } });
	assert_false(channel_flush(f->a.channel, 0));
	close(f->fds[1]);
	assert_false(channel_flush(f->a.channel, 1000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(order_is_kept),	    TEST(one_turn_is_one_write),
		TEST(frame_in_pieces),	    TEST(more_than_the_socket_holds),
		TEST(last_words_are_heard), TEST(unknown_type),
		TEST(left_over_bytes),	    TEST(too_long),
		TEST(end_in_a_message),	    TEST(backlog_is_bounded),
		TEST(free_inside_message),  TEST(free_inside_closed),
		TEST(answers_and_flush),    TEST(flush_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
