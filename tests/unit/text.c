// links: media
/*
 * Text as pictures: literal whatever it contains, broken into even lines, sized, in any script.
 */
#include "media_clip.h"

#include "pipeline/media/fonts.h"
#include "pipeline/media/text.h"

static struct text_engine *engine;
static char family[FONT_NAME_MAX];

static int set_up(void **state)
{
	(void)state;
	(void)font_choose(NULL, family); /* any will do */
	engine = text_engine_take();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	text_engine_drop(&engine);
	return 0;
}

static struct text_style style_of(void)
{
	return (struct text_style){ .family = family,
				    .is_bold = true,
				    .color = { 255, 255, 255, 255 },
				    .align = TEXT_CENTER };
}

static struct text_image draw(const char *text, struct text_style style, size_t *out_lines)
{
	struct text_block block = { 0 };
	struct text_image image = { 0 };
	struct err err = { 0 };

	if (!text_fit(engine, text, &style, 700, 600, 60, &block, &err) ||
	    !text_draw(engine, &block, &style, -1, &image, &err))
		fail_msg("'%s': %s", text, err.text);
	if (out_lines)
		*out_lines = block.line_count;
	text_block_done(&block);
	return image;
}

static bool same_image(const struct text_image *a, const struct text_image *b)
{
	return a->width == b->width && a->height == b->height &&
	       !memcmp(a->rgba, b->rgba, (size_t)a->width * (size_t)a->height * 4);
}

/* Were any of it parsed, it would vanish or break the line and the picture be that of another
 * text. */
static void is_always_literal(void **state)
{
	static const char *const pairs[][2] = {
		{ "a{\\b1}b", "ab" },
		{ "a\\Nb", "a\nb" },
		{ "a\\nb", "a b" },
		{ "a\\hb", "a b" },
		{ "{comment}x", "x" },
		{ "\\{x\\}", "{x}" },
		{ "{\\p1}m 0 0 l 9 9", "m 0 0 l 9 9" },
		{ "a{\\fs400}b", "ab" },
		{ "{\\alpha&HFF&}b", "b" },
		{ "a\\", "a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct text_image one = draw(pairs[i][0], style_of(), NULL);
		struct text_image two = draw(pairs[i][1], style_of(), NULL);

		if (same_image(&one, &two))
			fail_msg("'%s' looks like '%s'", pairs[i][0], pairs[i][1]);
		text_image_done(&one);
		text_image_done(&two);
	}
}

static void breaks_into_even_lines(void **state)
{
	static const struct {
		const char *text;
		size_t lines;
	} rows[] = {
		{ "Built in the terminal", 1 },
		{ "the first line\nthe second line", 2 },
		{ "Ship before lunch and go home early every single day", 3 },
		{ "Averylongwordthatcannotbebrokenanywhere", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t lines;
		struct text_image image = draw(rows[i].text, style_of(), &lines);

		if (lines != rows[i].lines)
			fail_msg("'%s' on %zu lines", rows[i].text, lines);
		if (abs(image.width - 700) > 12)
			fail_msg("'%s' is %d wide", rows[i].text, image.width);
		text_image_done(&image);
	}
}

static void keeps_lines_about_equal(void **state)
{
	struct text_style style = style_of();
	struct text_block block = { 0 };
	struct err err = { 0 };
	size_t shortest = 1000, longest = 0;

	(void)state;
	assert_true(text_fit(engine,
			     "the quick brown fox jumps over the lazy dog and then it sleeps",
			     &style, 700, 600, 80, &block, &err));
	assert_true(block.line_count >= 3);
	for (size_t i = 0; i < block.line_count; i++) {
		size_t length = strlen(block.lines[i]);

		shortest = length < shortest ? length : shortest;
		longest = length > longest ? length : longest;
	}
	assert_true(shortest * 2 >= longest);
	text_block_done(&block);
}

static void stays_under_its_height(void **state)
{
	struct text_style style = style_of();
	struct text_block block = { 0 };
	struct text_image image = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_true(text_fit(engine, "Hi", &style, 2000, 300, 60, &block, &err));
	assert_true(text_draw(engine, &block, &style, -1, &image, &err));
	assert_true(image.height <= 300);
	assert_true(image.width < 1000);
	text_image_done(&image);
	text_block_done(&block);
}

/* Drawn with and without the mark or the letters' joining, the pictures must differ; and all must
 * leave marks. */
static void sets_any_script(void **state)
{
	static const char *const texts[] = { "e\xcc\x81",
					     "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7",
					     "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
					     "\xf0\x9f\x98\x80",
					     "\xe6\x97\xa5\xe6\x9c\xac",
					     "Grüße, Łódź" };
	struct text_image plain = draw("e", style_of(), NULL), marked;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct text_image image = draw(texts[i], style_of(), NULL);

		assert_true(image.width > 10 && image.height > 10);
		text_image_done(&image);
	}
	marked = draw("e\xcc\x81", style_of(), NULL);
	assert_false(same_image(&plain, &marked));
	text_image_done(&plain);
	text_image_done(&marked);
}

static void breaks_ideographs_without_spaces(void **state)
{
	struct text_style style = style_of();
	struct text_block block = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_true(text_fit(engine,
			     "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe6\x96\x87\xe7\xab"
			     "\xa0\xe3\x82\x92\xe6\x94\xb9\xe8\xa1\x8c\xe3\x81\x99\xe3\x82\x8b",
			     &style, 300, 600, 80, &block, &err));
	assert_true(block.line_count >= 2);
	text_block_done(&block);
}

static void draws_words_where_they_stand(void **state)
{
	struct text_style style = style_of();
	struct text_block block = { 0 };
	struct text_image whole = { 0 }, words[3] = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_true(text_fit(engine, "one two three", &style, 700, 600, 20, &block, &err));
	assert_int_equal(text_block_words(&block), 3);
	assert_true(text_draw(engine, &block, &style, -1, &whole, &err));
	for (int i = 0; i < 3; i++)
		assert_true(text_draw(engine, &block, &style, i, &words[i], &err));
	assert_true(abs(words[0].x - whole.x) <= 1);
	assert_true(words[0].x + words[0].width <= words[1].x + 1);
	assert_true(words[1].x + words[1].width <= words[2].x + 1);
	assert_true(abs(words[2].x + words[2].width - whole.x - whole.width) <= 2);
	for (int i = 0; i < 3; i++)
		text_image_done(&words[i]);
	text_image_done(&whole);
	text_block_done(&block);
}

static void paints_stroke_and_background(void **state)
{
	struct text_style plain = style_of(), rich = style_of();
	struct text_image one, two;
	uint8_t *middle_left;

	(void)state;
	rich.stroke = (struct text_color){ 0, 0, 0, 255 };
	rich.stroke_px = 4;
	rich.background = (struct text_color){ 200, 30, 30, 255 };
	one = draw("Box", plain, NULL);
	two = draw("Box", rich, NULL);
	assert_true(two.width > one.width + 20);
	middle_left = two.rgba + ((size_t)two.height / 2 * (size_t)two.width + 2) * 4;
	assert_int_equal(middle_left[0], 200);
	assert_int_equal(middle_left[3], 255);
	assert_int_equal(two.rgba[3], 0); /* round corners */
	text_image_done(&one);
	text_image_done(&two);
}

static void becomes_bt709(void **state)
{
	struct text_image image = { .width = 2, .height = 2 };
	uint8_t red[16];
	AVFrame *frame;

	(void)state;
	for (int i = 0; i < 4; i++)
		memcpy(red + 4 * i, (uint8_t[]){ 255, 0, 0, 255 }, 4);
	image.rgba = red;
	frame = text_picture(&image);
	assert_int_equal(frame->data[0][0], 63); /* 16 + 219 * 0.2126 */
	assert_int_equal(frame->data[1][0], 102);
	assert_int_equal(frame->data[2][0], 240);
	assert_int_equal(frame->data[3][0], 255);
	av_frame_free(&frame);
}

static void reads_colours(void **state)
{
	struct text_color color;
	struct err err = { 0 };

	(void)state;
	assert_true(text_color_parse("#fc0", "x", &color, &err));
	assert_true(color.r == 255 && color.g == 204 && color.b == 0 && color.a == 255);
	assert_true(text_color_parse("#11223380", "x", &color, &err));
	assert_true(color.b == 0x33 && color.a == 0x80);
	assert_true(text_color_parse("white@0.5", "x", &color, &err));
	assert_true(color.a == 127 || color.a == 128);
	assert_false(text_color_parse("bikeshed", "x", &color, &err));
}

static void refuses_nothing_to_show(void **state)
{
	struct text_style style = style_of();
	struct text_block block = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_false(text_fit(engine, " \n ", &style, 700, 600, 60, &block, &err));
	assert_int_equal(err.kind, ERR_REJECT);
}

static void finds_fonts(void **state)
{
	char out[FONT_NAME_MAX];

	(void)state;
	assert_true(font_choose(NULL, out));
	assert_true(out[0]);
	assert_true(font_choose(family, out));
	assert_string_equal(out, family);
	assert_false(font_choose("No Such Family At All", out));
	assert_true(out[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_always_literal),
		cmocka_unit_test(breaks_into_even_lines),
		cmocka_unit_test(keeps_lines_about_equal),
		cmocka_unit_test(stays_under_its_height),
		cmocka_unit_test(sets_any_script),
		cmocka_unit_test(breaks_ideographs_without_spaces),
		cmocka_unit_test(draws_words_where_they_stand),
		cmocka_unit_test(paints_stroke_and_background),
		cmocka_unit_test(becomes_bt709),
		cmocka_unit_test(reads_colours),
		cmocka_unit_test(refuses_nothing_to_show),
		cmocka_unit_test(finds_fonts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
