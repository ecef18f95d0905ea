/*
 * Holds a file against a platform's profile: recipes/profiles.yaml, as it stands in the stage's
 * definition. Which rules exist is two tables here; which numbers they have is data.
 *
 * `limits` and `advice` take the same rules; a broken limit is an error, broken advice a warning,
 * and advice is not repeated where a limit of the same name is broken already.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "pipeline/media/media.h"

struct rules {
	char *kind, *edit_list;
	struct json_texts containers, video_codecs, audio_codecs, audio_profiles, pixel_formats;
	double min_duration, max_duration, min_bytes, max_bytes, min_fps, max_fps;
	double min_ratio, max_ratio, min_width, max_width, min_height, max_height;
	double max_bit_rate, max_gop_s, max_sample_rate, max_channels;
	bool audio_required, moov_first, progressive, closed_gop, upright, sdr, constant_rate;
};

#define ROW(name, type)                                      \
	{                                                    \
#name, type, offsetof(struct rules, name), 0 \
	}

static const struct json_field rule_fields[] = {
	ROW(kind, JSON_FIELD_TEXT),
	ROW(edit_list, JSON_FIELD_TEXT),
	ROW(containers, JSON_FIELD_TEXTS),
	ROW(video_codecs, JSON_FIELD_TEXTS),
	ROW(audio_codecs, JSON_FIELD_TEXTS),
	ROW(audio_profiles, JSON_FIELD_TEXTS),
	ROW(pixel_formats, JSON_FIELD_TEXTS),
	ROW(min_duration, JSON_FIELD_NUMBER),
	ROW(max_duration, JSON_FIELD_NUMBER),
	ROW(min_bytes, JSON_FIELD_NUMBER),
	ROW(max_bytes, JSON_FIELD_NUMBER),
	ROW(min_fps, JSON_FIELD_NUMBER),
	ROW(max_fps, JSON_FIELD_NUMBER),
	ROW(min_ratio, JSON_FIELD_NUMBER),
	ROW(max_ratio, JSON_FIELD_NUMBER),
	ROW(min_width, JSON_FIELD_NUMBER),
	ROW(max_width, JSON_FIELD_NUMBER),
	ROW(min_height, JSON_FIELD_NUMBER),
	ROW(max_height, JSON_FIELD_NUMBER),
	ROW(max_bit_rate, JSON_FIELD_NUMBER),
	ROW(max_gop_s, JSON_FIELD_NUMBER),
	ROW(max_sample_rate, JSON_FIELD_NUMBER),
	ROW(max_channels, JSON_FIELD_NUMBER),
	ROW(audio_required, JSON_FIELD_BOOL),
	ROW(moov_first, JSON_FIELD_BOOL),
	ROW(progressive, JSON_FIELD_BOOL),
	ROW(closed_gop, JSON_FIELD_BOOL),
	ROW(upright, JSON_FIELD_BOOL),
	ROW(sdr, JSON_FIELD_BOOL),
	ROW(constant_rate, JSON_FIELD_BOOL),
	{ 0 },
};

struct profile {
	char *title;
	json_t *limits, *advice;
};

static const struct json_field profile_fields[] = {
	{ "title", JSON_FIELD_TEXT, offsetof(struct profile, title), 0 },
	{ "limits", JSON_FIELD_ANY, offsetof(struct profile, limits), JSON_REQUIRED },
	{ "advice", JSON_FIELD_ANY, offsetof(struct profile, advice), 0 },
	{ "id", JSON_FIELD_IGNORED, 0, 0 },	 /* the catalogue may name its entries */
	{ "conform", JSON_FIELD_IGNORED, 0, 0 }, /* for the edit operation */
	{ "sources", JSON_FIELD_IGNORED, 0, 0 }, /* for people */
	{ 0 },
};

/* What was found, as far as numbers go. NAN: does not apply to this file. */
struct found {
	double duration, bytes, fps, ratio, width, height, bit_rate, gop, sample_rate, channels;
};

struct check {
	const struct media_facts *facts;
	struct found found;
	json_t *findings;
	const char *severity;
};

static bool is_reported(const struct check *check, const char *rule)
{
	const json_t *finding;
	size_t i;

	json_array_foreach(check->findings, i,
			   finding) if (strcmp(json_string_value(json_object_get(finding, "rule")),
					       rule) == 0) return true;
	return false;
}

/* Both values are taken. */
static void report(struct check *check, const char *rule, json_t *expected, json_t *found)
{
	json_t *finding;

	if (is_reported(check, rule)) {
		json_decref(expected);
		json_decref(found);
		return;
	}
	finding = json_object();
	json_object_set_new(finding, "rule", json_string(rule));
	json_object_set_new(finding, "expected", expected);
	json_object_set_new(finding, "found", found);
	json_object_set_new(finding, "severity", json_string(check->severity));
	json_array_append_new(check->findings, finding);
}

/* 8 rather than 8.0, 0.5625 rather than 0.56250000000000011 */
static json_t *number(double value)
{
	if (fabs(value - round(value)) < 1e-6 && fabs(value) < 1e15)
		return json_integer((json_int_t)llround(value));
	return json_real(round(value * 10000) / 10000);
}

enum sense { AT_LEAST, AT_MOST };

#define RULE(member)  offsetof(struct rules, member)
#define FOUND(member) offsetof(struct found, member)

/* `slack` forgives what rounding and an encoder's padding add, in the unit of the rule. */
static const struct number_rule {
	const char *name;
	size_t rule, found;
	enum sense sense;
	double slack;
} number_rules[] = {
	{ "min_duration", RULE(min_duration), FOUND(duration), AT_LEAST, 0.05 },
	{ "max_duration", RULE(max_duration), FOUND(duration), AT_MOST, 0.05 },
	{ "min_bytes", RULE(min_bytes), FOUND(bytes), AT_LEAST, 0 },
	{ "max_bytes", RULE(max_bytes), FOUND(bytes), AT_MOST, 0 },
	{ "min_fps", RULE(min_fps), FOUND(fps), AT_LEAST, 0.05 },
	{ "max_fps", RULE(max_fps), FOUND(fps), AT_MOST, 0.05 },
	{ "min_ratio", RULE(min_ratio), FOUND(ratio), AT_LEAST, 0.002 },
	{ "max_ratio", RULE(max_ratio), FOUND(ratio), AT_MOST, 0.002 },
	{ "min_width", RULE(min_width), FOUND(width), AT_LEAST, 0 },
	{ "max_width", RULE(max_width), FOUND(width), AT_MOST, 0 },
	{ "min_height", RULE(min_height), FOUND(height), AT_LEAST, 0 },
	{ "max_height", RULE(max_height), FOUND(height), AT_MOST, 0 },
	{ "max_bit_rate", RULE(max_bit_rate), FOUND(bit_rate), AT_MOST, 0 },
	{ "max_gop_s", RULE(max_gop_s), FOUND(gop), AT_MOST, 0.05 },
	{ "max_sample_rate", RULE(max_sample_rate), FOUND(sample_rate), AT_MOST, 0 },
	{ "max_channels", RULE(max_channels), FOUND(channels), AT_MOST, 0 },
#undef RULE
#undef FOUND
};

static double member(const void *base, size_t offset)
{
	double value;

	memcpy(&value, (const char *)base + offset, sizeof(value));
	return value;
}

static void check_numbers(struct check *check, const struct rules *rules)
{
	for (size_t i = 0; i < ARRAY_LEN(number_rules); i++) {
		const struct number_rule *rule = &number_rules[i];
		double wanted = member(rules, rule->rule);
		double found = member(&check->found, rule->found);
		bool is_broken = rule->sense == AT_LEAST ? found < wanted - rule->slack
							 : found > wanted + rule->slack;

		if (is_broken) /* never, where either is NAN */
			report(check, rule->name, number(wanted), number(found));
	}
}

static void check_word(struct check *check, const char *rule, const struct json_texts *wanted,
		       const char *found)
{
	json_t *list;

	if (!wanted->count || !*found)
		return;
	for (size_t i = 0; i < wanted->count; i++)
		if (strcmp(wanted->items[i], found) == 0)
			return;
	list = json_array();
	for (size_t i = 0; i < wanted->count; i++)
		json_array_append_new(list, json_string(wanted->items[i]));
	report(check, rule, list, json_string(found));
}

/* yuvj420p is yuv420p with another range: nobody's limit means that difference. */
static const char *plain_format(const char *format)
{
	return strcmp(format, "yuvj420p") == 0 ? "yuv420p" : format;
}

static void check_words(struct check *check, const struct rules *rules)
{
	const struct media_facts *facts = check->facts;

	check_word(check, "containers", &rules->containers, facts->container);
	check_word(check, "video_codecs", &rules->video_codecs, facts->video_codec);
	check_word(check, "pixel_formats", &rules->pixel_formats,
		   plain_format(facts->pixel_format));
	if (!facts->has_audio)
		return;
	check_word(check, "audio_codecs", &rules->audio_codecs, facts->audio_codec);
	check_word(check, "audio_profiles", &rules->audio_profiles, facts->audio_profile);
}

static void check_claim(struct check *check, const char *rule, bool is_asked, bool is_so)
{
	if (is_asked && !is_so)
		report(check, rule, json_true(), json_false());
}

static void check_claims(struct check *check, const struct rules *rules)
{
	const struct media_facts *facts = check->facts;
	bool has_boxes = facts->edit_list[0] && (strcmp(facts->container, "mp4") == 0 ||
						 strcmp(facts->container, "mov") == 0 ||
						 strcmp(facts->container, "m4v") == 0);

	check_claim(check, "audio_required", rules->audio_required, facts->has_audio);
	check_claim(check, "moov_first", rules->moov_first && has_boxes, facts->is_moov_first);
	check_claim(check, "progressive", rules->progressive, !facts->is_interlaced);
	check_claim(check, "closed_gop", rules->closed_gop, facts->is_closed_gop);
	check_claim(check, "upright", rules->upright, facts->rotation == 0);
	check_claim(check, "sdr", rules->sdr, !facts->is_hdr);
	check_claim(check, "constant_rate", rules->constant_rate, !facts->is_variable_rate);
	if (!rules->edit_list || !has_boxes || !facts->has_edit_list)
		return;
	if (strcmp(rules->edit_list, "none") == 0 || strcmp(facts->edit_list, "delay") != 0)
		report(check, "edit_list", json_string(rules->edit_list),
		       json_string(facts->edit_list));
}

static bool check_kind(struct check *check, const struct rules *rules)
{
	static const char *const names[] = {
		[MEDIA_UNKNOWN] = "unknown",
		[MEDIA_IMAGE] = "image",
		[MEDIA_VIDEO] = "video",
		[MEDIA_AUDIO] = "audio",
	};
	const char *found = names[check->facts->kind];

	if (!rules->kind || strcmp(rules->kind, found) == 0)
		return true;
	report(check, "kind", json_string(rules->kind), json_string(found));
	return false;
}

static bool decode_rules(const json_t *object, const char *path, struct rules *out,
			 struct arena *arena, struct err *err)
{
	*out = (struct rules){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(number_rules); i++) {
		double none = NAN;

		memcpy((char *)out + number_rules[i].rule, &none, sizeof(none));
	}
	if (!object)
		return true;
	if (!json_decode(object, rule_fields, path, out, arena, err))
		return false;
	if (out->edit_list && strcmp(out->edit_list, "none") != 0 &&
	    strcmp(out->edit_list, "delay") != 0)
		return err_set(err, ERR_REJECT, "%s.edit_list: expected none or delay, got '%s'",
			       path, out->edit_list);
	return true;
}

static struct found found_in(const struct media_facts *facts)
{
	bool is_video = facts->kind == MEDIA_VIDEO, has_picture = facts->width > 0;
	bool is_timed = facts->kind != MEDIA_IMAGE;

	return (struct found){
		.duration = is_timed ? facts->duration_s : NAN,
		.bytes = (double)facts->bytes,
		.fps = is_video ? facts->fps : NAN,
		.ratio = has_picture ? (double)facts->width / fmax(1, facts->height) : NAN,
		.width = has_picture ? facts->width : NAN,
		.height = has_picture ? facts->height : NAN,
		.bit_rate = is_timed ? (double)facts->bit_rate : NAN,
		.gop = is_video ? facts->keyframe_interval_s : NAN,
		.sample_rate = facts->has_audio ? facts->sample_rate : NAN,
		.channels = facts->has_audio ? facts->channels : NAN,
	};
}

static void check_rules(struct check *check, const struct rules *rules, const char *severity)
{
	check->severity = severity;
	if (!check_kind(check, rules)) /* nothing else can be compared */
		return;
	check_words(check, rules);
	check_numbers(check, rules);
	check_claims(check, rules);
}

static void check_damage(struct check *check, const json_t *metrics)
{
	json_int_t errors = json_integer_value(json_object_get(metrics, "decode_errors"));

	check->severity = "warning";
	if (errors > 0)
		report(check, "decode_errors", json_integer(0), json_integer(errors));
}

static void arena_donep(struct arena *arena)
{
	arena_done(arena);
}

bool media_check_profile(const json_t *profile, const struct media_facts *facts,
			 const json_t *metrics, json_t **out_findings, struct err *err)
{
	DEFER(arena_donep) struct arena arena = { 0 };
	struct check check = { .facts = facts, .found = found_in(facts) };
	struct profile decoded = { 0 };
	struct rules limits, advice;

	if (!json_decode(profile, profile_fields, "profile", &decoded, &arena, err) ||
	    !decode_rules(decoded.limits, "profile.limits", &limits, &arena, err) ||
	    !decode_rules(decoded.advice, "profile.advice", &advice, &arena, err))
		return false;
	check.findings = json_array();
	check_rules(&check, &limits, "error");
	if (!limits.kind || !is_reported(&check, "kind"))
		check_rules(&check, &advice, "warning");
	check_damage(&check, metrics);
	*out_findings = check.findings;
	return true;
}
