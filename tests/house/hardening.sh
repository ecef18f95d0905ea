#!/bin/bash
# What a release build promises: position independent, relocations read-only and bound at start, no executable
# stack, checked libc calls, stack protector, asserts still in.
. "$(dirname "$0")/../process/lib.sh"
plan 24

# has WHAT REGEX READELF-ARGS...: some line matches.
has()
{
	local what=$1 regex=$2
	shift 2
	if readelf -W "$@" 2>/dev/null | grep -qE "$regex"; then
		ok "$what"
	else
		not_ok "$what" "readelf $* has no line like $regex"
	fi
}

for name in reel reeld reel-worker reel-remote; do
	program=$REELD_BUILD/$name
	has "$name is position independent" 'Type:[[:space:]]+DYN' -h "$program"
	has "$name has read-only relocations" 'GNU_RELRO' -l "$program"
	has "$name binds everything at start" 'BIND_NOW|FLAGS.*NOW' -d "$program"
	has "$name has a stack without code" 'GNU_STACK.* RW +0x' -l "$program"
	has "$name checks libc calls and the stack" '__(stack_chk_fail|[a-z]+_chk)' --dyn-syms "$program"
	has "$name keeps its asserts" '__assert_fail' --dyn-syms "$program"
done
