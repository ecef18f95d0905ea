/*
 * From a batch id to files on disk: the sheet as a page or a folder, its CSV, the clips.
 */
#pragma once

#include "cli/session.h"

enum make_sheet_form {
	MAKE_FOLDER, /* DIR/sheet.html, DIR/sheet.csv, DIR/media/… */
	MAKE_FLAT,   /* the same with the clips right in DIR: what `run --out` leaves */
	MAKE_PAGE,   /* one self-contained .html file, and the .csv beside it */
};

/* limit_bytes: of clips inside one page. *out_path: of the page; caller frees. */
bool make_sheet(struct session *session, const char *batch, const char *to,
		enum make_sheet_form form, int64_t limit_bytes, char **out_path,
		struct err *err) MUST_CHECK;
