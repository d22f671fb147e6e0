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
#include <string.h>

/* The number of raw cells; 0 when a parameter cannot be enumerated. */
static uint64_t raw_cells(const struct space *space)
{
    uint64_t cells = 1;
    for (size_t i = 0; i < space->len; i++) {
        cells = num_mul_sat_u64(cells, space_grid_len(space, i));
    }
    return cells;
}

/* A walk over raw cells; one step changes few parameters, so millions can be counted.
 */
struct walk {
    const struct space *space;
    uint64_t cell;
    uint64_t cells;
    uint64_t *at;   /* which value of each parameter, owned */
    double *raw;    /* those values, owned */
    double **known; /* per parameter NULL, or its points met so far, 0 for "not yet" */
};

/* Points of `grid: N` take a logarithm and a print each, so they are kept. */
enum {
    KNOWN_MAX = 4096
};

static double walk_value(struct walk *walk, size_t i)
{
    double *known = walk->known[i];
    uint64_t k = walk->at[i];
    if (known == NULL) {
        return space_grid_at(walk->space, i, k);
    }
    if (known[k] == 0.0) {
        known[k] = space_grid_at(walk->space, i, k);
    }
    return known[k];
}

static void walk_init(struct walk *walk, const struct space *space, uint64_t cell)
{
    *walk = (struct walk){
        .space = space,
        .cell = cell,
        .cells = raw_cells(space),
        .at = mem_alloc_array(space->len, sizeof *walk->at),
        .raw = mem_alloc_array(space->len, sizeof *walk->raw),
        .known = mem_alloc_array(space->len, sizeof(void *)),
    };
    for (size_t i = space->len; i-- > 0;) {
        uint64_t len = space_grid_len(space, i);
        if (space->params[i].grid != 0 && len <= KNOWN_MAX) {
            walk->known[i] = mem_alloc_array((size_t)len, sizeof(double));
        }
        walk->at[i] = cell % len;
        walk->raw[i] = walk_value(walk, i);
        cell /= len;
    }
}

static void walk_fini(struct walk *walk)
{
    for (size_t i = 0; i < walk->space->len; i++) {
        mem_free(walk->known[i]);
    }
    mem_free(walk->known);
    mem_free(walk->at);
    mem_free(walk->raw);
}

static void walk_step(struct walk *walk)
{
    walk->cell++;
    for (size_t i = walk->space->len; i-- > 0;) {
        bool carry = ++walk->at[i] == space_grid_len(walk->space, i);
        if (carry) {
            walk->at[i] = 0;
        }
        walk->raw[i] = walk_value(walk, i);
        if (!carry) {
            return;
        }
    }
}

/* Writes the pruned point of this raw cell; false when the cell does not count. */
static bool walk_point(const struct walk *walk, double *x)
{
    const struct space *space = walk->space;
    memcpy(x, walk->raw, space->len * sizeof *x);
    space_prune(space, x);
    for (size_t i = 0; i < space->len; i++) {
        if (isnan(x[i]) && walk->at[i] != 0) {
            return false;
        }
    }
    return !space_is_forbidden(space, x);
}

/* Goes on to the first raw cell below `end` that counts; false when there is none. */
static bool walk_find(struct walk *walk, uint64_t end, double *x)
{
    while (walk->cell < end) {
        if (walk_point(walk, x)) {
            return true;
        }
        walk_step(walk);
    }
    return false;
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
    struct walk walk;
    walk_init(&walk, space, 0);
    bool found = walk_find(&walk, within, x);
    walk_fini(&walk);
    if (!found) {
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
    struct walk walk;
    walk_init(&walk, space, 0);
    while (walk_find(&walk, cells, x)) {
        count++;
        walk_step(&walk);
    }
    walk_fini(&walk);
    return count;
}

static enum err_code grid_suggest(const struct suggest_request *request,
                                  double *x_out,
                                  uint64_t *cursor_out,
                                  struct err *err)
{
    struct walk walk;
    walk_init(&walk, request->space, request->cursor);
    bool found = walk_find(&walk, walk.cells, x_out);
    walk_fini(&walk);
    if (!found) {
        return err_set(err, ERR_NOTFOUND, "the grid is exhausted");
    }
    *cursor_out = walk.cell + 1;
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
