/* SPDX-License-Identifier: Apache-2.0 */
/* cells.c – enumerating a finite space.
 * Owns the state of a walk. Knows how a raw cell number becomes a point. Does not know
 * which points were met before.
 *
 * Raw cells count through the parameters in file order, the last one fastest. Where a
 * condition makes a parameter inactive, raw cells that differ only in it are one point;
 * it belongs to the raw cell with that parameter's first value. So a raw cell counts
 * when every parameter that pruning removed stands at its first value, and no `forbid`
 * is true.
 */
#include "samplers/cells.h"

#include "base/mem.h"
#include "base/num.h"

#include <math.h>
#include <string.h>

uint64_t cells_count(const struct space *space)
{
    uint64_t cells = 1;
    for (size_t i = 0; i < space->len; i++) {
        cells = num_mul_sat_u64(cells, space_grid_len(space, i));
    }
    return cells;
}

/* Points of `grid: N` take a logarithm and a print each, so they are kept. */
enum {
    KNOWN_MAX = 4096
};

static double value_of(struct cells *cells, size_t i)
{
    double *known = cells->known[i];
    uint64_t k = cells->at[i];
    if (known == NULL) {
        return space_grid_at(cells->space, i, k);
    }
    if (known[k] == 0.0) {
        known[k] = space_grid_at(cells->space, i, k);
    }
    return known[k];
}

void cells_init(struct cells *cells, const struct space *space, uint64_t cell)
{
    *cells = (struct cells){
        .space = space,
        .cell = cell,
        .at = mem_alloc_array(space->len, sizeof *cells->at),
        .raw = mem_alloc_array(space->len, sizeof *cells->raw),
        .known = mem_alloc_array(space->len, sizeof(void *)),
    };
    for (size_t i = space->len; i-- > 0;) {
        uint64_t len = space_grid_len(space, i);
        if (space->params[i].grid != 0 && len <= KNOWN_MAX) {
            cells->known[i] = mem_alloc_array((size_t)len, sizeof(double));
        }
        cells->at[i] = cell % len;
        cells->raw[i] = value_of(cells, i);
        cell /= len;
    }
}

void cells_fini(struct cells *cells)
{
    for (size_t i = 0; i < cells->space->len; i++) {
        mem_free(cells->known[i]);
    }
    mem_free(cells->known);
    mem_free(cells->at);
    mem_free(cells->raw);
}

void cells_step(struct cells *cells)
{
    cells->cell++;
    for (size_t i = cells->space->len; i-- > 0;) {
        bool carry = ++cells->at[i] == space_grid_len(cells->space, i);
        if (carry) {
            cells->at[i] = 0;
        }
        cells->raw[i] = value_of(cells, i);
        if (!carry) {
            return;
        }
    }
}

/* Writes the pruned point of this raw cell; false when the cell does not count. */
static bool point_of(const struct cells *cells, double *x)
{
    const struct space *space = cells->space;
    memcpy(x, cells->raw, space->len * sizeof *x);
    space_prune(space, x);
    for (size_t i = 0; i < space->len; i++) {
        if (isnan(x[i]) && cells->at[i] != 0) {
            return false;
        }
    }
    return !space_is_forbidden(space, x);
}

bool cells_find(struct cells *cells, uint64_t end, double *x)
{
    while (cells->cell < end) {
        if (point_of(cells, x)) {
            return true;
        }
        cells_step(cells);
    }
    return false;
}
