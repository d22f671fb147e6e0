/* SPDX-License-Identifier: Apache-2.0 */
/* axis.h – one parameter as TPE sees it: a coordinate in which its range is [0, 1], or
 * a choice.
 *
 * Numbers are mapped to their scale's share of the range; stepped numbers own half a
 * step on each side of themselves, so the range is wider by that. Choices of numbers
 * are stepped numbers too: the ranks of their items. A coordinate outside [0, 1] comes
 * from a value outside today's range and is legal.
 */
#ifndef SAMPLERS_TPE_AXIS_H
#define SAMPLERS_TPE_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/space.h"
#include "samplers/tpe/score.h"

enum axis_kind {
    AXIS_FIXED,   /* one legal value */
    AXIS_REAL,    /* coordinate; kernels have a density */
    AXIS_STEPPED, /* coordinate; kernels have the mass of half a step on each side */
    AXIS_CHOICE,  /* index of the choice */
    AXIS_KIND_NR
};

struct axis {
    const struct space *space;
    size_t param; /* index in the space */
    enum axis_kind kind;
    bool log;
    double from;      /* half the lower end of the range, on its scale */
    double shrink;    /* 1 / half the range: halves, because the range may overflow */
    double half_step; /* on the parameter's own scale; AXIS_STEPPED */
    size_t choices;   /* AXIS_CHOICE */
    double *rank_of;  /* of the item with an index; ordered choices, else NULL; owned */
    double *by_rank;  /* index of the item with a rank; owned */
};

void axis_init(struct axis *axis, const struct space *space, size_t param);
void axis_fini(struct axis *axis);

/* Maps n internal values (none NaN; n padded) to coordinates; a choice's index is
 * itself. `in` and `out` may be the same. */
void axis_coordinates(const struct axis *axis,
                      const struct score_ops *ops,
                      size_t n,
                      const double *in,
                      double *out);

/* Where the halves of the steps beside n internal values end, AXIS_STEPPED. */
void axis_edges(const struct axis *axis,
                const struct score_ops *ops,
                size_t n,
                const double *in,
                double *low_out,
                double *high_out);

/* The legal internal value nearest to a coordinate. */
double axis_value(const struct axis *axis, double coordinate);

/* True when a kernel can stand at this internal value: a number, or the index of a
 * choice there is. */
bool axis_knows(const struct axis *axis, double v);

#endif
