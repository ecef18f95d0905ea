/*
 * The part of a worker process that does not depend on what it works on.
 */
#include "worker/shell.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

void shell_end(struct shell *shell, int exit_code)
{
	shell->exit_code = exit_code;
	event_base_loopexit(shell->base, NULL);
}

void shell_protocol_error(struct shell *shell, const char *what)
{
	log_err("the supervisor sent %s; this worker ends (is reeld of another version running?)",
		what);
	shell_end(shell, EXIT_PROTOCOL);
}

static bool greet(struct shell *shell, const struct wire_hello *hello)
{
	if (hello->version != WIRE_VERSION) {
		log_err("supervisor speaks version %u of the worker protocol, this worker %u; "
			"install reeld and reel-worker from one build and restart reeld",
			hello->version, WIRE_VERSION);
		shell_end(shell, EXIT_PROTOCOL);
		return false;
	}
	shell->is_greeted = true;
	shell->slots = hello->slots;
	channel_put(shell->channel,
		    &(struct wire_message){ .type = WIRE_READY,
					    .ready = { WIRE_VERSION, (uint32_t)getpid() } });
	return true;
}

static bool expects(struct shell *shell, const struct wire_message *message)
{
	bool is_hello = message->type == WIRE_HELLO;

	if (is_hello == !shell->is_greeted && message->type <= WIRE_DRAIN)
		return true;
	shell_protocol_error(shell, is_hello		? "a second HELLO"
				    : shell->is_greeted ? "a message only workers send"
							: "something else before HELLO");
	return false;
}

void shell_look_if_drained(struct shell *shell)
{
	if (shell->is_draining && !shell->duties->in_hand(shell->context))
		shell_end(shell, EXIT_DONE);
}

static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
	struct shell *shell = arg;

	(void)fd, (void)what;
	log_info("drain over in_hand=%u", shell->duties->in_hand(shell->context));
	shell_end(shell, EXIT_DONE); /* what is left goes back as it is */
}

static void on_drain(struct shell *shell, uint32_t within_ms)
{
	struct timeval within = { within_ms / 1000, within_ms % 1000 * 1000 };

	shell->is_draining = true;
	evtimer_add(shell->drain_timer, &within);
	shell_look_if_drained(shell);
}

static void on_message(void *context, const struct wire_message *message)
{
	struct shell *shell = context;
	const struct shell_duties *duties = shell->duties;

	if (!expects(shell, message))
		return;
	switch (message->type) {
	case WIRE_HELLO:
		if (greet(shell, &message->hello) && duties->greeted)
			duties->greeted(shell->context);
		break;
	case WIRE_RUN: duties->run(shell->context, &message->run); break;
	case WIRE_CANCEL: duties->cancel(shell->context, message->cancel.tag); break;
	case WIRE_DRAIN: on_drain(shell, message->drain.within_ms); break;
	case WIRE_READY:
	case WIRE_STEP:
	case WIRE_PROGRESS:
	case WIRE_VERDICT:
	case WIRE_CRASH: break; /* expects() let none of these through */
	}
}

static void on_closed(void *context, const char *why)
{
	struct shell *shell = context;

	log_info("supervisor gone why=\"%s\" in_hand=%u", why,
		 shell->duties->in_hand(shell->context));
	shell_end(shell, EXIT_DONE);
}

void shell_init(struct shell *shell, int fd, const struct shell_duties *duties, void *context)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static const struct channel_handler handler = { .message = on_message,
							.closed = on_closed };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	*shell = (struct shell){ .base = event_base_new(), .duties = duties, .context = context };
	shell->channel = channel_new(shell->base, fd, &handler, shell);
	shell->drain_timer = evtimer_new(shell->base, on_drain_over, shell);
}

void shell_loop(struct shell *shell)
{
	event_base_dispatch(shell->base);
	/* A supervisor that asked for a drain waits for the last verdicts. */
	(void)channel_flush(shell->channel, 1000);
}

void shell_done(struct shell *shell)
{
	event_free(shell->drain_timer);
	channel_free(shell->channel);
	event_base_free(shell->base);
}
