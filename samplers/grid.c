/* SPDX-License-Identifier: Apache-2.0 */
/* grid.c – every distinct point of a finite space, once.
 * Owns nothing. Knows that the cursor is the next raw cell of cells.h, so resuming
 * needs no memory of what ran. Does not know history. Cells that were tried before, as
 * enqueued points or ahead of an edit, are passed over.
 */
#include "samplers/samplers.h"

#include "base/mem.h"
#include "samplers/cells.h"

static enum err_code grid_check(const struct space *space, struct err *err)
{
    for (size_t i = 0; i < space->len; i++) {
        if (space_grid_len(space, i) == 0) {
            return err_set(err, ERR_INVALID,
                           "'%s' is continuous, give it 'step: S' or 'grid: N'",
                           space->params[i].name);
        }
    }
    uint64_t end = cells_count(space);
    if (end == UINT64_MAX) {
        return err_set(err, ERR_INVALID, "the grid has more than 2^64 cells");
    }
    end = end < GRID_CELLS_MAX ? end : GRID_CELLS_MAX;
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    struct cells cells;
    cells_init(&cells, space, 0);
    bool found = cells_find(&cells, end, x);
    cells_fini(&cells);
    if (!found) {
        return err_set(err, ERR_INVALID, "'forbid' leaves no cell of the grid");
    }
    return ERR_OK;
}

static uint64_t grid_count(const struct space *space)
{
    uint64_t end = cells_count(space);
    bool plain = space->forbids_len == 0;
    for (size_t i = 0; i < space->len; i++) {
        plain = plain && space->params[i].when == NULL;
    }
    if (plain || end > GRID_CELLS_MAX) {
        return end;
    }
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    uint64_t count = 0;
    struct cells cells;
    cells_init(&cells, space, 0);
    while (cells_find(&cells, end, x)) {
        count++;
        cells_step(&cells);
    }
    cells_fini(&cells);
    return count;
}

static enum err_code grid_suggest(const struct suggest_request *request,
                                  double *x_out,
                                  uint64_t *cursor_out,
                                  struct err *err)
{
    uint64_t end = cells_count(request->space);
    struct cells cells;
    cells_init(&cells, request->space, request->cursor);
    bool found = cells_find(&cells, end, x_out);
    while (found && suggest_is_tried(request, x_out)) {
        cells_step(&cells);
        found = cells_find(&cells, end, x_out);
    }
    *cursor_out = found ? cells.cell + 1 : *cursor_out;
    cells_fini(&cells);
    return found ? ERR_OK : err_set(err, ERR_NOTFOUND, "the grid is exhausted");
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
