/* SPDX-License-Identifier: Apache-2.0 */
/* cells.h – the points of a finite space, one after another. See cells.c for the order.
 */
#ifndef SAMPLERS_CELLS_H
#define SAMPLERS_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/space.h"

/* Number of raw cells; 0 when a parameter cannot be enumerated, UINT64_MAX when they
 * are more than that. */
uint64_t cells_count(const struct space *space);

/* A walk over raw cells; one step changes few parameters, so millions can be met. All
 * but `cell` is private. */
struct cells {
    const struct space *space;
    uint64_t cell;  /* the next raw cell to look at */
    uint64_t *at;   /* which value of each parameter, owned */
    double *raw;    /* those values, owned */
    double **known; /* per parameter NULL, or its points met so far, 0 for "not yet" */
};

/* Starts at raw cell `cell`, below cells_count, which is neither 0 nor UINT64_MAX; or
 * at its end. */
void cells_init(struct cells *cells, const struct space *space, uint64_t cell);
void cells_fini(struct cells *cells);

/* Goes on to the first raw cell at or behind the present one and below `end` that
 * counts, and writes its point (pruned, allowed); false when there is none. */
bool cells_find(struct cells *cells, uint64_t end, double *x_out);

/* Leaves the present raw cell. */
void cells_step(struct cells *cells);

#endif
