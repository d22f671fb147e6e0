#!/bin/sh
# Installs the Debian packages of the named groups of scripts/packages, those that are
# missing. Needs root or sudo only if something is missing.
#   scripts/bootstrap.sh build [demo]
set -eu
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '== %s\n' "$*"; }

missing=
for group in "$@"; do
    for package in $(sed -n "s/^$group //p" "$here/packages"); do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing="$missing $package"
    done
done
if [ -z "$missing" ]; then
    say "packages are there: $*"
    exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        say "packages are missing and this is not root, nor is there sudo; as root:" >&2
        say "apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    sudo=sudo
fi
say "installing:$missing"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
# shellcheck disable=SC2086 # one word a package
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
    --no-install-recommends $missing
