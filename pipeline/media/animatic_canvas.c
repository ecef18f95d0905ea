/*
 * A still, brought to a canvas once and then only sampled: with sub-pixel steps, so that slow moves
 * do not jitter, and from 1.2 times the size, so that they stay sharp.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/media/animatic.h"
#include "pipeline/media/first_picture.h"

static const double oversize = 1.2;
enum { SPAN = 16 };

static int even(double value)
{
	return (int)lrint(value / 2) * 2;
}

/* Copies a picture into the canvas, centred, cropping what sticks out. */
static void paste(const AVFrame *from, AVFrame *to)
{
	for (int plane = 0; plane < 3; plane++) {
		int shift = plane > 0;
		int width = (from->width < to->width ? from->width : to->width) >> shift;
		int height = (from->height < to->height ? from->height : to->height) >> shift;
		int from_x = ((from->width >> shift) - width) / 2,
		    to_x = ((to->width >> shift) - width) / 2;
		int from_y = ((from->height >> shift) - height) / 2,
		    to_y = ((to->height >> shift) - height) / 2;

		for (int y = 0; y < height; y++)
			memcpy(to->data[plane] + (to_y + y) * to->linesize[plane] + to_x,
			       from->data[plane] + (from_y + y) * from->linesize[plane] + from_x,
			       (size_t)width);
	}
}

static AVFrame *new_frame(int width, int height)
{
	AVFrame *frame = av_frame_alloc();

	frame->format = AV_PIX_FMT_YUV420P;
	frame->width = width;
	frame->height = height;
	if (av_frame_get_buffer(frame, 0) < 0)
		abort(); /* out of memory, as xmalloc */
	return frame;
}

static bool paste_scaled(AVFrame *picture, int rotation, int width, int height, AVFrame *canvas,
			 struct err *err)
{
	AVFrame *fitted;

	if (!first_picture_fit(picture, rotation, width, height, "yuv420p", 1, &fitted, err))
		return false;
	paste(fitted, canvas);
	av_frame_free(&fitted);
	return true;
}

/* Covers the canvas with the picture shrunk to a few pixels: enlarged again, that is a blur. */
static bool fill_blurred(AVFrame *picture, int rotation, double cover, int width, int height,
			 AVFrame *canvas, struct err *err)
{
	AVFrame *small;
	bool is_well;

	if (!first_picture_fit(picture, rotation, even(fmax(width * cover / 48, 4)),
			       even(fmax(height * cover / 48, 4)), "yuv420p", 1, &small, err))
		return false;
	is_well = paste_scaled(small, 0, even(width * cover), even(height * cover), canvas, err);
	av_frame_free(&small);
	for (int y = 0; is_well && y < canvas->height; y++)
		for (int x = 0; x < canvas->width; x++) {
			uint8_t *at = &canvas->data[0][y * canvas->linesize[0] + x];

			*at = (uint8_t)(16 + (*at > 16 ? (*at - 16) * 7 / 10 : 0));
		}
	return is_well;
}

static uint8_t clipped(float value, float low, float high)
{
	return (uint8_t)lrintf(value < low ? low : value > high ? high : value);
}

static void grade_luma(AVFrame *frame, const struct look *look)
{
	float dark = tone_yuv(look->shadows).y - 16, bright = tone_yuv(look->highlights).y - 16;
	uint8_t table[256];

	for (int i = 0; i < 256; i++) {
		float y = (float)(i - 16) / 219;
		float level = y < 0 ? 0 : y > 1 ? 1 : y;
		/* exposure lifts the middle, black and white stay */
		float lifted = level + look->exposure * 4 * level * (1 - level);
		float graded = 0.5f + (lifted - 0.5f) * look->contrast;

		table[i] =
			clipped(16 + 219 * graded + dark * (1 - level) + bright * level, 16, 235);
	}
	for (int y = 0; y < frame->height; y++)
		for (int x = 0; x < frame->width; x++) {
			uint8_t *at = &frame->data[0][y * frame->linesize[0] + x];

			*at = table[*at];
		}
}

static void grade_chroma(AVFrame *frame, const struct look *look)
{
	struct yuv dark = tone_yuv(look->shadows), bright = tone_yuv(look->highlights);

	for (int y = 0; y < frame->height / 2; y++)
		for (int x = 0; x < frame->width / 2; x++) {
			float level =
				(float)frame->data[0][2 * y * frame->linesize[0] + 2 * x] / 235;
			uint8_t *u = &frame->data[1][y * frame->linesize[1] + x];
			uint8_t *v = &frame->data[2][y * frame->linesize[2] + x];

			*u = clipped(128 + (float)(*u - 128) * look->saturation +
					     (dark.u - 128) * (1 - level) +
					     (bright.u - 128) * level,
				     16, 240);
			*v = clipped(128 + (float)(*v - 128) * look->saturation +
					     (dark.v - 128) * (1 - level) +
					     (bright.v - 128) * level,
				     16, 240);
		}
}

bool canvas_make(const char *path, const struct media_limits *limits, int width, int height,
		 const struct look *look, AVFrame **out, struct err *err)
{
	int wide = even(width * oversize), high = even(height * oversize), rotation;
	double from_width, from_height, cover, fit;
	AVFrame *picture, *canvas;
	bool is_well;

	if (!first_picture(path, limits, &picture, &rotation, err))
		return false;
	from_width = rotation % 180 ? picture->height : picture->width;
	from_height = rotation % 180 ? picture->width : picture->height;
	cover = fmax(wide / from_width, high / from_height);
	fit = fmin(wide / from_width, high / from_height);
	canvas = new_frame(wide, high);
	/* Covering is better to look at, but must not crop away a third of a product. */
	if (fit / cover > 0.66)
		is_well = paste_scaled(picture, rotation, even(from_width * cover + 1),
				       even(from_height * cover + 1), canvas, err);
	else
		is_well = fill_blurred(picture, rotation, cover, (int)from_width, (int)from_height,
				       canvas, err) &&
			  paste_scaled(picture, rotation, even(from_width * fit * 0.94),
				       even(from_height * fit * 0.94), canvas, err);
	av_frame_free(&picture);
	if (!is_well) {
		av_frame_free(&canvas);
		return false;
	}
	grade_luma(canvas, look);
	grade_chroma(canvas, look);
	*out = canvas;
	return true;
}

/* Numerators and denominator of the projection, linear along a row. */
struct ray {
	double x, y, w, step_x, step_y, step_w;
};

struct plane {
	const uint8_t *data;
	int stride;
	double last_x, last_y; /* the last place with a neighbour on the right and below */
};

static void project(const struct ray *ray, const struct plane *plane, int32_t *out_x,
		    int32_t *out_y)
{
	double x = ray->x / ray->w, y = ray->y / ray->w;

	*out_x = (int32_t)(fmin(fmax(x, 0), plane->last_x) * 65536);
	*out_y = (int32_t)(fmin(fmax(y, 0), plane->last_y) * 65536);
}

/* Two neighbours in one product: each half of the word holds one, at most 255 * 256. */
static inline uint32_t pair(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 16;
}

static inline uint8_t sample(const uint8_t *data, int stride, int32_t x, int32_t y)
{
	const uint8_t *at = data + (ptrdiff_t)(y >> 16) * stride + (x >> 16);
	uint32_t right = (x >> 8) & 255, below = (y >> 8) & 255;
	uint32_t both = pair(at) * (256 - below) + pair(at + stride) * below;

	return (uint8_t)(((both & 0xffff) * (256 - right) + (both >> 16) * right + 32768) >> 16);
}

/* A span of one row. The bytes written cannot be those read: said with restrict, or every
 * sample would begin by loading the arguments again. */
static void draw_span(const uint8_t *restrict data, int stride, int32_t x, int32_t y,
		      int32_t step_x, int32_t step_y, uint8_t *restrict to)
{
	for (int i = 0; i < SPAN; i++)
		to[i] = sample(data, stride, x + step_x * i, y + step_y * i);
}

/* Exact at the ends of each span, straight between: 16 pixels bend by less than a hundredth. Rows
 * are padded to whole spans (av_frame_get_buffer aligns them to 32). */
static void draw_row(struct ray ray, const struct plane *plane, uint8_t *to, int width)
{
	int32_t x, y, next_x, next_y;

	project(&ray, plane, &x, &y);
	for (int begin = 0; begin < width; begin += SPAN) {
		ray.x += ray.step_x * SPAN;
		ray.y += ray.step_y * SPAN;
		ray.w += ray.step_w * SPAN;
		project(&ray, plane, &next_x, &next_y);
		draw_span(plane->data, plane->stride, x, y, (next_x - x) / SPAN,
			  (next_y - y) / SPAN, to + begin);
		x = next_x;
		y = next_y;
	}
}

/* Where the columns of an upright view come from; computed once for all its rows. */
struct columns {
	int count;	  /* whole spans */
	int32_t *at;	  /* 16.16 */
	int16_t *rows[2]; /* the two rows of the canvas around the one drawn, times 128 */
	int row[2];	  /* which they are */
};

static void fetch_row(const struct plane *plane, const struct columns *columns, int y, int16_t *to)
{
	const uint8_t *from = plane->data + (ptrdiff_t)y * plane->stride;
	const int32_t *restrict at = columns->at;

	for (int i = 0; i < columns->count; i++) {
		uint32_t both = pair(from + (at[i] >> 16)), right = (at[i] >> 8) & 255;

		to[i] = (int16_t)(((both & 0xffff) * (256 - right) + (both >> 16) * right) >> 1);
	}
}

static void want_row(const struct plane *plane, struct columns *columns, int slot, int y)
{
	if (columns->row[slot] == y)
		return;
	if (slot == 0 && columns->row[1] == y) {
		int16_t *row = columns->rows[0];

		columns->rows[0] = columns->rows[1];
		columns->rows[1] = row;
		columns->row[1] = columns->row[0];
	} else {
		fetch_row(plane, columns, y, columns->rows[slot]);
	}
	columns->row[slot] = y;
}

static void mix_rows(const int16_t *restrict above, const int16_t *restrict below, int part,
		     uint8_t *restrict to, int count)
{
	int16_t share = (int16_t)(part * 128);

	for (int x = 0; x < count; x += SPAN)
		for (int i = x; i < x + SPAN; i++) {
			int16_t step = (int16_t)(((int16_t)(below[i] - above[i]) * share) >> 16);

			to[i] = (uint8_t)((above[i] + 2 * step + 64) >> 7);
		}
}

/* Without roll and perspective rows stay rows: each is fetched once and mixed with the next, at
 * half the cost of the general way. */
static void draw_upright(const struct plane *plane, const struct view *view, double wide,
			 double high, double scale, uint8_t *to, int stride, int width, int height)
{
	struct columns columns = { .count = (width + SPAN - 1) / SPAN * SPAN, .row = { -1, -1 } };
	double from_x = view->x * wide - 0.5 + (0.5 - width / 2.0) * scale;
	double from_y = view->y * high - 0.5 + (0.5 - height / 2.0) * scale;

	columns.at = xcalloc((size_t)columns.count, sizeof(int32_t));
	for (int i = 0; i < 2; i++)
		columns.rows[i] = xcalloc((size_t)columns.count, sizeof(int16_t));
	for (int i = 0; i < columns.count; i++)
		columns.at[i] = (int32_t)(fmin(fmax(from_x + i * scale, 0), plane->last_x) * 65536);
	for (int y = 0; y < height; y++) {
		int32_t at = (int32_t)(fmin(fmax(from_y + y * scale, 0), plane->last_y) * 65536);

		want_row(plane, &columns, 0, at >> 16);
		want_row(plane, &columns, 1, (at >> 16) + 1);
		mix_rows(columns.rows[0], columns.rows[1], (at >> 8) & 255,
			 to + (ptrdiff_t)y * stride, columns.count);
	}
	free(columns.at);
	free(columns.rows[0]);
	free(columns.rows[1]);
}

static void draw_plane(const AVFrame *canvas, const struct view *view, AVFrame *frame, int index)
{
	int shift = index > 0;
	double width = frame->width >> shift, height = frame->height >> shift;
	double wide = canvas->width >> shift, high = canvas->height >> shift;
	double scale = wide / width / view->zoom, turn = cos(view->roll) * scale,
	       lean = sin(view->roll) * scale;
	struct plane plane = { canvas->data[index], canvas->linesize[index], wide - 1.01,
			       high - 1.01 };

	if (view->roll == 0 && view->tilt_x == 0 && view->tilt_y == 0) {
		draw_upright(&plane, view, wide, high, scale, frame->data[index],
			     frame->linesize[index], (int)width, (int)height);
		return;
	}
	for (int y = 0; y < (int)height; y++) {
		double from_x = 0.5 - width / 2, from_y = y + 0.5 - height / 2;
		struct ray ray = {
			.w = 1 + view->tilt_x * from_x / width * 2 +
			     view->tilt_y * from_y / height * 2,
			.step_w = view->tilt_x / width * 2,
		};
		double centre_x = view->x * wide - 0.5, centre_y = view->y * high - 0.5;

		ray.x = turn * from_x - lean * from_y + centre_x * ray.w;
		ray.y = lean * from_x + turn * from_y + centre_y * ray.w;
		ray.step_x = turn + centre_x * ray.step_w;
		ray.step_y = lean + centre_y * ray.step_w;
		draw_row(ray, &plane, frame->data[index] + y * frame->linesize[index], (int)width);
	}
}

void canvas_draw(const AVFrame *canvas, const struct view *view, AVFrame *frame)
{
	for (int plane = 0; plane < 3; plane++)
		draw_plane(canvas, view, frame, plane);
}
