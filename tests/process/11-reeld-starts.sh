#!/bin/bash
# reeld by itself: options, configuration, and every way in which it cannot start or has to wait.
. "$(dirname "$0")/lib.sh"
plan 20
reeld=$REELD_BUILD/reeld

run "$reeld" --version
like "it says its version" "$out" '^reeld [0-9]+\.[0-9]+'
run "$reeld" --help
like "help lists every option" "$out" '--example-config.*--log-level LEVEL.*--exit-when-idle'
run "$reeld" --nonsense
is "an unknown option is refused" "$status" 2
run "$reeld" --log-level loud
like "and so is an unknown level" "$status $err" '^2 reeld: loud: expected err, warn, info or debug'
run "$reeld" extra
is "and an argument" "$status" 2

run "$reeld" --example-config
is "the example is the file in examples/" "$out" "$(<"$REELD_ROOT/examples/reeld.yaml")"

write_config a
run "$reeld" -t -c "$T/a.yaml"
is "a good configuration is good" "$status $out" "0 $T/a.yaml: good"
write_config b "media_worker: 3"
run "$reeld" -t -c "$T/b.yaml"
is "a bad one is not" "$status" 1
like "and the place is said" "$err" "^reeld: .*b.yaml:7:1: media_worker: unknown option, did you mean 'media_workers'"
run "$reeld" -c "$T/b.yaml"
is "it does not start with it either" "$status" 1
run env REEL_LIBEXEC=/nonexistent "$reeld" -c "$T/a.yaml"
like "without its worker program it says where it looked" "$status $err" '^1 .*/nonexistent/reel-worker, which does the work'
run "$reeld" -c "$T/missing.yaml"
like "a configuration that is not there is named" "$status $err" '^1 .*missing.yaml'

# No Redis yet: it waits, says so, and serves as soon as there is one.
: >"$T/c.log"
write_config c "media_workers: 1"
"$reeld" -c "$T/c.yaml" >>"$T/c.log" 2>&1 &
waiting=$!
started+=("$waiting")
check "without Redis it waits and says so" wait_for 20 grep -q 'Redis is away' "$T/c.log"
check "it lives" kill -0 "$waiting"
unlike "it is not ready" "$(<"$T/c.log")" 'is ready'
start_redis
check "it serves as soon as there is one" wait_for 30 grep -q 'is ready' "$T/c.log"

run "$reeld" -c "$T/c.yaml"
like "a second one with the same state folder is refused" "$status $err" '^1 .*another reeld serves .*/c'
end "$waiting"
is "it ends on SIGTERM" "$(grep -c 'reeld ends exit_status=0' "$T/c.log")" 1
stop_redis

# A wrong password is not a Redis that is away: nothing helps but a person.
REDIS_PASSWORD=secret
start_redis --requirepass secret
: >"$T/d.log"
write_config d
"$reeld" -c "$T/d.yaml" >>"$T/d.log" 2>&1 &
wrong=$!
started+=("$wrong")
check "a missing password is said plainly" wait_for 20 grep -qiE 'password|NOAUTH|authentication' "$T/d.log"
unlike "and no password is in the log" "$(<"$T/d.log")" 'secret'
