#!/bin/bash
# The published JSON Schema is one, accepts every example, and refuses what reel refuses by form.
. "$(dirname "$0")/../process/lib.sh"
schema=$REELD_ROOT/docs/pipeline.schema.json
python3 -c 'import jsonschema, yaml' 2>/dev/null || skip_all "python3-jsonschema and python3-yaml are not installed"

cat >"$T/check.py" <<'PYTHON'
import json, sys, yaml
from jsonschema import Draft202012Validator as Validator
try:
    schema = json.load(open(sys.argv[1]))
except Exception as problem:
    print(problem)
    sys.exit(3)
if len(sys.argv) == 2:
    Validator.check_schema(schema)
    sys.exit(0)
errors = list(Validator(schema).iter_errors(yaml.safe_load(open(sys.argv[2]))))
for error in errors[:3]:
    print("/".join(map(str, error.path)) or "(root)", "-", error.message[:300])
sys.exit(1 if errors else 0)
PYTHON

# refuse WHAT JSON
refuse()
{
	echo "$2" >"$T/bad.json"
	run python3 "$T/check.py" "$schema" "$T/bad.json"
	is "the schema refuses $1" "$status" 1
}

# reeld.yaml is a configuration, not a spec.
examples=$(ls "$REELD_ROOT"/examples/*.yaml | grep -v '/reeld\.yaml$')
plan $((5 + $(wc -w <<<"$examples")))
check "the schema is a JSON Schema" python3 "$T/check.py" "$schema"
for example in $examples; do
	name=$(basename "$example")
	check "the schema accepts $name" python3 "$T/check.py" "$schema" "$example"
done
refuse "an unknown key" '{"version": 1, "name": "x", "stagez": {}}'
refuse "a spec without stages" '{"version": 1, "name": "x"}'
refuse "a wrong type" '{"version": 1, "name": "x", "stages": {"a": {"generate": "video", "prompt": 3}}}'
refuse "an unknown stage type" '{"version": 1, "name": "x", "stages": {"a": {"generrate": "video"}}}'
