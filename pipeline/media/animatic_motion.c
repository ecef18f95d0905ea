/*
 * Motion words and the camera path they mean. Pure.
 */
#include <math.h>
#include <string.h>

#include "pipeline/media/animatic.h"

enum move {
	PAN_LEFT = 1,
	PAN_RIGHT = 2,
	PAN_UP = 4,
	PAN_DOWN = 8,
	PUSH_IN = 16,
	PULL_OUT = 32,
	ORBIT = 64,
	HANDHELD = 128,
	STATIC = 256,
};

static const struct {
	const char *words;
	unsigned move;
} moves[] = {
	{ "pan left", PAN_LEFT },     { "pans left", PAN_LEFT },
	{ "panning left", PAN_LEFT }, { "truck left", PAN_LEFT },
	{ "slide left", PAN_LEFT },   { "pan right", PAN_RIGHT },
	{ "pans right", PAN_RIGHT },  { "panning right", PAN_RIGHT },
	{ "truck right", PAN_RIGHT }, { "slide right", PAN_RIGHT },
	{ "pan up", PAN_UP },	      { "tilt up", PAN_UP },
	{ "crane up", PAN_UP },	      { "rise", PAN_UP },
	{ "pan down", PAN_DOWN },     { "tilt down", PAN_DOWN },
	{ "crane down", PAN_DOWN },   { "pull out", PULL_OUT },
	{ "pull back", PULL_OUT },    { "pulls back", PULL_OUT },
	{ "zoom out", PULL_OUT },     { "dolly out", PULL_OUT },
	{ "dolly back", PULL_OUT },   { "reveal", PULL_OUT },
	{ "push in", PUSH_IN },	      { "pushes in", PUSH_IN },
	{ "zoom in", PUSH_IN },	      { "dolly in", PUSH_IN },
	{ "orbit", ORBIT },	      { "orbits", ORBIT },
	{ "orbiting", ORBIT },	      { "arc shot", ORBIT },
	{ "rotate around", ORBIT },   { "circles", ORBIT },
	{ "handheld", HANDHELD },     { "hand held", HANDHELD },
	{ "breathing", HANDHELD },    { "shaky", HANDHELD },
	{ "static", STATIC },	      { "locked off", STATIC },
	{ "tripod", STATIC },	      { "still camera", STATIC },
};

/* Looked at only when nothing above was found. */
static const struct {
	const char *words;
	unsigned move;
} vague[] = {
	{ "pan", PAN_RIGHT }, { "panning", PAN_RIGHT }, { "zoom", PUSH_IN },
	{ "dolly", PUSH_IN }, { "push", PUSH_IN },
};

static unsigned read_moves(const char *words)
{
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_LEN(moves); i++)
		if (words_have(words, moves[i].words))
			found |= moves[i].move;
	for (size_t i = 0; !found && i < ARRAY_LEN(vague); i++)
		if (words_have(words, vague[i].words))
			found |= vague[i].move;
	return found ? found : PUSH_IN;
}

struct motion motion_read(const char *words, struct dice *dice)
{
	struct motion motion = { .moves = read_moves(words), .pace = 1 };

	if (words_have(words, "slow") || words_have(words, "slowly") ||
	    words_have(words, "subtle") || words_have(words, "gentle"))
		motion.pace = 0.75;
	if (words_have(words, "fast") || words_have(words, "quick") || words_have(words, "crash"))
		motion.pace = 1.6;
	motion.phase = dice_roll(dice) * 6.283185307;
	motion.towards_x = (dice_roll(dice) - 0.5) * 0.05;
	motion.towards_y = (dice_roll(dice) - 0.5) * 0.05;
	return motion;
}

/* Mostly even, soft at both ends, so that a cut into the clip still finds it moving. */
static double eased(double at)
{
	double smooth = at * at * (3 - 2 * at);

	return 0.45 * at + 0.55 * smooth;
}

static void add_pan(const struct motion *motion, double along, struct view *view)
{
	double far = 0.075 * motion->pace;
	double x = (motion->moves & PAN_RIGHT ? along : 0) - (motion->moves & PAN_LEFT ? along : 0);
	double y = (motion->moves & PAN_DOWN ? along : 0) - (motion->moves & PAN_UP ? along : 0);

	view->zoom = fmax(view->zoom, 1 / (1 - 2 * fmin(far, 0.11)));
	view->x += fmin(far, 0.11) * x;
	view->y += fmin(far, 0.11) * y;
}

static void add_orbit(const struct motion *motion, double along, double seconds, struct view *view)
{
	double angle = along * 0.9 + 0.12 * sin(seconds * 0.9 + motion->phase);

	view->zoom = fmax(view->zoom, 1.17);
	view->x += 0.032 * motion->pace * angle;
	view->roll += 0.012 * motion->pace * angle;
	view->tilt_x += 0.055 * motion->pace * angle;
	view->tilt_y += 0.012 * sin(seconds * 0.7 + motion->phase);
}

/* Three incommensurable waves: never the same sway twice in a clip. */
static double sway(double seconds, double phase)
{
	return 0.5 * sin(seconds * 1.9 + phase) + 0.3 * sin(seconds * 3.1 + phase * 2.1) +
	       0.2 * sin(seconds * 5.3 + phase * 0.7);
}

static void add_handheld(const struct motion *motion, double seconds, struct view *view)
{
	view->zoom = fmax(view->zoom, 1.05) * (1 + 0.004 * sin(seconds * 1.3 + motion->phase));
	view->x += 0.009 * motion->pace * sway(seconds, motion->phase);
	view->y += 0.008 * motion->pace * sway(seconds, motion->phase + 1.7);
	view->roll += 0.004 * motion->pace * sway(seconds, motion->phase + 3.1);
}

/* The view never leaves the canvas: what the edges would lose the zoom gives. */
static void keep_inside(struct view *view)
{
	double slack;

	view->zoom *= 1 + 1.8 * fabs(view->roll) + fabs(view->tilt_x) + fabs(view->tilt_y);
	slack = fmax(0, 0.5 - 0.5 / view->zoom);
	view->x = fmin(fmax(view->x, 0.5 - slack), 0.5 + slack);
	view->y = fmin(fmax(view->y, 0.5 - slack), 0.5 + slack);
}

struct view motion_at(const struct motion *motion, double fraction, double seconds)
{
	struct view view = { .x = 0.5, .y = 0.5, .zoom = 1.02 };
	double at = eased(fraction), along = 2 * at - 1, depth = 0.17 * motion->pace;

	if (motion->moves & PUSH_IN)
		view.zoom = 1.02 + depth * at;
	if (motion->moves & PULL_OUT)
		view.zoom = 1.02 + depth * (1 - at);
	view.x += motion->towards_x * (view.zoom - 1.02) * 5;
	view.y += motion->towards_y * (view.zoom - 1.02) * 5;
	if (motion->moves & (PAN_LEFT | PAN_RIGHT | PAN_UP | PAN_DOWN))
		add_pan(motion, along, &view);
	if (motion->moves & ORBIT)
		add_orbit(motion, along, seconds, &view);
	if (motion->moves & HANDHELD)
		add_handheld(motion, seconds, &view);
	keep_inside(&view);
	return view;
}
