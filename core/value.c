/* SPDX-License-Identifier: Apache-2.0 */
/* value.c – comparing and printing parameter values.
 * Owns nothing. Knows the canonical text of every kind. Does not know parameters. */
#include "core/value.h"

#include "base/compiler.h"
#include "base/json.h"
#include "base/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool value_number(struct value value, double *number_out)
{
    if (value.kind == VALUE_INT) {
        *number_out = (double)value.as.integer;
        return true;
    }
    if (value.kind == VALUE_FLOAT) {
        *number_out = value.as.real;
        return true;
    }
    return false;
}

bool value_eq(struct value a, struct value b)
{
    double x = 0.0;
    double y = 0.0;
    if (a.kind == VALUE_INT && b.kind == VALUE_INT) {
        return a.as.integer == b.as.integer;
    }
    if (value_number(a, &x) && value_number(b, &y)) {
        return x == y;
    }
    if (a.kind != b.kind) {
        return false;
    }
    if (a.kind == VALUE_BOOL) {
        return a.as.boolean == b.as.boolean;
    }
    return a.kind == VALUE_NONE || strcmp(a.as.str, b.as.str) == 0;
}

void value_print(struct value value, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    switch (value.kind) {
    case VALUE_NONE:
        return;
    case VALUE_BOOL:
        strbuf_adds(out, value.as.boolean ? "true" : "false");
        return;
    case VALUE_INT:
        strbuf_addf(out, "%" PRId64, value.as.integer);
        return;
    case VALUE_FLOAT:
        strbuf_add(out, text, num_format_f64(value.as.real, text));
        return;
    case VALUE_STR:
        strbuf_adds(out, value.as.str);
        return;
    case VALUE_KIND_NR:
        break;
    }
    UNREACHABLE();
}

/* A float keeps its type for readers that tell 1 from 1.0. */
static void print_json_real(double real, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    size_t len = num_format_f64(real, text);
    if (!isfinite(real)) {
        strbuf_addf(out, "\"%s\"", text);
        return;
    }
    strbuf_add(out, text, len);
    if (strcspn(text, ".eE") == len) {
        strbuf_adds(out, ".0");
    }
}

void value_print_json(struct value value, struct strbuf *out)
{
    if (value.kind == VALUE_NONE) {
        strbuf_adds(out, "null");
    } else if (value.kind == VALUE_STR) {
        json_emit_str(str_from(value.as.str), out);
    } else if (value.kind == VALUE_FLOAT) {
        print_json_real(value.as.real, out);
    } else {
        value_print(value, out);
    }
}
