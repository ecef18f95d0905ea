/*
 * AVERROR codes as err kinds: the only translation. Bad data is ERR_REJECT, a full or forbidden
 * disk ERR_OPERATOR, lack of memory and whatever may pass ERR_RETRY, an interrupt ERR_CANCEL.
 */
#pragma once

#include "base/err.h"

/* Fills err with the text, ": " and libav's words for the code. Returns false. */
bool averror_set(struct err *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
