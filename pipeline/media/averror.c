/*
 * Translates AVERROR, and knows nothing else. Negative errno values and libav's own four-letter
 * codes share one number space; the latter are tested first.
 */
#include "pipeline/media/averror.h"

#include <errno.h>
#include <libavutil/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum err_kind kind_of(int code)
{
	switch (code) {
	case AVERROR_INVALIDDATA:
	case AVERROR_EOF:
	case AVERROR_PATCHWELCOME:
	case AVERROR_DECODER_NOT_FOUND:
	case AVERROR_DEMUXER_NOT_FOUND:
	case AVERROR_STREAM_NOT_FOUND:
	case AVERROR_INPUT_CHANGED:
	case AVERROR_OUTPUT_CHANGED:
	case AVERROR(EINVAL):
	case AVERROR(ERANGE):
	case AVERROR(EDOM):
	case AVERROR(ENOSYS):
	case AVERROR(ENOENT):
	case AVERROR(EFBIG): return ERR_REJECT;
	case AVERROR_ENCODER_NOT_FOUND:
	case AVERROR_MUXER_NOT_FOUND:
	case AVERROR_FILTER_NOT_FOUND:
	case AVERROR_PROTOCOL_NOT_FOUND:
	case AVERROR_BSF_NOT_FOUND: /* this build of libav lacks it: a person installs another */
	case AVERROR(ENOSPC):
	case AVERROR(EDQUOT):
	case AVERROR(EROFS):
	case AVERROR(EACCES):
	case AVERROR(EPERM): return ERR_OPERATOR;
	case AVERROR_EXIT: return ERR_CANCEL;
	default: return ERR_RETRY;
	}
}

bool averror_set(struct err *err, int code, const char *format, ...)
{
	char words[AV_ERROR_MAX_STRING_SIZE] = "";
	va_list args;
	size_t used;

	va_start(args, format);
	err_vset(err, kind_of(code), format, args);
	va_end(args);
	av_strerror(code, words, sizeof(words));
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", words);
	return false;
}
