#!/bin/bash
# Two supervisors on one Redis share a batch. One is killed -9: when its heartbeat has lapsed the other takes its
# stages over and finishes them all.
. "$(dirname "$0")/lib.sh"
plan 8

pipelines=60 chain=3
start_redis
start_reeld a 'heartbeat: 200ms' 'lease: 2s' 'remote_slots: 4' 'media_workers: 1'
first=$REELD_PID
start_reeld b 'heartbeat: 200ms' 'lease: 2s' 'remote_slots: 4' 'media_workers: 1'

batch=$("$REELD_BUILD/tests/process/tool-submit_noop" "$REDIS_URL" shared normal $pipelines $chain 100) ||
	bail "cannot submit"

# Fields: 1 stage, 2 state, 3 host, 4 epoch, 5 attempts, 6 ready, 7 started, 8 ended.
stages()
{
	"$REELD_BUILD/tests/process/tool-stages" "$REDIS_URL" "$batch"
}

count()
{
	stages | awk "$1" | wc -l
}

both_work()
{
	[ "$(count '$2 == "done" && $3 == "a"')" -ge 5 ] && [ "$(count '$2 == "done" && $3 == "b"')" -ge 5 ]
}

check "both hosts finish stages of one batch" wait_for 60 both_work
crash "$first"
check "one of them died by signal 9" is_gone "$first"
stages | awk '$2 == "done" && $3 == "a"' | sort >"$T/before"
taken=$(count '$2 == "running" && $3 == "a"')

run timeout 100 reel wait "$batch"
is "the other finishes the batch" "$status" 0
is "every stage is done" "$(count '$2 == "done"')" $((pipelines * chain))
check "the dead one had stages in hand" test "$taken" -ge 1
is "just these were taken over, by the one that lives" "$(count '$4 > 1 && $3 == "b"')" "$taken"
is "nothing that was finished ran again" "$(stages | sort | comm -23 "$T/before" -)" ""
like "the survivor says that the other went silent" "$(<"$T/b.log")" 'host=a .*silent'
