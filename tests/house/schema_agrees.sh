#!/bin/bash
# The JSON Schema and the validator give the same verdict on whatever a schema can see: forms, types, words, ranges.
. "$(dirname "$0")/../process/lib.sh"
schema=$REELD_ROOT/docs/pipeline.schema.json
python3 -c 'import jsonschema, yaml' 2>/dev/null || skip_all "python3-jsonschema and python3-yaml are not installed"
[ -x "$REELD_BUILD/reel" ] || skip_all "reel is not built"

cat >"$T/check.py" <<'PYTHON'
import json, sys, yaml
from jsonschema import Draft202012Validator as Validator
validator = Validator(json.load(open(sys.argv[1])))
for path in sys.argv[2:]:
    print("good" if validator.is_valid(yaml.safe_load(open(path))) else "bad")
PYTHON

# verdict, then the stages (or, with a leading '+', other members beside a good stage). late: missing, but `defaults` may
# fill it in, which a schema cannot see.
cat >"$T/cases" <<'CASES'
good {a: {generate: video, prompt: x}}
good {a: {generate: image, prompt: x, seed: 5, resolution: 540x960}}
good {a: {generate: video, prompt: x, duration: 1.5, aspect_ratio: "1:1", fps: 25, strength: 0.5}}
good {a: {generate: video, prompt: x, seed: "${{ .index }}", duration: "${{ .index + 1 }}"}}
good {a: {generate: video, prompt: x, model: [local/animatic], variants: 2, need: 1, params: {a: [1]}}}
good {a: {generate: video, prompt: x, retry: {max_attempts: 5, max: 10m}, timeouts: {attempt: 90}}}
good {a: {generate: video, prompt: x, on_fail: [{do: reseed, max: 2}, {do: hold}]}}
good {a: {generate: video, prompt: x}, b: {inspect: a, require: [.duration > 1], depth: quick, gate: false}}
good {a: {generate: video, prompt: x}, b: {edit: a, operations: [{textOverlay: {text: x, color: white}}, {trim: {end: 2}}]}}
good {a: {generate: video, prompt: x}, b: {edit: a, operations: [{conform: {ratio: "1:1", loudness: false}}]}}
good {a: {generate: video, prompt: x}, b: {upload: a, if: true}, c: {approve: b}, d: {publish: b, to: outbox, aigc: true}}
good {a: {noop: true, sleep_ms: 5, echo: {x: 1}}, b: {noop: a, needs: [a], fail: timeout}}
good +vars: {a: [1]}, labels: {b: c, d: 5}, max_parallel: 3, priority: urgent
good +matrix: {a: [1, 2], b: [x], exclude: [{a: 1}], include: [{c: 1}]}, name_variants: "{a}{n}"
good +defaults: {retry: {base: 1s}, generate: {duration: 3, retry: {max_attempts: 1}}}
good +schedule: {cron: "0 9 * * 1-5", timezone: UTC, missed: skip}, budget: {max: 40 USD}
bad {}
bad [a]
bad {a: {}}
bad {a: {prompt: x}}
bad {a-b: {generate: video, prompt: x}}
bad {m_1: {generate: video, prompt: x}}
bad {a: {generate: film, prompt: x}}
late {a: {generate: video}}
bad {a: {generate: video, prompt: 5}}
bad {a: {generate: video, prompt: ""}}
bad {a: {generate: video, prompt: x, promt: y}}
bad {a: {generate: video, prompt: x, require: [.a]}}
bad {a: {generate: video, prompt: x, seed: -1}}
bad {a: {generate: video, prompt: x, seed: 1.5}}
bad {a: {generate: video, prompt: x, seed: many}}
bad {a: {generate: video, prompt: x, duration: five}}
bad {a: {generate: video, prompt: x, aspect_ratio: 9x16}}
bad {a: {generate: video, prompt: x, resolution: full}}
bad {a: {generate: video, prompt: x, strength: 2}}
bad {a: {generate: video, prompt: x, variants: 17}}
bad {a: {generate: video, prompt: x, tier: best}}
bad {a: {generate: video, prompt: x, gate: maybe}}
bad {a: {generate: video, prompt: x, retry: {max: 5 minutes}}}
bad {a: {generate: video, prompt: x, retry: {attempts: 5}}}
bad {a: {generate: video, prompt: x, on_fail: [{do: pray}]}}
bad {a: {generate: video, prompt: x, attach: [{media: ./x.png}]}}
bad {a: {generate: video, prompt: x, attach: [{media: ./x.png, role: hero}]}}
bad {a: {generate: video, prompt: x}, b: {inspect: a, depth: deep}}
late {a: {generate: video, prompt: x}, b: {edit: a}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: []}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{fade: {}}]}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{trim: {end: 2}, conform: {ratio: "1:1"}}]}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{textOverlay: {}}]}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{textOverlay: {text: x, position: middle}}]}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{textOverlay: {text: x, sizePercent: 120}}]}}
bad {a: {generate: video, prompt: x}, b: {edit: a, operations: [{textOverlay: {text: x, color: wite}}]}}
late {a: {generate: video, prompt: x}, b: {publish: a}}
bad {a: {generate: video, prompt: x}, b: {publish: a, to: outbox, aigc: 5}}
bad {a: {generate: video, prompt: x, inspect: a}}
bad +labels: {a: {b: c}}
bad +vars: [1]
bad +matrix: {a: []}
bad +matrix: {a: 5}
bad +matrix: {a: {fil: x}}
bad +matrix: {a: [1, 1]}
bad +priority: high
bad +max_parallel: 0
bad +defaults: {generat: {}}
bad +defaults: {generate: {needs: []}}
bad +schedule: {cron: "0 9 * * *", missed: later}
bad +budget: {on_exceed: hold}
bad +stage: {}
CASES

number=0
while read -r verdict rest; do
	number=$((number + 1))
	if [ "${rest:0:1}" = + ]; then
		echo "{version: 1, name: t, stages: {s: {generate: video, prompt: x}}, ${rest:1}}"
	else
		echo "{version: 1, name: t, stages: $rest}"
	fi >"$T/case-$(printf %03d $number).yaml"
	echo "$verdict" >>"$T/expected"
done <"$T/cases"

plan 2
python3 "$T/check.py" "$schema" "$T"/case-*.yaml >"$T/schema"
is "the schema judges all $number as expected" \
	"$(sed s/late/good/ "$T/expected" | paste - "$T/schema" "$T/cases" | awk '$1 != $2')" ""
for case in "$T"/case-*.yaml; do
	if reel validate "$case" >/dev/null 2>&1; then echo good; else echo bad; fi
done >"$T/ours"
is "and so does reel validate" "$(sed s/late/bad/ "$T/expected" | paste - "$T/ours" "$T/cases" | awk '$1 != $2')" ""
