/*
 * The inner loops of inspect. They are written so that a compiler vectorises them: plain counts,
 * narrow types, no branches; CMakeLists.txt compiles this file with -O3 for that reason.
 */
#include "pipeline/media/luma.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	MIDDLE_SHORT = 540,
	SMALL_SHORT = 160,
	DARK = 26, /* a tenth of 255, as blackdetect's default */
	CHUNK = 1024,
};

struct layout {
	int bytes; /* per sample: 1 or 2; 0: not a plain luma plane */
	int shift; /* from two-byte samples to eight bits */
};

static struct layout layout_of(int format)
{
	const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(format);
	const uint64_t odd = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
			     AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT;
	const AVComponentDescriptor *luma = desc ? &desc->comp[0] : NULL;

	if (!desc || (desc->flags & odd) || luma->plane != 0 || luma->offset != 0)
		return (struct layout){ 0 };
	if (luma->step == 1 && luma->depth == 8)
		return (struct layout){ .bytes = 1 };
	if (luma->step == 2 && luma->depth > 8)
		return (struct layout){ .bytes = 2, .shift = luma->shift + luma->depth - 8 };
	return (struct layout){ 0 };
}

static void add_row(uint16_t *restrict sums, const uint8_t *restrict row, int width)
{
	for (int x = 0; x < width; x++)
		sums[x] = (uint16_t)(sums[x] + row[x]);
}

static void add_wide_row(uint16_t *restrict sums, const uint16_t *restrict row, int width,
			 int shift)
{
	for (int x = 0; x < width; x++)
		sums[x] = (uint16_t)(sums[x] + (row[x] >> shift));
}

/* The common case, two rows and two columns at once. */
static void halve_row(uint8_t *restrict out, const uint8_t *restrict a, const uint8_t *restrict b,
		      int width)
{
	for (int x = 0; x < width; x++)
		out[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
}

static void average_sums(uint8_t *restrict out, const uint16_t *restrict sums, int width,
			 int factor)
{
	/* one multiplication instead of a division; factor * factor * 255 fits 32 bits with it */
	uint32_t area = (uint32_t)(factor * factor), scale = (1u << 24) / area;

	for (int x = 0; x < width; x++) {
		uint32_t sum = area / 2;

		for (int i = 0; i < factor; i++)
			sum += sums[x * factor + i];
		out[x] = (uint8_t)((uint64_t)sum * scale >> 24);
	}
}

/* Rows of bytes, or of two-byte samples when layout says so, to one plane `factor` times smaller.
 * factor is at most 256: a sum of 256 rows of 255 just fits 16 bits. */
static void shrink(const uint8_t *from, ptrdiff_t stride, struct layout layout, int factor,
		   uint16_t *sums, struct plane *out)
{
	int width = out->width * factor;

	for (int y = 0; y < out->height; y++) {
		const uint8_t *rows = from + (ptrdiff_t)y * factor * stride;
		uint8_t *to = out->data + (size_t)y * (size_t)out->width;

		if (factor == 2 && layout.bytes == 1) {
			halve_row(to, rows, rows + stride, out->width);
			continue;
		}
		memset(sums, 0, (size_t)width * sizeof(*sums));
		for (int i = 0; i < factor; i++) {
			const uint8_t *row = rows + i * stride;

			if (layout.bytes == 1)
				add_row(sums, row, width);
			else
				add_wide_row(sums, (const void *)row, width, layout.shift);
		}
		average_sums(to, sums, out->width, factor);
	}
}

static int factor_to(int shorter, int wanted)
{
	int factor = shorter / wanted;

	return factor < 1 ? 1 : factor > 256 ? 256 : factor;
}

static void plane_resize(struct plane *plane, int width, int height)
{
	plane->width = width > 0 ? width : 1;
	plane->height = height > 0 ? height : 1;
	plane->data = xrealloc(plane->data, (size_t)plane->width * (size_t)plane->height);
}

static int shorter_of(int width, int height)
{
	return width < height ? width : height;
}

static void resize(struct luma *luma, const AVFrame *frame)
{
	int first = factor_to(shorter_of(frame->width, frame->height), MIDDLE_SHORT), second;

	luma->source_width = frame->width;
	luma->source_height = frame->height;
	luma->format = frame->format;
	plane_resize(&luma->middle, frame->width / first, frame->height / first);
	second = factor_to(shorter_of(luma->middle.width, luma->middle.height), SMALL_SHORT);
	plane_resize(&luma->small, luma->middle.width / second, luma->middle.height / second);
	luma->factor = first * second;
	luma->sums = xrealloc(luma->sums, (size_t)frame->width * sizeof(*luma->sums));
	free(luma->gray);
	luma->gray = NULL;
}

/* RGB, palettes and the rest: libswscale makes a full-range gray plane of them. */
static bool convert(struct luma *luma, const AVFrame *frame, struct err *err)
{
	uint8_t *planes[4] = { NULL };
	int strides[4] = { frame->width };

	if (!luma->gray)
		luma->gray = xmalloc((size_t)frame->width * (size_t)frame->height);
	planes[0] = luma->gray;
	luma->scaler = sws_getCachedContext(luma->scaler, frame->width, frame->height,
					    frame->format, frame->width, frame->height,
					    AV_PIX_FMT_GRAY8, SWS_POINT, NULL, NULL, NULL);
	if (!luma->scaler || sws_scale(luma->scaler, (const uint8_t *const *)frame->data,
				       frame->linesize, 0, frame->height, planes, strides) < 0)
		return err_set(err, ERR_REJECT, "pixel format %s cannot be converted",
			       av_get_pix_fmt_name(frame->format));
	return true;
}

static bool is_full_range(const AVFrame *frame)
{
	return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
	       frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P ||
	       frame->format == AV_PIX_FMT_YUVJ440P || frame->format == AV_PIX_FMT_GRAY8;
}

/* 16 to 235 becomes 0 to 255 */
static void stretch(struct plane *plane)
{
	size_t count = (size_t)plane->width * (size_t)plane->height;

	for (size_t i = 0; i < count; i++) {
		int value = ((plane->data[i] - 16) * 298 + 128) >> 8;

		plane->data[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
	}
}

bool luma_take(struct luma *luma, const AVFrame *frame, bool *out_changed, struct err *err)
{
	struct layout layout = layout_of(frame->format), bytes = { .bytes = 1 };
	const uint8_t *from = frame->data[0];
	ptrdiff_t stride = frame->linesize[0];

	*out_changed = frame->width != luma->source_width || frame->height != luma->source_height ||
		       frame->format != luma->format;
	if (*out_changed)
		resize(luma, frame);
	luma->is_limited = layout.bytes && !is_full_range(frame);
	if (!layout.bytes) {
		if (!convert(luma, frame, err))
			return false;
		from = luma->gray;
		stride = frame->width;
		layout = bytes;
	}
	shrink(from, stride, layout, luma->source_width / luma->middle.width, luma->sums,
	       &luma->middle);
	shrink(luma->middle.data, luma->middle.width, bytes, luma->middle.width / luma->small.width,
	       luma->sums, &luma->small);
	if (luma->is_limited)
		stretch(&luma->small);
	return true;
}

void luma_done(struct luma *luma)
{
	free(luma->middle.data);
	free(luma->small.data);
	free(luma->gray);
	free(luma->sums);
	sws_freeContext(luma->scaler);
	*luma = (struct luma){ 0 };
}

static void laplace_row(const uint8_t *restrict row, ptrdiff_t stride, int width, int64_t *sum,
			int64_t *squares)
{
	for (int from = 0; from < width; from += CHUNK) {
		int to = from + CHUNK < width ? from + CHUNK : width, part = 0;
		unsigned square = 0; /* 1024 * 1020 * 1020 fits */

		for (int x = from; x < to; x++) {
			int value = 4 * row[x] - row[x - 1] - row[x + 1] - row[x - stride] -
				    row[x + stride];

			part += value;
			square += (unsigned)(value * value);
		}
		*sum += part;
		*squares += square;
	}
}

double luma_sharpness(const struct luma *luma)
{
	const struct plane *plane = &luma->middle;
	int64_t sum = 0, squares = 0;
	double count = (double)(plane->width - 2) * (plane->height - 2), mean, stretched;

	if (plane->width < 3 || plane->height < 3)
		return 0;
	for (int y = 1; y < plane->height - 1; y++)
		laplace_row(plane->data + (size_t)y * (size_t)plane->width + 1, plane->width,
			    plane->width - 2, &sum, &squares);
	mean = (double)sum / count;
	stretched = luma->is_limited ? 255.0 / 219 : 1;
	return ((double)squares / count - mean * mean) * stretched * stretched;
}

struct luma_stats luma_measure(const struct plane *small)
{
	size_t count = (size_t)small->width * (size_t)small->height;
	uint64_t sum = 0, squares = 0, dark = 0;
	struct luma_stats stats;
	double mean;

	for (size_t from = 0; from < count; from += CHUNK) {
		size_t to = from + CHUNK < count ? from + CHUNK : count;
		unsigned part = 0, square = 0, below = 0;

		for (size_t i = from; i < to; i++) {
			unsigned value = small->data[i];

			part += value;
			square += value * value;
			below += value < DARK;
		}
		sum += part;
		squares += square;
		dark += below;
	}
	mean = (double)sum / (double)count;
	stats.mean = mean / 255;
	stats.deviation = sqrt(fmax(0, (double)squares / (double)count - mean * mean)) / 255;
	stats.dark_share = (double)dark / (double)count;
	return stats;
}

void luma_compare(const struct plane *a, const struct plane *b, double *out_mean, int *out_largest)
{
	size_t count = (size_t)a->width * (size_t)a->height;
	uint64_t sum = 0;
	uint8_t largest = 0;

	for (size_t from = 0; from < count; from += CHUNK) {
		size_t to = from + CHUNK < count ? from + CHUNK : count;
		unsigned part = 0;

		for (size_t i = from; i < to; i++) {
			uint8_t x = a->data[i], y = b->data[i];
			uint8_t apart = (uint8_t)(x > y ? x - y : y - x);

			part += apart;
			largest = apart > largest ? apart : largest;
		}
		sum += part;
	}
	*out_mean = (double)sum / (double)count;
	*out_largest = largest;
}

/* The mean of a field of the picture, its bounds given in ninths and eighths. */
static unsigned field_mean(const struct plane *small, int column, int row)
{
	int x0 = small->width * column / 9, x1 = small->width * (column + 1) / 9;
	int y0 = small->height * row / 8, y1 = small->height * (row + 1) / 8;
	uint64_t sum = 0;

	x1 = x1 > x0 ? x1 : x0 + 1;
	y1 = y1 > y0 ? y1 : y0 + 1;
	for (int y = y0; y < y1; y++)
		for (int x = x0; x < x1; x++)
			sum += small->data[(size_t)y * (size_t)small->width + (size_t)x];
	/* in 64ths of a step, so that soft gradients count */
	return (unsigned)(sum * 64 / (uint64_t)((x1 - x0) * (y1 - y0)));
}

uint64_t luma_hash(const struct plane *small)
{
	uint64_t hash = 0;

	for (int row = 0; row < 8; row++) {
		unsigned left = field_mean(small, 0, row);

		for (int column = 1; column < 9; column++) {
			unsigned here = field_mean(small, column, row);

			hash = hash << 1 | (left > here);
			left = here;
		}
	}
	return hash;
}
