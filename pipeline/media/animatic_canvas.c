/*
 * A still, brought to a canvas once and then only sampled: with sub-pixel steps, so that slow moves
 * do not jitter, and from 1.2 times the size, so that they stay sharp.
 */
#include <math.h>
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

static inline uint8_t sample(const struct plane *plane, int32_t x, int32_t y)
{
	const uint8_t *at = plane->data + (y >> 16) * plane->stride + (x >> 16);
	int right = (x >> 8) & 255, below = (y >> 8) & 255;
	int top = at[0] * (256 - right) + at[1] * right;
	int bottom = at[plane->stride] * (256 - right) + at[plane->stride + 1] * right;

	return (uint8_t)((top * (256 - below) + bottom * below + 32768) >> 16);
}

/* Exact at the ends of each span, straight between: 16 pixels bend by less than a hundredth. */
static void draw_row(struct ray ray, const struct plane *plane, uint8_t *to, int width)
{
	int32_t x, y, next_x, next_y;

	project(&ray, plane, &x, &y);
	for (int begin = 0; begin < width; begin += SPAN) {
		int count = width - begin < SPAN ? width - begin : SPAN;
		int32_t step_x, step_y;

		ray.x += ray.step_x * SPAN;
		ray.y += ray.step_y * SPAN;
		ray.w += ray.step_w * SPAN;
		project(&ray, plane, &next_x, &next_y);
		step_x = (next_x - x) / SPAN;
		step_y = (next_y - y) / SPAN;
		for (int i = 0; i < count; i++)
			to[begin + i] = sample(plane, x + step_x * i, y + step_y * i);
		x = next_x;
		y = next_y;
	}
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
