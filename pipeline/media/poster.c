/*
 * Scale, turn, encode, write. A still is small, so turning happens after scaling, by a plain loop.
 */
#include "pipeline/media/poster.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macros.h"
#include "pipeline/media/averror.h"

enum { POSTER_WIDTH = 540, QUALITY = 4 /* of 2 (best) to 31 */ };

static bool new_frame(int width, int height, AVFrame **out, struct err *err)
{
	AVFrame *frame = av_frame_alloc();

	if (!frame)
		return err_set(err, ERR_RETRY, "out of memory");
	frame->format = AV_PIX_FMT_YUVJ420P;
	frame->color_range = AVCOL_RANGE_JPEG;
	frame->width = width;
	frame->height = height;
	if (av_frame_get_buffer(frame, 0) < 0) {
		av_frame_free(&frame);
		return err_set(err, ERR_RETRY, "out of memory");
	}
	*out = frame;
	return true;
}

static void free_scaler(struct SwsContext **scaler)
{
	sws_freeContext(*scaler);
}

static bool scale(const AVFrame *from, AVFrame *to, struct err *err)
{
	DEFER(free_scaler)
	struct SwsContext *scaler =
		sws_getContext(from->width, from->height, from->format, to->width, to->height,
			       to->format, SWS_AREA, NULL, NULL, NULL);

	if (!scaler || sws_scale(scaler, (const uint8_t *const *)from->data, from->linesize, 0,
				 from->height, to->data, to->linesize) < 0)
		return err_set(err, ERR_REJECT, "a still of its pixel format cannot be made");
	return true;
}

static void turn_plane(const AVFrame *from, AVFrame *to, int plane, int rotation)
{
	int shift = plane ? 1 : 0;
	int width = AV_CEIL_RSHIFT(to->width, shift), height = AV_CEIL_RSHIFT(to->height, shift);
	int from_width = AV_CEIL_RSHIFT(from->width, shift);
	int from_height = AV_CEIL_RSHIFT(from->height, shift);

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			int at_x = rotation == 90    ? y
				   : rotation == 180 ? from_width - 1 - x
						     : from_width - 1 - y;
			int at_y = rotation == 90    ? from_height - 1 - x
				   : rotation == 180 ? from_height - 1 - y
						     : x;

			to->data[plane][y * to->linesize[plane] + x] =
				from->data[plane][at_y * from->linesize[plane] + at_x];
		}
}

static bool turn(AVFrame **frame, int rotation, struct err *err)
{
	bool is_quarter = rotation != 180;
	AVFrame *from = *frame, *to;

	if (!rotation)
		return true;
	if (!new_frame(is_quarter ? from->height : from->width,
		       is_quarter ? from->width : from->height, &to, err))
		return false;
	for (int plane = 0; plane < 3; plane++)
		turn_plane(from, to, plane, rotation);
	av_frame_free(frame);
	*frame = to;
	return true;
}

static bool open_encoder(const AVFrame *frame, AVCodecContext **out, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
	int code;

	*out = codec ? avcodec_alloc_context3(codec) : NULL;
	if (!*out)
		return err_set(err, ERR_OPERATOR, "this build of libavcodec makes no JPEG");
	(*out)->width = frame->width;
	(*out)->height = frame->height;
	(*out)->pix_fmt = frame->format;
	(*out)->color_range = AVCOL_RANGE_JPEG;
	(*out)->time_base = (AVRational){ 1, 25 };
	(*out)->thread_count = 1;
	(*out)->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
	(*out)->global_quality = QUALITY * FF_QP2LAMBDA;
	code = avcodec_open2(*out, codec, NULL);
	return code >= 0 || averror_set(err, code, "JPEG encoder");
}

static bool write_still(const struct poster_maker *maker, const AVPacket *packet, struct err *err)
{
	DEFER(freep) char *path = xasprintf("%s/poster_%d.jpg", maker->dir, maker->made);
	DEFER(file_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_errno(err, ERR_OPERATOR, "%s", path);
	if (!file_write_all(fd, packet->data, (size_t)packet->size, err))
		return err_context(err, "%s", path);
	return true;
}

static bool encode(const struct poster_maker *maker, AVFrame *frame, struct err *err)
{
	DEFER(avcodec_free_context) AVCodecContext *encoder = NULL;
	DEFER(av_packet_free) AVPacket *packet = av_packet_alloc();
	int code;

	if (!packet)
		return err_set(err, ERR_RETRY, "out of memory");
	if (!open_encoder(frame, &encoder, err))
		return false;
	frame->quality = encoder->global_quality;
	frame->pts = 0;
	code = avcodec_send_frame(encoder, frame);
	if (code >= 0)
		code = avcodec_send_frame(encoder, NULL);
	if (code >= 0)
		code = avcodec_receive_packet(encoder, packet);
	if (code < 0)
		return averror_set(err, code, "JPEG encoder");
	return write_still(maker, packet, err);
}

static int at_least_16(double pixels)
{
	return (int)fmin(8192, fmax(16, round(pixels)));
}

static bool make(struct poster_maker *maker, const AVFrame *from, struct err *err)
{
	DEFER(av_frame_free) AVFrame *still = NULL;
	bool is_quarter = maker->rotation == 90 || maker->rotation == 270;
	double aspect = maker->aspect.num > 0 && maker->aspect.den > 0 ? av_q2d(maker->aspect) : 1;
	double width = from->width * aspect, height = from->height;
	double factor = fmin(1, POSTER_WIDTH / (is_quarter ? height : width));

	if (!new_frame(at_least_16(width * factor), at_least_16(height * factor), &still, err) ||
	    !scale(from, still, err) || !turn(&still, maker->rotation, err) ||
	    !encode(maker, still, err))
		return false;
	maker->made++;
	return true;
}

bool poster_take(struct poster_maker *maker, const AVFrame *frame, double at_s, struct err *err)
{
	double due = (maker->made + 0.5) / maker->wanted * maker->duration_s;

	if (!maker->dir || maker->made >= maker->wanted)
		return true;
	if (at_s >= due)
		return make(maker, frame, err);
	if (!maker->last)
		maker->last = av_frame_alloc();
	if (maker->last && !maker->made) {
		av_frame_unref(maker->last);
		if (av_frame_ref(maker->last, frame) < 0)
			return err_set(err, ERR_RETRY, "out of memory");
	}
	return true;
}

bool poster_finish(struct poster_maker *maker, json_t *metrics, struct err *err)
{
	json_t *names;

	if (!maker->dir || maker->wanted <= 0)
		return true;
	if (!maker->made && maker->last && maker->last->width && !make(maker, maker->last, err))
		return false;
	names = json_array();
	for (int i = 0; i < maker->made; i++)
		json_array_append_new(names, json_sprintf("poster_%d.jpg", i));
	json_object_set_new(metrics, "posters", names);
	return true;
}

void poster_done(struct poster_maker *maker)
{
	av_frame_free(&maker->last);
}
