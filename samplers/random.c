/* SPDX-License-Identifier: Apache-2.0 */
/* random.c – independent draws from the space.
 * Owns nothing. Knows how each kind of parameter is drawn. Does not know history.
 *
 * Every parameter has a stream of its own, named by (seed, trial, parameter), so adding
 * a parameter changes no other's values. A forbidden point is drawn again from the same
 * streams. Floats are uniform on their scale; stepped values, ints and choices uniform
 * over their values; ints on a log scale uniform in log over [low - 1/2, high + 1/2]
 * and then rounded, so that the bounds are as likely as their neighbours suggest. */
#include "samplers/samplers.h"

#include "base/mem.h"
#include "base/rng.h"
#include "core/logscale.h"

enum {
    TRIES_MAX = 10000
};

static double draw_log(struct rng *rng, double low, double high)
{
    double from = logscale_log(low);
    double to = logscale_log(high);
    return logscale_exp(from + rng_uniform(rng) * (to - from));
}

static double draw(const struct space *space, size_t i, struct rng *rng)
{
    const struct param *param = &space->params[i];
    uint64_t levels = space_cardinality(space, i);
    if (param->kind == PARAM_INT && param->log) {
        return space_snap(space, i, draw_log(rng, param->low - 0.5, param->high + 0.5));
    }
    if (levels > 0) {
        return space_grid_at(space, i, rng_below(rng, levels));
    }
    if (param->log) {
        return space_snap(space, i, draw_log(rng, param->low, param->high));
    }
    double share = rng_uniform(rng);
    return space_snap(space, i, param->low + share * (param->high - param->low));
}

static enum err_code random_suggest(const struct suggest_request *request,
                                    double *x_out,
                                    uint64_t *cursor_out,
                                    struct err *err)
{
    const struct space *space = request->space;
    struct rng *AUTO_FREE streams = mem_alloc_array(space->len, sizeof *streams);
    for (size_t i = 0; i < space->len; i++) {
        streams[i] = rng_stream(request->seed, request->trial,
                                str_from(space->params[i].name), RNG_SUGGEST);
    }
    for (size_t try = 0; try < TRIES_MAX; try++) {
        for (size_t i = 0; i < space->len; i++) {
            x_out[i] = draw(space, i, &streams[i]);
        }
        space_prune(space, x_out);
        if (!space_is_forbidden(space, x_out)) {
            *cursor_out = request->cursor;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID,
                   "'forbid' rejected all of %d random points (100%%), so no trial can "
                   "be suggested",
                   TRIES_MAX);
}

const struct sampler_ops sampler_random = {
    .name = "random",
    .summary = "independent draws; the same seed gives the same trials",
    .learns = false,
    .immediate = true,
    .check = NULL,
    .count = NULL,
    .suggest = random_suggest,
};
