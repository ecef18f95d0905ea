// links: spec
/*
 * Every mistake that can be seen when a spec is read, with the exact words and the place. Part:
 * stages.
 */
#include "tests/unit/spec_fixture.h"

static const struct row rows[] = {
	{ "not a map", "[1, 2]",
	  "t.yaml:1:1: expected a spec: a map with version, name and stages, found a list" },
	{ "nothing at all", "",
	  "t.yaml:1:1: expected a spec: a map with version, name and stages, found nothing" },
	{ "no stages", HEAD, "t.yaml:1:1: 'stages' is missing" },
	{ "no version", "name: t\n" DRAFT, "t.yaml:1:1: 'version' is missing" },
	{ "a version of the future", "version: 2\nname: t\n" DRAFT,
	  "t.yaml:1:10: version: expected a whole number from 1 to 1, found 2" },
	{ "an unknown name at the top", HEAD "stagez: {}\n" DRAFT,
	  "t.yaml:3:1: stagez: unknown name, did you mean 'stages'?" },
	{ "an unknown name in a stage", HEAD "stages:\n  a:\n    generate: video\n    promt: x\n",
	  "t.yaml:6:5: stages.a.promt: unknown name, did you mean 'prompt'?" },
	{ "an unknown name in retry",
	  HEAD "stages:\n  a:\n    generate: video\n    prompt: x\n    retry: {max_attempt: 3}\n",
	  "t.yaml:7:13: stages.a.retry.max_attempt: unknown name, did you mean 'max_attempts'?" },
	{ "an unknown name in an attachment",
	  HEAD
	  "stages:\n  a:\n    generate: video\n    prompt: x\n    attach: [{medium: ./x.png, role: start_frame}]\n",
	  "t.yaml:7:15: stages.a.attach[0].medium: unknown name, did you mean 'media'?" },
	{ "a stage type that is not there", HEAD "stages:\n  a: {generrate: video}\n",
	  "t.yaml:4:7: stages.a.generrate: unknown name, did you mean 'generate'?" },
	{ "a stage without a type", HEAD "stages:\n  a: {needs: []}\n",
	  "t.yaml:4:3: stages.a: expected a type: generate, inspect, edit, upload, publish, approve, noop" },
	{ "a stage that is no map", HEAD "stages:\n  a: generate\n",
	  "t.yaml:4:6: stages.a: expected a map with a stage's type, found 'generate'" },
	{ "two types in one stage", HEAD "stages:\n  a: {generate: video, prompt: x, inspect: a}\n",
	  "t.yaml:4:44: stages.a.inspect: a stage has one type, this one is generate already" },
	{ "a field of another type",
	  HEAD "stages:\n  a: {generate: video, prompt: x, require: [.a]}\n",
	  "t.yaml:4:35: stages.a.require: unknown name" },
	{ "a missing prompt", HEAD "stages:\n  a:\n    generate: video\n",
	  "t.yaml:4:3: stages.a: 'prompt' is missing" },
	{ "a number as prompt", HEAD "stages:\n  a: {generate: video, prompt: 5}\n",
	  "t.yaml:4:32: stages.a.prompt: expected text (in quotes), found 5" },
	{ "an empty prompt", HEAD "stages:\n  a: {generate: video, prompt: ''}\n",
	  "t.yaml:4:32: stages.a.prompt: expected some text, found none" },
	{ "a kind that has no model yet", HEAD "stages:\n  a: {generate: audio, prompt: x}\n",
	  "t.yaml:4:17: stages.a.generate: no model for audio is in the catalogue yet; expected video or image" },
	{ "a kind that is none", HEAD "stages:\n  a: {generate: vidio, prompt: x}\n",
	  "t.yaml:4:17: stages.a.generate: expected video or image, found 'vidio', did you mean 'video'?" },
	{ "a stage id with a dash", HEAD "stages:\n  a-b: {generate: video, prompt: x}\n",
	  "t.yaml:4:3: stages.a-b: expected an id of letters, digits and _, at most 40, not beginning with a digit or m_" },
	{ "a stage id that looks like a medium",
	  HEAD "stages:\n  m_1: {generate: video, prompt: x}\n",
	  "t.yaml:4:3: stages.m_1: expected an id of letters, digits and _, at most 40, not beginning with a digit or m_" },
	{ "a stage twice", HEAD DRAFT "  a: {generate: video, prompt: x}\n",
	  "t.yaml:5:3: 'a' is here twice, first in line 4" },
	{ "an input that is not there",
	  HEAD "stages:\n  draft: {generate: video, prompt: x}\n  check: {inspect: drft}\n",
	  "t.yaml:5:20: stages.check.inspect: no stage is called 'drft', did you mean 'draft'?" },
	{ "a stage that inspects itself", HEAD "stages:\n  a: {inspect: a}\n",
	  "t.yaml:4:16: stages.a.inspect: refers to its own stage" },
	{ "needs that are not there",
	  HEAD
	  "stages:\n  draft: {generate: video, prompt: x}\n  b: {noop: true, needs: [draft, dra]}\n",
	  "t.yaml:5:34: stages.b.needs[1]: no stage is called 'dra'" },
	{ "needs of the wrong type", HEAD "stages:\n  b: {noop: true, needs: {a: b}}\n",
	  "t.yaml:4:26: stages.b.needs: expected a stage or a list of stages, found a map" },
	{ "an attached stage that is not there",
	  HEAD
	  "stages:\n  still: {generate: image, prompt: x}\n  b: {generate: video, prompt: x, attach: [{media: stil, role: start_frame}]}\n",
	  "t.yaml:5:52: stages.b.attach[0].media: no stage is called 'stil', did you mean 'still'?" },
	{ "a cycle of two",
	  HEAD
	  "stages:\n  a: {edit: b, operations: [{trim: {duration: 1}}]}\n  b: {edit: a, operations: [{trim: {duration: 1}}]}\n",
	  "t.yaml:4:3: stages.a: a cycle: a waits for b (its input), b waits for a (its input)" },
	{ "a cycle through an expression",
	  HEAD
	  "stages:\n  a: {generate: video, prompt: '${{ .stages.c.echo }}'}\n  b: {upload: a}\n  c: {noop: b}\n",
	  "t.yaml:4:3: stages.a: a cycle: a waits for c (it reads .stages.c), c waits for b (its input), b waits for a (its input)" },
	{ "a cycle through needs",
	  HEAD
	  "stages:\n  a: {noop: true, needs: b}\n  b: {noop: true, needs: c}\n  c: {noop: true, needs: a}\n",
	  "t.yaml:4:3: stages.a: a cycle: a waits for b (needs), b waits for c (needs), c waits for a (needs)" },
	{ "a cycle that a gate closes",
	  HEAD
	  "stages:\n  draft: {generate: video, prompt: x}\n  cut: {edit: draft, operations: [{trim: {duration: 1}}]}\n  look: {approve: draft, needs: [cut]}\n",
	  "t.yaml:5:3: stages.cut: a cycle: cut waits for look (a gate on draft, which cut uses; gate: false lets it pass), look waits for cut (needs)" },
	{ "an unknown model",
	  HEAD "stages:\n  a: {generate: video, model: local/animatik, prompt: x}\n",
	  "t.yaml:4:31: stages.a.model: unknown model 'local/animatik', did you mean 'local/animatic'? (there are: local/animatic)" },
	{ "a model of the future",
	  HEAD "stages:\n  a: {generate: video, model: [local/animatic, veo3_1-fast], prompt: x}\n",
	  "t.yaml:4:48: stages.a.model[1]: unknown model 'veo3_1-fast' (there are: local/animatic)" },
	{ "an unknown profile", HEAD DRAFT "  b: {inspect: a, profile: instagram-reel}\n",
	  "t.yaml:5:28: stages.b.profile: unknown profile 'instagram-reel', did you mean 'instagram-reels'? (there are: instagram-reels, limits-only)" },
	{ "a profile that does not conform",
	  HEAD DRAFT "  b: {edit: a, operations: [{conform: {profile: limits-only}}]}\n",
	  "t.yaml:5:49: stages.b.operations[0].conform.profile: profile 'limits-only' does not say how to conform" },
	{ "an unknown publisher", HEAD DRAFT "  b: {publish: a, to: instagram}\n",
	  "t.yaml:5:23: stages.b.to: unknown publisher 'instagram' (there are: outbox)" },
	{ "an unknown operation",
	  HEAD DRAFT "  b: {edit: a, operations: [{textOverlai: {text: x}}]}\n",
	  "t.yaml:5:30: stages.b.operations[0].textOverlai: unknown name, did you mean 'textOverlay'?" },
	{ "an operation of the future",
	  HEAD DRAFT "  b: {edit: a, operations: [{crossfade: {}}]}\n",
	  "t.yaml:5:30: stages.b.operations[0].crossfade: unknown name: there are textOverlay, trim, conform, overlay and watermark" },
	{ "an unknown argument",
	  HEAD DRAFT
	  "  b:\n    edit: a\n    operations:\n      - textOverlay: {text: x, fontFamly: Inter}\n",
	  "t.yaml:8:32: stages.b.operations[0].textOverlay.fontFamly: unknown name, did you mean 'fontFamily'?" },
	{ "no text in an overlay",
	  HEAD DRAFT
	  "  b:\n    edit: a\n    operations:\n      - textOverlay: {position: center}\n",
	  "t.yaml:8:9: stages.b.operations[0].textOverlay: 'text' is missing" },
	{ "two operations in one item",
	  HEAD DRAFT
	  "  b: {edit: a, operations: [{trim: {duration: 1}, conform: {ratio: '1:1'}}]}\n",
	  "t.yaml:5:29: stages.b.operations[0]: expected one operation with its arguments, such as trim: {duration: 5}" },
	{ "no operations", HEAD DRAFT "  b: {edit: a, operations: []}\n",
	  "t.yaml:5:28: stages.b.operations: expected a list of operations, found a list" },
	{ "a conform without anything", HEAD DRAFT "  b: {edit: a, operations: [conform: ]}\n",
	  "t.yaml:5:29: stages.b.operations[0].conform: expected a profile, a ratio or anything else to conform to" },
	{ "an unknown anchor",
	  HEAD DRAFT
	  "  b: {edit: a, operations: [{textOverlay: {text: x, position: bottom-centre}}]}\n",
	  "t.yaml:5:63: stages.b.operations[0].textOverlay.position: expected top-left, top-center, top-right, center-left, center, center-right, bottom-left, bottom-center or bottom-right, found 'bottom-centre', did you mean 'bottom-center'?" },
	{ "a color that is none",
	  HEAD DRAFT "  b: {edit: a, operations: [{textOverlay: {text: x, color: wite}}]}\n",
	  "t.yaml:5:60: stages.b.operations[0].textOverlay.color: expected \"#RRGGBB\", \"#RRGGBBAA\" (in quotes) or a name such as white, found 'wite', did you mean 'white'?" },
	{ "a color that YAML took for a comment",
	  HEAD DRAFT
	  "  b:\n    edit: a\n    operations:\n      - textOverlay:\n          text: x\n          color: #ffffff\n",
	  "t.yaml:10:11: stages.b.operations[0].textOverlay.color: expected \"#RRGGBB\", \"#RRGGBBAA\" (in quotes) or a name such as white, found ''" },
	{ "an end before its start",
	  HEAD DRAFT "  b: {edit: a, operations: [{trim: {start: 3, end: 2}}]}\n",
	  "t.yaml:5:52: stages.b.operations[0].trim.end: expected more than start (3), found 2" },
	{ "end and duration",
	  HEAD DRAFT "  b: {edit: a, operations: [{trim: {end: 2, duration: 1}}]}\n",
	  "t.yaml:5:55: stages.b.operations[0].trim.duration: end and duration exclude each other" },
	{ "a size beyond the frame",
	  HEAD DRAFT "  b: {edit: a, operations: [{textOverlay: {text: x, sizePercent: 120}}]}\n",
	  "t.yaml:5:66: stages.b.operations[0].textOverlay.sizePercent: expected a number from 1 to 100, found 120" },
	{ "an unknown role",
	  HEAD
	  "stages:\n  a: {generate: video, prompt: x, attach: [{media: ./x.png, role: startframe}]}\n",
	  "t.yaml:4:67: stages.a.attach[0].role: expected reference, style, character, product, composition, mood, start_frame, end_frame, source_video or audio, found 'startframe', did you mean 'start_frame'?" },
	{ "a role the model does not take",
	  HEAD
	  "stages:\n  a: {generate: video, prompt: x, attach: [{media: ./x.png, role: style}]}\n",
	  "t.yaml:4:3: stages.a: model local/animatic cannot serve this: it takes no attachment as style (it takes: start_frame)" },
	{ "a modality no model has",
	  HEAD
	  "stages:\n  a: {generate: image, prompt: x, attach: [{media: ./x.png, role: start_frame}]}\n",
	  "t.yaml:4:3: stages.a: model local/animatic cannot serve this: it does not make image->image (it does: text->video, image->video, text->image)" },
	{ "a duration the model does not make",
	  HEAD "stages:\n  a: {generate: video, prompt: x, duration: 90}\n",
	  "t.yaml:4:3: stages.a: model local/animatic cannot serve this: it makes clips of 0.5 to 60 seconds, not 90" },
	{ "a duration in words",
	  HEAD "stages:\n  a: {generate: video, prompt: x, retry: {max: 5 minutes}}\n",
	  "t.yaml:4:48: stages.a.retry.max: expected a duration such as 30s, 5m or 1h30m, found '5 minutes'" },
	{ "a duration of a clip in words",
	  HEAD "stages:\n  a: {generate: video, prompt: x, duration: five}\n",
	  "t.yaml:4:45: stages.a.duration: expected seconds such as 8, 7.5 or 8s, found 'five'" },
	{ "a picture with a duration",
	  HEAD "stages:\n  a: {generate: image, prompt: x, duration: 5}\n",
	  "t.yaml:4:45: stages.a.duration: a picture has no duration" },
	{ "a ratio that YAML kept as text of another kind",
	  HEAD "stages:\n  a: {generate: video, prompt: x, aspect_ratio: 9x16}\n",
	  "t.yaml:4:49: stages.a.aspect_ratio: expected width:height in quotes, such as \"9:16\", found '9x16'" },
	{ "a ratio as number",
	  HEAD "stages:\n  a: {generate: video, prompt: x, aspect_ratio: 0.5625}\n",
	  "t.yaml:4:49: stages.a.aspect_ratio: expected width:height in quotes, such as \"9:16\", found 0.5625" },
	{ "a resolution against the ratio",
	  HEAD
	  "stages:\n  a: {generate: video, prompt: x, aspect_ratio: '9:16', resolution: 1920x1080}\n",
	  "t.yaml:4:69: stages.a.resolution: 1920x1080 is not 9:16: leave one of them out" },
	{ "a resolution that is none",
	  HEAD "stages:\n  a: {generate: video, prompt: x, resolution: full}\n",
	  "t.yaml:4:47: stages.a.resolution: expected the shorter side such as 1080p, or 1080x1920; each from 64 to 8192, found 'full'" },
	{ "a seed out of range", HEAD "stages:\n  a: {generate: video, prompt: x, seed: -1}\n",
	  "t.yaml:4:41: stages.a.seed: expected a whole number from 0 to 4294967295, found -1" },
	{ "a seed that is no whole number",
	  HEAD "stages:\n  a: {generate: video, prompt: x, seed: 1.5}\n",
	  "t.yaml:4:41: stages.a.seed: expected a whole number, found 1.5" },
	{ "more needed than made",
	  HEAD "stages:\n  a: {generate: video, prompt: x, variants: 2, need: 3}\n",
	  "t.yaml:4:54: stages.a.need: expected at most variants (2), found 3" },
	{ "yes instead of true", HEAD DRAFT "  b: {inspect: a, gate: no}\n",
	  "t.yaml:5:25: stages.b.gate: expected true or false, found 'no'" },
	{ "an unknown verdict class", HEAD "stages:\n  a: {noop: true, fail: transiet}\n",
	  "t.yaml:4:25: stages.a.fail: expected a class out of transient, rate_limited, timeout, resources, crash, auth, operator, content_policy, rejected, permanent or cancelled, found 'transiet', did you mean 'transient'?" },
	{ "an unknown class in retry", HEAD "stages:\n  a: {noop: true, retry: {on: [timeot]}}\n",
	  "t.yaml:4:32: stages.a.retry.on[0]: expected a class out of transient, rate_limited, timeout, resources or crash, found 'timeot', did you mean 'timeout'?" },
	{ "a class that is never retried",
	  HEAD "stages:\n  a: {noop: true, retry: {on: [permanent]}}\n",
	  "t.yaml:4:32: stages.a.retry.on[0]: 'permanent' is never retried; expected transient, rate_limited, timeout, resources or crash" },
	{ "on and except",
	  HEAD "stages:\n  a: {noop: true, retry: {on: [timeout], except: [crash]}}\n",
	  "t.yaml:4:26: stages.a.retry: on and except exclude each other" },
	{ "a longest delay below the first",
	  HEAD "stages:\n  a: {noop: true, retry: {base: 10s, max: 5s}}\n",
	  "t.yaml:4:43: stages.a.retry.max: the longest delay (max) is shorter than the first (base)" },
	{ "attempts out of range", HEAD "stages:\n  a: {noop: true, retry: {max_attempts: 0}}\n",
	  "t.yaml:4:41: stages.a.retry.max_attempts: expected a whole number from 1 to 100, found 0" },
	{ "an unknown rung of the ladder",
	  HEAD "stages:\n  a: {noop: true, on_fail: [{do: resead}]}\n",
	  "t.yaml:4:34: stages.a.on_fail[0].do: expected reseed, next_model, hold, soften or restill, found 'resead', did you mean 'reseed'?" },
	{ "an expression that does not compile",
	  HEAD "stages:\n  a:\n    noop: true\n    if: .matrix.x ==\n",
	  "t.yaml:6:9: stages.a.if: syntax error, it ends too early" },
	{ "an expression with a stray character",
	  HEAD "stages:\n  a:\n    noop: true\n    if: .vars ^ 2\n",
	  "t.yaml:6:9: stages.a.if: syntax error, unexpected character at character 7" },
	{ "an unknown function", HEAD "stages:\n  a:\n    noop: true\n    if: nosuch(.vars)\n",
	  "t.yaml:6:9: stages.a.if: nosuch/1 is not defined" },
	{ "an unknown function in a template",
	  HEAD "stages:\n  a: {generate: video, prompt: 'x ${{ upper(.name) }}'}\n",
	  "t.yaml:4:32: stages.a.prompt: upper/1 is not defined" },
	{ "an unknown function in require",
	  HEAD DRAFT "  b: {inspect: a, require: [.a | nosuch]}\n",
	  "t.yaml:5:29: stages.b.require[0]: nosuch/0 is not defined" },
	{ "a template that is not closed",
	  HEAD "stages:\n  a: {generate: video, prompt: 'x ${{ .name'}\n",
	  "t.yaml:4:32: stages.a.prompt: '${{' without its '}}' at character 3" },
	{ "an expression that YAML read as a map",
	  HEAD "stages:\n  a:\n    noop: true\n    if: {a: 1}\n",
	  "t.yaml:6:9: stages.a.if: expected an expression (quote it when YAML reads it as a map or list), found a map" },
	{ "an unquoted template in a flow map",
	  HEAD "stages:\n  a: {generate: video, prompt: ${{ .name }}}\n",
	  "t.yaml:4:32: quote this expression: unquoted, its '{' is YAML" },
	{ "an unknown name in the context",
	  HEAD "stages:\n  a: {generate: video, prompt: 'x ${{ .matrx.hook }}'}\n",
	  "t.yaml:4:32: stages.a.prompt: in the context '.matrx' is not there, did you mean 'matrix'?" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fixture_refuses(&rows[i], false);
}

/* One more than a pipeline may have. */
static void refuses_33_stages(void **state)
{
	DEFER(buf_done) struct buf text = { 0 };

	(void)state;
	buf_puts(&text, HEAD "stages:\n");
	for (int i = 0; i < 33; i++)
		buf_printf(&text, "  s%d: {noop: true}\n", i);
	fixture_refuses(&(struct row){ "33 stages", text.data,
				       "t.yaml:36:3: stages.s32: more than 32 stages" },
			false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_33_stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
