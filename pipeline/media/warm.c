/*
 * What every forked child would otherwise load again.
 */
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavutil/log.h>

#include "pipeline/media/fonts.h"
#include "pipeline/media/media.h"
#include "pipeline/media/text.h"

void media_warm_up(void)
{
	av_log_set_level(AV_LOG_FATAL); /* what matters comes back as an err */
	font_warm_up();
	text_engine_warm_up();
	/* The first look-up by name initialises libx264's tables and libavcodec's static ones. */
	(void)avcodec_find_encoder_by_name("libx264");
	(void)avfilter_get_by_name("overlay");
}
