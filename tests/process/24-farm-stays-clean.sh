#!/bin/bash
# A private farm leaves nothing running, however its client ended, and loses nothing by that. Lane limits, conditions.
. "$(dirname "$0")/lib.sh"
plan 17
export REEL_STATE_DIR=$T/state
cd "$T" || exit 1

no_farm()
{
	[ -z "$(pids_of reeld)$(pids_of redis-server)" ]
}

cat >gated.yaml <<'EOS'
version: 1
name: gated
stages:
  first: {noop: }
  review: {approve: first}
  last: {noop: first}
EOS
run reel run gated.yaml
is "held for a person" "$status" 4
check "then nothing is left running" wait_for 40 no_farm
run reel ls -o json --jq '.[0].state'
is "the batch is still there" "$status $out" "0 running"
check "and looking left nothing either" wait_for 20 no_farm
run reel approve last
is "it can be approved" "$status" 0
run reel wait last --timeout 60s
is "and ends" "$status" 0

cat >slow.yaml <<'EOS'
version: 1
name: slow
matrix: {n: [1, 2, 3]}
stages:
  first: {noop: , sleep_ms: 3000}
EOS
"$REELD_BUILD/reel" run slow.yaml >/dev/null 2>"$T/slow.err" </dev/null &
client=$!
started+=("$client")
running()
{
	[ "$(reel show last -o json --jq '.stages.running' 2>/dev/null)" = 3 ]
}
check "work is in hand" wait_for 20 running
crash "$client"
check "after kill -9 of the client nothing is left running" wait_for 60 no_farm
is "but the work was done first" "$(reel ls -n 1 -o json --jq '.[0].state')" done

# What is not named keeps its value.
run reel lanes limit account --limit 3 --rate 2.5 --burst 4
is "a lane gets limits" "$status" 0
run reel lanes limit account --rate 1
limits() { reel lanes -o json --jq '.lanes[] | select(.name == "account") | [.limit, .rate, .burst] | tojson'; }
is "the others stay" "$(limits)" "[3,1,4]"
run reel lanes limit account --limit 0
is "0 takes one away" "$(limits)" "[0,1,4]"
run reel lanes limit account
like "nothing named is a mistake" "$status $err" '^2 .*--limit, --rate or --burst'

# `if` in a no-op stage: what was false before anything ran, and what is decided by a result.
cat >conditions.yaml <<'EOS'
version: 1
name: conditions
matrix: {n: [1, 2]}
stages:
  first: {noop: , echo: "${{ .matrix.n }}"}
  folded: {noop: first, if: .matrix.n > 1}
  behind: {noop: folded}
  late: {noop: first, if: .stages.first.echo > 1}
  after: {noop: first, needs: [late]}
EOS
run reel run conditions.yaml
is "skipping is no failure" "$status" 0
states() { reel show last -o json --jq ".pipelines[$1].stages | map(\"\(.id)=\(.state)\") | join(\" \")"; }
is "false: skipped, with what has it as input; what only needs it runs" "$(states 0)" \
	"first=done folded=skipped behind=skipped late=skipped after=done"
is "true: all run" "$(states 1)" "first=done folded=done behind=done late=done after=done"
check "nothing is left running" wait_for 40 no_farm
