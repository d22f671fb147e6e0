/* SPDX-License-Identifier: Apache-2.0 */
/* space.h – the search space: parameters, conditions, forbidden regions.
 *
 * A point of the space is an array of `space->len` doubles, one a parameter, in the
 * order of the file ("internal values"): a float or int parameter holds its value, a
 * choice the index of the chosen item, an inactive parameter NaN. Samplers, history,
 * store and wire all carry points in this form; struct value is for people and
 * programs.
 *
 * A space is immutable once built and may be shared between threads.
 */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "core/value.h"

struct expr;

enum param_kind {
    PARAM_FLOAT,
    PARAM_INT,
    PARAM_CHOICE,
    PARAM_KIND_NR
};

/* One parameter. All pointers are owned by the space. */
struct param {
    char *name; /* as in the file, unique, at most NAME_BYTES_MAX */
    enum param_kind kind;
    double low, high;  /* inclusive bounds; choice: 0 and len - 1 */
    double step;       /* 0: continuous (float) or 1 (int) */
    int step_decimals; /* decimals that stepped values are rounded to, see space_snap */
    bool log;          /* searched on a logarithmic scale */
    bool ordered;      /* a choice whose items are numbers, searched by their order */
    uint32_t grid; /* grid: N points of a float for the grid sampler; 0: not given */
    struct value *items; /* choices, in the file's order */
    size_t items_len;
    struct expr *when; /* active only when this is true; NULL: always */
    uint32_t line;     /* of the file, for messages */
};

struct space {
    struct param *params; /* in the file's order */
    size_t len;
    uint32_t *topo;        /* parameter indexes, conditions before what they guard */
    struct expr **forbids; /* points where one of these is true are not tried */
    size_t forbids_len;
};

/* Releases what the space owns. NULL and half-built spaces are fine. */
void space_destroy(struct space *space);

/* Index of the parameter `name`, or -1. */
int32_t space_find(const struct space *space, const char *name);

/* Sets every inactive parameter of the point x (len doubles) to NaN, following
 * conditions in topological order. x must hold a legal internal value for each
 * parameter. */
void space_prune(const struct space *space, double *x);

/* True when a forbid expression is true at x (x already pruned). */
bool space_is_forbidden(const struct space *space, const double *x);

/* The nearest legal value of parameter i to v: clamped, snapped to the step's grid as
 * "the double nearest to the decimal low + k*step", rounded for ints and choices. */
double space_snap(const struct space *space, size_t i, double v);

/* Number of distinct values of parameter i; 0 when it is continuous (uncountable). */
uint64_t space_cardinality(const struct space *space, size_t i);

/* Number of values of parameter i that a grid visits: its cardinality, or `grid: N`; 0
 * when it cannot be enumerated. */
uint64_t space_grid_len(const struct space *space, size_t i);

/* The k-th of them, k < space_grid_len: choices in file order, numbers ascending. The
 * points of `grid: N` are evenly spaced on the parameter's scale, both bounds included,
 * and rounded to 12 significant digits where that is much less than their distance. */
double space_grid_at(const struct space *space, size_t i, uint64_t k);

/* Number of distinct points ignoring conditions and forbids, 0 when infinite,
 * UINT64_MAX when it does not fit. */
uint64_t space_size(const struct space *space);

/* The typed value of parameter i at internal value v (NaN gives VALUE_NONE). */
struct value space_value(const struct space *space, size_t i, double v);

/* The internal value of typed value `value` for parameter i, checked against its bounds
 * and items. ERR_INVALID with a message that names parameter, value and what was
 * expected. */
MUST_USE
enum err_code space_encode(const struct space *space,
                           size_t i,
                           struct value value,
                           double *v_out,
                           struct err *err);

/* Appends the point as a JSON object of the active parameters, declared types kept. */
void space_print_json(const struct space *space, const double *x, struct strbuf *out);

#endif
