/*
 * This machine: programs, folders, data files, sandbox, fonts.
 */
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/room.h"
#include "base/units.h"
#include "cli/data.h"
#include "cli/doctor.h"
#include "cli/program.h"

static void look_at_config(struct doctor *doctor, const struct config *config)
{
	if (config->path)
		doctor_say(doctor, DOCTOR_GOOD, "configuration", "%s", config->path);
	else
		doctor_say(doctor, DOCTOR_GOOD, "configuration",
			   "none found, defaults for one machine (`reel config` shows them)");
}

static void look_at_programs(struct doctor *doctor, const struct config *config)
{
	static const char *const ours[] = { "reeld", "reel-worker" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		DEFER(freep) char *path = program_sibling(ours[i]);

		if (path)
			doctor_say(doctor, DOCTOR_GOOD, ours[i], "%s", path);
		else
			doctor_say(doctor, DOCTOR_BAD, ours[i], "neither beside reel nor on PATH");
	}
	DEFER(freep) char *redis = program_on_path("redis-server");
	DEFER(freep) char *valkey = program_on_path("valkey-server");

	if (redis || valkey)
		doctor_say(doctor, DOCTOR_GOOD, "redis-server", "%s", redis ? redis : valkey);
	else if (!config->redis)
		doctor_say(doctor, DOCTOR_BAD, "redis-server",
			   "not installed, and no other Redis is configured: apt install "
			   "redis-server");
}

/* A folder counts as writable when a file could be written in it, not when its bits say so. */
static void look_at_folder(struct doctor *doctor, const char *what, const char *path,
			   int64_t min_free)
{
	DEFER(freep) char *probe = xasprintf("%s/.doctor", path);
	struct err err = { 0 };
	char bytes[32], least[32];
	int64_t available;

	if (!file_make_dirs(path, 0700, &err) || !file_write_atomic(probe, "ok", 2, 0600, &err)) {
		doctor_say(doctor, DOCTOR_BAD, what, "cannot be written: %s", err.text);
		return;
	}
	unlink(probe);
	available = room_below(path);
	units_show_bytes(available, bytes);
	units_show_bytes(min_free, least);
	if (available < min_free)
		doctor_say(doctor, DOCTOR_BAD, what,
			   "%s: %s free, less than min_free %s: nothing that writes is started",
			   path, bytes, least);
	else
		doctor_say(doctor, DOCTOR_GOOD, what, "%s: writable, %s free", path, bytes);
}

static void look_at_data(struct doctor *doctor, const struct config *config)
{
	DEFER(catalogue_freep) struct catalogue *catalogue = NULL;
	struct err err = { 0 };

	if (data_load_catalogue(config, &catalogue, &err))
		doctor_say(doctor, DOCTOR_GOOD, "data files", "%s", config->data_dir);
	else
		doctor_say(doctor, DOCTOR_BAD, "data files", "%s", err.text);
}

/* Landlock: kernel 5.13 and later (landlock(7)); the version of its ABI, or why not. */
static void look_at_sandbox(struct doctor *doctor)
{
	DEFER(buf_done) struct buf actions = { 0 };
	struct err err = { 0 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi > 0)
		doctor_say(doctor, DOCTOR_GOOD, "landlock", "version %ld", abi);
	else
		doctor_say(doctor, DOCTOR_NOTE, "landlock",
			   "not available here: media stages are kept to their folders by "
			   "permissions alone (%m)");
	if (file_read("/proc/sys/kernel/seccomp/actions_avail", 4096, &actions, &err))
		doctor_say(doctor, DOCTOR_GOOD, "seccomp", "available");
	else
		doctor_say(doctor, DOCTOR_BAD, "seccomp",
			   "not available in this kernel: media of strangers would be decoded "
			   "without a fence");
}

static void look_at_fonts(struct doctor *doctor)
{
	DEFER(freep) char *program = program_on_path("fc-list");
	const char *const argv[] = { program, ":", "family", NULL };
	DEFER(buf_done) struct buf out = { 0 };
	DEFER(buf_done) struct buf errors = { 0 };
	struct err err = { 0 };
	size_t count = 0;
	int status;

	if (!program || !program_run(argv, &out, &errors, &status, &err)) {
		doctor_say(doctor, DOCTOR_NOTE, "fonts",
			   "cannot be listed: fc-list is missing (apt install fontconfig)");
		return;
	}
	for (size_t i = 0; i < out.len; i++)
		count += out.data[i] == '\n';
	if (count)
		doctor_say(doctor, DOCTOR_GOOD, "fonts", "%zu installed; `fc-list` names them",
			   count);
	else
		doctor_say(doctor, DOCTOR_BAD, "fonts",
			   "none installed: text on videos would be empty (apt install "
			   "fonts-dejavu-core)");
}

void doctor_look_at_machine(struct doctor *doctor, const struct config *config)
{
	look_at_config(doctor, config);
	look_at_programs(doctor, config);
	look_at_folder(doctor, "state folder", config->state_dir, config->min_free_bytes);
	look_at_folder(doctor, "media store", config->store, config->min_free_bytes);
	look_at_data(doctor, config);
	look_at_sandbox(doctor);
	look_at_fonts(doctor);
}
