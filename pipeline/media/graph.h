/*
 * The one filter graph of an edit: a picture chain and a sound chain that operations lengthen.
 *
 *      graph_init -> operations: graph_cut, graph_picture, graph_sound, graph_lay -> graph_close
 *
 * Nothing is put in front of a chain until an operation needs its frames: a chain still untouched
 * at the end means that its stream can be copied. The first touch inserts what every encode needs
 * (window, constant rate, upright, square pixels, BT.709).
 */
#pragma once

#include <libavfilter/avfilter.h>
#include <stdbool.h>

#include "base/err.h"
#include "pipeline/media/decode.h"
#include "pipeline/media/encode.h"
#include "pipeline/media/media.h"
#include "pipeline/media/text.h"

enum { GRAPH_LAYERS = 16 };

struct edit_graph {
	const struct media_edit_options *options;
	const struct source *input;
	const struct media_facts *facts; /* of the input */
	double origin_s;		 /* where the input's own times begin */
	struct encode_format *format;	 /* what conform asks of the encoder */
	struct text_engine *text;	 /* borrowed */

	AVFilterGraph *filters;
	AVFilterContext *source[2], *last[2],
		*sink[2];      /* by encode_stream; source NULL: untouched */
	int width, height;     /* of the picture at this point of the chain, upright */
	AVRational frame_rate; /* constant, of the whole edit */
	double start_s, end_s; /* window of the input that is kept; end 0: to its end */
	double length_s;       /* of the clip at this point of the chain */
	bool must_encode[2];   /* an operation wants other settings than the copy would have */
	unsigned names;
	struct graph_layer {
		AVFilterContext *source;
		AVFrame *picture; /* owned; fed once */
	} layers[GRAPH_LAYERS];
	size_t layer_count;
};

/* The input's stream; NULL: it has none of that sort. */
AVStream *graph_stream(const struct edit_graph *graph, enum encode_stream which);

/* The arguments of an abuffer that takes the decoded sound of a source. */
void graph_sound_source(const struct source *source, char *out, size_t size);

bool graph_init(struct edit_graph *graph, struct err *err) MUST_CHECK;

/* Appends "name=args" to a chain. */
bool graph_picture(struct edit_graph *graph, struct err *err, const char *name, const char *args,
		   ...) MUST_CHECK __attribute__((format(printf, 4, 5)));
bool graph_sound(struct edit_graph *graph, struct err *err, const char *name, const char *args,
		 ...) MUST_CHECK __attribute__((format(printf, 4, 5)));

/* Appends a piece in libavfilter's own language with one open input and one open output. */
bool graph_picture_piece(struct edit_graph *graph, const char *piece, struct err *err) MUST_CHECK;

/* Keeps [start, end) of the clip as it is at this point; end 0: to its end. */
bool graph_cut(struct edit_graph *graph, double start_s, double end_s, struct err *err) MUST_CHECK;

/* Lays a picture (yuva420p, taken) with its corner at x, y between two times; end 0: to the end. */
bool graph_lay(struct edit_graph *graph, AVFrame *picture, int x, int y, double start_s,
	       double end_s, struct err *err) MUST_CHECK;

/* Ends both chains in sinks as the encoder wants them, where they are to be encoded. */
bool graph_close(struct edit_graph *graph, struct err *err) MUST_CHECK;
void graph_done(struct edit_graph *graph);

/* Where a box goes: one of nine anchors. Shared by textOverlay and overlay. */
enum anchor_side { ANCHOR_START, ANCHOR_CENTER, ANCHOR_END };
struct anchor {
	const char *name;
	enum anchor_side x, y;
};
bool anchor_find(const char *name, const char *path, const struct anchor **out,
		 struct err *err) MUST_CHECK;

/* Corner of a box in a frame; margin in percent of the shorter side, negative: 5 %, and on tall
 * frames clear of what the apps draw over the top and the bottom. */
void anchor_place(const struct anchor *anchor, double margin_percent, int frame_width,
		  int frame_height, int width, int height, int *out_x, int *out_y);
