/*
 * The stage types of this process, for the table in stage.c. A new one is a file and a line here
 * and there.
 */
#pragma once

#include "pipeline/stage/noop.h"
#include "pipeline/stage/stage.h"

extern const struct stage_type stage_generate, stage_inspect, stage_edit, stage_upload,
	stage_publish;
