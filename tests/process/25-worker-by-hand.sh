#!/bin/bash
# reel-worker by hand: the modes that take a file, and their exit status.
. "$(dirname "$0")/lib.sh"
plan 21
worker=$REELD_BUILD/reel-worker
export REEL_STATE_DIR=$T/state REEL_STORE=$T/state/media
cd "$T" || exit 1

# task TYPE DEFINITION
task()
{
	printf '{"batch":"b","pipeline":"b-1","stage":"s","type":"%s","epoch":1,"attempt":1,"prepare":false,"definition":%s,
		"context":{"matrix":{},"vars":{},"labels":{},"name":"one","index":1,"batch_name":"t"},"results":{}}' "$1" "$2"
}
task generate '{"kind":"video","model":{"id":"local/animatic","engine":"animatic"},"prompt":"x","duration":1,"fps":10,
	"resolution":"144x256"}' >make.json

run "$worker" --once make.json
is "a task is done" "$status" 0
like "and says what it left" "$out" '"class":"done".*"mime":"video/mp4"'
video=$(find "$T" -path '*sha256*' -type f | head -1)
check "the clip is in the store" test -s "$video"
check "and nothing is left in the work folder" test -z "$(find "$T/state" -path '*work*' -type f -name '*.mp4')"
task noop '{"fail":"permanent"}' >fail.json
run "$worker" --once fail.json
like "a stage that fails: 1" "$status $out" '^1 .*"class":"permanent"'
task noop '{"crash_times":1}' >crash.json
run "$worker" --once crash.json
like "a stage that dies: 1" "$status" '^1$'
echo '{' >bad.json
run "$worker" --once bad.json
like "no JSON: 1" "$status $out" '^1 .*not valid JSON'
run "$worker" --once missing.json
like "no file: a sentence" "$status $err" '^[14] .*missing.json'

cp "$video" clip.mp4
run "$worker" --probe clip.mp4
like "probe says what it is" "$status $out" '^0 .*"height":256'
run "$worker" --check-media clip.mp4
is "check-media for its status" "$status" 0
run "$worker" --inspect clip.mp4 --depth quick
like "inspect measures" "$status $out" '^0 .*"metrics":'
run "$worker" --inspect clip.mp4 --profile '{'
is "a broken profile is wrong usage" "$status" 2
echo "this is no video" >text.mp4
run "$worker" --probe text.mp4
like "a text named .mp4: 1, and what it is" "$status $err" '^1 .*text'
run "$worker" --check-media text.mp4
is "also for check-media" "$status" 1
run "$worker" --inspect text.mp4
is "and inspect" "$status" 1
run "$worker" --probe "$T"
like "a folder is not a file" "$status $err" '^1 .*not a file'
run "$worker" --probe nowhere.mp4
like "nor is nothing" "$status $err" '^1 .*nowhere.mp4'
run "$worker" --nonsense
is "an unknown option" "$status" 2
run "$worker" --probe
is "a file is missing" "$status" 2
run "$worker" --media
like "what reeld starts is not for hands" "$status $err" '^2 .*start reeld instead'
echo "nonsense: 1" >bad.yaml
run "$worker" --probe clip.mp4 --config bad.yaml
is "a bad configuration is the operator's" "$status" 4
