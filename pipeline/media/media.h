/*
 * The door to libav, whose one home is this folder: what a file is, what it looks like, and how to
 * make another. Everything here may be fed hostile files and is meant to run inside a sandboxed,
 * limited child process.
 *
 * AVERROR becomes an err kind only here: bad data is ERR_REJECT ("this is an HTML page, not a
 * video"), a full disk ERR_OPERATOR, everything else that may pass ERR_RETRY.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

enum media_kind { MEDIA_UNKNOWN, MEDIA_IMAGE, MEDIA_VIDEO, MEDIA_AUDIO };

struct media_limits {
	int64_t max_pixels; /* per picture, tested before a decoder is opened */
	int64_t max_bytes;  /* of the file */
	double max_seconds;
};

/* What the first bytes and the headers say; nothing is decoded. */
struct media_facts {
	enum media_kind kind;
	char container[24], mime[48], extension[8]; /* "mp4", "video/mp4", "mp4" */
	int64_t bytes;
	double duration_s; /* of the longest stream, from counted packets where the header lies; 0
			      for images */
	/* video or picture; width and height upright, i.e. after rotation and sample aspect */
	int width, height, rotation;
	char video_codec[24], video_profile[32], pixel_format[24];
	double fps;
	bool is_variable_rate, is_hdr, is_interlaced;
	int64_t video_bit_rate, bit_rate;
	/* sound */
	bool has_audio;
	char audio_codec[24];
	int sample_rate, channels;
	char audio_profile[16]; /* "LC", "HE-AAC"; "" when the codec has none */
	int64_t audio_bit_rate;
	/* MP4 structure */
	bool is_moov_first, has_edit_list, is_fragmented;
	char edit_list[8]; /* "none", "delay": only the encoder's delay at the start, "edits" */
	/* counted from packets */
	int64_t frames;		    /* of the video; 1 for a picture */
	double declared_duration_s; /* what the header claims; 0: nothing */
	double keyframe_interval_s; /* the longest stretch without a key frame */
	bool is_closed_gop;	    /* no frame refers across a key frame */
};

/* Sniffs, opens, reads headers. ERR_REJECT says what the file really is. */
bool media_probe(const char *path, const struct media_limits *limits, struct media_facts *out,
		 struct err *err) MUST_CHECK;

/* The fields as they appear in results: {kind, container, mime, width, height, duration, fps, ...}.
 * Caller owns. */
json_t *media_facts_json(const struct media_facts *facts);

/* What inspect measures in one decode pass; a JSON object documented in docs/metrics.md.
 * depth: "full" or "quick" (key frames only). Also writes up to `poster_count` JPEG stills when
 * poster_dir is not NULL. */
struct media_analysis_options {
	const char *depth;
	const char *poster_dir; /* NULL: none */
	int poster_count;	/* evenly spaced, poster_0.jpg, ... at most 540 px wide */
	void (*progress)(void *context, double fraction);
	void *context;
};
bool media_analyse(const char *path, const struct media_limits *limits,
		   const struct media_analysis_options *options, json_t **out_metrics,
		   struct err *err) MUST_CHECK;

/* Compares facts and metrics with a profile (the JSON of recipes/profiles.yaml as embedded in the
 * definition). Gives a list of {rule, expected, found, severity: "error"|"warning"}; empty: it
 * fits. Caller owns. */
bool media_check_profile(const json_t *profile, const struct media_facts *facts,
			 const json_t *metrics, json_t **out_findings, struct err *err) MUST_CHECK;

/* Every operation in one graph and one encode, or a stream copy where nothing needs re-encoding.
 * Bit-exact: the same inputs, operations and build give the same bytes. `operations` is the
 * definition's list [{name: args}, ...]; media named in it was resolved to paths by the caller
 * through `resolve`. `provenance` (text, may be NULL) goes into the container's comment. */
struct media_edit_options {
	const char *input, *output; /* output's extension decides nothing: it is MP4 */
	const json_t *operations;
	const char *provenance;
	const struct media_limits *limits;
	int encoder_threads; /* 0 is 1: many jobs run side by side */
	bool (*resolve)(void *context, const char *media_id, char **out_path, struct err *err);
	void (*step)(void *context, const char *name);
	void (*progress)(void *context, double fraction);
	void (*warn)(
		void *context,
		const char *text); /* "font 'Montserrat' is not installed, used 'DejaVu Sans'" */
	void *context;
};
bool media_edit(const struct media_edit_options *options, struct err *err) MUST_CHECK;

/* Checks the names and argument types of operations without touching media; for validate and plan.
 * ERR_REJECT with path. (The spec refuses by the same rules from data: docs/pipeline.schema.json
 * and this table are held together by a test.) */
bool media_edit_check(const json_t *operations, struct err *err) MUST_CHECK;

/* local/animatic: kinetic type on a moving background; over a still, pan, zoom or orbit read from
 * the motion words. */
struct media_animatic {
	const char *prompt, *motion; /* motion may be NULL: then the motion words of the prompt */
	const char *start_frame;     /* path of a still or clip, or NULL */
	const char *output;
	int width, height;
	double fps, duration_s; /* duration 0: one picture (PNG) */
	int64_t seed;		/* decides colours, drift and accents: same seed, same bytes */
	const char *label;	/* small line at the bottom: model and seed; NULL: none */
	const char *provenance;
	void (*progress)(void *context, double fraction);
	void *context;
};
bool media_animatic(const struct media_animatic *scene, const struct media_limits *limits,
		    struct err *err) MUST_CHECK;

/* Loads what every child needs (fontconfig's cache, libass, filter and codec tables) in the warm
 * parent, before forking. */
void media_warm_up(void);

/* Gives it back, before exit and when no child is left that shares it. */
void media_cool_down(void);
