/*
 * Clips for the media tests: made by the animatic, read back frame by frame. Each test program has
 * its own folder, removed at the end.
 */
#pragma once

#include <libavcodec/avcodec.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "pipeline/media/decode.h"
#include "pipeline/media/media.h"

static const struct media_limits clip_limits = { .max_pixels = 16 << 20, .max_seconds = 60 };
static char clip_dir[64];

static inline int clip_set_up(void **state)
{
	(void)state;
	snprintf(clip_dir, sizeof(clip_dir), "/tmp/reeld-media.XXXXXX");
	return mkdtemp(clip_dir) ? 0 : -1;
}

static inline int clip_tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", clip_dir);
	return system(command);
}

static inline const char *clip_path(const char *name)
{
	static char paths[32][128];
	static int next;
	char *path = paths[next++ % 32];

	snprintf(path, 128, "%s/%s", clip_dir, name);
	return path;
}

static inline struct media_animatic clip_scene(const char *name, double duration_s)
{
	return (struct media_animatic){
		.prompt = "one two three four five six seven eight nine ten",
		.output = clip_path(name),
		.width = 270,
		.height = 480,
		.fps = 30,
		.duration_s = duration_s,
		.seed = 7,
	};
}

/* A moving clip with sound, once for all tests. */
static inline const char *clip_moving(void)
{
	static char path[128];
	struct media_animatic scene = clip_scene("moving.mp4", 5);
	struct err err = { 0 };

	if (path[0])
		return path;
	scene.width = 360;
	scene.height = 640;
	if (!media_animatic(&scene, &clip_limits, &err))
		fail_msg("%s", err.text);
	snprintf(path, sizeof(path), "%s", scene.output);
	return path;
}

static inline void clip_read(const char *path, struct buf *out)
{
	struct err err = { 0 };

	if (!file_read(path, 64 << 20, out, &err))
		fail_msg("%s", err.text);
}

static inline bool clip_same(const char *a, const char *b)
{
	DEFER(buf_done) struct buf one = { 0 };
	DEFER(buf_done) struct buf two = { 0 };

	clip_read(a, &one);
	clip_read(b, &two);
	return one.len == two.len && !memcmp(one.data, two.data, one.len);
}

/* The picture at a time; caller frees. */
static inline AVFrame *clip_frame(const char *path, double seconds)
{
	DEFER(source_freep) struct source *source = NULL;
	enum source_event event = SOURCE_AUDIO_FRAME;
	AVFrame *frame = av_frame_alloc();
	struct err err = { 0 };

	if (!source_open(path, &clip_limits, SOURCE_VIDEO, &source, &err))
		fail_msg("%s", err.text);
	while (event != SOURCE_END) {
		if (!source_read(source, frame, &event, &err))
			fail_msg("%s", err.text);
		if (event == SOURCE_VIDEO_FRAME &&
		    (double)frame->pts * av_q2d(source->video_time_base) >= seconds - 0.001)
			return frame;
	}
	fail_msg("%s has no picture at %g s", path, seconds);
	abort();
}

static inline int clip_count(const char *path)
{
	DEFER(source_freep) struct source *source = NULL;
	enum source_event event = SOURCE_AUDIO_FRAME;
	AVFrame *frame = av_frame_alloc();
	struct err err = { 0 };
	int count = 0;

	if (!source_open(path, &clip_limits, SOURCE_VIDEO, &source, &err))
		fail_msg("%s", err.text);
	while (event != SOURCE_END) {
		if (!source_read(source, frame, &event, &err))
			fail_msg("%s", err.text);
		count += event == SOURCE_VIDEO_FRAME;
	}
	av_frame_free(&frame);
	return count;
}

/* Mean difference of luma in a cell of a grid of 3 x 3 (column, row), or of all with -1. */
static inline double clip_difference(const AVFrame *a, const AVFrame *b, int column, int row)
{
	int x0 = column < 0 ? 0 : a->width * column / 3,
	    x1 = column < 0 ? a->width : a->width * (column + 1) / 3;
	int y0 = row < 0 ? 0 : a->height * row / 3,
	    y1 = row < 0 ? a->height : a->height * (row + 1) / 3;
	double sum = 0;

	assert_int_equal(a->width, b->width);
	assert_int_equal(a->height, b->height);
	for (int y = y0; y < y1; y++)
		for (int x = x0; x < x1; x++)
			sum += abs(a->data[0][y * a->linesize[0] + x] -
				   b->data[0][y * b->linesize[0] + x]);
	return sum / (x1 - x0) / (y1 - y0);
}

static inline struct media_facts clip_facts(const char *path)
{
	struct media_facts facts;
	struct err err = { 0 };

	if (!media_probe(path, &clip_limits, &facts, &err))
		fail_msg("%s", err.text);
	return facts;
}

/* What every file we make promises. */
static inline void clip_is_publishable(const char *path)
{
	struct media_facts facts = clip_facts(path);

	assert_string_equal(facts.container, "mp4");
	assert_string_equal(facts.video_codec, "h264");
	assert_string_equal(facts.pixel_format, "yuv420p");
	assert_string_equal(facts.audio_codec, "aac");
	assert_true(facts.has_audio);
	assert_true(facts.is_moov_first);
	assert_false(facts.has_edit_list);
	assert_false(facts.is_variable_rate);
	assert_int_equal(facts.rotation, 0);
}
