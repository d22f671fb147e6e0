#!/bin/sh
# Configures and builds one preset of CMakePresets.json, with ccache if it is there.
#   scripts/build.sh release|dev|tsan|…
set -eu
cd "$(dirname "$0")/.."
preset=$1
launcher=
if command -v ccache >/dev/null 2>&1; then
    launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
fi
printf '== building %s\n' "$preset"
# shellcheck disable=SC2086 # nothing or one word
cmake --preset "$preset" $launcher >/dev/null
cmake --build --preset "$preset" -j "$(nproc)"
