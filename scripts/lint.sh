#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh [FILE.c…] – clang-tidy with the repository's .clang-tidy, over the files given or
# all of them. Needs clang-tidy (apt-get install clang-tidy); configures build-lint/.
set -eu
cd "$(dirname "$0")/.."
command -v clang-tidy >/dev/null || {
    echo "clang-tidy not found: apt-get install clang-tidy" >&2
    exit 2
}
cmake -S . -B build-lint -G Ninja -DCMAKE_BUILD_TYPE=Debug >/dev/null
# Generated headers must exist before they can be read.
if ninja -C build-lint -t targets all 2>/dev/null | grep -q '^proto_gen:'; then
    ninja -C build-lint proto_gen >/dev/null
fi
if [ "$#" -eq 0 ]; then
    set -- $(find base core samplers pruners store proto agent coordinator cli \
        -name '*.c' 2>/dev/null | sort)
fi
jobs=${JOBS:-$(nproc)}
echo "clang-tidy on $# files, $jobs at a time"
printf '%s\n' "$@" | xargs -P "$jobs" -n 4 clang-tidy -p build-lint --quiet
echo "clang-tidy: no findings"
