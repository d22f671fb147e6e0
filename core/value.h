/* SPDX-License-Identifier: Apache-2.0 */
/* value.h – a parameter's value as people see it: typed, with one canonical text. */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STR,
    VALUE_KIND_NR
};

/* VALUE_NONE stands for an inactive parameter. `str` is borrowed from the space
 * (choices) or from the syntax tree it came from. */
struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *str;
    } as;
};

/* True when kinds and values are equal; an int and a float of equal value are equal. */
bool value_eq(struct value a, struct value b);

/* True for ints and floats; *number_out receives the value as a double. */
bool value_number(struct value value, double *number_out);

/* Appends the canonical text: shortest round-trip numbers, true/false, the bare string.
 */
void value_print(struct value value, struct strbuf *out);

/* Appends the value as a JSON literal (strings quoted and escaped, NONE as null). */
void value_print_json(struct value value, struct strbuf *out);

#endif
