/*
 * The structure of an MP4 or MOV file, by our own walk over its boxes: libav hides where the index
 * (moov) lies, what the edit lists say, and that a file was cut short. Reads through pread, a few
 * bytes a box, every length checked against its parent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

/* From harmless to serious; a file is as bad as its worst track. */
enum boxes_edits {
	BOXES_NO_EDITS,	   /* no elst, or one that changes nothing */
	BOXES_DELAY_EDITS, /* one entry at normal speed that skips the encoder's delay (< 0.2 s) */
	BOXES_REAL_EDITS,  /* anything else: gaps, cuts, several entries, other speeds */
};

struct boxes {
	bool has_moov, has_mdat, is_moov_first, is_fragmented;
	enum boxes_edits edits;
	int tracks;
	int64_t missing_bytes; /* how far the last box reaches beyond the end of the file */
	char cut_box[5];       /* its name; valid when missing_bytes > 0 */
};

/* ERR_REJECT: the boxes contradict each other. A file that was cut short is not an error here. */
bool boxes_read(int fd, int64_t bytes, struct boxes *out, struct err *err) MUST_CHECK;
