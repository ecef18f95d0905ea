#!/bin/bash
# The client on a private farm of no-op stages: ids, JSON, exit codes, holding, retrying, continuing, and what it
# leaves running (nothing).
. "$(dirname "$0")/lib.sh"
plan 40
export REEL_STATE_DIR=$T/state
cd "$T" || exit 1

# spec NAME VARIANTS LINES-OF-STAGES...
spec()
{
	local name=$1 variants=$2
	shift 2
	{
		echo "version: 1"
		echo "name: $name"
		echo "matrix: {n: [$variants]}"
		echo "stages:"
		printf '  %s\n' "$@"
	} >"$name.yaml"
}
spec fine 1,2,3 'first: {noop: , sleep_ms: 20}' 'second: {noop: first}'
spec mixed 0,9 'first: {noop: , fail: permanent, fail_times: "${{ .matrix.n }}"}'
spec bad 1 'first: {noop: , fail: permanent}'
spec gated 1 'first: {noop: }' 'review: {approve: first}' 'last: {noop: first}'
spec slow 1,2 'first: {noop: , sleep_ms: 60000}'
spec endless 1 'first: {noop: , echo: "${{ [range(1e12)] | length }}"}'

run reel
is "without a command it says what there is" "$status" 2
run reel shwo
like "an unknown command" "$err" "did you mean 'show'"
run reel ls --quite
like "an unknown option" "$status $err" "^2 .*did you mean '--quiet'"
run reel ls
is "no farm yet" "$status" 6
like "and what to do about it" "$err" 'reel run SPEC'
run reel plan fine.yaml
is "plan needs no farm" "$status" 0
like "and costs nothing" "$out" 'price: 0.00'
run reel validate endless.yaml
is "an expression without end is refused" "$status" 2
is "by one line" "$(wc -l <<<"$err")" 1

run reel run fine.yaml
is "done is 0" "$status" 0
like "and shown" "$out" '3 of 3 done'
run reel run --quiet fine.yaml
is "finished: the same command makes another" "$(reel ls --quiet | wc -l)" 2
is "quiet prints the id alone" "$out" "$(reel ls -q -n 1)"
run reel ls -o json --jq '.[0].state'
is "--jq prints texts raw" "$out" done
run reel ls --jq '.['
is "a broken --jq" "$status" 2
run reel ls --jq '[range(1e12)]'
is "a --jq without end" "$status" 2
run reel show zzzz
is "an id that is none" "$status" 2

run reel run bad.yaml
is "failed is 1" "$status" 1
like "and says how to go on" "$err" 'reel retry --failed'
run reel run mixed.yaml
is "partial is 3" "$status" 3
run reel retry last --wait
is "a retry that fails again is partial again" "$status" 3
run reel logs last --failures -o json --jq length
is "the log has every attempt that failed" "$out" 2

run reel run gated.yaml
is "held is 4" "$status" 4
like "and says what for" "$err" 'reel approve'
is "why says so too" "$(reel why last | grep -c approve)" 1
run reel run gated.yaml
like "the same command continues" "$status $err" '4 .*continuing batch'
sed -i 's/name: gated/name: other/' gated.yaml
run reel run gated.yaml
is "a changed spec of an unfinished batch is refused" "$status" 2
like "and says what can be done" "$err" '(--new).*(reel cancel)'
run reel approve last --note fine
like "approved" "$out" '1 stage'
run reel wait last --timeout 60s
is "then it ends well" "$status" 0
like "the note is kept" "$(reel show last -o json)" '"fine"'

run reel run slow.yaml --timeout 1s
is "time ran out: 5" "$status" 5
"$REELD_BUILD/reel" run slow.yaml >"$T/int.out" 2>"$T/int.err" </dev/null &
client=$!
started+=("$client")
wait_for 20 grep -q continuing "$T/int.err"
# A background shell ignores SIGINT for its children; SIGTERM takes the same way.
kill -TERM "$client"
wait "$client"
is "interrupted is 130" "$?" 130
like "and says how to go on" "$(<"$T/int.err")" 'same command goes on'
run reel cancel last --wait
is "cancelled" "$status" 0
run reel wait last
is "a cancelled batch has failed" "$status" 1

run reel sheet last -o page.html
is "a sheet of nothing is a sheet" "$status" 0
check "with a table beside it" test -s page.csv
run reel doctor -o json --jq '[.[] | select(.state == "bad")] | length'
is "the doctor finds nothing bad" "$out" 0
no_farm()
{
	[ -z "$(pids_of reeld)$(pids_of redis-server)" ]
}
run reel run --quiet fine.yaml
check "nothing is left running" wait_for 30 no_farm
