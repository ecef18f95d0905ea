#!/bin/bash
# Every command of README.md, in its order, as a reader types them: in the checkout, with the release that
# scripts/demo builds, and with a HOME of the test's own. What the reader pastes works.
. "$(dirname "$0")/../process/lib.sh"
cd "$REELD_ROOT" || exit 1

mapfile -t commands < <(awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside && NF' README.md)
plan $((${#commands[@]} + 3))
check "README.md has commands" test "${#commands[@]}" -ge 5

for command in "${commands[@]}"; do
	if [ "$command" = scripts/test ]; then
		# The suite cannot run inside itself; that it runs is what you are looking at.
		if [ -n "${REELD_IN_SUITE:-}" ]; then ok "$command"; else skip "$command" "not called by scripts/test"; fi
		continue
	fi
	run bash -c "$command"
	if [ "$status" -eq 0 ]; then
		ok "$command"
	else
		not_ok "$command" "exit $status" "$out" "$err"
	fi
done

videos=(out/*.mp4)
check "the demo leaves six videos" test "${#videos[@]}" -ge 6
check "and a sheet" test -s out/sheet.html
