/*
 * What the pictures of a clip look like over time: samples are taken while it is decoded, and
 * judged together when it has ended, because a cut or a freeze shows only beside its neighbours.
 */
#pragma once

#include <jansson.h>
#include <libavutil/frame.h>
#include <stdbool.h>

#include "base/err.h"
#include "pipeline/media/media.h"

struct look;

/* `rotation`: clockwise degrees that make the picture upright; crop is reported upright. */
struct look *look_new(int rotation);
void look_free(struct look *look);
void look_freep(struct look **look);

/* Measures every n-th frame, about 15 a second; the others cost nothing. `at_s`: when it is shown.
 */
bool look_take(struct look *look, const AVFrame *frame, double at_s, struct err *err) MUST_CHECK;

/* Adds the measurements. `is_still`: only those that mean something for one picture. */
enum look_subject { LOOK_AT_CLIP, LOOK_AT_STILL };
void look_put(struct look *look, enum look_subject subject, double end_s, json_t *metrics);
