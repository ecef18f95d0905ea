#!/bin/bash
# A batch of 5,000 bulk pipelines does not delay an urgent one by more than one stage's time. Told by order, not by a
# clock: between the moment the urgent stage was ready and the moment it ran, no more stages began than there are slots.
. "$(dirname "$0")/lib.sh"
plan 6

slots=2
submit=$REELD_BUILD/tests/process/tool-submit_noop
start_redis
start_reeld a "remote_slots: $slots" 'media_workers: 1'

bulk=$("$submit" "$REDIS_URL" bulk bulk 5000 1 100) || bail "cannot submit"
count()
{
	reel show "$1" -o json --jq "$2"
}
bulk_runs()
{
	[ "$(reel ls -o json --jq '.[] | select(.id == "'"$bulk"'") | .stages.done')" -ge 10 ]
}
check "the bulk batch is running" wait_for 60 bulk_runs

urgent=$("$submit" "$REDIS_URL" urgent urgent 1 3 100) || bail "cannot submit"
run timeout 60 reel wait "$urgent"
is "the urgent pipeline ends" "$status" 0
left=$(reel ls -o json --jq '.[] | select(.id == "'"$bulk"'") | .end')
is "while the bulk batch has hardly begun" "${left//\"/}" running

# All three urgent stages: ready_at and started_at of each, against the started_at of the bulk stages.
for stage in s1 s2 s3; do
	read -r ready began < <(count "$urgent" '.pipelines[0].stages[] | select(.id == "'$stage'") | "\(.ready_at) \(.started_at)"' | tr -d '"')
	between=$(count "$bulk" "[.pipelines[].stages[] | select(.started_at > $ready and .started_at < $began)] | length")
	check "$stage waited for no more than the $slots stages that were running ($between began before it)" \
		test "$between" -le "$slots"
done
