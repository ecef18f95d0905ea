/*
 * The names of all commands. A new one: its file, a line here, a line in commands.c.
 */
#pragma once

#include "cli/command.h"

extern const struct command command_approve, command_cancel, command_completion, command_config,
	command_doctor, command_help, command_inspect, command_lanes, command_logs, command_ls,
	command_media, command_pause, command_plan, command_reject, command_release, command_resume,
	command_retry, command_run, command_sheet, command_show, command_submit, command_validate,
	command_version, command_wait, command_watch, command_why;
