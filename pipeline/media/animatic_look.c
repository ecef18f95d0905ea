/*
 * Style words and what they do to colour and light. A table; nothing here draws.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "pipeline/media/animatic.h"

struct dice dice_of(int64_t seed, const char *salt)
{
	uint64_t state = 0x9e3779b97f4a7c15u ^ (uint64_t)seed * 0xbf58476d1ce4e5b9u;

	for (; *salt; salt++)
		state = (state ^ (unsigned char)*salt) * 0x100000001b3u;
	return (struct dice){ state };
}

/* splitmix64 */
double dice_roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

struct yuv tone_yuv(struct tone tone)
{
	float y = 0.2126f * tone.r + 0.7152f * tone.g + 0.0722f * tone.b;

	return (struct yuv){ 16 + 219 * y, 128 + 224 * (tone.b - y) / 1.8556f,
			     128 + 224 * (tone.r - y) / 1.5748f };
}

static bool is_same(char a, char b)
{
	a = a == '-' || a == '_' ? ' ' : (char)tolower((unsigned char)a);
	return a == b;
}

static bool is_letter(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

bool words_have(const char *text, const char *phrase)
{
	size_t length = strlen(phrase);

	for (const char *at = text; *at; at++) {
		size_t same = 0;

		if (at > text && is_letter(at[-1]))
			continue;
		while (same < length && at[same] && is_same(at[same], phrase[same]))
			same++;
		if (same == length && !is_letter(at[length]))
			return true;
	}
	return false;
}

#define HEX(v)                                                                         \
	{                                                                              \
		((v) >> 16 & 255) / 255.f, ((v) >> 8 & 255) / 255.f, ((v)&255) / 255.f \
	}

/* The first row with a word in the prompt wins: narrower words stand before wider ones. */
static const struct {
	const char *words[8];
	struct look look;
} looks[] = {
	{ { "neon", "cyberpunk", "synthwave", "vaporwave" },
	  { .name = "neon",
	    .colours = { HEX(0x07051a), HEX(0x1b0b46), HEX(0x5a0fa0), HEX(0xd4148e),
			 HEX(0x0aa5d8) },
	    .ink = HEX(0xffffff),
	    .accent = HEX(0x3df5ff),
	    .contrast = 1.18f,
	    .saturation = 1.35f,
	    .exposure = -0.06f,
	    .shadows = { 0.02f, -0.03f, 0.10f },
	    .highlights = { 0.06f, -0.03f, 0.06f },
	    .vignette = 0.45f,
	    .light = LIGHT_NEON,
	    .glow = { HEX(0xff1fa8), HEX(0x12c8ff) } } },
	{ { "golden hour", "sunset", "sunrise", "golden", "dusk", "dawn" },
	  { .name = "golden hour",
	    .colours = { HEX(0x2a0f1e), HEX(0x7a2a2a), HEX(0xd8622b), HEX(0xf6a13c),
			 HEX(0xffd98a) },
	    .ink = HEX(0xfff8ea),
	    .accent = HEX(0xffe08a),
	    .contrast = 1.05f,
	    .saturation = 1.16f,
	    .exposure = 0.02f,
	    .shadows = { 0.05f, 0.00f, -0.02f },
	    .highlights = { 0.10f, 0.04f, -0.10f },
	    .vignette = 0.28f,
	    .light = LIGHT_SUN,
	    .glow = { HEX(0xffb347), HEX(0xff7a3c) } } },
	{ { "night", "midnight", "moonlit", "moonlight", "dark", "nocturnal" },
	  { .name = "night",
	    .colours = { HEX(0x03060f), HEX(0x081431), HEX(0x10265a), HEX(0x1d3f7d),
			 HEX(0x4a6fb0) },
	    .ink = HEX(0xf1f5ff),
	    .accent = HEX(0xffc46b),
	    .contrast = 1.12f,
	    .saturation = 0.78f,
	    .exposure = -0.20f,
	    .shadows = { -0.02f, 0.00f, 0.07f },
	    .highlights = { -0.02f, 0.01f, 0.05f },
	    .vignette = 0.60f,
	    .light = LIGHT_BOKEH,
	    .glow = { HEX(0xffb65c), HEX(0x5c8dff) } } },
	{ { "studio", "premium", "luxury", "elegant", "high end", "editorial" },
	  { .name = "studio",
	    .colours = { HEX(0x101114), HEX(0x22252b), HEX(0x3c4149), HEX(0x6f757e),
			 HEX(0xc9cdd2) },
	    .ink = HEX(0xffffff),
	    .accent = HEX(0xe9c46a),
	    .contrast = 1.12f,
	    .saturation = 0.95f,
	    .exposure = 0.03f,
	    .shadows = { -0.01f, -0.01f, 0.01f },
	    .highlights = { 0.02f, 0.02f, 0.02f },
	    .vignette = 0.42f,
	    .light = LIGHT_SPOT,
	    .glow = { HEX(0xffffff), HEX(0xdfe8ff) } } },
	{ { "pastel", "soft", "dreamy", "airy", "gentle" },
	  { .name = "pastel",
	    .colours = { HEX(0xe7d3f2), HEX(0xf9d9e3), HEX(0xd8e8fb), HEX(0xfdeed3),
			 HEX(0xd9f3e6) },
	    .ink = HEX(0x3a2f55),
	    .accent = HEX(0xd6457f),
	    .contrast = 0.84f,
	    .saturation = 0.82f,
	    .exposure = 0.10f,
	    .shadows = { 0.07f, 0.05f, 0.09f },
	    .highlights = { 0.03f, 0.00f, 0.02f },
	    .vignette = 0.0f,
	    .light = LIGHT_SOFT,
	    .glow = { HEX(0xffd9ec), HEX(0xd9ecff) } } },
	{ { "monochrome", "black and white", "noir", "greyscale", "grayscale", "b&w" },
	  { .name = "monochrome",
	    .colours = { HEX(0x0a0a0a), HEX(0x1e1e1e), HEX(0x3a3a3a), HEX(0x6a6a6a),
			 HEX(0xb5b5b5) },
	    .ink = HEX(0xffffff),
	    .accent = HEX(0xd9d9d9),
	    .contrast = 1.25f,
	    .saturation = 0.0f,
	    .exposure = 0.0f,
	    .vignette = 0.5f,
	    .light = LIGHT_SPOT,
	    .glow = { HEX(0xffffff), HEX(0xffffff) } } },
	{ { "vintage", "retro", "film", "nostalgic", "analog", "70s" },
	  { .name = "vintage",
	    .colours = { HEX(0x2b1d16), HEX(0x5c3b27), HEX(0x9c6b3f), HEX(0x7f8a5b),
			 HEX(0xe2c391) },
	    .ink = HEX(0xfbf1dd),
	    .accent = HEX(0xf2a65a),
	    .contrast = 0.92f,
	    .saturation = 0.75f,
	    .exposure = 0.02f,
	    .shadows = { 0.06f, 0.04f, 0.01f },
	    .highlights = { 0.05f, 0.02f, -0.07f },
	    .vignette = 0.4f,
	    .light = LIGHT_SUN,
	    .glow = { HEX(0xff9a5c), HEX(0xffd2a0) } } },
	{ { "forest", "nature", "organic", "botanical", "green", "jungle" },
	  { .name = "forest",
	    .colours = { HEX(0x06170f), HEX(0x0f3323), HEX(0x22593a), HEX(0x5a8f4b),
			 HEX(0xc4d68a) },
	    .ink = HEX(0xf6fff0),
	    .accent = HEX(0xd8f26b),
	    .contrast = 1.05f,
	    .saturation = 1.08f,
	    .exposure = -0.02f,
	    .shadows = { -0.02f, 0.03f, 0.00f },
	    .highlights = { 0.02f, 0.05f, -0.05f },
	    .vignette = 0.35f,
	    .light = LIGHT_SUN,
	    .glow = { HEX(0xf4ffb0), HEX(0x8fd67a) } } },
	{ { "ocean", "underwater", "sea", "aqua", "beach" },
	  { .name = "ocean",
	    .colours = { HEX(0x021a2b), HEX(0x053b57), HEX(0x0b6d86), HEX(0x2fb1b5),
			 HEX(0xa8ece0) },
	    .ink = HEX(0xf2ffff),
	    .accent = HEX(0xffe27a),
	    .contrast = 1.02f,
	    .saturation = 1.1f,
	    .exposure = 0.0f,
	    .shadows = { -0.04f, 0.02f, 0.06f },
	    .highlights = { -0.03f, 0.03f, 0.03f },
	    .vignette = 0.3f,
	    .light = LIGHT_SOFT,
	    .glow = { HEX(0x9ff5ff), HEX(0x4ad0d6) } } },
	{ { "warm", "cozy", "cosy", "autumn", "candlelit", "candlelight" },
	  { .name = "warm",
	    .colours = { HEX(0x26100a), HEX(0x5f2415), HEX(0xa8441f), HEX(0xd97b3a),
			 HEX(0xf3c07a) },
	    .ink = HEX(0xfff6e8),
	    .accent = HEX(0xffd166),
	    .contrast = 1.04f,
	    .saturation = 1.1f,
	    .exposure = 0.02f,
	    .shadows = { 0.04f, 0.01f, -0.03f },
	    .highlights = { 0.07f, 0.02f, -0.09f },
	    .vignette = 0.3f,
	    .light = LIGHT_SOFT,
	    .glow = { HEX(0xffb066), HEX(0xff8a4a) } } },
	{ { "cool", "icy", "winter", "cold", "blue", "frost" },
	  { .name = "cool",
	    .colours = { HEX(0x071421), HEX(0x12304a), HEX(0x2a5f86), HEX(0x6fa6c7),
			 HEX(0xd6ecf5) },
	    .ink = HEX(0xf6fcff),
	    .accent = HEX(0x7fe7ff),
	    .contrast = 1.06f,
	    .saturation = 0.88f,
	    .exposure = 0.01f,
	    .shadows = { -0.04f, 0.00f, 0.06f },
	    .highlights = { -0.05f, 0.01f, 0.06f },
	    .vignette = 0.3f,
	    .light = LIGHT_SOFT,
	    .glow = { HEX(0xbfe8ff), HEX(0x7fb7ff) } } },
	{ { "bright", "daylight", "sunny", "clean", "minimal", "white" },
	  { .name = "bright",
	    .colours = { HEX(0xdfe6ec), HEX(0xeef2f5), HEX(0xcfe3f2), HEX(0xfbf6ea),
			 HEX(0xffffff) },
	    .ink = HEX(0x14202b),
	    .accent = HEX(0x0b6bd3),
	    .contrast = 1.0f,
	    .saturation = 1.04f,
	    .exposure = 0.12f,
	    .highlights = { 0.02f, 0.02f, 0.01f },
	    .vignette = 0.0f,
	    .light = LIGHT_SPOT,
	    .glow = { HEX(0xffffff), HEX(0xfff4d8) } } },
	{ { "cinematic", "dramatic", "moody", "epic", "film noir" },
	  { .name = "cinematic",
	    .colours = { HEX(0x05090c), HEX(0x0f2a33), HEX(0x1d4a55), HEX(0x8a5a33),
			 HEX(0xe0a262) },
	    .ink = HEX(0xfff7ec),
	    .accent = HEX(0xf5b15a),
	    .contrast = 1.18f,
	    .saturation = 0.95f,
	    .exposure = -0.05f,
	    .shadows = { -0.04f, 0.02f, 0.05f },
	    .highlights = { 0.06f, 0.02f, -0.05f },
	    .vignette = 0.55f,
	    .light = LIGHT_SUN,
	    .glow = { HEX(0xffa658), HEX(0x3fb7c9) } } },
};

/* Without a style word the seed picks one of these. */
static const struct look neutral[] = {
	{ .name = "violet",
	  .colours = { HEX(0x120a2e), HEX(0x2e1a6b), HEX(0x5b37c4), HEX(0xb264e8), HEX(0xf79ad3) },
	  .ink = HEX(0xffffff),
	  .accent = HEX(0xffd36e),
	  .glow = { HEX(0xd9b3ff), HEX(0x9ac7ff) } },
	{ .name = "teal",
	  .colours = { HEX(0x03191e), HEX(0x064c52), HEX(0x0f8a7e), HEX(0x49c6a0), HEX(0xe4f6b8) },
	  .ink = HEX(0xffffff),
	  .accent = HEX(0xfff07a),
	  .glow = { HEX(0xc9fff0), HEX(0xa8e8ff) } },
	{ .name = "coral",
	  .colours = { HEX(0x2b0a1c), HEX(0x7b1e45), HEX(0xdc3f57), HEX(0xff7e5f), HEX(0xffc49b) },
	  .ink = HEX(0xfffaf5),
	  .accent = HEX(0xffe66d),
	  .glow = { HEX(0xffd0b8), HEX(0xffb0cf) } },
	{ .name = "indigo",
	  .colours = { HEX(0x060b24), HEX(0x132064), HEX(0x2747c9), HEX(0x3f8df5), HEX(0x9fe0ff) },
	  .ink = HEX(0xffffff),
	  .accent = HEX(0x8dffcf),
	  .glow = { HEX(0xbcd7ff), HEX(0xd3c2ff) } },
	{ .name = "ember",
	  .colours = { HEX(0x150606), HEX(0x4a0f14), HEX(0x9e2a1f), HEX(0xe8642c), HEX(0xffc15e) },
	  .ink = HEX(0xfff8ef),
	  .accent = HEX(0xffe08a),
	  .glow = { HEX(0xffc38a), HEX(0xff8f7a) } },
	{ .name = "moss",
	  .colours = { HEX(0x0b140c), HEX(0x20412b), HEX(0x3f7a4f), HEX(0x9dbf5a), HEX(0xf2e9a0) },
	  .ink = HEX(0xfbfff2),
	  .accent = HEX(0xfff39a),
	  .glow = { HEX(0xe9ffc9), HEX(0xbff0d0) } },
};

static float turned(float value, double amount)
{
	float moved = value + (float)amount;

	return moved < 0 ? 0 : moved > 1 ? 1 : moved;
}

/* Two seeds of one look are siblings, not twins. */
static void vary(struct look *look, struct dice *dice)
{
	for (int i = 0; i < LOOK_COLOURS && look->saturation > 0; i++) {
		double amount = (dice_roll(dice) - 0.5) * 0.09;

		look->colours[i].r = turned(look->colours[i].r, amount);
		look->colours[i].g = turned(look->colours[i].g, (dice_roll(dice) - 0.5) * 0.06);
		look->colours[i].b = turned(look->colours[i].b, -amount);
	}
}

void look_choose(const char *prompt, struct dice *dice, bool is_still, struct look *out)
{
	double pick = dice_roll(dice);

	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		for (size_t j = 0; j < ARRAY_LEN(looks[i].words) && looks[i].words[j]; j++)
			if (words_have(prompt, looks[i].words[j])) {
				*out = looks[i].look;
				vary(out, dice);
				return;
			}
	*out = neutral[(size_t)(pick * ARRAY_LEN(neutral))];
	out->contrast = 1.04f;
	out->saturation = 1.04f;
	out->vignette = 0.25f;
	out->light = is_still && dice_roll(dice) < 0.5 ? LIGHT_SPOT : LIGHT_SOFT;
	vary(out, dice);
}
