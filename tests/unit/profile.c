/*
 * Profiles: the shipped ones are sound, and each rule is reported when it is broken.
 */
// links: media
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "pipeline/media/media.h"

/* What the safe profile's conform makes. */
static struct media_facts good_facts(void)
{
	return (struct media_facts){
		.kind = MEDIA_VIDEO,
		.container = "mp4",
		.bytes = 8000000,
		.duration_s = 8,
		.width = 1080,
		.height = 1920,
		.video_codec = "h264",
		.video_profile = "High",
		.pixel_format = "yuv420p",
		.fps = 30,
		.bit_rate = 8000000,
		.has_audio = true,
		.audio_codec = "aac",
		.audio_profile = "LC",
		.sample_rate = 48000,
		.channels = 2,
		.is_moov_first = true,
		.edit_list = "none",
		.keyframe_interval_s = 2,
		.is_closed_gop = true,
	};
}

static json_t *parse(const char *text)
{
	json_t *json = NULL;
	struct err err;

	if (!json_parse(text, strlen(text), "test", &json, &err))
		fail_msg("%s", err.text);
	return json;
}

static json_t *check(const json_t *profile, const struct media_facts *facts)
{
	json_t *findings = NULL;
	struct err err;

	if (!media_check_profile(profile, facts, NULL, &findings, &err))
		fail_msg("%s", err.text);
	return findings;
}

static const char *text(const json_t *finding, const char *name)
{
	return json_string_value(json_object_get(finding, name));
}

static const struct {
	const char *limits, *rule; /* what is broken by good_facts */
} broken[] = {
	{ "{\"kind\": \"image\"}", "kind" },
	{ "{\"containers\": [\"mov\", \"webm\"]}", "containers" },
	{ "{\"video_codecs\": [\"hevc\"]}", "video_codecs" },
	{ "{\"audio_codecs\": [\"opus\"]}", "audio_codecs" },
	{ "{\"audio_profiles\": [\"HE-AAC\"]}", "audio_profiles" },
	{ "{\"pixel_formats\": [\"yuv444p\"]}", "pixel_formats" },
	{ "{\"min_duration\": 9}", "min_duration" },
	{ "{\"max_duration\": 7}", "max_duration" },
	{ "{\"min_bytes\": 8000001}", "min_bytes" },
	{ "{\"max_bytes\": 7999999}", "max_bytes" },
	{ "{\"min_fps\": 31}", "min_fps" },
	{ "{\"max_fps\": 29}", "max_fps" },
	{ "{\"min_ratio\": 0.6}", "min_ratio" },
	{ "{\"max_ratio\": 0.5}", "max_ratio" },
	{ "{\"min_width\": 1081}", "min_width" },
	{ "{\"max_width\": 1079}", "max_width" },
	{ "{\"min_height\": 1921}", "min_height" },
	{ "{\"max_height\": 1919}", "max_height" },
	{ "{\"max_bit_rate\": 7999999}", "max_bit_rate" },
	{ "{\"max_gop_s\": 1}", "max_gop_s" },
	{ "{\"max_sample_rate\": 44100}", "max_sample_rate" },
	{ "{\"max_channels\": 1}", "max_channels" },
};

static void reports_each_broken_rule(void **state)
{
	struct media_facts facts = good_facts();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		DEFER(freep) char *source = xasprintf("{\"limits\": %s}", broken[i].limits);
		DEFER(json_freep) json_t *profile = parse(source);
		DEFER(json_freep) json_t *findings = check(profile, &facts);
		const json_t *finding = json_array_get(findings, 0);

		if (json_array_size(findings) != 1 || strcmp(text(finding, "rule"), broken[i].rule))
			fail_msg("%s: %zu findings", broken[i].rule, json_array_size(findings));
		assert_string_equal(text(finding, "severity"), "error");
		assert_non_null(json_object_get(finding, "expected"));
		assert_non_null(json_object_get(finding, "found"));
	}
}

static void reports_each_broken_claim(void **state)
{
	DEFER(json_freep)
	json_t *profile = parse(
		"{\"limits\": {\"audio_required\": true, \"moov_first\": true, \"progressive\": true,"
		"\"closed_gop\": true, \"upright\": true, \"sdr\": true, \"constant_rate\": true,"
		"\"edit_list\": \"delay\"}}");
	struct media_facts facts = good_facts();
	DEFER(json_freep) json_t *none = check(profile, &facts), *all = NULL;

	(void)state;
	assert_int_equal(json_array_size(none), 0);
	facts.has_audio = facts.is_moov_first = facts.is_closed_gop = false;
	facts.is_interlaced = facts.is_hdr = facts.is_variable_rate = true;
	facts.has_edit_list = true;
	facts.rotation = 90;
	memcpy(facts.edit_list, "edits", 6);
	all = check(profile, &facts);
	assert_int_equal(json_array_size(all), 8);
}

static void advice_only_warns(void **state)
{
	DEFER(json_freep)
	json_t *profile =
		parse("{\"limits\": {\"edit_list\": \"delay\", \"max_fps\": 25}, \"advice\": "
		      "{\"edit_list\": \"none\", \"max_fps\": 24}}");
	struct media_facts facts = good_facts();
	DEFER(json_freep) json_t *findings = NULL;

	(void)state;
	facts.has_edit_list = true;
	memcpy(facts.edit_list, "delay", 6);
	findings = check(profile, &facts);
	/* the frame rate breaks both, and is an error once */
	assert_int_equal(json_array_size(findings), 2);
	assert_string_equal(text(json_array_get(findings, 0), "rule"), "max_fps");
	assert_string_equal(text(json_array_get(findings, 0), "severity"), "error");
	assert_string_equal(text(json_array_get(findings, 1), "rule"), "edit_list");
	assert_string_equal(text(json_array_get(findings, 1), "severity"), "warning");
}

static void forgives_rounding(void **state)
{
	DEFER(json_freep)
	json_t *profile =
		parse("{\"limits\": {\"max_duration\": 60, \"min_fps\": 24, \"max_gop_s\": 2}}");
	struct media_facts facts = good_facts();
	DEFER(json_freep) json_t *findings = NULL;

	(void)state;
	facts.duration_s = 60.021; /* AAC ends on a frame of 21 ms */
	facts.fps = 23.976;
	findings = check(profile, &facts);
	assert_int_equal(json_array_size(findings), 0);
}

static void warns_of_damage(void **state)
{
	DEFER(json_freep) json_t *profile = parse("{\"limits\": {}}");
	DEFER(json_freep) json_t *metrics = parse("{\"decode_errors\": 3}");
	struct media_facts facts = good_facts();
	json_t *findings = NULL;
	struct err err;

	(void)state;
	assert_true(media_check_profile(profile, &facts, metrics, &findings, &err));
	assert_int_equal(json_array_size(findings), 1);
	assert_string_equal(text(json_array_get(findings, 0), "rule"), "decode_errors");
	json_decref(findings);
}

static void refuses_bad_profiles(void **state)
{
	static const struct {
		const char *profile, *words;
	} bad[] = {
		{ "[]", "profile" },
		{ "{}", "limits" },
		{ "{\"limits\": 3}", "profile.limits" },
		{ "{\"limits\": {\"max_duratoin\": 3}}", "max_duration" },
		{ "{\"limits\": {\"max_duration\": \"3 s\"}}", "profile.limits.max_duration" },
		{ "{\"limits\": {}, \"advice\": {\"edit_list\": \"some\"}}",
		  "profile.advice.edit_list" },
	};
	struct media_facts facts = good_facts();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		DEFER(json_freep) json_t *profile = parse(bad[i].profile);
		json_t *findings = NULL;
		struct err err;

		assert_false(media_check_profile(profile, &facts, NULL, &findings, &err));
		assert_null(findings);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, bad[i].words))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static struct yaml_doc *load_profiles(void)
{
	const char *path = REELD_SOURCE_DIR "/recipes/profiles.yaml";
	DEFER(buf_done) struct buf source = { 0 };
	struct yaml_doc *doc = NULL;
	struct err err;

	if (!file_read(path, YAML_MAX_BYTES, &source, &err) ||
	    !yaml_parse(source.data, source.len, path, &doc, &err))
		fail_msg("%s", err.text);
	return doc;
}

static double conform(const json_t *profile, const char *name)
{
	const json_t *found = json_object_get(json_object_get(profile, "conform"), name);

	if (!json_is_number(found))
		fail_msg("conform.%s is missing", name);
	return json_number_value(found);
}

/* What conform makes, as facts: it must please the profile that it was made for. */
static struct media_facts conformed(const json_t *profile)
{
	struct media_facts facts = good_facts();

	facts.width = (int)conform(profile, "width");
	facts.height = (int)conform(profile, "height");
	facts.fps = conform(profile, "fps");
	facts.keyframe_interval_s = conform(profile, "gop_s");
	facts.bit_rate =
		(int64_t)(conform(profile, "max_rate") + conform(profile, "audio_bit_rate"));
	facts.sample_rate = (int)conform(profile, "sample_rate");
	facts.channels = (int)conform(profile, "channels");
	return facts;
}

static void shipped_profiles_please_themselves(void **state)
{
	DEFER(yaml_freep) struct yaml_doc *doc = load_profiles();
	const json_t *profiles = json_object_get(yaml_root(doc), "profiles"), *profile;
	const char *id;
	void *at;

	(void)state;
	assert_true(json_object_size(profiles) >= 11);
	for (at = json_object_iter((json_t *)(uintptr_t)profiles); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)profiles, at)) {
		DEFER(json_freep) json_t *findings = NULL;
		struct media_facts facts;

		id = json_object_iter_key(at);
		profile = json_object_iter_value(at);
		facts = conformed(profile);
		findings = check(profile, &facts);
		if (json_array_size(findings))
			fail_msg("%s: %s", id, text(json_array_get(findings, 0), "rule"));
		facts.duration_s = conform(profile, "max_duration");
		facts.bytes = 80000;
		json_decref(findings);
		findings = check(profile, &facts);
		if (json_array_size(findings))
			fail_msg("%s: %s", id, text(json_array_get(findings, 0), "rule"));
		assert_true(conform(profile, "loudness_lufs") < 0);
		assert_true(conform(profile, "video_bit_rate") <= conform(profile, "max_rate"));
		assert_true(json_array_size(json_object_get(profile, "sources")) > 0);
	}
}

/* A file made by the safe profile is taken everywhere; X alone advises less for free accounts. */
static void safe_is_safe(void **state)
{
	DEFER(yaml_freep) struct yaml_doc *doc = load_profiles();
	const json_t *profiles = json_object_get(yaml_root(doc), "profiles");
	struct media_facts facts = conformed(json_object_get(profiles, "safe"));
	void *at;

	(void)state;
	for (at = json_object_iter((json_t *)(uintptr_t)profiles); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)profiles, at)) {
		DEFER(json_freep) json_t *findings = check(json_object_iter_value(at), &facts);
		const json_t *finding;
		size_t i;

		json_array_foreach(findings, i,
				   finding) if (strcmp(text(finding, "severity"), "error") == 0)
			fail_msg("%s: %s", json_object_iter_key(at), text(finding, "rule"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_each_broken_rule),
		cmocka_unit_test(reports_each_broken_claim),
		cmocka_unit_test(advice_only_warns),
		cmocka_unit_test(forgives_rounding),
		cmocka_unit_test(warns_of_damage),
		cmocka_unit_test(refuses_bad_profiles),
		cmocka_unit_test(shipped_profiles_please_themselves),
		cmocka_unit_test(safe_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
