#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format.sh ROOT – every C file is as clang-format 14 leaves it. Exits 77 (skipped) without
# that version, because others format differently.
set -eu
cd "$1"
program=clang-format-14
command -v "$program" >/dev/null || program=clang-format
if ! "$program" --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "clang-format 14 not found: apt-get install clang-format"
    exit 77
fi
status=0
find base core samplers pruners store proto agent coordinator cli tests bench \
    -path tests/tidy/bad -prune -o -name '*.[ch]' -print 2>/dev/null | sort \
    | xargs "$program" --dry-run -Werror 2>&1 \
    | sed -n 's/:[0-9]*:[0-9]*: error:.*/: not as clang-format 14 leaves it/p' | sort -u \
    | grep . && status=1
exit "$status"
