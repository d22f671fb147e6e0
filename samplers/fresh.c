/* SPDX-License-Identifier: Apache-2.0 */
/* fresh.c – random points that may be suggested.
 * Owns nothing. Knows how each kind of parameter is drawn, and when drawing is
 * hopeless. Does not know history.
 *
 * Every parameter has a stream of its own, named by (seed, trial, parameter, purpose),
 * so adding a parameter changes no other's values. */
#include "samplers/fresh.h"

#include "base/mem.h"
#include "core/logscale.h"
#include "samplers/cells.h"

#include <math.h>

enum {
    DRAWS_MAX = 10000,
    /* So many tried points in the way mean that few others are left. */
    TRIED_MAX = 200
};

/* ---- single values ---- */

static double at_log(double low, double high, double u)
{
    double from = logscale_log(low);
    double to = logscale_log(high);
    return logscale_exp(from + u * (to - from));
}

/* Where the values are numbered from 0, so many and equally likely; else 0. */
static uint64_t bins_of(const struct space *space, size_t i)
{
    const struct param *param = &space->params[i];
    bool by_size = param->kind == PARAM_INT && param->log;
    return by_size ? 0 : space_cardinality(space, i);
}

static double unbinned_value(const struct space *space, size_t i, double u)
{
    const struct param *param = &space->params[i];
    if (param->kind == PARAM_INT) {
        return space_snap(space, i, at_log(param->low - 0.5, param->high + 0.5, u));
    }
    if (param->log) {
        return space_snap(space, i, at_log(param->low, param->high, u));
    }
    return space_snap(space, i, param->low + u * (param->high - param->low));
}

double fresh_value(const struct space *space, size_t i, double u)
{
    uint64_t bins = bins_of(space, i);
    if (bins == 0) {
        return unbinned_value(space, i, u);
    }
    uint64_t k = (uint64_t)floor(u * (double)bins);
    return space_grid_at(space, i, k < bins ? k : bins - 1);
}

static double draw(const struct space *space, size_t i, struct rng *rng)
{
    uint64_t bins = bins_of(space, i);
    return bins > 0 ? space_grid_at(space, i, rng_below(rng, bins))
                    : unbinned_value(space, i, rng_uniform(rng));
}

/* ---- points ---- */

static bool is_searchable(const struct space *space)
{
    uint64_t size = space_size(space);
    return size != 0 && size <= GRID_CELLS_MAX;
}

/* The first point, from a random start on, that may be suggested; ERR_UNSUPPORTED,
 * without a message, where the space cannot be gone through. */
static enum err_code search(const struct suggest_request *request,
                            enum rng_purpose purpose,
                            double *x_out,
                            struct err *err)
{
    const struct space *space = request->space;
    if (!is_searchable(space)) {
        return ERR_UNSUPPORTED;
    }
    uint64_t len = cells_count(space);
    struct rng rng = rng_stream(request->seed, request->trial, STR_LIT(""), purpose);
    uint64_t start = rng_below(&rng, len);
    const uint64_t parts[2][2] = { { start, len }, { 0, start } };
    bool allowed = false;
    bool found = false;
    for (size_t part = 0; part < 2 && !found; part++) {
        struct cells cells;
        cells_init(&cells, space, parts[part][0]);
        while (!found && cells_find(&cells, parts[part][1], x_out)) {
            allowed = true;
            found = !suggest_is_tried(request, x_out);
            cells_step(&cells);
        }
        cells_fini(&cells);
    }
    if (found) {
        return ERR_OK;
    }
    return allowed ? err_set(err, ERR_NOTFOUND, "every point of the space was tried")
                   : err_set(err, ERR_INVALID,
                             "'forbid' rejects all points of the space (100%%), so no "
                             "trial can be suggested");
}

/* Draws until a point will do; false when that looks hopeless. */
static bool draw_point(const struct suggest_request *request,
                       struct rng *streams,
                       double *x_out,
                       size_t *tried_out,
                       size_t *forbidden_out)
{
    const struct space *space = request->space;
    size_t tried_max = is_searchable(space) ? TRIED_MAX : DRAWS_MAX;
    *tried_out = 0;
    *forbidden_out = 0;
    while (*tried_out < tried_max && *tried_out + *forbidden_out < DRAWS_MAX) {
        for (size_t i = 0; i < space->len; i++) {
            x_out[i] = draw(space, i, &streams[i]);
        }
        space_prune(space, x_out);
        if (space_is_forbidden(space, x_out)) {
            ++*forbidden_out;
        } else if (suggest_is_tried(request, x_out)) {
            ++*tried_out;
        } else {
            return true;
        }
    }
    return false;
}

enum err_code fresh_point(const struct suggest_request *request,
                          enum rng_purpose purpose,
                          double *x_out,
                          struct err *err)
{
    const struct space *space = request->space;
    struct rng *AUTO_FREE streams = mem_alloc_array(space->len, sizeof *streams);
    for (size_t i = 0; i < space->len; i++) {
        streams[i] = rng_stream(request->seed, request->trial,
                                str_from(space->params[i].name), purpose);
    }
    size_t tried = 0;
    size_t forbidden = 0;
    if (draw_point(request, streams, x_out, &tried, &forbidden)) {
        return ERR_OK;
    }
    enum err_code code = search(request, purpose, x_out, err);
    if (code != ERR_UNSUPPORTED) {
        return code;
    }
    double all = (double)(tried + forbidden) / 100.0;
    return tried == 0
               ? err_set(err, ERR_INVALID,
                         "'forbid' rejected all of %d random points (100%%), so "
                         "no trial can be suggested",
                         DRAWS_MAX)
               : err_set(err, ERR_INVALID,
                         "none of %d random points can be suggested: 'forbid' "
                         "rejected %.1f%%, %.1f%% were tried before",
                         DRAWS_MAX, (double)forbidden / all, (double)tried / all);
}
