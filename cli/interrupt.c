/*
 * A signal handler can only touch a flag or leave: it does one or the other. The two flags are the
 * one piece of mutable file scope here, because a handler has no other place to look.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static volatile sig_atomic_t is_flag, is_set;

static void on_signal(int number)
{
	static const char show_cursor[] = "\033[?25h\n";

	(void)number;
	if (is_flag && !is_set) {
		is_set = 1;
		return;
	}
	if (isatty(STDERR_FILENO))
		(void)!write(STDERR_FILENO, show_cursor, sizeof(show_cursor) - 1);
	_exit(EXIT_INTERRUPTED);
}

/* Without SA_RESTART: a blocking read returns, so that the flag is seen. */
void interrupt_install(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void interrupt_as_flag(void)
{
	is_flag = 1;
}

bool interrupt_is_set(void)
{
	return is_set;
}
