#!/bin/sh
# Installs what is missing, then builds and passes all tests twice: as released, and with
# the address and undefined-behaviour sanitizers. The layer checks are among the tests.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh build
for preset in release dev; do
    scripts/build.sh "$preset"
    printf '== testing %s\n' "$preset"
    ctest --preset "$preset" -j "$(nproc)"
done
