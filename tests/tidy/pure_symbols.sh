#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pure_symbols.sh LIBRARY.a... – the pure libraries may call only what is listed here (and
# each other, and base): no clocks, files, processes, threads or output. The include
# check sees intentions, this sees the linker's truth.
set -eu
allowed='abs|acos|asin|atan|atan2|bsearch|calloc|cbrt|ceil|cos|cosh|erf|erfc|exp|exp2
|expm1|fabs|floor|fma|fmax|fmin|fmod|free|frexp|hypot|isalnum|isalpha|isdigit|isspace
|ldexp|lgamma|llround|log|log10|log1p|log2|lrint|malloc|memchr|memcmp|memcpy|memmem|memmove
|memset|modf|nan|nearbyint|nextafter|pow|qsort|realloc|remainder|rint|round|scalbn|sin
|sinh|sqrt|strchr|strcmp|strcspn|strlen|strncmp|strnlen|strpbrk|strrchr|strspn|strstr
|strcasecmp|strncasecmp|tan|tanh|tgamma|tolower|toupper|trunc|snprintf|vsnprintf
|__(memcpy|memmove|memset|snprintf|vsnprintf|strncat)_chk|__stack_chk_fail|__ctype_b_loc
|__ctype_tolower_loc|__ctype_toupper_loc|_GLOBAL_OFFSET_TABLE_
|__isinf|__isnan|__finite|__cpu_model|__cpu_indicator_init
|__(a|t|ub|l)san_.*|__gcov_.*|__llvm_.*|__sanitizer_.*|__start_.*|__stop_.*
|__asan.*|__odr_asan.*|longjmp|_setjmp
|json_(array|object|string|integer|real|number|boolean|true|false|null)(_[a-z_]+)?
|json_(equal|delete|copy|deep_copy|vsprintf|sprintf)'
allowed=$(printf '%s' "$allowed" | tr -d '\n')

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for library in "$@"; do
    nm --defined-only "$library" 2>/dev/null | awk 'NF == 3 { print $3 }'
done | sort -u >"$folder/defined"
bad=0
for library in "$@"; do
    case $library in
    */libbase.a) continue ;; # gives symbols, is not itself under the rule
    esac
    nm --undefined-only "$library" 2>/dev/null | awk '$1 == "U" { print $2 }' \
        | sort -u | comm -23 - "$folder/defined" \
        | grep -v -x -E "$allowed" >"$folder/bad" || true
    if [ -s "$folder/bad" ]; then
        bad=1
        sed "s|^|$(basename "$library") calls |" "$folder/bad"
    fi
done
exit "$bad"
