/*
 * Sound is cut into hops of 100 ms. Of each hop stay two numbers: its K-weighted energy (loudness)
 * and its plain energy (silence). Four hops are one gating block of BS.1770-4, so blocks overlap by
 * three quarters without extra work.
 *
 *      samples ─┬─ two filters per channel ── energy of the hop ── blocks ── gates ── LUFS
 *               ├─ four-fold interpolation ── true peak
 *               └─ plain energy, runs at full scale
 */
#include "pipeline/media/sound.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "pipeline/media/averror.h"

enum {
	CHANNELS_MAX = 32,
	HOPS_PER_BLOCK = 4,
	TAPS = 12, /* of each phase of the interpolator, as in BS.1770-4 annex 2 */
	PHASES = 4,
	CLIP_RUN = 3, /* samples in a row at full scale; one or two happen in honest music */
	HOPS_MAX = 10 * 3600 * 24,
};

static const float FULL_SCALE = 0.999f;
static const double SILENCE_DB = -60, ABSOLUTE_GATE = -70, RELATIVE_GATE = -10;

struct biquad {
	double b0, b1, b2, a1, a2;
};

struct channel {
	double weight;
	double state[2][2]; /* of the two filters */
	float tail[TAPS];   /* the last samples, for the interpolator */
	int clip_run;
};

struct hop {
	float weighted, plain; /* mean squares, channels summed by weight; plain: of the loudest */
};

struct sound {
	int rate, channels;
	AVChannelLayout layout;
	enum AVSampleFormat format;
	SwrContext *converter;
	AVFrame *converted;
	struct biquad shelf, pass;
	float phases[PHASES][TAPS];
	struct channel channel[CHANNELS_MAX];
	/* the hop being filled */
	double weighted, plain[CHANNELS_MAX];
	int hop_filled, hop_size;
	struct hop *hops;
	size_t hop_count, hop_room;
	double seconds;
	float peak, true_peak;
	int64_t samples, clipped;
};

struct sound *sound_new(void)
{
	return xcalloc(1, sizeof(struct sound));
}

void sound_free(struct sound *sound)
{
	if (!sound)
		return;
	swr_free(&sound->converter);
	av_frame_free(&sound->converted);
	av_channel_layout_uninit(&sound->layout);
	free(sound->hops);
	free(sound);
}

void sound_freep(struct sound **sound)
{
	sound_free(*sound);
	*sound = NULL;
}

/* The two filters of BS.1770-4, annex 1, whose tables are for 48 kHz, as the analogue prototypes
 * behind those tables, so that every rate gets its own coefficients by the bilinear transform. */
static struct biquad high_shelf(double rate)
{
	double gain = pow(10, 3.999843853973347 / 20), q = 0.7071752369554196;
	double middle = pow(gain, 0.4996667741545416);
	double k = tan(M_PI * fmin(1681.974450955533 / rate, 0.49)), norm = 1 + k / q + k * k;

	return (struct biquad){ .b0 = (gain + middle * k / q + k * k) / norm,
				.b1 = 2 * (k * k - gain) / norm,
				.b2 = (gain - middle * k / q + k * k) / norm,
				.a1 = 2 * (k * k - 1) / norm,
				.a2 = (1 - k / q + k * k) / norm };
}

static struct biquad high_pass(double rate)
{
	double q = 0.5003270373238773;
	double k = tan(M_PI * 38.13547087602444 / rate), norm = 1 + k / q + k * k;

	return (struct biquad){ .b0 = 1,
				.b1 = -2,
				.b2 = 1,
				.a1 = 2 * (k * k - 1) / norm,
				.a2 = (1 - k / q + k * k) / norm };
}

/* Rows of a windowed sinc, one per quarter of a sample between tap TAPS/2 - 1 and TAPS/2. */
static void make_phases(struct sound *sound)
{
	for (int phase = 0; phase < PHASES; phase++) {
		double sum = 0, row[TAPS];

		for (int tap = 0; tap < TAPS; tap++) {
			double at = tap - (TAPS / 2 - 1) - phase / (double)PHASES;
			double window = 0.5 + 0.5 * cos(M_PI * at / (TAPS / 2 + 0.5));

			row[tap] = (at == 0 ? 1 : sin(M_PI * at) / (M_PI * at)) * window;
			sum += row[tap];
		}
		for (int tap = 0; tap < TAPS; tap++)
			sound->phases[phase][tap] = (float)(row[tap] / sum);
	}
}

/* BS.1770-4, table 3: surround channels count 1.41, the effects channel nothing. */
static double weight_of(const AVChannelLayout *layout, int index)
{
	switch (av_channel_layout_channel_from_index(layout, (unsigned)index)) {
	case AV_CHAN_LOW_FREQUENCY:
	case AV_CHAN_LOW_FREQUENCY_2: return 0;
	case AV_CHAN_BACK_LEFT:
	case AV_CHAN_BACK_RIGHT:
	case AV_CHAN_SIDE_LEFT:
	case AV_CHAN_SIDE_RIGHT: return 1.41;
	default: return 1;
	}
}

static bool make_converter(struct sound *sound, const AVFrame *frame, struct err *err)
{
	int code;

	swr_free(&sound->converter);
	av_frame_free(&sound->converted);
	if (frame->format == AV_SAMPLE_FMT_FLTP)
		return true;
	code = swr_alloc_set_opts2(&sound->converter, &sound->layout, AV_SAMPLE_FMT_FLTP,
				   frame->sample_rate, &sound->layout, frame->format,
				   frame->sample_rate, 0, NULL);
	if (code >= 0)
		code = swr_init(sound->converter);
	sound->converted = av_frame_alloc();
	if (code < 0 || !sound->converted)
		return averror_set(err, code < 0 ? code : AVERROR(ENOMEM),
				   "sound format %s cannot be converted",
				   av_get_sample_fmt_name(frame->format));
	return true;
}

static bool start(struct sound *sound, const AVFrame *frame, struct err *err)
{
	if (frame->ch_layout.nb_channels > CHANNELS_MAX || frame->ch_layout.nb_channels < 1 ||
	    frame->sample_rate < 1000)
		return err_set(err, ERR_REJECT, "sound of %d channels at %d Hz",
			       frame->ch_layout.nb_channels, frame->sample_rate);
	sound->rate = frame->sample_rate;
	sound->channels = frame->ch_layout.nb_channels;
	sound->format = frame->format;
	sound->hop_size = sound->rate / 10;
	sound->hop_filled = 0;
	sound->weighted = 0;
	memset(sound->plain, 0, sizeof(sound->plain));
	memset(sound->channel, 0, sizeof(sound->channel));
	sound->shelf = high_shelf(sound->rate);
	sound->pass = high_pass(sound->rate);
	make_phases(sound);
	for (int i = 0; i < sound->channels; i++)
		sound->channel[i].weight = weight_of(&frame->ch_layout, i);
	if (av_channel_layout_copy(&sound->layout, &frame->ch_layout) < 0)
		return err_set(err, ERR_RETRY, "out of memory");
	return make_converter(sound, frame, err);
}

/* Transposed direct form II; the tiny constant keeps silence from running into denormals. */
static double filter(const struct biquad *f, double state[2], double in)
{
	double out = f->b0 * in + state[0];

	state[0] = f->b1 * in - f->a1 * out + state[1] + 1e-30;
	state[1] = f->b2 * in - f->a2 * out;
	return out;
}

static double weigh(struct sound *sound, struct channel *channel, const float *in, int count)
{
	double energy = 0;

	for (int i = 0; i < count; i++) {
		double value = filter(&sound->shelf, channel->state[0], in[i]);

		value = filter(&sound->pass, channel->state[1], value);
		energy += value * value;
	}
	return energy * channel->weight;
}

static double measure_plain(struct sound *sound, struct channel *channel, const float *in,
			    int count)
{
	float peak = sound->peak;
	double energy = 0;

	for (int i = 0; i < count; i++) {
		float size = fabsf(in[i]);

		peak = size > peak ? size : peak;
		energy += (double)size * size;
		if (size < FULL_SCALE) {
			channel->clip_run = 0;
		} else if (++channel->clip_run >= CLIP_RUN) {
			sound->clipped += channel->clip_run == CLIP_RUN ? CLIP_RUN : 1;
		}
	}
	sound->peak = peak;
	sound->samples += count;
	return energy;
}

static float interpolate_peak(const struct sound *sound, const float *in, int count)
{
	float peak = 0;

	for (int i = 0; i + TAPS <= count; i++)
		for (int phase = 1; phase < PHASES; phase++) {
			float sum = 0;

			for (int tap = 0; tap < TAPS; tap++)
				sum += in[i + tap] * sound->phases[phase][tap];
			sum = fabsf(sum);
			peak = sum > peak ? sum : peak;
		}
	return peak;
}

/* Between samples a wave rises above them; the interpolator sees across the border of two pieces
 * through `tail`. */
static void measure_true_peak(struct sound *sound, struct channel *channel, const float *in,
			      int count)
{
	enum { PIECE = 512 };
	float window[TAPS + PIECE], peak;

	for (int from = 0; from < count; from += PIECE) {
		int len = count - from < PIECE ? count - from : PIECE;

		memcpy(window, channel->tail, sizeof(channel->tail));
		memcpy(window + TAPS, in + from, (size_t)len * sizeof(*in));
		peak = interpolate_peak(sound, window + 1, TAPS - 1 + len);
		sound->true_peak = peak > sound->true_peak ? peak : sound->true_peak;
		memcpy(channel->tail, window + len, sizeof(channel->tail));
	}
}

static void end_hop(struct sound *sound)
{
	double loudest = 0;

	for (int i = 0; i < sound->channels; i++)
		loudest = fmax(loudest, sound->plain[i]);
	if (sound->hop_count == sound->hop_room && sound->hop_room < HOPS_MAX) {
		sound->hop_room = sound->hop_room ? sound->hop_room * 2 : 256;
		sound->hops = xrealloc(sound->hops, sound->hop_room * sizeof(*sound->hops));
	}
	if (sound->hop_count < sound->hop_room)
		sound->hops[sound->hop_count++] =
			(struct hop){ .weighted = (float)(sound->weighted / sound->hop_size),
				      .plain = (float)(loudest / sound->hop_size) };
	sound->hop_filled = 0;
	sound->weighted = 0;
	memset(sound->plain, 0, sizeof(sound->plain));
}

static void take_samples(struct sound *sound, float *const *planes, int count)
{
	for (int from = 0; from < count;) {
		int room = sound->hop_size - sound->hop_filled;
		int len = count - from < room ? count - from : room;

		for (int i = 0; i < sound->channels; i++) {
			const float *in = planes[i] + from;

			sound->weighted += weigh(sound, &sound->channel[i], in, len);
			sound->plain[i] += measure_plain(sound, &sound->channel[i], in, len);
			measure_true_peak(sound, &sound->channel[i], in, len);
		}
		from += len;
		sound->hop_filled += len;
		if (sound->hop_filled == sound->hop_size)
			end_hop(sound);
	}
	sound->seconds += (double)count / sound->rate;
}

/* Broken encoders and hostile files hold samples that are not numbers. */
static void clean(float *const *planes, int channels, int count)
{
	for (int c = 0; c < channels; c++)
		for (int i = 0; i < count; i++)
			if (!(fabsf(planes[c][i]) <= 1000))
				planes[c][i] = 0;
}

static bool convert(struct sound *sound, const AVFrame *frame, struct err *err)
{
	const uint8_t **in = (void *)frame->extended_data; /* adds a const, which C cannot */
	AVFrame *out = sound->converted;
	int code;

	av_frame_unref(out);
	out->format = AV_SAMPLE_FMT_FLTP;
	out->sample_rate = frame->sample_rate;
	out->nb_samples = frame->nb_samples;
	code = av_channel_layout_copy(&out->ch_layout, &frame->ch_layout);
	if (code >= 0)
		code = av_frame_get_buffer(out, 0);
	if (code >= 0)
		code = swr_convert(sound->converter, out->extended_data, out->nb_samples, in,
				   frame->nb_samples);
	return code >= 0 || averror_set(err, code, "sound cannot be converted");
}

bool sound_take(struct sound *sound, const AVFrame *frame, struct err *err)
{
	DEFER(av_frame_free) AVFrame *copy = NULL;
	float *const *planes;
	bool is_same = frame->sample_rate == sound->rate && frame->format == sound->format &&
		       av_channel_layout_compare(&frame->ch_layout, &sound->layout) == 0;

	if (frame->nb_samples <= 0)
		return true;
	if (!is_same && !start(sound, frame, err))
		return false;
	if (sound->converter) {
		if (!convert(sound, frame, err))
			return false;
		planes = (float *const *)sound->converted->extended_data;
	} else {
		copy = av_frame_clone(frame);
		if (!copy || av_frame_make_writable(copy) < 0)
			return err_set(err, ERR_RETRY, "out of memory");
		planes = (float *const *)copy->extended_data;
	}
	clean(planes, sound->channels, frame->nb_samples);
	take_samples(sound, planes, frame->nb_samples);
	return true;
}

static double decibels(double power)
{
	return power > 1e-10 ? 10 * log10(power) : -100;
}

static double block_power(const struct sound *sound, size_t at)
{
	double sum = 0;

	for (size_t i = 0; i < HOPS_PER_BLOCK; i++)
		sum += sound->hops[at + i].weighted;
	return sum / HOPS_PER_BLOCK;
}

static double loudness_of(double power)
{
	return power > 0 ? -0.691 + 10 * log10(power) : -1000;
}

/* The mean power of the blocks above a gate; 0: none is. */
static double gated_power(const struct sound *sound, double gate)
{
	double sum = 0;
	size_t count = 0;

	for (size_t at = 0; at + HOPS_PER_BLOCK <= sound->hop_count; at++) {
		double power = block_power(sound, at);

		if (loudness_of(power) > gate) {
			sum += power;
			count++;
		}
	}
	return count ? sum / (double)count : 0;
}

static double integrated_loudness(const struct sound *sound)
{
	double power = gated_power(sound, ABSOLUTE_GATE);

	if (power <= 0)
		return ABSOLUTE_GATE;
	power = gated_power(sound, fmax(ABSOLUTE_GATE, loudness_of(power) + RELATIVE_GATE));
	return fmax(ABSOLUTE_GATE, loudness_of(power));
}

static void find_silence(const struct sound *sound, struct sound_result *result)
{
	size_t silent = 0, run = 0, longest = 0;

	for (size_t i = 0; i < sound->hop_count; i++) {
		run = decibels(sound->hops[i].plain) < SILENCE_DB ? run + 1 : 0;
		silent += run > 0;
		longest = run > longest ? run : longest;
	}
	result->longest_silence_s = (double)longest / 10;
	result->silence_ratio = sound->hop_count ? (double)silent / (double)sound->hop_count : 0;
}

struct sound_result sound_finish(struct sound *sound)
{
	struct sound_result result = { .seconds = sound->seconds };

	/* a clip shorter than one hop, or its last piece when that is most of one */
	if (sound->hop_size && (!sound->hop_count || sound->hop_filled > sound->hop_size / 2)) {
		sound->hop_size = sound->hop_filled ? sound->hop_filled : sound->hop_size;
		end_hop(sound);
	}
	result.loudness = integrated_loudness(sound);
	result.peak = decibels((double)sound->peak * sound->peak);
	result.true_peak = fmax(result.peak, decibels((double)sound->true_peak * sound->true_peak));
	find_silence(sound, &result);
	if (sound->samples)
		result.clipping_ratio = (double)sound->clipped / (double)sound->samples;
	return result;
}
