#!/bin/bash
# Two supervisors on one Redis share a batch. One is killed -9: when its heartbeat has lapsed the other takes its
# stages over and finishes them all.
. "$(dirname "$0")/lib.sh"
plan 8

pipelines=60 stages=3
start_redis
start_reeld a 'heartbeat: 200ms' 'lease: 2s' 'remote_slots: 4' 'media_workers: 1'
first=$REELD_PID
start_reeld b 'heartbeat: 200ms' 'lease: 2s' 'remote_slots: 4' 'media_workers: 1'

batch=$("$REELD_BUILD/tests/process/tool-submit_noop" "$REDIS_URL" shared normal $pipelines $stages 100) || bail "cannot submit"

# stages JQ: over all stages of the batch.
stages()
{
	reel show "$batch" -o json --jq "[.pipelines[].stages[] | $1] | length"
}

both_work()
{
	[ "$(stages 'select(.state == "done" and .host == "a")')" -ge 5 ] &&
		[ "$(stages 'select(.state == "done" and .host == "b")')" -ge 5 ]
}

check "both hosts finish stages of one batch" wait_for 60 both_work
reel show "$batch" -o json --jq '.pipelines[] | .id as $p | .stages[] | select(.state == "done")
	| "\($p)/\(.id) \(.host) \(.epoch) \(.ended_at)"' | sort >"$T/before"
crash "$first"
check "one of them died by signal 9" is_gone "$first"

run timeout 100 reel wait "$batch"
is "the other finishes the batch" "$status" 0
is "every stage is done" "$(stages 'select(.state == "done")')" $((pipelines * stages))
check "some had to be taken over" test "$(stages 'select(.epoch > 1)')" -ge 1
is "each of those by the one that lives" "$(stages 'select(.epoch > 1 and .host != "b")')" 0
reel show "$batch" -o json --jq '.pipelines[] | .id as $p | .stages[] | select(.state == "done")
	| "\($p)/\(.id) \(.host) \(.epoch) \(.ended_at)"' | sort >"$T/after"
is "nothing that was finished ran again" "$(comm -23 "$T/before" "$T/after")" ""
like "the survivor says that it reaped" "$(cat "$T/b.log")" 'reap|lapsed'
