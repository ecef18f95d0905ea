// links: media
/*
 * edit: textOverlay and conform (loudness included) of an 8 s 1080x1920 clip, against the ffmpeg
 * program with the same graph and the same encoder settings on one thread. The reference lays a
 * picture of the text that was drawn beforehand and is told the gain, so it does less.
 *
 * CPU of a whole process each, user and system; median of RUNS.
 */
#include <libavutil/frame.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "pipeline/media/fonts.h"
#include "pipeline/media/loudness.h"
#include "pipeline/media/media.h"
#include "pipeline/media/text.h"

enum { RUNS = 5, WIDTH = 1080, HEIGHT = 1920 };

static const struct media_limits limits = { .max_pixels = 64 << 20, .max_seconds = 60 };
static const char words[] = "Built in the terminal";

static void die(const struct err *err, const char *what)
{
	fprintf(stderr, "bench edit: %s: %s\n", what, err->text);
	exit(1);
}

static void make_input(const char *path)
{
	struct media_animatic scene = {
		.prompt =
			"Ship before lunch: a terminal glows in a quiet office, golden hour, and the "
			"deploy is done",
		.output = path,
		.width = WIDTH,
		.height = HEIGHT,
		.fps = 30,
		.duration_s = 8,
		.seed = 1,
	};
	struct err err = { 0 };

	if (!media_animatic(&scene, &limits, &err))
		die(&err, "input");
}

static void edit(const char *input, const char *output)
{
	static const char text[] =
		"[{\"textOverlay\":{\"text\":\"Built in the terminal\",\"position\":\"bottom-center\","
		"\"sizePercent\":66}},{\"conform\":{\"profile\":{\"conform\":{\"width\":1080,"
		"\"height\":1920,\"fps\":30,\"gop_s\":2,\"max_rate\":12000000,\"audio_bit_rate\":128000,"
		"\"sample_rate\":48000,\"channels\":2,\"loudness_lufs\":-14}}}}]";
	DEFER(json_freep) json_t *operations = NULL;
	struct media_edit_options options = { .input = input, .output = output, .limits = &limits };
	struct err err = { 0 };

	if (!json_parse(text, strlen(text), "operations", &operations, &err))
		die(&err, "operations");
	options.operations = operations;
	if (!media_edit(&options, &err))
		die(&err, "edit");
}

/* The picture the reference lays, as raw yuva420p. */
static AVFrame *draw_text(const char *path)
{
	struct text_engine *engine = text_engine_take();
	char family[FONT_NAME_MAX];
	struct text_style style = { .family = family,
				    .is_bold = true,
				    .color = { 255, 255, 255, 255 },
				    .stroke = { 0, 0, 0, 230 },
				    .stroke_px = 5,
				    .align = TEXT_CENTER };
	struct text_block block = { 0 };
	struct text_image image = { 0 };
	struct err err = { 0 };
	FILE *file = fopen(path, "wb");
	AVFrame *frame;

	(void)font_choose(NULL, family); /* any will do */
	if (!text_fit(engine, words, &style, WIDTH * 0.66, HEIGHT * 0.4, 60, &block, &err) ||
	    !text_draw(engine, &block, &style, -1, &image, &err) || !file)
		die(&err, path);
	frame = text_picture(&image);
	for (int plane = 0; plane < 4; plane++) {
		int shift = plane == 1 || plane == 2;

		for (int y = 0; y < frame->height >> shift; y++)
			fwrite(frame->data[plane] + y * frame->linesize[plane], 1,
			       (size_t)frame->width >> shift, file);
	}
	fclose(file);
	text_image_done(&image);
	text_block_done(&block);
	text_engine_drop(&engine);
	return frame;
}

static double cpu_of_children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double wait_for(pid_t child, double before, const char *what)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench edit: %s failed\n", what);
		exit(1);
	}
	return cpu_of_children() - before;
}

static double run_ours(const char *input, const char *output)
{
	double before = cpu_of_children();
	pid_t child = fork();

	if (child == 0) {
		edit(input, output);
		_exit(0);
	}
	return wait_for(child, before, "our edit");
}

static double run_reference(const char *input, const char *text_path, const AVFrame *text,
			    const char *output, double gain_db)
{
	char graph[640], size[32];
	double before = cpu_of_children();
	pid_t child;

	snprintf(size, sizeof(size), "%dx%d", text->width, text->height);
	snprintf(
		graph, sizeof(graph),
		"[0:v]fps=30,format=yuv420p,setsar=1[a];[a][1:v]overlay=%d:%d:eval=init:format=yuv420:"
		"eof_action=repeat,format=yuv420p[v];[0:a]aresample=async=1:first_pts=0,"
		"aformat=sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo,"
		"volume=%.2fdB:precision=float,alimiter=%s[s]",
		(WIDTH - text->width) / 2, HEIGHT * 5 / 6 - text->height, gain_db,
		LOUDNESS_LIMITER);
	child = fork();
	if (child == 0) {
		execlp("ffmpeg", "ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-i",
		       input, "-f", "rawvideo", "-pix_fmt", "yuva420p", "-video_size", size, "-i",
		       text_path, "-filter_complex_threads", "1", "-filter_complex", graph, "-map",
		       "[v]", "-map", "[s]", "-c:v", "libx264", "-threads", "1", "-preset",
		       "veryfast", "-profile:v", "high", "-crf", "20", "-maxrate", "12M",
		       "-bufsize", "18M", "-bf", "0", "-g", "60", "-flags", "+cgop+bitexact",
		       "-c:a", "aac", "-aac_coder", "fast", "-b:a", "128k", "-movflags",
		       "+faststart", "-use_editlist", "0", output, (char *)NULL);
		_exit(127);
	}
	return wait_for(child, before, "ffmpeg (is the program installed?)");
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(void)
{
	char folder[] = "/tmp/reeld-bench.XXXXXX", input[64], text_path[64], output[64], other[64],
	     command[96];
	double ours[RUNS], theirs[RUNS], gain_db;
	struct err err = { 0 };
	bool limits_peaks;
	AVFrame *text;

	if (!mkdtemp(folder))
		return 1;
	snprintf(input, sizeof(input), "%s/in.mp4", folder);
	snprintf(text_path, sizeof(text_path), "%s/text.yuva", folder);
	snprintf(output, sizeof(output), "%s/ours.mp4", folder);
	snprintf(other, sizeof(other), "%s/theirs.mp4", folder);
	make_input(input);
	text = draw_text(text_path);
	if (!loudness_gain(input, &limits, 0, 0, -14, &gain_db, &limits_peaks, &err))
		die(&err, "loudness");
	media_warm_up(); /* as the parent of the children has */
	for (int i = 0; i < RUNS; i++) {
		ours[i] = run_ours(input, output);
		theirs[i] = run_reference(input, text_path, text, other, gain_db);
	}
	qsort(ours, RUNS, sizeof(double), by_size);
	qsort(theirs, RUNS, sizeof(double), by_size);
	printf("{\"bench\":\"edit\",\"value\":%.3f,\"unit\":\"CPU s\",\"reference\":\"ffmpeg, same graph "
	       "and encoder\",\"reference_value\":%.3f,\"ratio\":%.3f,\"bound\":1.05,\"runs\":%d}\n",
	       ours[RUNS / 2], theirs[RUNS / 2], ours[RUNS / 2] / theirs[RUNS / 2], RUNS);
	av_frame_free(&text);
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command) != 0;
}
