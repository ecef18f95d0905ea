/*
 * Counts packets. Durations and rates come from what is there: FFmpeg believes headers that say
 * 143,165 s for a file of 1.1 s and 1,000 fps for another (measured with 5.1.9, 2026-11).
 */
#include "pipeline/media/count.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/macros.h"

/* Enough to judge regularity: more than an hour at 50 fps, 1.6 MB at most. */
enum { STEPS_MAX = 200000 };

/* How long the last picture may stay when the others are short: see end_of. */
static const double LAST_FRAME_MAX_S = 1.0;

static void add_step(struct track_count *track, int64_t step)
{
	if (track->step_count == STEPS_MAX)
		return;
	if (track->step_count == track->step_room) {
		track->step_room = track->step_room ? track->step_room * 2 : 256;
		track->steps = xrealloc(track->steps, track->step_room * sizeof(*track->steps));
	}
	track->steps[track->step_count++] = step;
}

/* Sub-second and century-long time stamps both occur in hostile files: differences saturate. */
static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return a > b ? INT64_MAX : INT64_MIN;
	return difference;
}

static void count_key(struct track_count *track, int64_t pts)
{
	if (track->keys++ && minus(pts, track->last_key_pts) > track->longest_key_gap)
		track->longest_key_gap = minus(pts, track->last_key_pts);
	track->last_key_pts = pts;
}

static void count_into(struct track_count *track, const AVPacket *packet)
{
	int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;

	track->bytes += packet->size;
	if (packet->flags & AV_PKT_FLAG_DISCARD) /* cut away by an edit list: never shown */
		return;
	if (pts == AV_NOPTS_VALUE)
		pts = track->packets ? track->last_pts + track->last_duration : 0;
	if (!track->packets || pts < track->first_pts)
		track->first_pts = pts;
	/* shown before its key frame, stored behind it: it refers across */
	if (track->keys > 1 && pts < track->last_key_pts)
		track->is_open_gop = true;
	if (packet->flags & AV_PKT_FLAG_KEY)
		count_key(track, pts);
	if (track->packets && packet->dts != AV_NOPTS_VALUE && track->last_dts != AV_NOPTS_VALUE)
		add_step(track, minus(packet->dts, track->last_dts));
	track->last_dts = packet->dts;
	if (!track->packets || pts >= track->last_pts) {
		track->last_pts = pts;
		track->last_duration = packet->duration > 0 ? packet->duration : 0;
	}
	track->packets++;
}

void count_packet(void *context, const AVStream *stream, const AVPacket *packet)
{
	struct packet_count *count = context;
	struct track_count *track = stream == count->video_stream ? &count->video : &count->audio;

	track->time_base = stream->time_base;
	count_into(track, packet);
}

void count_done(struct packet_count *count)
{
	free(count->video.steps);
	free(count->audio.steps);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_step(struct track_count *track)
{
	if (!track->step_count)
		return 0;
	qsort(track->steps, track->step_count, sizeof(*track->steps), compare);
	return (double)track->steps[track->step_count / 2] * av_q2d(track->time_base);
}

/* One step in a hundred may differ: encoders round, and the last step is often odd. Containers that
 * count milliseconds write 33 and 34. */
static bool is_variable(const struct track_count *track, double median)
{
	double tolerance = fmax(median * 0.05, 0.0011);
	size_t odd = 0;

	for (size_t i = 0; i < track->step_count; i++)
		odd += fabs((double)track->steps[i] * av_q2d(track->time_base) - median) >
		       tolerance;
	return odd > 1 && odd * 100 > track->step_count;
}

/* The last packet's duration is where a header can lie without contradicting any other packet. It
 * is believed while it is in proportion. */
static double last_duration(const struct track_count *track, double median)
{
	double declared = (double)track->last_duration * av_q2d(track->time_base);

	if (declared <= 0)
		return median;
	if (median > 0 && declared > fmax(median * 10, LAST_FRAME_MAX_S))
		return median;
	return declared;
}

struct track_timing count_timing(struct track_count *track)
{
	struct track_timing timing = { 0 };
	double median = median_step(track), tick = av_q2d(track->time_base), shown;

	if (!track->packets)
		return timing;
	shown = (double)track->last_pts * tick - (double)track->first_pts * tick;
	timing.start_s = (double)track->first_pts * tick;
	timing.duration_s = shown + last_duration(track, median);
	/* an encoder's delay: what lies before zero is not heard */
	if (timing.start_s < 0)
		timing.duration_s = fmax(0, timing.duration_s + timing.start_s);
	timing.is_variable = is_variable(track, median);
	if (track->packets > 1 && shown > 0)
		timing.rate = (double)(track->packets - 1) / shown;
	if (track->keys) {
		double tail = (double)minus(track->last_pts, track->last_key_pts) * tick +
			      last_duration(track, median);

		timing.keyframe_interval_s = fmax((double)track->longest_key_gap * tick, tail);
	}
	return timing;
}
