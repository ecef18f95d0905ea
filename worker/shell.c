/*
 * The part of a worker process that does not depend on what it works on.
 */
#include "worker/shell.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

void shell_init(struct shell *shell, int fd, const struct channel_handler *handler, void *context)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	*shell = (struct shell){ .base = event_base_new() };
	shell->channel = channel_new(shell->base, fd, handler, context);
}

void shell_done(struct shell *shell)
{
	channel_free(shell->channel);
	event_base_free(shell->base);
}

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

bool shell_greet(struct shell *shell, const struct wire_hello *hello)
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

bool shell_expects(struct shell *shell, const struct wire_message *message)
{
	bool is_hello = message->type == WIRE_HELLO;

	if (is_hello == !shell->is_greeted && message->type <= WIRE_DRAIN)
		return true;
	shell_protocol_error(shell, is_hello		? "a second HELLO"
				    : shell->is_greeted ? "a message only workers send"
							: "something else before HELLO");
	return false;
}
