/*
 * Starting, watching and stopping the private Redis and reeld. Knows nothing of batches.
 */
#include "cli/private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/program.h"
#include "cli/fingerprint.h"

enum { STARTS_MAX = 6, STARTS_WITHIN_S = 60, STOP_WAIT_MS = 5000 };

struct daemon {
	const char *name;		   /* "redis": redis.lock, redis.log */
	int64_t started_at_us[STARTS_MAX]; /* ring of the last starts */
	unsigned starts;
};

struct private_farm {
	const struct config *config;
	char *socket, *url;
	int use_fd; /* run.lock, shared */
	struct daemon redis, reeld;
};

static char *state_path(const struct private_farm *farm, const char *name, const char *suffix)
{
	return xasprintf("%s/%s%s", farm->config->state_dir, name, suffix);
}

/* A socket's path has 107 bytes (unix(7)); a longer state folder gets one in /tmp that nobody else
 * can have prepared. */
static bool choose_socket(struct private_farm *farm, struct err *err)
{
	char key[FINGERPRINT_TEXT];
	struct stat at;
	char *folder;

	farm->socket = state_path(farm, "redis", ".sock");
	if (strlen(farm->socket) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return true;
	free(farm->socket);
	fingerprint_text(fingerprint_add(FINGERPRINT_START, farm->config->state_dir,
					 strlen(farm->config->state_dir)),
			 key);
	folder = xasprintf("/tmp/reel-%u-%s", (unsigned)getuid(), key);
	farm->socket = xasprintf("%s/redis.sock", folder);
	if ((mkdir(folder, 0700) < 0 && errno != EEXIST) || lstat(folder, &at) < 0) {
		err_errno(err, ERR_OPERATOR, "%s", folder);
		free(folder);
		return false;
	}
	free(folder);
	if (!S_ISDIR(at.st_mode) || at.st_uid != getuid() || (at.st_mode & 077))
		return err_set(err, ERR_OPERATOR, "%s: its folder belongs to somebody else",
			       farm->socket);
	return true;
}

/* The lock file of a daemon, opened; -1 with err. */
static int lock_open(const struct private_farm *farm, const char *name, struct err *err)
{
	DEFER(freep) char *path = state_path(farm, name, ".lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		err_errno(err, ERR_OPERATOR, "%s", path);
	return fd;
}

/* 0 when the daemon is not alive; its pid (or 1 while it is only just starting) when it is. */
static int daemon_pid(const struct private_farm *farm, const char *name)
{
	struct err ignored = { 0 };
	DEFER(file_closep) int fd = lock_open(farm, name, &ignored);
	char text[32] = "";
	ssize_t got;

	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	got = pread(fd, text, sizeof(text) - 1, 0);
	return got > 0 && atoi(text) > 1 ? atoi(text) : 1;
}

/* The end of a log, for the message about a daemon that will not live. */
static void log_tail(const struct private_farm *farm, const char *name, char out[400])
{
	DEFER(freep) char *path = state_path(farm, name, ".log");
	DEFER(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t got;

	*out = '\0';
	if (fd < 0 || size <= 0)
		return;
	got = pread(fd, out, 399, size > 399 ? size - 399 : 0);
	out[got > 0 ? got : 0] = '\0';
	for (size_t len = strlen(out); len && out[len - 1] == '\n';)
		out[--len] = '\0';
	if (size > 399 && strchr(out, '\n'))
		memmove(out, strchr(out, '\n') + 1, strlen(strchr(out, '\n') + 1) + 1);
}

/* Counts a start; false when there were too many lately. */
static bool may_start(const struct private_farm *farm, struct daemon *daemon, struct err *err)
{
	int64_t now = clock_monotonic_us(),
		*slot = &daemon->started_at_us[daemon->starts % STARTS_MAX];
	char tail[400];

	if (daemon->starts >= STARTS_MAX && now - *slot < STARTS_WITHIN_S * 1000000ll) {
		log_tail(farm, daemon->name, tail);
		return err_set(err, ERR_OPERATOR,
			       "%s ended %d times within a minute; see %s/%s.log, which ends: %s",
			       daemon->name, STARTS_MAX, farm->config->state_dir, daemon->name,
			       tail);
	}
	*slot = now;
	daemon->starts++;
	return true;
}

/* Takes the lock and hands it to the program; true also when somebody else was faster. */
static bool daemon_start(struct private_farm *farm, struct daemon *daemon, const char *const *argv,
			 const char *const *environment, struct err *err)
{
	DEFER(freep) char *log = state_path(farm, daemon->name, ".log");
	DEFER(file_closep) int fd = lock_open(farm, daemon->name, err);
	char text[32];
	int pid;

	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ||
		       err_errno(err, ERR_OPERATOR, "%s.lock", daemon->name);
	if (!may_start(farm, daemon, err) || !program_detach(argv, log, fd, environment, &pid, err))
		return false;
	snprintf(text, sizeof(text), "%d\n", pid);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return err_errno(err, ERR_OPERATOR, "%s.lock", daemon->name);
	return true;
}

bool private_keep_redis(struct private_farm *farm, struct err *err)
{
	DEFER(freep) char *program = NULL;
	DEFER(freep) char *folder = state_path(farm, "redis", "");

	if (daemon_pid(farm, "redis"))
		return true;
	program = program_on_path("redis-server");
	if (!program)
		program = program_on_path("valkey-server");
	if (!program)
		return err_set(err, ERR_OPERATOR,
			       "redis-server is not installed: apt install redis-server, or name a "
			       "Redis elsewhere in REEL_REDIS_URL");
	if (!file_make_dirs(folder, 0700, err))
		return false;
	/* always: a stage that is done stays done whatever dies (DESIGN 7.7). */
	const char *const argv[] = {
		program,      "--port",		  "0",	    "--unixsocket",
		farm->socket, "--unixsocketperm", "700",    "--dir",
		folder,	      "--appendonly",	  "yes",    "--appendfsync",
		"always",     "--save",		  "",	    "--maxmemory-policy",
		"noeviction", "--daemonize",	  "no",	    "--set-proc-title",
		"no",	      "--loglevel",	  "notice", NULL
	};

	return daemon_start(farm, &farm->redis, argv, NULL, err);
}

bool private_keep_reeld(struct private_farm *farm, struct err *err)
{
	DEFER(freep) char *program = NULL;
	DEFER(freep) char *redis = xasprintf("REEL_REDIS_URL=%s", farm->url);
	DEFER(freep) char *lock = state_path(farm, "redis", ".lock");
	DEFER(freep) char *state = xasprintf("REEL_STATE_DIR=%s", farm->config->state_dir);
	DEFER(freep)
	char *config = xasprintf("REEL_CONFIG=%s", farm->config->path ? farm->config->path : "");

	if (daemon_pid(farm, "reeld"))
		return true;
	program = program_sibling("reeld");
	if (!program)
		return err_set(err, ERR_OPERATOR,
			       "reeld is neither beside reel nor on PATH: is it installed?");
	const char *const argv[] = { program, "--exit-when-idle", "--stop-redis", lock, NULL };
	const char *const environment[] = { redis, state, farm->config->path ? config : NULL,
					    NULL };

	return daemon_start(farm, &farm->reeld, argv, environment, err);
}

bool private_has_reeld(const struct private_farm *farm)
{
	return daemon_pid(farm, "reeld") != 0;
}

bool private_exists(const struct config *config)
{
	DEFER(freep) char *folder = xasprintf("%s/redis", config->state_dir);

	return access(folder, F_OK) == 0;
}

/* '%' and '?' mean something in the URL and nothing in a path. */
static char *socket_url(const char *path)
{
	struct buf url = { 0 };

	buf_puts(&url, "unix://");
	for (; *path; path++)
		if (*path == '%' || *path == '?')
			buf_printf(&url, "%%%02X", (unsigned char)*path);
		else
			buf_putc(&url, *path);
	return buf_take(&url);
}

static bool join(struct private_farm *farm, bool is_new_fine, struct err *err)
{
	DEFER(freep) char *path = state_path(farm, "run", ".lock");

	if (!is_new_fine && !private_exists(farm->config))
		return err_set(
			err, ERR_RETRY,
			"no farm: REEL_REDIS_URL and `redis:` in the configuration name none, "
			"and nothing was run on this machine yet (looked in %s); `reel run "
			"SPEC` starts one",
			farm->config->state_dir);
	if (!file_make_dirs(farm->config->state_dir, 0700, err) || !choose_socket(farm, err))
		return err_context(err, "state folder");
	farm->url = socket_url(farm->socket);
	farm->use_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (farm->use_fd < 0)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	/* Waits only while another client is stopping the farm: seconds. */
	while (flock(farm->use_fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return err_errno(err, ERR_OPERATOR, "%s", path);
	return private_keep_redis(farm, err);
}

static void farm_free(struct private_farm *farm)
{
	file_closep(&farm->use_fd);
	free(farm->socket);
	free(farm->url);
	free(farm);
}

bool private_open(const struct config *config, bool is_new_fine, struct private_farm **out,
		  struct err *err)
{
	struct private_farm *farm = xcalloc(1, sizeof(*farm));

	*farm = (struct private_farm){
		.config = config, .use_fd = -1, .redis.name = "redis", .reeld.name = "reeld"
	};
	if (!join(farm, is_new_fine, err)) {
		farm_free(farm);
		return false;
	}
	*out = farm;
	return true;
}

const char *private_url(const struct private_farm *farm)
{
	return farm->url;
}

/* Asks a daemon to end and waits for its lock; false when it did not end in time. */
static bool daemon_stop(const struct private_farm *farm, const char *name)
{
	int pid = daemon_pid(farm, name);

	if (pid > 1)
		kill(pid, SIGTERM);
	for (int waited_ms = 0; daemon_pid(farm, name); waited_ms += 10) {
		if (waited_ms >= STOP_WAIT_MS)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return true;
}

void private_close(struct private_farm *farm, bool is_idle)
{
	if (!farm)
		return;
	if (!flock(farm->use_fd, LOCK_EX | LOCK_NB) &&
	    (is_idle ? daemon_stop(farm, "reeld") : !private_has_reeld(farm)))
		(void)daemon_stop(farm, "redis"); /* still there: the next client finds it */
	farm_free(farm);
}
