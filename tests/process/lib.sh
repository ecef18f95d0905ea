# The harness of the process tests: source it first, then write cases.
#
#	#!/bin/bash
#	. "$(dirname "$0")/lib.sh"
#	plan 2
#	start_redis
#	start_reeld a
#	run reel validate bad.yaml
#	is "a bad spec is refused" "$status" 2
#	like "and says where" "$err" '^reel: .*bad.yaml:3:5: '
#
# Programs come from $REELD_BUILD (default: build/asan, else build/release). Everything happens in $T, a
# private folder that is removed at the end together with every process started through here. Nothing
# waits by sleeping: wait_for looks again and again until its limit. Output is TAP.
#
#	plan N | skip_all WHY                 ok WHAT | not_ok WHAT [DETAIL...] | skip WHAT WHY
#	is WHAT GOT WANTED                    like WHAT TEXT REGEX | unlike WHAT TEXT REGEX
#	check WHAT COMMAND...                 passes when the command succeeds
#	run COMMAND...                        sets $status, $out (stdout) and $err (stderr)
#	wait_for SECONDS COMMAND...           0 as soon as the command succeeds, 1 at the limit
#	start_redis [ARGS...]                 sets $REDIS_PID, $REDIS_SOCKET, $REDIS_URL; stop_redis, redis COMMAND...
#	write_config HOST [YAML LINE...]      $T/HOST.yaml, and $REEL_CONFIG names it
#	start_reeld HOST [YAML LINE...]       write_config, start, wait until ready; sets $REELD_PID, log in $T/HOST.log
#	crash PID, end PID                    kill -9 or TERM, then wait until it is gone
#	descendants PID [NAME]                pids below it, of programs called NAME
#	pids_of NAME                          pids of that program anywhere in this test, private farms included
#	reel ...                              the client under test

REELD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${REELD_BUILD:-}" ]; then
	REELD_BUILD=$REELD_ROOT/build/asan
	[ -x "$REELD_BUILD/reeld" ] || REELD_BUILD=$REELD_ROOT/build/release
fi
T=$(mktemp -d "${TMPDIR:-/tmp}/p.XXXXXX") || exit 1
export TMPDIR=$T HOME=$T/home LC_ALL=C.UTF-8
mkdir "$HOME"
# Nothing of the person who runs the tests may leak in.
for name in $(compgen -e REEL_; compgen -e XDG_; compgen -e REDIS); do
	unset "$name"
done
unset NOTIFY_SOCKET WATCHDOG_USEC JOURNAL_STREAM CREDENTIALS_DIRECTORY
export PATH=$REELD_BUILD:$PATH
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0}"
started=()
case_number=0
planned=

plan()
{
	planned=$1
	echo "1..$1"
}

skip_all()
{
	echo "1..0 # SKIP $*"
	planned=
	exit 0
}

ok()
{
	case_number=$((case_number + 1))
	echo "ok $case_number - $1"
}

not_ok()
{
	case_number=$((case_number + 1))
	echo "not ok $case_number - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
	failures=$((${failures:-0} + 1))
	return 0
}

skip()
{
	case_number=$((case_number + 1))
	echo "ok $case_number - $1 # SKIP $2"
}

is()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got:    $2" "wanted: $3" ${err:+"stderr: $err"}
	fi
}

like()
{
	if [[ $2 =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1" "got:      $2" "expected: $3"
	fi
}

unlike()
{
	if [[ $2 =~ $3 ]]; then
		not_ok "$1" "got:        $2" "unexpected: $3"
	else
		ok "$1"
	fi
}

check()
{
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what" "failed: $*" "$said"
	fi
}

# stderr of sanitizers ends in $err too, so that a report there fails a case that compares it.
run()
{
	status=0
	"$@" >"$T/.out" 2>"$T/.err" </dev/null || status=$?
	out=$(<"$T/.out") err=$(<"$T/.err")
}

wait_for()
{
	local limit=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $limit ] || return 1
		sleep 0.05
	done
}

is_gone()
{
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
	[ -z "$state" ] || [ "$state" = Z ]
}

# Ends what was started, the last first; anything that survives TERM for 5 s gets KILL.
cleanup()
{
	local status=$? i pid
	trap - EXIT INT TERM
	for ((i = ${#started[@]} - 1; i >= 0; i--)); do
		pid=${started[i]}
		kill -TERM "$pid" 2>/dev/null || continue
		wait_for 5 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	done
	# A private farm outlives the client that started it: whatever has our TMPDIR is ours to end.
	for pid in $(pids_here); do
		kill -KILL "$pid" 2>/dev/null
	done
	[ -n "${REELD_KEEP:-}" ] || rm -rf "$T"
	if [ "$status" -eq 0 ] && [ "${failures:-0}" -gt 0 ]; then
		status=1
	fi
	if [ "$status" -eq 0 ] && [ -n "$planned" ] && [ "$planned" -ne "$case_number" ]; then
		echo "# planned $planned cases, ran $case_number"
		status=1
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

bail()
{
	echo "Bail out! $1"
	exit 1
}

# On a second call the same socket, folder and append-only file are used: a Redis that came back.
start_redis()
{
	mkdir -p "$T/redis"
	REDIS_SOCKET=$T/redis/s
	REDIS_URL=unix://$REDIS_SOCKET
	rm -f "$REDIS_SOCKET"
	redis-server --port 0 --unixsocket "$REDIS_SOCKET" --dir "$T/redis" --save '' --appendonly yes \
		--appendfsync everysec --logfile "$T/redis/log" --daemonize no "$@" >>"$T/redis/log" 2>&1 &
	REDIS_PID=$!
	started+=("$REDIS_PID")
	wait_for 20 redis ping || bail "redis-server did not start: $(tail -n 3 "$T/redis/log")"
}

redis()
{
	redis-cli -s "$REDIS_SOCKET" ${REDIS_PASSWORD:+--no-auth-warning -a "$REDIS_PASSWORD"} "$@"
}

write_config()
{
	local host=$1
	shift
	{
		echo "redis: ${REDIS_URL:-unix://$T/redis/s}"
		echo "host: $host"
		echo "state_dir: $T/$host"
		echo "store: $T/media"
		echo "outbox: $T/outbox"
		echo "min_free: 1MiB"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$T/$host.yaml"
	export REEL_CONFIG=$T/$host.yaml
}

start_reeld()
{
	local host=$1
	write_config "$@"
	: >"$T/$host.log"
	"$REELD_BUILD/reeld" -c "$T/$host.yaml" >>"$T/$host.log" 2>&1 &
	REELD_PID=$!
	started+=("$REELD_PID")
	wait_for 20 reeld_is_ready "$host" || bail "reeld did not start: $(tail -n 5 "$T/$host.log")"
}

reeld_is_ready()
{
	grep -q 'ready' "$T/$1.log"
}

crash()
{
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	wait_for 10 is_gone "$1"
}

end()
{
	kill -TERM "$1" 2>/dev/null
	wait_for 60 is_gone "$1" || return 1
	wait "$1" 2>/dev/null
}

stop_redis()
{
	crash "$REDIS_PID"
}

# Reads /proc itself: a bare machine has no pgrep.
descendants()
{
	local pid=$1 name=${2:-} child stat record parent comm
	for stat in /proc/[0-9]*/stat; do
		record=
		{ read -r -d '' record <"$stat"; } 2>/dev/null
		[ -n "$record" ] || continue # it ended meanwhile
		child=${record%% *}
		comm=${record#*(}
		comm=${comm%)*}
		parent=${record##*) }
		read -r _ parent _ <<<"$parent"
		[ "$parent" = "$pid" ] || continue
		if [ -z "$name" ] || [ "$comm" = "${name:0:15}" ]; then
			echo "$child"
		fi
		descendants "$child" "$name"
	done
}

# Every process that inherited our TMPDIR, except this shell: daemons of a private farm are not our children.
pids_here()
{
	local environ pid
	for environ in /proc/[0-9]*/environ; do
		pid=${environ#/proc/}
		pid=${pid%/environ}
		[ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
		if tr '\0' '\n' <"$environ" | grep -qxF "TMPDIR=$T"; then
			echo "$pid"
		fi
	done 2>/dev/null
}

# Those of them that run PROGRAM, by the name of the executable.
pids_of()
{
	local pid comm
	for pid in $(pids_here); do
		read -r comm <"/proc/$pid/comm" && [ "$comm" = "${1:0:15}" ] && echo "$pid"
	done 2>/dev/null
}

reel()
{
	"$REELD_BUILD/reel" "$@"
}
