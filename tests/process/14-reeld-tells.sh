#!/bin/bash
# What reeld says to systemd, how it ends when nothing is left to do, and a disk that is nearly full.
. "$(dirname "$0")/lib.sh"
farm=$REELD_BUILD/tests/process/tool-farm
notify=$REELD_BUILD/tests/process/tool-notify
[ -x "$farm" ] && [ -x "$notify" ] || skip_all "tool-farm or tool-notify is not built"
plan 21

submit() { "$farm" "$REDIS_URL" submit "$@"; }
state() { "$farm" "$REDIS_URL" batch "$1"; }
shows() { state "$1" | grep -qE "$2"; }
said() { grep -qE "$1" "$T/said"; }

start_redis
"$notify" "$T/notify" >"$T/said" &
started+=("$!")
wait_for 10 test -S "$T/notify"

# A manager with a watchdog of one second.
NOTIFY_SOCKET=$T/notify WATCHDOG_USEC=1000000 start_reeld a "media_workers: 1"
check "READY when Redis and the workers are there" wait_for 20 said '^READY=1$'
check "STATUS says what there is" wait_for 20 said '^STATUS=farm [a-z]+: 0 stages in hand, 0 ready'
check "the watchdog is fed, again and again" wait_for 20 eval '[ "$(grep -c "^WATCHDOG=1$" "$T/said")" -ge 3 ]'
batch=$(submit noop 3 1 '{"sleep_ms":1500}')
check "STATUS follows the work" wait_for 20 said '^STATUS=farm [a-z]+: 3 stages in hand'
check "which is done" wait_for 20 shows "$batch" '^end=done'
kill -HUP "$REELD_PID"
check "RELOADING when it reloads" wait_for 20 said '^RELOADING=1$'
check "and READY again after it" wait_for 20 eval '[ "$(grep -c "^READY=1$" "$T/said")" -eq 2 ]'
redis client kill type normal >/dev/null
stop_redis
check "STATUS says that Redis is away" wait_for 20 said '^STATUS=Redis is away'
start_redis
check "and that it came back" wait_for 20 eval 'tail -n 5 "$T/said" | grep -qE "^STATUS=farm [a-z]+"'
end "$REELD_PID"
is "STOPPING, once" "$(grep -c '^STOPPING=1$' "$T/said")" 1
like "STATUS while it drains" "$(grep '^STATUS=draining' "$T/said")" 'draining: 0 stages in hand'

# A disk with less room than min_free: media stages wait, others do not.
write_config b "media_workers: 1"
sed -i 's/min_free: 1MiB/min_free: 900000GiB/' "$T/b.yaml"
"$REELD_BUILD/reeld" -c "$T/b.yaml" >"$T/b.log" 2>&1 &
REELD_PID=$!
started+=("$REELD_PID")
wait_for 20 grep -q 'is ready' "$T/b.log"
media=$(submit cpu 2 1 '{}')
check "said at the first claim" wait_for 20 grep -q 'disk is nearly full: .* min_free is .*media stages wait' "$T/b.log"
other=$(submit noop 2 1 '{}')
check "other work goes on" wait_for 20 shows "$other" '^end=done'
check "media work does not" wait_for 20 shows "$media" 'ready=2 running=0 .*done=0'
is "it was said once" "$(grep -c 'disk is nearly full' "$T/b.log")" 1
sed -i 's/900000GiB/1MiB/' "$T/b.yaml"
kill -HUP "$REELD_PID"
check "a smaller min_free lets it go on" wait_for 20 shows "$media" '^end=done'
check "and that is said" grep -q 'disk has room again' "$T/b.log"
end "$REELD_PID"

# Nothing to do and nobody there: it ends, but not while a client holds run.lock.
write_config c "heartbeat: 1s"
mkdir -p "$T/c"
exec 8>"$T/c/run.lock"
flock -s 8
"$REELD_BUILD/reeld" -c "$T/c.yaml" --exit-when-idle >"$T/c.log" 2>&1 8>&- &
idle=$!
started+=("$idle")
wait_for 20 grep -q 'is ready' "$T/c.log"
batch=$(submit noop 1 1 '{"sleep_ms":3000}')
check "work is done first" wait_for 20 shows "$batch" '^end=done'
check "a client keeps it" kill -0 "$idle"
exec 8>&-
check "without one it ends" wait_for 20 grep -q 'nothing is left to do and no client is left' "$T/c.log"
wait "$idle"
is "with 0" "$?" 0
