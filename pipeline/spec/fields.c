/*
 * The tables of the vocabulary, nothing else.
 */
#include "pipeline/spec/fields.h"

#include <stddef.h>
#include <string.h>

#include "pipeline/spec/words.h"

static const char *const do_words[] = { "reseed", "next_model", "hold", "soften", "restill", NULL };
static const char *const align_words[] = { "left", "center", "right", NULL };
static const char *const pad_words[] = { "blur", "black", "crop", NULL };
static const char *const depth_words[] = { "full", "quick", NULL };
static const char *const priority_words[] = { "urgent", "normal", "bulk", NULL };
static const char *const exceed_words[] = { "hold", "stop", NULL };
static const char *const missed_words[] = { "skip", "once", "all", NULL };
static const char *const overlap_words[] = { "skip", "buffer_one", "cancel_other", "allow", NULL };
static const char *const dst_words[] = { "shift", "skip", NULL };
const char *const kinds_of_generate[] = { "video", "image", NULL };

/* ---- parts ---- */

static const struct field class_item[] = {
	{ .type = FIELD_CLASS, .flags = FIELD_STATIC },
	{ 0 },
};

static const struct field retry_fields[] = {
	{ "max_attempts", FIELD_INT, FIELD_STATIC, 1, 100, NULL, NULL,
	  "attempts in all, the first included; default 3" },
	{ "base", FIELD_DURATION, FIELD_STATIC, 1, 86400000, NULL, NULL,
	  "the first delay; default 2s" },
	{ "max", FIELD_DURATION, FIELD_STATIC, 1, 86400000, NULL, NULL,
	  "the longest delay; default 5m" },
	{ "factor", FIELD_NUMBER, FIELD_STATIC, 1, 10, NULL, NULL,
	  "how much each delay grows; default 2" },
	{ "on", FIELD_LIST, FIELD_STATIC, 0, 0, NULL, class_item, "retry only these classes" },
	{ "except", FIELD_LIST, FIELD_STATIC, 0, 0, NULL, class_item,
	  "do not retry these classes" },
	{ 0 },
};

static const struct field timeouts_fields[] = {
	{ "attempt", FIELD_DURATION, FIELD_STATIC, 1, 604800000, NULL, NULL, "of one attempt" },
	{ "queue", FIELD_DURATION, FIELD_STATIC, 1, 2592000000.0, NULL, NULL,
	  "of the wait until it starts" },
	{ "total", FIELD_DURATION, FIELD_STATIC, 1, 2592000000.0, NULL, NULL,
	  "from ready to done, all attempts and delays" },
	{ 0 },
};

static const struct field on_fail_item[] = {
	{ "do", FIELD_WORD, FIELD_STATIC | FIELD_REQUIRED, 0, 0, do_words, NULL,
	  "what to try next" },
	{ "max", FIELD_INT, FIELD_STATIC, 1, 20, NULL, NULL, "how often; default 1" },
	{ 0 },
};

static const struct field on_fail_list[] = {
	{ .type = FIELD_OBJECT, .flags = FIELD_STATIC, .fields = on_fail_item },
	{ 0 },
};

static const struct field attach_item[] = {
	{ "media", FIELD_MEDIA, FIELD_REQUIRED, 0, 0, NULL, NULL,
	  "a path beside the spec, a media id or a stage" },
	{ "role", FIELD_WORD, FIELD_STATIC | FIELD_REQUIRED, 0, 0, words_roles, NULL,
	  "what the model takes it for" },
	{ 0 },
};

static const struct field attach_list[] = {
	{ .type = FIELD_OBJECT, .fields = attach_item },
	{ 0 },
};

static const struct field require_item[] = {
	{ .type = FIELD_TEST },
	{ 0 },
};

/* ---- operations of edit: pipeline/media/op_*.c knows the same names (held by a test) ---- */

#define START_END                                                                          \
	{ "start", FIELD_NUMBER, FIELD_CROSS, 0, 36000, NULL, NULL, "second it appears" }, \
	{                                                                                  \
		"end", FIELD_NUMBER, FIELD_CROSS, 0, 36000, NULL, NULL,                    \
			"second it goes; default: the end"                                 \
	}

static const struct field text_overlay_fields[] = {
	{ "text", FIELD_TEXT, FIELD_REQUIRED, 1, 400, NULL, NULL, "what to show; wraps by itself" },
	{ "fontFamily", FIELD_TEXT, 0, 1, 100, NULL, NULL, "any installed font" },
	{ "position", FIELD_WORD, 0, 0, 0, words_positions, NULL, "default bottom-center" },
	{ "sizePercent", FIELD_NUMBER, 0, 1, 100, NULL, NULL,
	  "width of the widest line in percent of the frame; the text stays below 40 % of the "
	  "height; default 66" },
	{ "color", FIELD_COLOR, 0, 0, 0, words_colors, NULL, "default white" },
	{ "strokeColor", FIELD_COLOR, 0, 0, 0, words_colors, NULL, "default black" },
	{ "strokeWidth", FIELD_NUMBER, 0, 0, 100, NULL, NULL,
	  "pixels on a frame 1080 wide; default 5" },
	{ "background", FIELD_COLOR, 0, 0, 0, words_colors, NULL, "a box behind the text" },
	{ "align", FIELD_WORD, 0, 0, 0, align_words, NULL, "of the lines; default by position" },
	START_END,
	{ "margin", FIELD_NUMBER, 0, 0, 45, NULL, NULL, "distance to the edge in percent" },
	{ 0 },
};

static const struct field trim_fields[] = {
	{ "start", FIELD_NUMBER, FIELD_CROSS, 0, 36000, NULL, NULL, "default 0" },
	{ "end", FIELD_NUMBER, FIELD_CROSS, 0.001, 36000, NULL, NULL, "second it ends" },
	{ "duration", FIELD_NUMBER, FIELD_CROSS, 0.001, 36000, NULL, NULL, "instead of end" },
	{ 0 },
};

static const struct field conform_fields[] = {
	{ "profile", FIELD_CONFORM, FIELD_EARLY, 0, 0, NULL, NULL, "a platform's values" },
	{ "ratio", FIELD_RATIO, 0, 0, 0, NULL, NULL, "width:height" },
	{ "width", FIELD_INT, 0, 16, 8192, NULL, NULL, "pixels" },
	{ "height", FIELD_INT, 0, 16, 8192, NULL, NULL, "pixels" },
	{ "fps", FIELD_NUMBER, 0, 1, 120, NULL, NULL, "frames per second" },
	{ "pad", FIELD_WORD, 0, 0, 0, pad_words, NULL,
	  "how another ratio is filled; default blur" },
	{ "loudness", FIELD_LOUDNESS, 0, -40, -5, NULL, NULL, "LUFS, or false to leave it" },
	{ "video_bit_rate", FIELD_INT, 0, 50000, 200000000, NULL, NULL, "bits per second" },
	{ 0 },
};

static const struct field overlay_fields[] = {
	{ "media", FIELD_MEDIA, FIELD_REQUIRED, 0, 0, NULL, NULL, "a picture" },
	{ "position", FIELD_WORD, 0, 0, 0, words_positions, NULL, "default bottom-right" },
	{ "sizePercent", FIELD_NUMBER, 0, 1, 100, NULL, NULL, "of the frame's width; default 20" },
	{ "opacity", FIELD_NUMBER, 0, 0, 1, NULL, NULL, "default 1" },
	{ "margin", FIELD_NUMBER, 0, 0, 45, NULL, NULL, "distance to the edge in percent" },
	START_END,
	{ 0 },
};

const struct field operation_fields[] = {
	{ "textOverlay", FIELD_OBJECT, 0, 0, 0, NULL, text_overlay_fields,
	  "a text on the picture" },
	{ "trim", FIELD_OBJECT, 0, 0, 0, NULL, trim_fields, "keeps a part" },
	{ "conform", FIELD_OBJECT, 0, 0, 0, NULL, conform_fields, "makes it fit a platform" },
	{ "overlay", FIELD_OBJECT, 0, 0, 0, NULL, overlay_fields, "a picture on the picture" },
	{ "watermark", FIELD_OBJECT, 0, 0, 0, NULL, overlay_fields, "the same as overlay" },
	{ 0 },
};

/* ---- stages ---- */

const struct field common_fields[] = {
	{ "needs", FIELD_STAGES, FIELD_STATIC | FIELD_APART, 0, 0, NULL, NULL,
	  "stages that must have ended well or been skipped first" },
	{ "if", FIELD_CONDITION, 0, 0, 0, NULL, NULL, "skipped when this gives false or null" },
	{ "gate", FIELD_BOOL, FIELD_STATIC, 0, 0, NULL, NULL,
	  "false: is no gate, and waits for none" },
	{ "retry", FIELD_OBJECT, FIELD_STATIC | FIELD_APART, 0, 0, NULL, retry_fields,
	  "when an attempt fails in passing" },
	{ "timeouts", FIELD_OBJECT, FIELD_STATIC | FIELD_APART, 0, 0, NULL, timeouts_fields,
	  "limits in time" },
	{ "on_fail", FIELD_LIST, FIELD_STATIC, 0, 0, NULL, on_fail_list,
	  "the ladder for clips that are refused; acted on in a later release" },
	{ 0 },
};

static const struct field generate_fields[] = {
	{ "model", FIELD_MODEL, FIELD_EARLY | FIELD_CROSS, 0, 0, NULL, NULL,
	  "an id, a list to fall back along, or auto; default auto" },
	{ "tier", FIELD_WORD, 0, 0, 0, words_tiers, NULL, "what `auto` aims at" },
	{ "prompt", FIELD_TEXT, FIELD_REQUIRED, 1, 20000, NULL, NULL, "what is to be seen" },
	{ "negative_prompt", FIELD_TEXT, 0, 0, 20000, NULL, NULL, "what is not" },
	{ "motion", FIELD_TEXT, 0, 0, 2000, NULL, NULL, "how the camera moves" },
	{ "attach", FIELD_LIST, 0, 0, 0, NULL, attach_list, "pictures and clips to go by" },
	{ "duration", FIELD_SECONDS, FIELD_CROSS, 0.1, 600, NULL, NULL,
	  "seconds, of video; default 5" },
	{ "aspect_ratio", FIELD_RATIO, FIELD_EARLY | FIELD_CROSS, 0, 0, NULL, NULL,
	  "width:height; default that of the resolution, else 9:16" },
	{ "resolution", FIELD_RESOLUTION, FIELD_EARLY | FIELD_CROSS, 0, 0, NULL, NULL,
	  "the shorter side (1080p) or both (1080x1920); default 1080p" },
	{ "fps", FIELD_NUMBER, 0, 1, 120, NULL, NULL, "frames per second" },
	{ "seed", FIELD_INT, 0, 0, 4294967295.0, NULL, NULL, "the same seed gives the same clip" },
	{ "strength", FIELD_NUMBER, 0, 0, 1, NULL, NULL,
	  "how far to move away from an attachment" },
	{ "variants", FIELD_INT, FIELD_EARLY | FIELD_CROSS, 1, 16, NULL, NULL,
	  "takes to make; default 1" },
	{ "need", FIELD_INT, FIELD_EARLY | FIELD_CROSS, 1, 16, NULL, NULL,
	  "takes that must succeed; default 1" },
	{ "params", FIELD_ANY, 0, 0, 0, NULL, NULL, "passed to the model untouched" },
	{ 0 },
};

static const struct field inspect_fields[] = {
	{ "profile", FIELD_PROFILE, FIELD_EARLY, 0, 0, NULL, NULL, "a platform's limits" },
	{ "require", FIELD_LIST, 0, 0, 0, NULL, require_item,
	  "expressions over the measurements that must be true" },
	{ "depth", FIELD_WORD, 0, 0, 0, depth_words, NULL, "quick: key frames only; default full" },
	{ 0 },
};

static const struct field edit_fields[] = {
	{ "operations", FIELD_OPERATIONS, FIELD_REQUIRED, 0, 0, NULL, operation_fields,
	  "in this order, in one encode" },
	{ 0 },
};

static const struct field upload_fields[] = { { 0 } };

static const struct field publish_fields[] = {
	{ "to", FIELD_PUBLISHER, FIELD_EARLY | FIELD_REQUIRED, 0, 0, NULL, NULL, "where" },
	{ "account", FIELD_TEXT, 0, 1, 100, NULL, NULL, "which account there" },
	{ "caption", FIELD_TEXT, 0, 0, 20000, NULL, NULL, "the post's text" },
	{ "privacy_level", FIELD_TEXT, 0, 1, 100, NULL, NULL, "as the platform writes it" },
	{ "aigc", FIELD_BOOL, 0, 0, 0, NULL, NULL, "label the post as made by AI" },
	{ "params", FIELD_ANY, 0, 0, 0, NULL, NULL, "passed to the publisher untouched" },
	{ 0 },
};

static const struct field approve_fields[] = { { 0 } };

static const struct field noop_fields[] = {
	{ "sleep_ms", FIELD_INT, 0, 0, 86400000, NULL, NULL, "how long to do nothing" },
	{ "fail", FIELD_VERDICT, 0, 0, 0, NULL, NULL, "the class to fail with" },
	{ "fail_times", FIELD_INT, 0, 0, 1000, NULL, NULL, "attempts that fail; default all" },
	{ "crash_times", FIELD_INT, 0, 0, 1000, NULL, NULL, "attempts that kill their worker" },
	{ "echo", FIELD_ANY, 0, 0, 0, NULL, NULL, "comes back as .stages.ID.echo" },
	{ 0 },
};

const struct stage_kind stage_kinds[] = {
	{ "generate", INPUT_NONE, false, "cpu", generate_fields, "makes a clip or a picture" },
	{ "inspect", INPUT_MEDIA, true, "cpu", inspect_fields, "measures and judges" },
	{ "edit", INPUT_MEDIA, false, "cpu", edit_fields, "changes a clip" },
	{ "upload", INPUT_MEDIA, false, "cpu", upload_fields, "puts it into the store" },
	{ "publish", INPUT_MEDIA, false, "cpu", publish_fields, "posts it" },
	{ "approve", INPUT_STAGE, true, "cpu", approve_fields, "waits for a person" },
	{ "noop", INPUT_OPTIONAL, false, "noop", noop_fields, "does nothing, to try a farm" },
	{ 0 },
};

/* ---- the spec itself ---- */

const struct field default_fields[] = {
	{ "retry", FIELD_OBJECT, FIELD_STATIC, 0, 0, NULL, retry_fields, "of every stage" },
	{ "timeouts", FIELD_OBJECT, FIELD_STATIC, 0, 0, NULL, timeouts_fields, "of every stage" },
	{ 0 },
};

const struct field schedule_fields[] = {
	{ "cron", FIELD_TEXT, FIELD_STATIC | FIELD_REQUIRED, 1, 200, NULL, NULL,
	  "minute hour day month weekday" },
	{ "timezone", FIELD_TEXT, FIELD_STATIC, 1, 64, NULL, NULL, "default UTC" },
	{ "missed", FIELD_WORD, FIELD_STATIC, 0, 0, missed_words, NULL, "default once" },
	{ "missed_limit", FIELD_INT, FIELD_STATIC, 1, 1000, NULL, NULL, "of missed: all" },
	{ "overlap", FIELD_WORD, FIELD_STATIC, 0, 0, overlap_words, NULL, "default skip" },
	{ "dst", FIELD_WORD, FIELD_STATIC, 0, 0, dst_words, NULL,
	  "a time that the clock change leaves out; default shift" },
	{ "jitter", FIELD_DURATION, FIELD_STATIC, 0, 86400000, NULL, NULL,
	  "spread over this long" },
	{ 0 },
};

const struct field budget_fields[] = {
	{ "max", FIELD_TEXT, FIELD_STATIC | FIELD_REQUIRED | FIELD_APART, 0, 0, NULL, NULL,
	  "an amount such as 40 USD" },
	{ "on_exceed", FIELD_WORD, FIELD_STATIC, 0, 0, exceed_words, NULL, "default hold" },
	{ 0 },
};

const struct field top_fields[] = {
	{ "version", FIELD_INT, FIELD_STATIC | FIELD_REQUIRED, 1, 1, NULL, NULL, "1" },
	{ "name", FIELD_TEXT, FIELD_STATIC | FIELD_REQUIRED, 1, 100, NULL, NULL, "of the batch" },
	{ "labels", FIELD_ANY, FIELD_STATIC, 0, 0, NULL, NULL, "names and texts of your own" },
	{ "vars", FIELD_ANY, FIELD_STATIC, 0, 0, NULL, NULL, "values for .vars" },
	{ "matrix", FIELD_ANY, 0, 0, 0, NULL, NULL, "the axes of the variants" },
	{ "max_parallel", FIELD_INT, FIELD_STATIC, 1, 20000, NULL, NULL,
	  "pipelines at once; default all" },
	{ "priority", FIELD_WORD, FIELD_STATIC, 0, 0, priority_words, NULL, "default normal" },
	{ "budget", FIELD_OBJECT, FIELD_STATIC, 0, 0, NULL, budget_fields,
	  "kept from the release on that spends money" },
	{ "schedule", FIELD_OBJECT, FIELD_STATIC, 0, 0, NULL, schedule_fields,
	  "checked now; fires in a later release" },
	{ "name_variants", FIELD_TEXT, 0, 1, 1000, NULL, NULL, "each variant's name" },
	{ "defaults", FIELD_ANY, 0, 0, 0, NULL, NULL, "fields for all stages, or all of a type" },
	{ "stages", FIELD_ANY, FIELD_REQUIRED, 0, 0, NULL, NULL, "the work" },
	{ 0 },
};

const struct stage_kind *stage_kind_find(const char *name)
{
	for (const struct stage_kind *kind = stage_kinds; kind->name; kind++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}
