#!/bin/bash
# Workers, reeld and Redis die at bad moments; poison fails alone.
. "$(dirname "$0")/lib.sh"
plan 22
farm=$REELD_BUILD/tests/process/tool-farm
[ -x "$farm" ] || skip_all "tool-farm is not built"

submit() { "$farm" "$REDIS_URL" submit "$@"; }
state() { "$farm" "$REDIS_URL" batch "$1"; }
stage() { "$farm" "$REDIS_URL" stage "$1"; }
shows() { state "$1" | grep -qE "$2"; }
worker_of() { descendants "$REELD_PID" "$1" | head -n 1; }
all_gone() { local pid; for pid in "$@"; do is_gone "$pid" || return 1; done; }

start_redis
start_reeld a "media_workers: 2"

# The remote worker, with stages in hand.
batch=$(submit noop 20 1 '{"sleep_ms":1500}')
check "20 stages are in the remote worker" wait_for 20 shows "$batch" ' running=20 '
victim=$(worker_of reel-remote)
kill -KILL "$victim"
check "its end is explained" wait_for 10 grep -qE "remote worker ended pid=$victim: signal 9 \(Killed\).*in hand: .*and 16 more" "$T/a.log"
check "all are done by its successor" wait_for 40 shows "$batch" '^end=done'
like "nobody was charged" "$(stage "$batch-1/s1")" 'kills=0'

# The media parent: its children go with it.
batch=$(submit cpu 2 1 '{"sleep_ms":1500}')
check "2 stages are in media children" wait_for 20 shows "$batch" ' running=2 '
parent=$(worker_of reel-worker)
children=$(descendants "$parent")
kill -KILL "$parent"
check "its children end with it" wait_for 10 all_gone "$parent" $children
check "both are done by its successor" wait_for 40 shows "$batch" '^end=done'

# Poison: one stage kills whatever carries it, its neighbours do not care.
good=$(submit noop 10 1 '{"sleep_ms":500}')
bad=$(submit noop 1 1 '{"crash_times":1000}')
check "remote: poison fails" wait_for 60 shows "$bad" '^end=failed'
like "as what it is" "$(stage "$bad-1/s1")" 'state=failed class=crash .*kills=[23]'
check "alone" wait_for 60 shows "$good" '^end=done'
like "the log names the one that is charged" "$(<"$T/a.log")" "charged: $bad-1/s1"
bad=$(submit cpu 1 1 '{"crash_times":1000}')
good=$(submit cpu 3 1 '{"sleep_ms":100}')
check "media: poison fails" wait_for 60 shows "$bad" '^end=failed'
check "alone" wait_for 60 shows "$good" '^end=done'

# reeld itself, with both kinds in hand.
media=$(submit cpu 2 2 '{"sleep_ms":1000}')
remote=$(submit noop 10 2 '{"sleep_ms":1000}')
check "both kinds are in hand" wait_for 20 shows "$media" ' running=2 '
workers=$(descendants "$REELD_PID")
crash "$REELD_PID"
check "no worker outlives it for long" wait_for 20 all_gone $workers
start_reeld a "media_workers: 2"
check "the next one finishes the media stages" wait_for 60 shows "$media" '^end=done'
check "and the remote ones" wait_for 60 shows "$remote" '^end=done'
like "nobody was charged for it" "$(stage "$media-1/s1") $(stage "$remote-1/s1")" 'kills=0.*kills=0'

# Redis, under a running batch: it comes back with its file.
batch=$(submit noop 40 3 '{"sleep_ms":400}')
check "the batch runs" wait_for 20 shows "$batch" ' done=[1-9]'
sleep 1.2 # everysec: what is older than a second is in the file
stop_redis
check "reeld says that Redis is away" wait_for 20 grep -q 'Redis is away' "$T/a.log"
start_redis
check "the batch ends" wait_for 60 shows "$batch" '^end=done'
is "in one go: reeld was not restarted" "$(grep -c 'is ready' "$T/a.log")" 1
