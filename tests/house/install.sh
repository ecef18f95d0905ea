#!/bin/bash
# What `cmake --install` puts somewhere else works there, without the source tree.
. "$(dirname "$0")/../process/lib.sh"
plan 8

run cmake --install "$REELD_BUILD" --prefix "$T/prefix"
is "it installs" "$status" 0
for program in reel reeld reel-worker reel-remote; do
	check "bin/$program is there" test -x "$T/prefix/bin/$program"
done
check "the catalogue of models is there" test -s "$T/prefix/share/reeld/models.yaml"
run "$T/prefix/bin/reel" config -o json --jq .data_dir.value
like "the installed reel finds the installed data" "$out" "$T/prefix/(bin/\.\./)?share/reeld"
run "$T/prefix/bin/reel" validate "$T/prefix/share/doc/reeld/examples/ad-variants.yaml"
is "and accepts the installed example" "$status" 0
