/* SPDX-License-Identifier: Apache-2.0 */
/* parzen.h – a density over some parameters jointly: a mixture with one kernel for each
 * observation and a wide one, the prior, behind them.
 *
 * A kernel is the product of one-dimensional kernels truncated to the range. Where an
 * observation has no value (the parameter was inactive), its kernel is the prior's.
 */
#ifndef SAMPLERS_TPE_PARZEN_H
#define SAMPLERS_TPE_PARZEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "core/history.h"
#include "samplers/tpe/axis.h"
#include "samplers/tpe/score.h"

/* What a density is made from: rows of a history, oldest first, then points. */
struct observations {
    const struct history *history;
    const uint32_t *rows;
    size_t rows_len;
    const double *weights;       /* of the rows; NULL: the newest 25 weigh 1, those
                                    before less and less */
    const double *const *points; /* internal values of the whole space */
    size_t points_len;
    double points_weight; /* of each of them */
    double prior_weight;  /* of the prior kernel, above 0 */
    size_t finer;         /* see widths_bins, at least 1 */
};

/* One parameter's kernels. Which arrays there are depends on the kind of the axis. */
struct column {
    const struct axis *axis;
    size_t place;    /* AXIS_REAL: dimension in parzen.blocks */
    uint32_t *cell;  /* AXIS_STEPPED: which of the distinct kernels; AXIS_CHOICE: index,
                        or the number of choices for "all alike" */
    size_t distinct; /* AXIS_STEPPED: different kernels */
    double *mean, *inverse; /* AXIS_STEPPED: their means and 1 / widths, padded */
    double *factor;         /* ln of the kernel's factor: AXIS_REAL by kernel,
                               AXIS_STEPPED by distinct kernel, padded */
    double keep;      /* AXIS_CHOICE: the chance to keep the choice, not draw any */
    double hit, miss; /* AXIS_CHOICE: ln of a kernel's own choice and of others */
};

struct parzen {
    const struct score_ops *ops;
    size_t len;             /* kernels, the prior last */
    size_t padded;          /* the same, padded with kernels of weight 0 */
    double *weight;         /* sums to 1, padded */
    double *log_weight;     /* padded */
    struct column *columns; /* owned */
    size_t columns_len;
    size_t reals;   /* columns of AXIS_REAL */
    double *blocks; /* see struct score_kernels */
};

/* Points in columns: column c of the points begins at c * padded. */
struct candidates {
    size_t len, padded;
    double *x; /* internal values, NaN: inactive; owned */
    double *u; /* coordinates of the same; owned */
};

/* Bytes that parzen_init needs for at most so many observations. */
size_t
parzen_bytes(const struct axis *const *axes, size_t axes_len, size_t observations);

/* axes: one for each of axes_len > 0 parameters, none AXIS_FIXED. They and the memory,
 * parzen_bytes of it for the arrays, must outlive the density. (The caller's memory, so
 * that one piece serves a whole suggestion: many mid-sized ones are given back to the
 * system each time, and fetching them again costs as much as the work.) */
void parzen_init(struct parzen *parzen,
                 const struct score_ops *ops,
                 const struct axis *const *axes,
                 size_t axes_len,
                 const struct observations *from,
                 void *memory);
void parzen_fini(struct parzen *parzen);

/* Mean and 1 / width of kernel k of a column: AXIS_REAL or AXIS_STEPPED. */
struct kernel {
    double mean, inverse;
};
struct kernel
parzen_kernel(const struct parzen *parzen, const struct column *column, size_t k);

void candidates_init(struct candidates *candidates, size_t columns, size_t len);
void candidates_fini(struct candidates *candidates);

/* Draws all candidates: a kernel by its weight, then each parameter from it, with its
 * width taken `wider` times. `pick` chooses kernels, streams[c] draws column c. */
void parzen_draw(const struct parzen *parzen,
                 double wider,
                 struct rng *pick,
                 struct rng *streams,
                 struct candidates *candidates);

/* Bytes of work that parzen_score needs. */
size_t parzen_score_bytes(size_t observations, size_t candidates);

/* Writes ln of the density at each candidate, over its active parameters, to out (len
 * of them). The density is per unit of coordinates (axis.h). work is overwritten. */
void parzen_score(const struct parzen *parzen,
                  const struct candidates *candidates,
                  void *work,
                  double *out);

#endif
