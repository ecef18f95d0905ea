#!/bin/bash
# A batch of 5,000 bulk pipelines does not delay an urgent one by more than one stage's time. Told by order, not by a
# clock: between the moment an urgent stage was ready and the moment it ran, no more stages began than there are slots.
. "$(dirname "$0")/lib.sh"
plan 6

slots=2
submit=$REELD_BUILD/tests/process/tool-submit_noop
stages=$REELD_BUILD/tests/process/tool-stages
start_redis
start_reeld a "remote_slots: $slots" 'media_workers: 1'

bulk=$("$submit" "$REDIS_URL" bulk bulk 5000 1 100) || bail "cannot submit"
bulk_runs()
{
	[ "$(reel show "$bulk" -o json --jq '.stages.done // 0')" -ge 10 ]
}
check "the bulk batch is running" wait_for 60 bulk_runs

urgent=$("$submit" "$REDIS_URL" urgent urgent 1 3 100) || bail "cannot submit"
run timeout 60 reel wait "$urgent"
is "the urgent pipeline ends" "$status" 0
"$stages" "$REDIS_URL" "$urgent" >"$T/urgent"
"$stages" "$REDIS_URL" "$bulk" >"$T/bulk"
check "while the bulk batch has hardly begun" test "$(grep -c ' done ' "$T/bulk")" -lt 2500

# Fields: 1 stage, 6 ready, 7 started.
while read -r stage _ _ _ _ ready began _; do
	between=$(awk -v ready="$ready" -v began="$began" '$7 > ready && $7 < began' "$T/bulk" | wc -l)
	check "$stage waited for no more than the $slots that were running ($between began before it)" \
		test "$between" -le "$slots"
done <"$T/urgent"
