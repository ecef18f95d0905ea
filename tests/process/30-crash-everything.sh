#!/bin/bash
# The volume test, with everything killed in the middle: a worker, reeld, redis-server, the client. The same command
# again ends with 50 done, and what was finished before is not made again.
. "$(dirname "$0")/lib.sh"
plan 12

export REEL_STATE_DIR=$T/state
spec=$REELD_ROOT/examples/prompt-test-50.yaml

stored()
{
	find "$T/state/media" -type f -path '*sha256*' 2>/dev/null | wc -l
}

has_stored()
{
	[ "$(stored)" -ge "$1" ]
}

has_one()
{
	[ -n "$(pids_of "$1")" ]
}

# The stages that are done, each with its epoch and the moment it ended: a line that may never change again.
finished()
{
	reel show -o json --jq '.pipelines[] | .id as $p | .stages[] | select(.state == "done")
		| "\($p)/\(.id) epoch=\(.epoch) ended=\(.ended_at)"' | sort
}

"$REELD_BUILD/reel" run "$spec" >"$T/first.out" 2>"$T/first.err" </dev/null &
client=$!
started+=("$client")
check "the first clips are made" wait_for 100 has_stored 4

worker=$(pids_of reel-worker | head -1)
kill -KILL "$worker"
check "a worker died by signal 9" wait_for 10 is_gone "$worker"
check "the work goes on" wait_for 100 has_stored $(($(stored) + 3))

reeld=$(pids_of reeld)
kill -KILL $reeld
check "reeld died by signal 9" wait_for 10 is_gone "$reeld"
check "the client starts another, and the work goes on" wait_for 100 has_stored $(($(stored) + 3))

finished >"$T/before"
check "some stages are finished" test -s "$T/before"
kill -KILL "$(pids_of redis-server)" $(pids_of reeld) "$client"
check "then everything died at once" wait_for 10 is_gone "$client"
wait "$client" 2>/dev/null

run reel run "$spec" -o "$T/out"
is "the same command again ends well" "$status" 0
is "it went on with the same batch" "$(reel ls --quiet | wc -l)" 1
is "50 of 50 are done" "$(reel show -o json --jq '[.pipelines[] | select(.state == "done")] | length')" 50
finished >"$T/after"
is "nothing that was finished was made again" "$(comm -23 "$T/before" "$T/after")" ""
is "50 clips are in the sheet" "$(ls "$T"/out/*.mp4 | wc -l)" 50
