/* SPDX-License-Identifier: Apache-2.0 */
/* space_map.c – points of one search space seen in another.
 * Owns nothing. Knows how parameters of two spaces correspond. Does not know sweeps,
 * revisions or why a space was edited. */
#include "core/space_map.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "core/expr.h"

/* ---- layout ---- */

static bool same_items(const struct param *a, const struct param *b)
{
    if (a->items_len != b->items_len) {
        return false;
    }
    for (size_t k = 0; k < a->items_len; k++) {
        /* 1 and 1.0 are equal values, but programs are given different words */
        if (a->items[k].kind != b->items[k].kind
            || !value_eq(a->items[k], b->items[k])) {
            return false;
        }
    }
    return true;
}

bool space_same_layout(const struct space *a, const struct space *b)
{
    if (a->len != b->len) {
        return false;
    }
    for (size_t i = 0; i < a->len; i++) {
        const struct param *of_a = &a->params[i];
        const struct param *of_b = &b->params[i];
        if (of_a->kind != of_b->kind || strcmp(of_a->name, of_b->name) != 0
            || !same_items(of_a, of_b)) {
            return false;
        }
    }
    return true;
}

/* ---- values ---- */

static bool
map_choice(const struct param *param, struct value value, double *internal_out)
{
    for (size_t k = 0; k < param->items_len; k++) {
        if (value_eq(param->items[k], value)) {
            *internal_out = (double)k;
            return true;
        }
    }
    return false;
}

/* The internal value of `value` for parameter i; false when it is not a legal one.
 * space_encode decides the same and says why not, at the price of printing numbers. */
static bool
map_value(const struct space *to, size_t i, struct value value, double *internal_out)
{
    const struct param *param = &to->params[i];
    double v = 0.0;
    if (param->kind == PARAM_CHOICE) {
        return map_choice(param, value, internal_out);
    }
    if (!value_number(value, &v) || !isfinite(v) || v < param->low || v > param->high
        || space_snap(to, i, v) != v) {
        return false;
    }
    *internal_out = v;
    return true;
}

/* Most edits keep a parameter's place. */
static int32_t find_near(const struct space *to, size_t i, const char *name)
{
    if (i < to->len && strcmp(to->params[i].name, name) == 0) {
        return (int32_t)i;
    }
    return space_find(to, name);
}

bool space_map_point(const struct space *from,
                     const struct space *to,
                     const double *x_from,
                     double *x_to_out)
{
    ASSERT(x_from != x_to_out);
    for (size_t i = 0; i < to->len; i++) {
        x_to_out[i] = (double)NAN;
    }
    for (size_t i = 0; i < from->len; i++) {
        if (isnan(x_from[i])) {
            continue;
        }
        int32_t at = find_near(to, i, from->params[i].name);
        if (at < 0
            || !map_value(to, (size_t)at, space_value(from, i, x_from[i]),
                          &x_to_out[at])) {
            return false;
        }
    }
    return true;
}

bool space_allows_point(const struct space *from,
                        const struct space *to,
                        const double *x_from)
{
    AUTO_FREE double *x = mem_alloc_array(to->len, sizeof *x);
    if (!space_map_point(from, to, x_from, x)) {
        return false;
    }
    for (size_t k = 0; k < to->len; k++) {
        uint32_t i = to->topo[k];
        const struct expr *when = to->params[i].when;
        bool active = when == NULL || expr_eval(when, to, x) == TRUTH_TRUE;
        if (active == isnan(x[i])) {
            return false;
        }
    }
    return !space_is_forbidden(to, x);
}
