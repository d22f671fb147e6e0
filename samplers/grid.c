/* SPDX-License-Identifier: Apache-2.0 */
/* grid.c – every distinct point of a finite space, once.
 * Owns nothing. Knows how a raw cell number becomes a point. Does not know history: the
 * cursor is the next raw cell, so resuming needs no memory of what ran.
 *
 * Raw cells count through the parameters in file order, the last one fastest. Where a
 * condition makes a parameter inactive, raw cells that differ only in it are one point;
 * it belongs to the raw cell with that parameter's first value. So a raw cell counts
 * when every parameter that pruning removed stands at its first value, and no `forbid`
 * is true.
 */
#include "samplers/samplers.h"

#include "base/mem.h"
#include "base/num.h"

#include <math.h>

/* The number of raw cells; 0 when a parameter cannot be enumerated. */
static uint64_t raw_cells(const struct space *space)
{
    uint64_t cells = 1;
    for (size_t i = 0; i < space->len; i++) {
        cells = num_mul_sat_u64(cells, space_grid_len(space, i));
    }
    return cells;
}

/* Writes the pruned point of a raw cell; false when the cell does not count. */
static bool cell_point(const struct space *space, uint64_t cell, double *x)
{
    uint64_t rest = cell;
    for (size_t i = space->len; i-- > 0;) {
        uint64_t len = space_grid_len(space, i);
        x[i] = space_grid_at(space, i, rest % len);
        rest /= len;
    }
    space_prune(space, x);
    rest = cell;
    for (size_t i = space->len; i-- > 0;) {
        uint64_t len = space_grid_len(space, i);
        if (isnan(x[i]) && rest % len != 0) {
            return false;
        }
        rest /= len;
    }
    return !space_is_forbidden(space, x);
}

/* The first raw cell from `cell` on that counts, or `cells`. */
static uint64_t
next_cell(const struct space *space, uint64_t cell, uint64_t cells, double *x)
{
    while (cell < cells && !cell_point(space, cell, x)) {
        cell++;
    }
    return cell;
}

static enum err_code grid_check(const struct space *space, struct err *err)
{
    for (size_t i = 0; i < space->len; i++) {
        if (space_grid_len(space, i) == 0) {
            return err_set(err, ERR_INVALID,
                           "'%s' is continuous, give it 'step: S' or 'grid: N'",
                           space->params[i].name);
        }
    }
    uint64_t cells = raw_cells(space);
    if (cells == UINT64_MAX) {
        return err_set(err, ERR_INVALID, "the grid has more than 2^64 cells");
    }
    uint64_t within = cells < GRID_CELLS_MAX ? cells : GRID_CELLS_MAX;
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    if (next_cell(space, 0, within, x) == within) {
        return err_set(err, ERR_INVALID, "'forbid' leaves no cell of the grid");
    }
    return ERR_OK;
}

static uint64_t grid_count(const struct space *space)
{
    uint64_t cells = raw_cells(space);
    bool plain = space->forbids_len == 0;
    for (size_t i = 0; i < space->len; i++) {
        plain = plain && space->params[i].when == NULL;
    }
    if (plain || cells > GRID_CELLS_MAX) {
        return cells;
    }
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    uint64_t count = 0;
    for (uint64_t cell = 0; cell < cells; cell++) {
        count += cell_point(space, cell, x);
    }
    return count;
}

static enum err_code grid_suggest(const struct suggest_request *request,
                                  double *x_out,
                                  uint64_t *cursor_out,
                                  struct err *err)
{
    uint64_t cells = raw_cells(request->space);
    uint64_t cell = next_cell(request->space, request->cursor, cells, x_out);
    if (cell >= cells) {
        return err_set(err, ERR_NOTFOUND, "the grid is exhausted");
    }
    *cursor_out = cell + 1;
    return ERR_OK;
}

const struct sampler_ops sampler_grid = {
    .name = "grid",
    .summary = "every cell of a finite space once, in file order, the last parameter "
               "fastest",
    .learns = false,
    .immediate = true,
    .check = grid_check,
    .count = grid_count,
    .suggest = grid_suggest,
};
