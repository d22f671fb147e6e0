#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbol_clash.sh OUR.a... -- LIBRARY.so... – none of our functions may bear the name of
# one that a library exports: the library's own calls would then reach ours (libyaml
# exports yaml_free).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
: >"$folder/ours"
while [ "$1" != "--" ]; do
    nm --defined-only --extern-only "$1" 2>/dev/null \
        | awk -v from="$(basename "$1")" 'NF == 3 { print $3, from }' >>"$folder/ours"
    shift
done
shift
[ "$#" -gt 0 ] || exit 2
sort -u "$folder/ours" >"$folder/sorted"
bad=0
for library in "$@"; do
    nm -D --defined-only "$library" | awk '{ sub("@.*", "", $3); print $3 }' | sort -u \
        | join - "$folder/sorted" >"$folder/bad"
    if [ -s "$folder/bad" ]; then
        bad=1
        sed "s|\$| defines what $(basename "$library") exports|" "$folder/bad"
    fi
done
exit "$bad"
