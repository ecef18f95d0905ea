/*
 * The gate: opens a file as what it is, or says what it is instead.
 *
 * libav never opens anything by name here. It reads through our own AVIOContext over a descriptor
 * that was checked to be a regular file, and its wish to open further files (playlists, references
 * to other files) meets io_refuse.
 *
 *      open -> sniff -> picture header | boxes -> demuxer -> pixels -> streams -> decoders
 */
#include "pipeline/media/decode_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/media/averror.h"

enum {
	IO_BUFFER = 65536,
	STREAMS_MAX = 16,
	PROBE_BYTES = 5 << 20,
	PICTURE_BYTES_MAX = 256 << 20, /* a picture is decoded from one packet in memory */
	PACKETS_PER_SECOND = 4000,     /* 240 fps video and 2.5 ms Opus are 640 */
	UNLIMITED_SECONDS = 4 * 3600,  /* where no limit was given */
	CHANNELS_MAX = 32,
	SAMPLE_RATE_MAX = 768000,
};

/* What generators, cameras and editors write. A short list keeps libav's dark corners out. */
#define DECODERS                                                                           \
	"h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,prores,mjpeg,png,webp,gif,aac,mp3float,mp3," \
	"opus,libopus,vorbis,flac,alac,ac3,eac3,pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,"     \
	"pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le"

static int io_read(void *opaque, uint8_t *to, int len)
{
	struct source *source = opaque;
	ssize_t got;

	do
		got = pread(source->fd, to, (size_t)len, source->private->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return AVERROR(errno);
	source->private->at += got;
	return got ? (int)got : AVERROR_EOF;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
	struct source *source = opaque;
	int64_t from = 0;

	whence &= ~AVSEEK_FORCE;
	if (whence == AVSEEK_SIZE)
		return source->bytes;
	if (whence == SEEK_CUR)
		from = source->private->at;
	else if (whence == SEEK_END)
		from = source->bytes;
	if (offset < -from || offset > INT64_MAX - from)
		return AVERROR(EINVAL);
	return source->private->at = from + offset;
}

static int io_refuse(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
		     AVDictionary **options)
{
	(void)format, (void)io, (void)url, (void)flags, (void)options;
	return AVERROR(EPERM);
}

static bool open_file(struct source *source, struct err *err)
{
	int64_t max = source->private->limits->max_bytes;
	struct stat at;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &at) < 0)
		return err_errno(err, ERR_REJECT, "cannot be opened");
	if (S_ISDIR(at.st_mode))
		return err_set(err, ERR_REJECT, "this is a folder, not %s",
			       sniff_expected(source->name));
	if (!S_ISREG(at.st_mode))
		return err_set(err, ERR_REJECT, "this is a pipe or device, not a file");
	source->bytes = at.st_size;
	if (max && source->bytes > max)
		return err_set(err, ERR_REJECT, "%lld bytes, more than the limit of %lld",
			       (long long)source->bytes, (long long)max);
	return true;
}

static bool sniff_file(struct source *source, struct err *err)
{
	unsigned char head[SNIFF_BYTES];
	char what[200];
	ssize_t got;

	do
		got = pread(source->fd, head, sizeof(head), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, ERR_RETRY, "cannot be read");
	source->type = sniff(head, (size_t)got);
	if (source->type->kind == MEDIA_UNKNOWN)
		return err_set(err, ERR_REJECT, "this is %s, not %s",
			       sniff_describe(head, (size_t)got, what),
			       sniff_expected(source->name));
	return true;
}

static bool check_pixels(const struct source *source, int width, int height, struct err *err)
{
	int64_t max = source->private->limits->max_pixels;

	if (max && (int64_t)width * height > max)
		return err_set(err, ERR_REJECT,
			       "%d x %d is %lld pixels a picture, more than the limit of %lld",
			       width, height, (long long)width * height, (long long)max);
	return true;
}

static bool check_boxes(struct source *source, struct err *err)
{
	struct boxes *boxes = &source->boxes;

	if (!boxes_read(source->fd, source->bytes, boxes, err))
		return err_context(err, "%s with damaged structure", source->type->what);
	if (boxes->missing_bytes > 0)
		return err_set(err, ERR_REJECT,
			       "%s that is cut short: its box '%s' lacks the last %lld bytes",
			       source->type->what, boxes->cut_box, (long long)boxes->missing_bytes);
	if (!boxes->has_moov)
		return err_set(err, ERR_REJECT,
			       "%s that is cut short: it has no index (box 'moov')",
			       source->type->what);
	return true;
}

static bool open_picture(struct source *source, struct err *err)
{
	struct picture *picture = &source->picture;

	if (source->bytes > PICTURE_BYTES_MAX)
		return err_set(err, ERR_REJECT, "a picture of %lld bytes, the limit is %d",
			       (long long)source->bytes, PICTURE_BYTES_MAX);
	if (!picture_read(source->fd, source->bytes, source->type->container, picture, err) ||
	    !check_pixels(source, picture->width, picture->height, err))
		return false;
	if (picture->is_animated)
		return err_set(err, ERR_REJECT,
			       "an animated WebP picture, only still ones are read");
	if (picture->is_cut_short)
		return err_set(err, ERR_REJECT, "%s that is cut short", source->type->what);
	source->rotation = picture->rotation;
	source->video_time_base = (AVRational){ 1, AV_TIME_BASE };
	return true;
}

static bool open_demuxer(struct source *source, struct err *err)
{
	const AVInputFormat *demuxer = av_find_input_format(source->type->demuxer);
	AVDictionary *options = NULL;
	unsigned char *buffer;
	int code;

	if (!demuxer)
		return err_set(err, ERR_OPERATOR, "this build of libavformat cannot read %s",
			       source->type->what);
	source->format = avformat_alloc_context();
	buffer = av_malloc(IO_BUFFER);
	if (!source->format || !buffer)
		return err_set(err, ERR_RETRY, "out of memory");
	source->private->io =
		avio_alloc_context(buffer, IO_BUFFER, 0, source, io_read, NULL, io_seek);
	if (!source->private->io)
		return err_set(err, ERR_RETRY, "out of memory");
	source->format->pb = source->private->io;
	source->format->io_open = io_refuse;
	av_dict_set(&options, "codec_whitelist", DECODERS, 0);
	av_dict_set(&options, "protocol_whitelist", "", 0);
	av_dict_set_int(&options, "max_streams", STREAMS_MAX, 0);
	av_dict_set_int(&options, "probesize", PROBE_BYTES, 0);
	/* the whitelist compares with the demuxer's full name, "mov,mp4,m4a,..." */
	av_dict_set(&options, "format_whitelist", demuxer->name, 0);
	code = avformat_open_input(&source->format, NULL, demuxer, &options);
	av_dict_free(&options);
	if (code < 0)
		return averror_set(err, code, "%s with damaged headers", source->type->what);
	return true;
}

static bool check_streams(const struct source *source, struct err *err)
{
	for (unsigned i = 0; i < source->format->nb_streams; i++) {
		const AVCodecParameters *par = source->format->streams[i]->codecpar;

		if (par->codec_type == AVMEDIA_TYPE_VIDEO &&
		    !check_pixels(source, par->width, par->height, err))
			return false;
		if (par->codec_type == AVMEDIA_TYPE_AUDIO &&
		    (par->ch_layout.nb_channels > CHANNELS_MAX || par->sample_rate < 0 ||
		     par->sample_rate > SAMPLE_RATE_MAX))
			return err_set(err, ERR_REJECT, "sound of %d channels at %d Hz",
				       par->ch_layout.nb_channels, par->sample_rate);
	}
	return true;
}

/* Fills in what only the first frames tell (pixel format, profile). Its decoders get our limits. */
static bool read_stream_info(struct source *source, struct err *err)
{
	unsigned count = source->format->nb_streams;
	AVDictionary **options = xcalloc(count ? count : 1, sizeof(AVDictionary *));
	int64_t pixels = source->private->limits->max_pixels;
	int code;

	for (unsigned i = 0; i < count; i++) {
		av_dict_set_int(&options[i], "threads", 1, 0);
		if (pixels)
			av_dict_set_int(&options[i], "max_pixels", pixels, 0);
	}
	code = avformat_find_stream_info(source->format, count ? options : NULL);
	for (unsigned i = 0; i < count; i++)
		av_dict_free(&options[i]);
	free(options);
	if (code < 0)
		return averror_set(err, code, "%s without readable streams", source->type->what);
	return true;
}

static bool is_readable(const char *decoder)
{
	return av_match_name(decoder, DECODERS) != 0;
}

static bool find_stream(struct source *source, enum AVMediaType type, AVStream **out,
			struct err *err)
{
	int index = av_find_best_stream(source->format, type, -1, -1, NULL, 0);
	const AVCodec *decoder;
	AVStream *stream;

	if (index < 0)
		return true;
	stream = source->format->streams[index];
	if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) /* the cover of a sound file */
		return true;
	decoder = avcodec_find_decoder(stream->codecpar->codec_id);
	if (!decoder || !is_readable(decoder->name))
		return err_set(err, ERR_REJECT, "its %s is coded as '%s', which is not read here",
			       av_get_media_type_string(type),
			       avcodec_get_name(stream->codecpar->codec_id));
	*out = stream;
	return true;
}

/* The display matrix says how the stored picture was turned; the answer is how to turn it back. */
static int rotation_of(AVStream *stream)
{
	size_t len = 0;
	const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &len);
	int32_t values[9];
	double degrees;

	if (!matrix || len < sizeof(values))
		return 0;
	memcpy(values, matrix, sizeof(values));
	degrees = av_display_rotation_get(values);
	if (isnan(degrees))
		return 0;
	return (((int)lround(-degrees / 90) % 4 + 4) % 4) * 90;
}

static bool choose_streams(struct source *source, struct err *err)
{
	if (!find_stream(source, AVMEDIA_TYPE_VIDEO, &source->video_stream, err) ||
	    !find_stream(source, AVMEDIA_TYPE_AUDIO, &source->audio_stream, err))
		return false;
	if (!source->video_stream && !source->audio_stream)
		return err_set(err, ERR_REJECT, "%s with neither picture nor sound in it",
			       source->type->what);
	for (unsigned i = 0; i < source->format->nb_streams; i++) {
		AVStream *stream = source->format->streams[i];

		if (stream != source->video_stream && stream != source->audio_stream)
			stream->discard = AVDISCARD_ALL;
	}
	if (source->video_stream) {
		source->video_time_base = source->video_stream->time_base;
		source->rotation = rotation_of(source->video_stream);
		source->frame_rate =
			av_guess_frame_rate(source->format, source->video_stream, NULL);
	}
	if (source->audio_stream)
		source->audio_time_base = source->audio_stream->time_base;
	return true;
}

static bool open_media(struct source *source, struct err *err)
{
	if (source->type->demuxer && strcmp(source->type->demuxer, "mov") == 0 &&
	    !check_boxes(source, err))
		return false;
	return open_demuxer(source, err) && check_streams(source, err) &&
	       read_stream_info(source, err) && check_streams(source, err) &&
	       choose_streams(source, err);
}

static bool open_decoder(struct source *source, const AVCodec *codec, const AVCodecParameters *par,
			 AVRational time_base, AVCodecContext **out, struct err *err)
{
	int64_t pixels = source->private->limits->max_pixels;
	int code;

	*out = avcodec_alloc_context3(codec);
	if (!*out || (par && avcodec_parameters_to_context(*out, par) < 0))
		return err_set(err, ERR_RETRY, "out of memory");
	(*out)->thread_count = 1; /* many jobs run beside each other */
	(*out)->pkt_timebase = time_base;
	if (pixels)
		(*out)->max_pixels = pixels;
	if (codec->type == AVMEDIA_TYPE_VIDEO && (source->private->want & SOURCE_KEY_FRAMES))
		(*out)->skip_frame = AVDISCARD_NONKEY;
	code = avcodec_open2(*out, codec, NULL);
	if (code < 0)
		return averror_set(err, code, "no decoder for its %s", codec->name);
	return true;
}

static bool open_picture_decoder(struct source *source, struct err *err)
{
	const char *name = source->type->container;
	const AVCodec *codec =
		avcodec_find_decoder_by_name(strcmp(name, "jpeg") == 0 ? "mjpeg" : name);

	if (!codec)
		return err_set(err, ERR_OPERATOR, "this build of libavcodec cannot read %s",
			       source->type->what);
	return open_decoder(source, codec, NULL, source->video_time_base, &source->video, err);
}

static bool open_decoders(struct source *source, struct err *err)
{
	const AVCodecParameters *par;

	if (!source->format)
		return !(source->private->want & SOURCE_VIDEO) || open_picture_decoder(source, err);
	if ((source->private->want & SOURCE_VIDEO) && source->video_stream) {
		par = source->video_stream->codecpar;
		if (!open_decoder(source, avcodec_find_decoder(par->codec_id), par,
				  source->video_time_base, &source->video, err))
			return false;
	}
	if ((source->private->want & SOURCE_AUDIO) && source->audio_stream) {
		par = source->audio_stream->codecpar;
		if (!open_decoder(source, avcodec_find_decoder(par->codec_id), par,
				  source->audio_time_base, &source->audio, err))
			return false;
	}
	return true;
}

static bool open_all(struct source *source, struct err *err)
{
	if (!open_file(source, err) || !sniff_file(source, err))
		return false;
	if (!(source->type->demuxer ? open_media(source, err) : open_picture(source, err)))
		return false;
	source->packet = av_packet_alloc();
	if (!source->packet)
		return err_set(err, ERR_RETRY, "out of memory");
	return open_decoders(source, err);
}

bool source_open(const char *path, const struct media_limits *limits, unsigned want,
		 struct source **out, struct err *err)
{
	DEFER(source_freep) struct source *source = xcalloc(1, sizeof(*source));
	const char *slash = strrchr(path, '/');
	double seconds = limits->max_seconds > 0 ? limits->max_seconds : UNLIMITED_SECONDS;

	source->fd = -1;
	source->path = xstrdup(path);
	source->name = source->path + (slash && slash[1] ? slash + 1 - path : 0);
	source->private = xcalloc(1, sizeof(*source->private));
	source->private->limits = limits;
	source->private->want = want;
	source->packets_left = (int64_t)((seconds + 10) * PACKETS_PER_SECOND);
	/* libav speaks on stderr by itself; what matters reaches us as codes. And a header that
	 * asks for gigabytes gets "out of memory" instead: eight bytes a pixel is the widest
	 * format. */
	av_log_set_level(AV_LOG_QUIET);
	if (limits->max_pixels > 0)
		av_max_alloc((size_t)limits->max_pixels * 8 + (64 << 20));
	if (!open_all(source, err))
		return err_context(err, "%s", source->name);
	*out = TAKE(source);
	return true;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	avcodec_free_context(&source->video);
	avcodec_free_context(&source->audio);
	avformat_close_input(&source->format);
	if (source->private && source->private->io) {
		av_freep(&source->private->io->buffer);
		avio_context_free(&source->private->io);
	}
	av_packet_free(&source->packet);
	file_closep(&source->fd);
	free(source->private);
	free(source->path);
	free(source);
}

void source_freep(struct source **source)
{
	source_free(*source);
	*source = NULL;
}
