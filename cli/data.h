/*
 * The data files of models, profiles and publishers, ours and the user's, into one catalogue.
 */
#pragma once

#include <stdbool.h>

#include "base/config.h"
#include "base/err.h"
#include "pipeline/spec/catalogue.h"

/* Ours from config->data_dir, then /etc/reeld/{models,profiles}.d, then ~/.config/reel/…: a later
 * file wins by id. Errors name the file. */
bool data_load_catalogue(const struct config *config, struct catalogue **out,
			 struct err *err) MUST_CHECK;

/* Calls visit with the path of every file that would be read, in that order; is_ours: must exist.
 */
void data_each_file(const struct config *config,
		    bool (*visit)(void *context, const char *path, bool is_ours), void *context);
