/*
 * Logging: one event a line on stderr, `event key=value key=value`, ids from the context in front
 * of it. err: somebody must act.  warn: we coped, and say how.  info: state changes and endings.
 * debug: the rest. Under journald a line starts with its <priority>; elsewhere with the program's
 * name. Writing never blocks a loop: when stderr is a full pipe, lines are dropped, counted, and
 * the count is reported on the next line that fits. errno survives every call.
 */
#pragma once

#include "base/macros.h"

enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* program is borrowed for the life of the process. Not calling it logs as "reeld" at info. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);

/* `job=… step=…` put in front of every following line; "" for none. The text is copied, at most 160
 * bytes. */
void log_set_context(const char *format, ...) PRINTF_LIKE(1, 2);

void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_err(...)   log_write(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
