/*
 * Looks an embedded script up by its place in the enum; the file's name is the only link between
 * the two, and a script that is missing is a bug that shows at the first call.
 */
#include "queue/scripts.h"

#include <assert.h>
#include <string.h>

#include "base/macros.h"

struct script_row {
	const char *name, *sha, *text;
};

static const struct script_row rows[] = {
#include "queue_scripts.inc"
};

static const char *const names[SCRIPTS] = {
	[SCRIPT_SUBMIT] = "submit",   [SCRIPT_TURN] = "turn",	[SCRIPT_BEAT] = "beat",
	[SCRIPT_COMPARE] = "compare", [SCRIPT_REAP] = "reap",	[SCRIPT_DEPART] = "depart",
	[SCRIPT_CANCEL] = "cancel",   [SCRIPT_RETRY] = "retry", [SCRIPT_APPROVE] = "approve",
	[SCRIPT_RELEASE] = "release", [SCRIPT_PAUSE] = "pause", [SCRIPT_LANE] = "lane",
	[SCRIPT_EXPIRE] = "expire",   [SCRIPT_FACT] = "fact",
};

static const struct script_row *find(enum script script)
{
	const struct script_row *found = NULL;

	assert(script < SCRIPTS);
	for (size_t i = 0; i < ARRAY_LEN(rows) && !found; i++)
		found = strcmp(rows[i].name, names[script]) ? NULL : &rows[i];
	assert(found);
	return found;
}

const char *script_sha(enum script script)
{
	return find(script)->sha;
}

const char *script_text(enum script script)
{
	return find(script)->text;
}
