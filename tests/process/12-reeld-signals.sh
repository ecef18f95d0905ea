#!/bin/bash
# SIGTERM once and twice, SIGHUP with a good and a bad configuration.
. "$(dirname "$0")/lib.sh"
plan 20
farm=$REELD_BUILD/tests/process/tool-farm
[ -x "$farm" ] || skip_all "tool-farm is not built"

submit() { "$farm" "$REDIS_URL" submit "$@"; }
state() { "$farm" "$REDIS_URL" batch "$1"; }
shows() { state "$1" | grep -qE "$2"; }

start_redis

# Drain: what runs ends, what waits stays.
start_reeld a "media_workers: 2" "drain_timeout: 60s"
media=$(submit cpu 2 2 '{"sleep_ms":1500}')
remote=$(submit noop 3 2 '{"sleep_ms":1500}')
check "work is in hand" wait_for 20 shows "$media" ' running=2 '
check "of both kinds" wait_for 20 shows "$remote" ' running=3 '
end "$REELD_PID"
is "the drain ends with 0" "$?" 0
like "media stages were finished" "$(state "$media")" ' running=0 .*done=2 '
like "nothing was lost" "$(state "$media")" 'end=running .*failed=0'
like "remote stages were finished or went back" "$(state "$remote")" ' running=0 .*failed=0'
check "no worker is left" test -z "$(descendants $$ reel-worker; descendants $$ reel-remote)"

# The rest is done by the next one.
start_reeld a "media_workers: 2"
check "the next one finishes the batch" wait_for 40 shows "$media" '^end=done'
check "and the other" wait_for 40 shows "$remote" '^end=done'

# A good and a bad reload.
echo "remote_slots: 7" >>"$T/a.yaml"
kill -HUP "$REELD_PID"
check "SIGHUP takes a new configuration" wait_for 20 grep -q 'configuration reloaded: workers are replaced' "$T/a.log"
check "workers come up under it" wait_for 20 grep -q 'remote worker is up.*slots=7' "$T/a.log"
echo "remote_slots: many" >>"$T/a.yaml"
kill -HUP "$REELD_PID"
check "a bad one is refused" wait_for 20 grep -q 'not reloaded, the old one stays in force: .*a.yaml:' "$T/a.log"
check "and reeld lives on" kill -0 "$REELD_PID"
sed -i '/remote_slots/d' "$T/a.yaml"
echo "farm: other" >>"$T/a.yaml"
kill -HUP "$REELD_PID"
check "what needs a restart is refused, by name" wait_for 20 grep -q 'stays in force: `farm` differs' "$T/a.log"
batch=$(submit noop 5 1 '{}')
check "it still works" wait_for 20 shows "$batch" '^end=done'

# A drain that takes too long is cut by a second SIGTERM, and what was in hand is ready again.
batch=$(submit cpu 2 1 '{"sleep_ms":4000}')
check "work is in hand again" wait_for 20 shows "$batch" ' running=2 '
kill -TERM "$REELD_PID"
check "it drains" wait_for 20 grep -q 'draining: 2 stages in hand' "$T/a.log"
kill -TERM "$REELD_PID"
wait "$REELD_PID"
is "told twice, it ends at once" "$?" 143
like "its stages are ready again, unharmed" "$(state "$batch")" ' ready=2 running=0 .*failed=0'
sed -i '/farm: other/d' "$T/a.yaml"
start_reeld a "media_workers: 2"
check "and are done by the next one" wait_for 40 shows "$batch" '^end=done'
