/*
 * Renders examples/product-shot.ppm on stdout: a little terminal in a box, on a plinth, in soft
 * light. A signed distance field and a sphere tracer, nothing else; scripts/make-product-shot turns
 * it into the PNG that the examples advertise. No randomness: the same source gives the same
 * picture.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 1200, HEIGHT = 1500, GRID = 3 };

struct vec {
	double x, y, z;
};

static struct vec add(struct vec a, struct vec b)
{
	return (struct vec){ a.x + b.x, a.y + b.y, a.z + b.z };
}

static struct vec scale(struct vec a, double k)
{
	return (struct vec){ a.x * k, a.y * k, a.z * k };
}

static double dot(struct vec a, struct vec b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vec unit(struct vec a)
{
	return scale(a, 1 / sqrt(dot(a, a)));
}

static struct vec mix(struct vec a, struct vec b, double t)
{
	return add(scale(a, 1 - t), scale(b, t));
}

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static double smooth(double from, double to, double x)
{
	double t = clamp((x - from) / (to - from), 0, 1);

	return t * t * (3 - 2 * t);
}

/* ---- shapes */

static double rounded_box(struct vec p, struct vec half, double radius)
{
	double x = fabs(p.x) - half.x + radius, y = fabs(p.y) - half.y + radius,
	       z = fabs(p.z) - half.z + radius;
	struct vec out = { fmax(x, 0), fmax(y, 0), fmax(z, 0) };

	return sqrt(dot(out, out)) + fmin(fmax(x, fmax(y, z)), 0) - radius;
}

static double disc(struct vec p, double radius, double half_height, double rounding)
{
	double across = sqrt(p.x * p.x + p.z * p.z) - radius + rounding;
	double along = fabs(p.y) - half_height + rounding;
	double a = fmax(across, 0), b = fmax(along, 0);

	return sqrt(a * a + b * b) + fmin(fmax(across, along), 0) - rounding;
}

enum material { BACKDROP, BODY, GLASS, PLINTH, KEYS, ACCENT };

struct hit {
	double distance;
	enum material material;
};

static void nearer(struct hit *hit, double distance, enum material material)
{
	if (distance < hit->distance)
		*hit = (struct hit){ distance, material };
}

/* Into the coordinates of the device: turned a little to the left, leaning back a little. */
static struct vec to_device(struct vec p)
{
	const double turn = 0.42, lean = 0.07;
	struct vec q = { p.x, p.y - 0.10, p.z };
	double x = q.x * cos(turn) - q.z * sin(turn), z = q.x * sin(turn) + q.z * cos(turn);
	double y = q.y * cos(lean) - z * sin(lean);

	return (struct vec){ x, y, q.y * sin(lean) + z * cos(lean) };
}

static void device(struct vec p, struct hit *hit)
{
	struct vec q = to_device(p);
	double body = rounded_box(q, (struct vec){ 0.86, 0.74, 0.55 }, 0.17);
	struct vec face = { q.x, q.y - 0.10, q.z - 0.60 };
	double recess = rounded_box(face, (struct vec){ 0.70, 0.50, 0.12 }, 0.13);
	struct vec glass = { q.x, q.y - 0.10, q.z - 0.47 };
	struct vec foot = { fabs(q.x) - 0.55, q.y + 0.76, q.z - 0.1 };
	struct vec knob = { q.x - 0.62, q.y + 0.56, q.z - 0.55 };

	nearer(hit, fmax(body, -recess), BODY);
	nearer(hit, rounded_box(glass, (struct vec){ 0.69, 0.49, 0.04 }, 0.035), GLASS);
	nearer(hit, disc(foot, 0.10, 0.07, 0.02), KEYS);
	nearer(hit, disc((struct vec){ knob.x, knob.z, knob.y }, 0.062, 0.04, 0.02), ACCENT);
	for (int i = 0; i < 6; i++) { /* slots below the screen */
		struct vec slot = { q.x + 0.62 - 0.085 * i, q.y + 0.56, q.z - 0.55 };

		nearer(hit, rounded_box(slot, (struct vec){ 0.022, 0.055, 0.012 }, 0.01), KEYS);
	}
}

static struct hit scene(struct vec p)
{
	struct hit hit = { p.y + 1.42, BACKDROP };
	struct vec top = { p.x, p.y + 0.83, p.z }, base = { p.x, p.y + 1.24, p.z };

	/* floor and wall meet in a wide curve */
	double wall = p.z + 3.2, floor_y = p.y + 1.42, bend = 1.6;
	double a = fmax(bend - floor_y, 0), b = fmax(bend - wall, 0);

	hit.distance = fmax(fmin(floor_y, wall), bend) - sqrt(a * a + b * b);
	nearer(&hit, disc(top, 1.18, 0.075, 0.05), PLINTH);
	nearer(&hit, disc(base, 1.48, 0.34, 0.05), PLINTH);
	device(p, &hit);
	return hit;
}

/* ---- the screen: five by seven letters, one string a letter */

struct glyph {
	char c;
	const char *rows[7];
};

static const struct glyph glyphs[] = {
	{ '$', { "..#..", ".####", "#.#..", ".###.", "..#.#", "####.", "..#.." } },
	{ 'a', { ".....", ".....", ".###.", "....#", ".####", "#...#", ".####" } },
	{ 'c', { ".....", ".....", ".###.", "#....", "#....", "#...#", ".###." } },
	{ 'd', { "....#", "....#", ".##.#", "#..##", "#...#", "#...#", ".####" } },
	{ 'e', { ".....", ".....", ".###.", "#...#", "#####", "#....", ".###." } },
	{ 'h', { "#....", "#....", "#.##.", "##..#", "#...#", "#...#", "#...#" } },
	{ 'i', { "..#..", ".....", ".##..", "..#..", "..#..", "..#..", ".###." } },
	{ 'k', { "#....", "#....", "#..#.", "#.#..", "##...", "#.#..", "#..#." } },
	{ 'm', { ".....", ".....", "##.#.", "#.#.#", "#.#.#", "#...#", "#...#" } },
	{ 'n', { ".....", ".....", "#.##.", "##..#", "#...#", "#...#", "#...#" } },
	{ 'o', { ".....", ".....", ".###.", "#...#", "#...#", "#...#", ".###." } },
	{ 'p', { ".....", ".....", "####.", "#...#", "####.", "#....", "#...." } },
	{ 's', { ".....", ".....", ".####", "#....", ".###.", "....#", "####." } },
	{ '>', { ".....", "#....", ".#...", "..#..", ".#...", "#....", "....." } },
	{ '_', { "#####", "#####", "#####", "#####", "#####", "#####", "#####" } },
};

static const struct {
	const char *text;
	int tone; /* 0 bright, 1 quiet, 2 accent */
} lines[] = {
	{ "$ acme ship", 0 }, { "> packed", 1 }, { "> checked", 1 }, { "> done", 2 }, { "$ _", 0 }
};

static int is_lit(char c, int column, int row)
{
	for (size_t i = 0; i < sizeof(glyphs) / sizeof(glyphs[0]); i++)
		if (glyphs[i].c == c)
			return glyphs[i].rows[row][column] == '#';
	return 0;
}

/* Light of the screen at (u, v), both -1..1. */
static struct vec screen(double u, double v)
{
	static const struct vec tones[] = { { 0.80, 1.0, 0.90 },
					    { 0.28, 0.62, 0.55 },
					    { 1.0, 0.72, 0.30 } };
	double cell = 0.0172, x = (u * 0.69 + 0.56) / cell, y = (0.37 - v * 0.49) / cell;
	int column = (int)floor(x), row = (int)floor(y);
	double glow = 0.045 + 0.07 * exp(-2 * (u * u + v * v));
	struct vec light = { 0.04 + glow * 0.25, 0.07 + glow * 0.9, 0.10 + glow * 0.85 };
	int line = (int)floor(y / 10), character = (int)floor(x / 6);

	light = scale(light, 0.85 + 0.15 * (fmod(fabs(y), 1) < 0.75));
	if (line < 0 || line >= 5 || character < 0 || column % 6 == 5 || row % 10 >= 7)
		return light;
	for (int i = 0; lines[line].text[i]; i++)
		if (i == character && is_lit(lines[line].text[i], column % 6, row % 10))
			return scale(tones[lines[line].tone], 1.15);
	return light;
}

/* ---- light */

static struct vec normal(struct vec p)
{
	const double e = 0.0006;
	double here = scene(p).distance;

	return unit((struct vec){ scene((struct vec){ p.x + e, p.y, p.z }).distance - here,
				  scene((struct vec){ p.x, p.y + e, p.z }).distance - here,
				  scene((struct vec){ p.x, p.y, p.z + e }).distance - here });
}

static double shadow(struct vec from, struct vec to_light, double softness)
{
	double lit = 1;

	for (double t = 0.02; t < 5;) {
		double gap = scene(add(from, scale(to_light, t))).distance;

		if (gap < 0.0005)
			return 0;
		lit = fmin(lit, softness * gap / t);
		t += clamp(gap, 0.015, 0.25);
	}
	return lit * lit * (3 - 2 * lit);
}

static double openness(struct vec p, struct vec n)
{
	double closed = 0, weight = 1;

	for (int i = 1; i <= 5; i++) {
		double reach = 0.07 * i;

		closed += weight * (reach - scene(add(p, scale(n, reach))).distance);
		weight *= 0.72;
	}
	return clamp(1 - 1.3 * closed, 0, 1);
}

static struct vec paint(enum material material, struct vec p)
{
	static const struct vec high = { 1.0, 0.80, 0.66 }, low = { 0.98, 0.56, 0.50 };

	switch (material) {
	case BACKDROP: return mix(low, high, smooth(-1.6, 2.6, p.y - 0.25 * p.x));
	case BODY: return (struct vec){ 0.93, 0.90, 0.84 };
	case GLASS: return (struct vec){ 0.02, 0.03, 0.04 };
	case PLINTH: return (struct vec){ 0.99, 0.68, 0.57 };
	case KEYS: return (struct vec){ 0.25, 0.22, 0.26 };
	case ACCENT: return (struct vec){ 0.96, 0.42, 0.26 };
	}
	return (struct vec){ 0, 0, 0 };
}

static struct vec shade(struct vec p, struct vec ray, enum material material)
{
	const struct vec key = unit((struct vec){ -0.55, 0.85, 0.75 });
	const struct vec fill = unit((struct vec){ 0.9, 0.35, 0.5 });
	struct vec n = normal(p), color = paint(material, p), lit;
	struct vec back = add(ray, scale(n, -2 * dot(ray, n)));
	double open = openness(p, n), shine = material == GLASS ? 60 : 24;
	double direct = fmax(dot(n, key), 0) * shadow(add(p, scale(n, 0.002)), key, 5);
	double gloss = pow(fmax(dot(back, key), 0), shine) * (material == GLASS ? 0.5 : 0.16);
	double rim = pow(1 - fmax(-dot(ray, n), 0), 4) * (material == BACKDROP ? 0 : 0.16);

	lit = scale((struct vec){ 1.0, 0.93, 0.84 }, 0.74 * direct);
	lit = add(lit, scale((struct vec){ 0.62, 0.66, 0.95 }, 0.17 * fmax(dot(n, fill), 0)));
	lit = add(lit, scale((struct vec){ 1.0, 0.90, 0.88 }, 0.46 * open));
	color = (struct vec){ color.x * lit.x, color.y * lit.y, color.z * lit.z };
	if (material == GLASS) {
		struct vec q = to_device(p);
		double sheen = smooth(0.25, 0.9, q.x * 0.6 + q.y * 0.8) * 0.07;

		color = add(color, screen(q.x / 0.69, (q.y - 0.10) / 0.49));
		color = add(color, (struct vec){ sheen, sheen, sheen * 1.1 });
	}
	return add(color, scale((struct vec){ 1, 0.97, 0.94 }, gloss * direct + rim * open));
}

static struct vec trace(struct vec from, struct vec ray)
{
	double t = 0;

	for (int i = 0; i < 200 && t < 20; i++) {
		struct hit hit = scene(add(from, scale(ray, t)));

		if (hit.distance < 0.0004)
			return shade(add(from, scale(ray, t)), ray, hit.material);
		t += hit.distance * 0.92;
	}
	return paint(BACKDROP, add(from, scale(ray, t)));
}

static struct vec pixel(double x, double y)
{
	const struct vec eye = { 0, 0.62, 6.2 };
	double u = (2 * x - WIDTH) / HEIGHT, v = (HEIGHT - 2 * y) / HEIGHT;
	struct vec color = trace(eye, unit((struct vec){ u * 0.385, v * 0.385 - 0.125, -1 }));
	double edge = 1 - 0.20 * (u * u + v * v * 0.8);

	return scale(color, edge);
}

static int to_byte(double value)
{
	return (int)(clamp(pow(clamp(value, 0, 1), 1 / 1.12), 0, 1) * 255 + 0.5);
}

int main(void)
{
	printf("P6\n%d %d\n255\n", WIDTH, HEIGHT);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			struct vec sum = { 0, 0, 0 };

			for (int i = 0; i < GRID * GRID; i++)
				sum = add(sum, pixel(x + (i % GRID + 0.5) / GRID,
						     y + (i / GRID + 0.5) / GRID));
			sum = scale(sum, 1.0 / (GRID * GRID));
			putchar(to_byte(sum.x));
			putchar(to_byte(sum.y));
			putchar(to_byte(sum.z));
		}
	}
	return 0;
}
