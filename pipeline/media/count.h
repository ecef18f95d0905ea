/*
 * What the packets of a file say about its timing, as opposed to what its header claims. Fed
 * through source.on_packet, by probe (which decodes nothing) alone.
 */
#pragma once

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct track_count {
	AVRational time_base;
	int64_t packets, keys, bytes;
	int64_t first_pts, last_pts, last_duration; /* in presentation order */
	int64_t last_dts, last_key_pts, longest_key_gap;
	bool is_open_gop;
	int64_t *steps; /* between decode times; as many as fit STEPS_MAX */
	size_t step_count, step_room;
};

struct packet_count {
	struct track_count video, audio;
	const AVStream *video_stream, *audio_stream; /* set before the first packet */
};

void count_packet(void *count, const AVStream *stream, const AVPacket *packet);
void count_done(struct packet_count *count);

/* Call after the last packet; steps are sorted by it. */
struct track_timing {
	double start_s, duration_s; /* from first to the end of the last */
	double rate;		    /* packets a second; 0: cannot be told */
	double keyframe_interval_s;
	bool is_variable;
};
struct track_timing count_timing(struct track_count *track);
