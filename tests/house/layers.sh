#!/bin/bash
# The tree keeps to the house plan, and check_layers.sh notices when a copy of it does not.
. "$(dirname "$0")/../process/lib.sh"
plan 13

run "$REELD_ROOT/tests/check_layers.sh"
is "the tree keeps to the plan" "$status" 0
[ "$status" -eq 0 ] || sed 's/^/# /' <<<"$out"

# The smallest tree that keeps to it.
mkdir -p "$T/tree"/{base,queue/lua,pipeline/spec}
for folder in base queue pipeline pipeline/spec; do
	echo "# $folder/" >"$T/tree/$folder/README.md"
done
printf '#include "base/err.h"\n' >"$T/tree/base/err.c"
run "$REELD_ROOT/tests/check_layers.sh" "$T/tree"
is "a small good tree passes" "$status" 0

# breach WHAT FILE TEXT WANTED: with that file the check fails and says so; the file goes again.
breach()
{
	mkdir -p "$(dirname "$T/tree/$2")"
	printf '%b' "$3" >"$T/tree/$2"
	run "$REELD_ROOT/tests/check_layers.sh" "$T/tree"
	like "$1" "$status $out" "^1 .*$4"
	rm -f "$T/tree/$2"
}

breach "a direction" queue/x.c '\n#include "pipeline/spec/spec.h"\n' 'queue/x.c:2: includes "pipeline/spec/spec.h"'
breach "a direction with spaces" base/x.c '#  include  "queue/queue.h"\n' 'base/x.c:1: includes'
breach "a home" base/x.c '#include <hiredis/hiredis.h>\n' 'base/x.c:1: .*the home of hiredis is'
breach "jq outside its file" pipeline/spec/spec.c '#include <jq.h>\n' 'the home of libjq is'
breach "no folder in the name" base/x.c '#include "err.h"\n' 'without its folder'
printf 'void f(json_t *value);\n' >"$T/tree/base/inside.h"
printf '#include "base/inside.h"\n' >"$T/tree/base/inside.c"
run "$REELD_ROOT/tests/check_layers.sh" "$T/tree"
is "JSON in a header of a folder's own is fine" "$status" 0
breach "JSON in a header that others include" queue/x.c '#include "base/inside.h"\n' 'base/inside.h:1: a JSON type .* queue/x.c'
rm "$T/tree/base/inside."?
breach "a long file" queue/lua/x.lua "$(printf -- '--\\n%.0s' {1..601})" 'queue/lua/x.lua:601: longer than 600'
breach "a folder without a row" new/x.c '#include "base/err.h"\n' 'new/ has no row'
mkdir "$T/tree/data"
breach "a folder without a README" data/x.txt 'x' 'data/README.md:1: missing'

printf 'void f(void)\n{\n%s\n}\n' "$(printf '\tg();%.0s\n' {1..81})" >"$T/tree/base/x.c"
run "$REELD_ROOT/tests/check_layers.sh" "$T/tree"
like "a long function is a note, no breach" "$status $out" '^0 base/x.c:2: note: a function of 81 lines'
