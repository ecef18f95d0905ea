#!/bin/bash
# Wrong input of every kind: one clear sentence, the right exit code, and nothing has run.
. "$(dirname "$0")/lib.sh"
plan 37

export REEL_STATE_DIR=$T/state
cd "$T" || exit 1

# refuses WHAT CODE REGEX COMMAND...: exit code, one line on stderr that matches, and no report of a sanitizer.
refuses()
{
	local what=$1 code=$2 regex=$3
	shift 3
	run timeout 60 "$@"
	is "$what: exit code $code" "$status" "$code"
	if [[ $err =~ $regex ]] && [ "$(wc -l <<<"$err")" -le "${lines:-1}" ]; then
		ok "$what: one clear line"
	else
		not_ok "$what: one clear line" "got: $err" "expected one line like: $regex"
	fi
}

spec()
{
	cat >"$T/$1"
}

# ---- the spec ----

spec yaml.yaml <<'EOS'
version: 1
name: broken
stages:
  draft: {generate: video, prompt: [unclosed
EOS
refuses "bad YAML" 2 '^reel: yaml\.yaml:[0-9]+:[0-9]+: ' reel validate yaml.yaml

spec key.yaml <<'EOS'
version: 1
name: broken
stages:
  draft:
    generate: video
    promt: a red kite
EOS
refuses "an unknown key" 2 "^reel: key\.yaml:6:5: stages\.draft\.promt: .*did you mean 'prompt'" reel validate key.yaml
refuses "the same through run" 2 '^reel: key\.yaml:6:5: ' reel run key.yaml

spec cycle.yaml <<'EOS'
version: 1
name: broken
stages:
  a: {edit: b, operations: [{trim: {start: 0, duration: 1}}]}
  b: {edit: a, operations: [{trim: {start: 0, duration: 1}}]}
EOS
refuses "a cycle" 2 '^reel: cycle\.yaml:[0-9]+:[0-9]+: .*(cycle|circle|a.*b)' reel validate cycle.yaml

spec nothing.yaml <<'EOS'
version: 1
name: broken
stages:
  draft: {generate: video, prompt: x, duration: 1}
  check: {inspect: drft}
EOS
refuses "a reference to nothing" 2 "^reel: nothing\.yaml:5:[0-9]+: .*drft.*draft" reel validate nothing.yaml
refuses "a spec that is not there" 2 '^reel: .*nowhere\.yaml: No such file' reel run nowhere.yaml

# ---- media ----

spec attach.yaml <<'EOS'
version: 1
name: broken
stages:
  draft: {generate: video, prompt: x, duration: 1, attach: [{media: ./none.png, role: start_frame}]}
EOS
refuses "a missing picture" 2 '^reel: attach\.yaml:4:[0-9]+: .*none\.png' reel run attach.yaml

echo 'just words, not a film' >words.mp4
refuses "a text file named .mp4" 2 '^reel: .*words\.mp4: .*text' reel inspect words.mp4
printf '<!DOCTYPE html><html><body>404</body></html>' >page.mp4
refuses "a web page named .mp4" 2 '^reel: .*page\.mp4: .*HTML' reel inspect page.mp4
sed 's/none\.png/words.mp4/' attach.yaml >text.yaml
refuses "a text file attached" 2 '^reel: text\.yaml:4:[0-9]+: .*words\.mp4.*text' reel run text.yaml
unlike "its path is said once, as a person would" "$err" 'words\.mp4.*words\.mp4|/\./'

ffmpeg -v error -f lavfi -i testsrc=d=2:s=320x240 -pix_fmt yuv420p -c:v libx264 "$T/good.mp4" </dev/null
head -c 3000 good.mp4 >cut.mp4
refuses "a video cut short" 2 '^reel: .*cut\.mp4: ' reel inspect cut.mp4
: >empty.mp4
refuses "an empty file" 2 '^reel: .*empty\.mp4: .*empty' reel inspect empty.mp4
run reel inspect good.mp4
is "a good one is inspected" "$status" 0

# ---- the farm ----

is "no batch was made by any of these" "$(reel ls --quiet 2>/dev/null)" ""
spec good.yaml <<'EOS'
version: 1
name: good
stages:
  draft: {generate: video, prompt: a red kite, duration: 1}
EOS
refuses "no Redis" 6 "^reel: .*$T/none" env REEL_REDIS_URL="unix://$T/none" reel submit good.yaml
start_redis --requirepass right --bind 127.0.0.1
REDIS_PASSWORD=right
wait_for 10 redis ping
refuses "no password" 6 '^reel: .*(password|NOAUTH|AUTH)' env REEL_REDIS_URL="unix://$REDIS_SOCKET" reel submit good.yaml
start_tcp()
{
	redis config set port "$1" | grep -q OK
}
for port in 27391 28417 29533; do start_tcp $port && break; done
refuses "a wrong password" 6 '^reel: .*(password|WRONGPASS)' \
	env REEL_REDIS_URL="redis://:wrong@127.0.0.1:$port" reel submit good.yaml
unlike "which is not repeated" "$err" 'wrong@'
run "$REELD_BUILD/reeld" --version
is "reeld --version" "$status" 0
echo 'redis: 5' >bad-config.yaml
lines=2 refuses "a wrong configuration" 1 'bad-config\.yaml:1:[0-9]+: ' "$REELD_BUILD/reeld" -t -c bad-config.yaml
