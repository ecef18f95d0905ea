// links: media
/*
 * inspect: the CPU that a full inspection of an 8 s clip of 1080x1920 costs (probe, decode, all
 * measurements). The reference is decoding the same clip with the same libav in the same process,
 * one thread, frames thrown away. Both in turn, several rounds, medians.
 */
#include <libavutil/frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pipeline/media/decode.h"
#include "pipeline/media/media.h"
#include "tests/media_files.h"

enum { ROUNDS = 5 };

static const struct media_limits limits = { 64 << 20, 1 << 30, 600 };

static double cpu_s(void)
{
	struct timespec at;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const struct err *err)
{
	fprintf(stderr, "bench: %s\n", err->text);
	exit(1);
}

static double decode_only(const char *path)
{
	DEFER(source_freep) struct source *source = NULL;
	DEFER(av_frame_free) AVFrame *frame = av_frame_alloc();
	enum source_event event = SOURCE_VIDEO_FRAME;
	double begin = cpu_s();
	struct err err;

	if (!source_open(path, &limits, SOURCE_VIDEO | SOURCE_AUDIO, &source, &err))
		die(&err);
	while (event != SOURCE_END)
		if (!source_read(source, frame, &event, &err))
			die(&err);
	return cpu_s() - begin;
}

static double inspect(const char *path, const char *depth)
{
	const struct media_analysis_options options = { .depth = depth };
	double begin = cpu_s(), used;
	json_t *metrics = NULL;
	struct err err;

	if (!media_analyse(path, &limits, &options, &metrics, &err))
		die(&err);
	used = cpu_s() - begin;
	json_decref(metrics);
	return used;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

int main(void)
{
	double decode[ROUNDS], full[ROUNDS], quick[ROUNDS], reference;
	const char *path;

	if (media_folder_make(NULL) != 0)
		return 1;
	path = media_make("clip.mp4",
			  "-f lavfi -i testsrc2=s=1080x1920:r=30:d=8 -f lavfi -i "
			  "anoisesrc=r=48000:d=8:a=0.1:seed=1 -c:v libx264 -preset fast -threads 2 "
			  "-pix_fmt yuv420p -b:v 8M -maxrate 12M -bufsize 16M -g 60 -c:a aac -b:a "
			  "128k -ac 2 -movflags +faststart");
	for (int i = 0; i < ROUNDS; i++) {
		decode[i] = decode_only(path);
		full[i] = inspect(path, "full");
		quick[i] = inspect(path, "quick");
	}
	reference = median(decode);
	printf("{\"bench\": \"inspect\", \"value\": %.3f, \"unit\": \"x decode CPU\", "
	       "\"reference\": \"decode only\", \"reference_value\": 1.0, \"ratio\": %.3f, "
	       "\"target\": 1.3, \"inspect_cpu_s\": %.3f, \"decode_cpu_s\": %.3f, "
	       "\"quick_cpu_s\": %.3f, \"quick_ratio\": %.3f}\n",
	       median(full) / reference, median(full) / reference, median(full), reference,
	       median(quick), median(quick) / reference);
	return media_folder_remove(NULL);
}
