/*
 * Ctrl-C and SIGTERM. Until a command says otherwise they end the client at once with 130. Whoever
 * waits for a batch takes them as a flag instead, to say how to go on; a second one ends at once.
 */
#pragma once

#include <stdbool.h>

void interrupt_install(void);
void interrupt_as_flag(void);
bool interrupt_is_set(void);
