/*
 * One frame as a PNG file that appears complete or not at all, with a comment chunk of our own:
 * libav's encoder writes none.
 */
#include <libavcodec/avcodec.h>
#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "pipeline/media/animatic.h"
#include "pipeline/media/averror.h"
#include "pipeline/media/first_picture.h"

enum { PNG_HEAD = 8 + 25 }; /* signature and IHDR, which must come first */

static void put_chunk(struct buf *out, const char *type, const void *data, size_t length)
{
	const AVCRC *table = av_crc_get_table(AV_CRC_32_IEEE_LE);
	uint8_t word[4];
	size_t begin;

	AV_WB32(word, (uint32_t)length);
	buf_put(out, word, 4);
	begin = out->len;
	buf_put(out, type, 4);
	buf_put(out, data, length);
	AV_WB32(word, ~av_crc(table, ~0u, (const uint8_t *)out->data + begin, length + 4));
	buf_put(out, word, 4);
}

/* iTXt: keyword, no compression, no language, UTF-8. */
static void put_comment(struct buf *out, const char *comment)
{
	static const char head[] = "Comment\0\0\0\0";
	DEFER(buf_done) struct buf data = { 0 };

	buf_put(&data, head, sizeof(head));
	buf_puts(&data, comment);
	put_chunk(out, "iTXt", data.data, data.len);
}

static bool encode_rgb(AVFrame *rgb, AVPacket *packet, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
	AVCodecContext *coder;
	int code;

	if (!codec)
		return err_set(err, ERR_OPERATOR, "this libavcodec has no PNG encoder");
	coder = avcodec_alloc_context3(codec);
	coder->width = rgb->width;
	coder->height = rgb->height;
	coder->pix_fmt = AV_PIX_FMT_RGB24;
	coder->time_base = (AVRational){ 1, 1 };
	coder->thread_count = 1;
	coder->flags |= AV_CODEC_FLAG_BITEXACT;
	code = avcodec_open2(coder, codec, NULL);
	if (code >= 0)
		code = avcodec_send_frame(coder, rgb);
	if (code >= 0)
		code = avcodec_receive_packet(coder, packet);
	avcodec_free_context(&coder);
	return code < 0 ? averror_set(err, code, "encoding PNG") : true;
}

bool png_write(const char *path, AVFrame *frame, const char *comment, struct err *err)
{
	DEFER(buf_done) struct buf out = { 0 };
	AVPacket *packet;
	AVFrame *rgb;
	bool is_well;

	frame->colorspace = AVCOL_SPC_BT709;
	frame->color_range = AVCOL_RANGE_MPEG;
	if (!first_picture_fit(frame, 0, frame->width, frame->height, "rgb24", 1, &rgb, err))
		return false;
	packet = av_packet_alloc();
	is_well = encode_rgb(rgb, packet, err);
	if (is_well) {
		buf_put(&out, packet->data, PNG_HEAD);
		if (comment)
			put_comment(&out, comment);
		buf_put(&out, packet->data + PNG_HEAD, (size_t)packet->size - PNG_HEAD);
		is_well = file_write_atomic(path, out.data, out.len, 0644, err);
	}
	av_packet_free(&packet);
	av_frame_free(&rgb);
	return is_well;
}
