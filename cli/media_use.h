/*
 * Does anything still refer to a medium?
 */
#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "pipeline/store/store.h"

/* True: no batch that the farm keeps refers to it. Else ERR_REJECT naming one that does, or why
 * that could not be found out. */
bool media_use_none(struct cli *cli, const struct store_item *item, struct err *err) MUST_CHECK;
