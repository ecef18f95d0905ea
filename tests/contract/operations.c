// links: media
/*
 * What every edit operation owes: known arguments decoded, unknown ones refused with the path and
 * the nearest name, wrong values refused before any media is touched, defaults that work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/media/media.h"

struct refusal {
	const char *operations, *expected; /* expected: in the error's text */
};

static const struct refusal refusals[] = {
	{ "{}", "expected a list" },
	{ "[]", "at least one" },
	{ "[\"trim\"]", "operations[0]: expected a map with one operation" },
	{ "[{\"trim\":{},\"conform\":{}}]", "expected a map with one operation" },
	{ "[{\"trin\":{}}]", "operations[0].trin: unknown operation, did you mean 'trim'?" },
	{ "[{\"textoverlay\":{\"text\":\"a\"}}]", "did you mean 'textOverlay'?" },
	{ "[{\"trim\":3}]", "operations[0].trim: expected a map" },
	{ "[{\"trim\":{\"star\":1}}]",
	  "operations[0].trim.star: unknown name, did you mean 'start'" },
	{ "[{\"trim\":{\"start\":\"1\"}}]", "operations[0].trim.start: expected a number" },
	{ "[{\"trim\":{\"start\":-1}}]", "trim.start: expected 0 or more" },
	{ "[{\"trim\":{\"start\":2,\"end\":1}}]", "trim.end: expected more than start" },
	{ "[{\"trim\":{\"end\":2,\"duration\":1}}]", "exclude each other" },
	{ "[{\"trim\":{\"duration\":0}}]", "trim.duration: expected more than 0" },
	{ "[{\"textOverlay\":{}}]", "operations[0].textOverlay.text: missing" },
	{ "[{\"textOverlay\":{\"text\":\" \\n\"}}]", "nothing in it to show" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"possition\":\"center\"}}]",
	  "textOverlay.possition: unknown name, did you mean 'position'" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"position\":\"botom-center\"}}]",
	  "did you mean 'bottom-center'?" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"sizePercent\":0}}]",
	  "textOverlay.sizePercent: expected 1" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"color\":\"reddish\"}}]",
	  "textOverlay.color: expected a colour" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"color\":\"random\"}}]", "expected a colour" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"align\":\"middle\"}}]",
	  "expected left, center or right" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"start\":3,\"end\":2}}]",
	  "textOverlay.end: expected more" },
	{ "[{\"textOverlay\":{\"text\":\"a\",\"strokeWidth\":-5}}]", "strokeWidth: expected 0 to" },
	{ "[{\"textOverlay\":{\"text\":\"1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9\\n10\\n11\\n12\\n13\"}}]",
	  "on 13 lines" },
	{ "[{\"overlay\":{}}]", "operations[0].overlay.media: missing" },
	{ "[{\"watermark\":{\"media\":\"\"}}]",
	  "operations[0].watermark.media: expected a media id" },
	{ "[{\"overlay\":{\"media\":\"m\",\"opacity\":1.5}}]", "overlay.opacity: expected 0 to 1" },
	{ "[{\"overlay\":{\"media\":\"m\",\"margin\":80}}]", "overlay.margin: expected 0 to 45" },
	{ "[{\"conform\":{\"profil\":\"x\"}}]", "did you mean 'profile'" },
	{ "[{\"conform\":{\"profile\":{\"id\":\"x\"}}}]", "conform.profile: expected" },
	{ "[{\"conform\":{\"ratio\":\"9/16\"}}]", "conform.ratio: expected width:height" },
	{ "[{\"conform\":{\"pad\":\"white\"}}]", "conform.pad: expected blur, black or crop" },
	{ "[{\"conform\":{\"loudness\":14}}]", "conform.loudness: expected false or LUFS" },
	{ "[{\"conform\":{\"loudness\":true}}]", "conform.loudness" },
	{ "[{\"conform\":{\"width\":1.5}}]", "conform.width: expected integer" },
	{ "[{\"conform\":{\"fps\":500}}]", "conform.fps: expected 1 to 120" },
	{ "[{\"trim\":{\"start\":1}},{\"conform\":{\"fps\":-1}}]", "operations[1].conform.fps" },
};

static const char *const accepted[] = {
	"[{\"trim\":{}}]",
	"[{\"trim\":{\"start\":1,\"duration\":2.5}}]",
	"[{\"textOverlay\":{\"text\":\"a\"}}]",
	"[{\"textOverlay\":{\"text\":\"a\",\"fontFamily\":\"X\",\"position\":\"top-left\","
	"\"sizePercent\":66,\"color\":\"#fff\",\"strokeColor\":\"#000000cc\",\"strokeWidth\":3,"
	"\"background\":\"black@0.5\",\"align\":\"left\",\"start\":0,\"end\":2,\"margin\":4}}]",
	"[{\"overlay\":{\"media\":\"m_1\"}},{\"watermark\":{\"media\":\"m_1\",\"opacity\":0.5,"
	"\"position\":\"center-right\",\"sizePercent\":10,\"margin\":0,\"start\":1,\"end\":2}}]",
	"[{\"conform\":{}}]",
	"[{\"conform\":{\"profile\":\"instagram-reels\"}}]",
	"[{\"conform\":{\"profile\":{\"conform\":{\"width\":1080}},\"loudness\":false}}]",
	"[{\"conform\":{\"ratio\":\"9:16\",\"width\":720,\"height\":1280,\"fps\":29.97,\"pad\":\"crop\","
	"\"loudness\":-14,\"video_bit_rate\":5000000}}]",
};

static json_t *parse(const char *text)
{
	struct err err = { 0 };
	json_t *value = NULL;

	assert_true(json_parse(text, strlen(text), "test", &value, &err));
	return value;
}

static void refuses_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		DEFER(json_freep) json_t *operations = parse(refusals[i].operations);
		struct err err = { 0 };

		if (media_edit_check(operations, &err))
			fail_msg("accepted: %s", refusals[i].operations);
		if (!strstr(err.text, refusals[i].expected) || err.kind != ERR_REJECT)
			fail_msg("%s\n  said: %s\n  not:  %s", refusals[i].operations, err.text,
				 refusals[i].expected);
	}
}

static void takes_what_is_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		DEFER(json_freep) json_t *operations = parse(accepted[i]);
		struct err err = { 0 };

		if (!media_edit_check(operations, &err))
			fail_msg("%s\n  refused: %s", accepted[i], err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_wrong),
		cmocka_unit_test(takes_what_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
