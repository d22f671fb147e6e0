#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# same.sh PROGRAM – a seed gives the same trace every time, and another seed another one.
set -eu
for seed in 3 17 99; do
    one=$("$1" --seed "$seed" | head -n 1)
    two=$("$1" --seed "$seed" | head -n 1)
    other=$("$1" --seed "$((seed + 1))" | head -n 1)
    echo "$one"
    [ "$one" = "$two" ]
    [ "${one#*:}" != "${other#*:}" ]
done
