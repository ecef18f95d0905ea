/*
 * The table of options, shared by config.c, which reads them, and config_show.c, which prints them.
 * Nobody else includes this.
 */
#pragma once

#include "base/config.h"

enum config_type { CONFIG_TEXT, CONFIG_PATH, CONFIG_COUNT, CONFIG_BYTES, CONFIG_DURATION };

struct config_option {
	const char *name;
	enum config_type type;
	size_t offset;	      /* offsetof(struct config, member): char * or int64_t */
	const char *env;      /* the variable that wins over the file; NULL: none */
	const char *fallback; /* default as it would be written; NULL: computed, or none */
	char *(*compute)(const struct config *config); /* caller frees; sees the options above */
	bool (*check)(const char *text, const char **out_why);
	int64_t min, max;	    /* numbers only */
	const char *example, *help; /* example: shown for what is computed */
};

enum { CONFIG_MAX_OPTIONS = 32 };

extern const struct config_option config_options[]; /* ends with a zeroed row */

struct config_private {
	char *sources[CONFIG_MAX_OPTIONS]; /* "default", "$NAME", "file:line" */
};

/* A number as the file would say it: "30m", "2GiB", "64000000"; returns out. */
const char *config_show_number(const struct config_option *option, int64_t value, char out[32]);
