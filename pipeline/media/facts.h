/*
 * How numbers enter the metrics: shared by media_facts_json and media_analyse.
 */
#pragma once

#include "pipeline/media/media.h"

/* Rounded, so that the same clip reads the same everywhere; what is not finite becomes 0. */
void facts_put_number(json_t *object, const char *name, double value, int digits);
