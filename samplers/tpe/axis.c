/* SPDX-License-Identifier: Apache-2.0 */
/* axis.c – coordinates of parameters.
 * Owns the ranks of ordered choices. Knows scales and steps. Does not know kernels. */
#include "samplers/tpe/axis.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "core/logscale.h"

struct item {
    double number;
    size_t index;
};

static int by_number(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return x->index < y->index ? -1 : 1;
}

static void rank_items(struct axis *axis, const struct param *param)
{
    size_t len = param->items_len;
    struct item *AUTO_FREE items = mem_alloc_array(len, sizeof *items);
    for (size_t i = 0; i < len; i++) {
        items[i].index = i;
        bool number = value_number(param->items[i], &items[i].number);
        ASSERT(number);
    }
    qsort(items, len, sizeof *items, by_number);
    axis->rank_of = mem_alloc_array(len, sizeof(double));
    axis->by_rank = mem_alloc_array(len, sizeof(double));
    for (size_t rank = 0; rank < len; rank++) {
        axis->rank_of[items[rank].index] = (double)rank;
        axis->by_rank[rank] = (double)items[rank].index;
    }
}

void axis_init(struct axis *axis, const struct space *space, size_t param)
{
    const struct param *p = &space->params[param];
    uint64_t levels = space_cardinality(space, param);
    *axis = (struct axis){ .space = space, .param = param, .log = p->log };
    if (levels == 1) {
        axis->kind = AXIS_FIXED;
        return;
    }
    if (p->kind == PARAM_CHOICE && !p->ordered) {
        axis->kind = AXIS_CHOICE;
        axis->choices = p->items_len;
        return;
    }
    double low = p->low;
    double high = p->high;
    if (levels != 0) {
        bool plain = p->kind == PARAM_CHOICE || p->step == 0;
        axis->half_step = plain ? 0.5 : 0.5 * p->step;
        low -= axis->half_step;
        high = space_grid_at(space, param, levels - 1) + axis->half_step;
    }
    if (p->kind == PARAM_CHOICE) {
        rank_items(axis, p);
    }
    axis->kind = levels == 0 ? AXIS_REAL : AXIS_STEPPED;
    axis->from = 0.5 * (p->log ? logscale_log(low) : low);
    axis->shrink = 1 / (0.5 * (p->log ? logscale_log(high) : high) - axis->from);
}

void axis_fini(struct axis *axis)
{
    mem_free(axis->rank_of);
    mem_free(axis->by_rank);
}

static double own_scale(const struct axis *axis, double v)
{
    return axis->rank_of != NULL ? axis->rank_of[(size_t)v] : v;
}

/* Shifted values on their own scale to coordinates. */
static void to_coordinates(const struct axis *axis,
                           const struct score_ops *ops,
                           size_t n,
                           double *x)
{
    if (axis->log) {
        ops->log(n, x, x);
    }
    ops->scale(n, axis->from, axis->shrink, x);
}

void axis_coordinates(const struct axis *axis,
                      const struct score_ops *ops,
                      size_t n,
                      const double *in,
                      double *out)
{
    if (axis->rank_of != NULL || in != out) {
        for (size_t i = 0; i < n; i++) {
            out[i] = own_scale(axis, in[i]);
        }
    }
    if (axis->kind != AXIS_CHOICE) {
        to_coordinates(axis, ops, n, out);
    }
}

void axis_edges(const struct axis *axis,
                const struct score_ops *ops,
                size_t n,
                const double *in,
                double *low_out,
                double *high_out)
{
    for (size_t i = 0; i < n; i++) {
        double v = own_scale(axis, in[i]);
        low_out[i] = v - axis->half_step;
        high_out[i] = v + axis->half_step;
    }
    to_coordinates(axis, ops, n, low_out);
    to_coordinates(axis, ops, n, high_out);
}

double axis_value(const struct axis *axis, double coordinate)
{
    double scaled = 2 * (axis->from + coordinate / axis->shrink);
    if (axis->rank_of != NULL) {
        double last = (double)(axis->space->params[axis->param].items_len - 1);
        double rank = nearbyint(scaled);
        rank = rank < 0 ? 0 : rank;
        return axis->by_rank[(size_t)(rank > last ? last : rank)];
    }
    return space_snap(axis->space, axis->param,
                      axis->log ? logscale_exp(scaled) : scaled);
}

bool axis_knows(const struct axis *axis, double v)
{
    if (axis->kind == AXIS_CHOICE || axis->rank_of != NULL) {
        double len = (double)axis->space->params[axis->param].items_len;
        return v >= 0 && v < len && v == nearbyint(v);
    }
    return !isnan(v);
}
