/*
 * reel-remote: the event-loop worker as a program of its own. It links neither libav nor jq, so
 * that it starts in milliseconds and is small; reeld starts it, with the channel on descriptor 3
 * and the shared page on 4.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/config.h"
#include "base/log.h"
#include "base/macros.h"
#include "worker/remote.h"
#include "worker/shell.h"

/* A descriptor that the supervisor did not pass may be anything that our caller left open. */
static bool is_channel(int fd)
{
	struct stat at;

	return fstat(fd, &at) == 0 && S_ISSOCK(at.st_mode);
}

static int find_page(void)
{
	struct stat at;

	return fstat(WIRE_PAGE_FD, &at) == 0 && S_ISREG(at.st_mode) && at.st_size >= WIRE_PAGE_BYTES
		       ? WIRE_PAGE_FD
		       : -1;
}

static enum log_level level_of(const char *name)
{
	return !strcmp(name, "err")	? LOG_LEVEL_ERR
	       : !strcmp(name, "warn")	? LOG_LEVEL_WARN
	       : !strcmp(name, "debug") ? LOG_LEVEL_DEBUG
					: LOG_LEVEL_INFO;
}

int main(int argc, char **argv)
{
	DEFER(config_freep) struct config *config = NULL;
	struct err err = { 0 };

	log_init("reel-remote", LOG_LEVEL_INFO);
	if ((argc != 1 && (argc != 3 || strcmp(argv[1], "--config") != 0)) ||
	    !is_channel(WIRE_FD)) {
		fputs("reel-remote: started by reeld, which passes a channel on descriptor 3: "
		      "reel-remote [--config FILE]\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (!config_load(argc == 3 ? argv[2] : NULL, &config, &err)) {
		log_err("%s", err.text);
		return EXIT_OPERATOR;
	}
	log_set_level(level_of(config->log_level));
	return remote_main(WIRE_FD, find_page());
}
