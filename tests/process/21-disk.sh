#!/bin/bash
# A disk that is full, and a store that cannot be written: the stage is held for a person and says why; nothing is
# counted against it, and it goes on when the person has acted.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip_all "needs root, to mount a small file system"
mkdir "$T/small"
mount -t tmpfs -o size=256k tmpfs "$T/small" 2>/dev/null || skip_all "cannot mount a tmpfs here"
trap 'umount -l "$T/small"; cleanup' EXIT
plan 14

cat >"$T/spec.yaml" <<'EOS'
version: 1
name: disk
stages:
  draft: {generate: video, prompt: a red kite over a long beach, duration: 2}
EOS
export REEL_STATE_DIR=$T/state REEL_CONFIG=$T/disk.yaml
printf 'host: disk\nstore: %s\nmin_free: 0\n' "$T/small/media" >"$REEL_CONFIG"

run timeout 100 reel run "$T/spec.yaml"
is "a full disk: held for a person" "$status" 4
like "run says what is wrong and that it tries again" "$err" 'No space left on device.* It tries again by itself'
batch=$(reel ls --quiet)
like "why names the disk" "$(reel why "$batch-1")" 'No space left on device'
is "no attempt was used" "$(reel show -o json --jq '.pipelines[0].stages[0].attempts')" 0
mount -o remount,size=64m "$T/small"
reel lanes uncordon cpu >/dev/null 2>&1
run timeout 100 reel run "$T/spec.yaml"
is "with room the same batch goes on to its end" "$status" 0
is "and no other was made" "$(reel ls --quiet)" "$batch"

mount -o remount,ro "$T/small"
run timeout 100 reel run --new "$T/spec.yaml"
like "a read-only store: held or refused" "$status" '^[24]$'
like "and says so" "$err" 'Read-only file system'

mount -o remount,rw "$T/small"
printf 'host: disk\nstore: %s\nmin_free: 900000GiB\n' "$T/small/media" >"$REEL_CONFIG"
run timeout 100 reel run --new "$T/spec.yaml"
is "less room than min_free: run ends, held for a person" "$status" 4
like "and says where and how much" "$err" "$T/small/media has .* free, min_free is .*lower min_free"
unlike "nothing failed" "$err" 'failed|will be tried'
run timeout 100 reel watch
is "watch ends too" "$status" 4
like "with the same reason" "$err" 'min_free is'
run timeout 60 reel doctor
like "doctor sees that the disk has less than min_free" "$out$err" 'less than min_free'
