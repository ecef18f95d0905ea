#!/bin/bash
# clang-format decides, nobody argues.
. "$(dirname "$0")/../process/lib.sh"
plan 1
check "every C file is laid out as scripts/format does" "$REELD_ROOT/scripts/format" --check
