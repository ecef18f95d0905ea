/*
 * Whether a stream of the original may be taken over as it is.
 */
#pragma once

#include <stdbool.h>

#include "pipeline/media/graph.h"

/* The picture: H.264, 4:2:0, no B-frames, constant rate, upright, square, closed by key frames no
 * further apart than asked, and the window begins at one of them. */
bool edit_may_copy_picture(const struct edit_graph *graph);

/* The sound: AAC-LC at the rate and channels asked for. */
bool edit_may_copy_sound(const struct edit_graph *graph);
