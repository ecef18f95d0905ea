/*
 * A quiet open chord that breathes, so that a clip has real sound to measure. Oscillators are
 * phasors turned by one complex product a sample.
 */
#include <libavutil/channel_layout.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/media/animatic.h"

enum { VOICES = 7, RATE = 48000 };

struct voice {
	double re, im, turn_re, turn_im; /* where it is, and its turn a sample */
	double level, sway, phase, left;
};

static void tune(struct voice voices[VOICES], struct dice *dice)
{
	static const double roots[] = { 98.00, 110.00, 123.47, 130.81, 146.83 };
	static const double major[] = { 0.5, 1, 1.5, 2, 2.5198, 3, 4.4898 };
	static const double minor[] = { 0.5, 1, 1.5, 2, 2.3784, 3, 3.5636 };
	double root = roots[(size_t)(dice_roll(dice) * 5)];
	const double *chord = dice_roll(dice) < 0.5 ? major : minor;

	for (int i = 0; i < VOICES; i++) {
		double hertz = root * chord[i] * (1 + (dice_roll(dice) - 0.5) * 0.003);
		double turn = 6.283185307179586 * hertz / RATE;

		voices[i] = (struct voice){
			.im = 1,
			.turn_re = cos(turn),
			.turn_im = sin(turn),
			.level = 0.085 / (1 + 0.35 * i),
			.sway = 0.25 + 0.5 * dice_roll(dice),
			.phase = 6.283 * dice_roll(dice),
			.left = 0.3 + 0.4 * dice_roll(dice),
		};
	}
}

static double ramp(double at)
{
	return at <= 0 ? 0 : at >= 1 ? 1 : at * at * (3 - 2 * at);
}

/* The breath changes slowly: once a block is enough, moved to evenly within it. */
static void fill(struct voice voices[VOICES], AVFrame *frame, double seconds, double duration_s)
{
	float *left = (float *)(void *)frame->data[0], *right = (float *)(void *)frame->data[1];
	double fade = ramp(seconds / 0.7) * ramp((duration_s - seconds) / 0.9);

	for (int i = 0; i < frame->nb_samples; i++)
		left[i] = right[i] = 0;
	for (int v = 0; v < VOICES; v++) {
		struct voice *voice = &voices[v];
		double breath = 0.7 + 0.3 * sin(voice->sway * seconds * 6.283 + voice->phase);
		double level = voice->level * breath * fade;

		for (int i = 0; i < frame->nb_samples; i++) {
			double re = voice->re * voice->turn_re - voice->im * voice->turn_im;

			voice->im = voice->re * voice->turn_im + voice->im * voice->turn_re;
			voice->re = re;
			left[i] += (float)(re * level * voice->left * 2);
			right[i] += (float)(re * level * (1 - voice->left) * 2);
		}
	}
}

struct score {
	struct voice voices[VOICES];
	AVFrame *frame;
	int64_t samples;
};

struct score *score_new(struct dice *dice, int frame_samples)
{
	struct score *sound = calloc(1, sizeof(*sound));

	if (!sound)
		abort(); /* out of memory, as xmalloc */
	tune(sound->voices, dice);
	sound->frame = av_frame_alloc();
	sound->frame->format = AV_SAMPLE_FMT_FLTP;
	sound->frame->sample_rate = RATE;
	sound->frame->nb_samples = frame_samples;
	av_channel_layout_default(&sound->frame->ch_layout, 2);
	if (av_frame_get_buffer(sound->frame, 0) < 0)
		abort();
	return sound;
}

void score_free(struct score *sound)
{
	if (!sound)
		return;
	av_frame_free(&sound->frame);
	free(sound);
}

bool score_write(struct score *sound, struct encode *encode, double until_s, double duration_s,
		 struct err *err)
{
	int64_t until = llrint(until_s * RATE), total = llrint(duration_s * RATE);
	int whole = encode_sound_samples(encode);

	while (sound->samples + whole <= until || (until >= total && sound->samples < total)) {
		int64_t left = total - sound->samples;

		if (av_frame_make_writable(sound->frame) < 0)
			return err_set(err, ERR_RETRY, "out of memory");
		sound->frame->nb_samples = (int)(left < whole ? left : whole);
		fill(sound->voices, sound->frame, (double)sound->samples / RATE, duration_s);
		sound->frame->pts = sound->samples;
		sound->samples += sound->frame->nb_samples;
		if (!encode_sound(encode, sound->frame, err))
			return false;
	}
	return true;
}
