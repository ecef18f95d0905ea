#!/bin/bash
# RACES 10: a submit whose answer is lost, repeated, is the same batch; a deliberate second one is not.
. "$(dirname "$0")/lib.sh"
plan 12
start_redis
write_config a
cd "$T" || exit 1
printf '%s\n' 'version: 1' 'name: once' 'matrix: {n: [1, 2, 3]}' 'stages: {first: {noop: }}' >once.yaml

spooled()
{
	ls "$T/a/spool" 2>/dev/null
}

token_of()
{
	reel show "$1" -o json --jq .token
}

# Redis refuses to write: nobody can know from here whether an earlier attempt got through.
redis config set min-replicas-to-write 1 >/dev/null
run reel submit once.yaml
is "a farm that does not take it" "$status" 6
entry=$(spooled)
check "leaves one token on disk" test -n "$entry"
token=$(<"$T/a/spool/$entry")
run reel submit once.yaml
is "a repeat keeps the token" "$(<"$T/a/spool/$entry")" "$token"
redis config set min-replicas-to-write 0 >/dev/null
run reel submit --quiet once.yaml
first=$out
is "then it is taken" "$status" 0
is "under that token" "$(token_of "$first")" "$token"
is "which is forgotten" "$(spooled)" ""

# What a client leaves that died between the seal and hearing of it.
printf %s "$token" >"$T/a/spool/$entry"
run reel submit --quiet once.yaml
is "the same token is the same batch" "$out" "$first"
is "of which there is one" "$(reel ls -q | wc -l)" 1
is "with its variants" "$(reel show "$first" -o json --jq '.pipelines | length')" 3

# A crash while the token was being written: it was never used.
printf %s "${token:0:9}" >"$T/a/spool/$entry"
run reel submit --quiet once.yaml
unlike "half a token is none" "$out" "^$first\$"
run reel submit --quiet once.yaml
is "a deliberate repeat is another batch" "$(reel ls -q | wc -l)" 3
is "and leaves nothing behind" "$(spooled)" ""
