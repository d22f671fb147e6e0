#!/bin/sh
# Configures and builds one preset of CMakePresets.json, with ccache if it is there.
#   scripts/build.sh release|dev|tsan|… [TARGET…]      without targets: everything
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
launcher=
if command -v ccache >/dev/null 2>&1; then
    launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
fi
printf '== building %s\n' "$preset"
# shellcheck disable=SC2086 # nothing or one word
cmake --preset "$preset" $launcher >/dev/null
if [ $# -gt 0 ]; then
    set -- --target "$@"
fi
cmake --build --preset "$preset" -j "$(nproc)" "$@"
