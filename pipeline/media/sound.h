/*
 * Loudness and faults of sound, fed frame by frame: integrated loudness by ITU-R BS.1770-4 with the
 * gates of EBU R128, true peak, silence, clipping.
 */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>

#include "base/err.h"
#include "pipeline/media/media.h"

struct sound;

struct sound *sound_new(void);
void sound_free(struct sound *sound);
void sound_freep(struct sound **sound);

/* A change of rate or channels in the middle is followed. */
bool sound_take(struct sound *sound, const AVFrame *frame, struct err *err) MUST_CHECK;

struct sound_result {
	double seconds;
	double loudness;	/* LUFS; -70 for silence, as the standard's absolute gate */
	double true_peak, peak; /* dBTP, dBFS; -100 for silence */
	double silence_ratio, longest_silence_s;
	double clipping_ratio;
};
struct sound_result sound_finish(struct sound *sound);
