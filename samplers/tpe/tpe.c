/* SPDX-License-Identifier: Apache-2.0 */
/* tpe.c – the sampler that learns where good points lie, a tree-structured Parzen
 * estimator (Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter
 * optimization", NIPS 2011) over all parameters jointly.
 * Owns nothing. Knows the options and when to use the model. Does not know densities
 * (model.c, parzen.c).
 *
 * The first trials are random. Then the trials known are split into a few good ones and
 * the others, candidates are drawn near the good ones, and the one is suggested whose
 * density among the good is highest compared with that among the others.
 * docs/samplers.md tells it in full. */
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "samplers/fresh.h"
#include "samplers/samplers.h"
#include "samplers/tpe/model.h"

enum {
    ROUNDS_MAX = 16, /* sets of candidates when all of one are forbidden or tried */
    LEARNED_MIN = 2  /* trials the model needs, whatever `startup_trials` says */
};

enum tpe_option {
    OPTION_STARTUP_TRIALS,
    OPTION_CANDIDATES,
    OPTION_GAMMA,
    OPTION_MULTIVARIATE,
    OPTION_GROUP,
    OPTION_PRIOR_WEIGHT,
    OPTION_NR
};

static const struct option_def options[] = {
    [OPTION_STARTUP_TRIALS] = { .name = "startup_trials",
                                .kind = OPTION_INT,
                                .preset = 10,
                                .low = 1,
                                .high = 1e6,
                                .summary = "random trials to begin with" },
    [OPTION_CANDIDATES] = { .name = "candidates",
                            .kind = OPTION_INT,
                            .preset = 24,
                            .low = 1,
                            .high = 10000,
                            .summary = "points drawn to choose one from" },
    [OPTION_GAMMA] = { .name = "gamma",
                       .kind = OPTION_FLOAT,
                       .preset = 0.1,
                       .low = 0.001,
                       .high = 0.5,
                       .summary = "share of trials that count as good, at most 25" },
    [OPTION_MULTIVARIATE] = { .name = "multivariate",
                              .kind = OPTION_BOOL,
                              .preset = 1,
                              .high = 1,
                              .summary = "model parameters jointly, not one by one" },
    [OPTION_GROUP] = { .name = "group",
                       .kind = OPTION_BOOL,
                       .preset = 1,
                       .high = 1,
                       .summary = "only those jointly that are active together" },
    [OPTION_PRIOR_WEIGHT] = { .name = "prior_weight",
                              .kind = OPTION_FLOAT,
                              .preset = 1,
                              .low = 0.001,
                              .high = 1000,
                              .summary = "weight of the whole range beside one trial" },
};

static_assert(ARRAY_LEN(options) == OPTION_NR, "an option has no description");

/* Open trials count towards the start: what they will tell was asked at random. */
static bool is_starting(const struct suggest_request *request,
                        const struct split *split,
                        double startup_trials)
{
    size_t learned = split->below_len + split->above_len;
    return learned < LEARNED_MIN
           || (double)(learned + request->open_len) < startup_trials;
}

static bool suggest_learned(const struct suggest_request *request,
                            const struct split *split,
                            const double *values,
                            double *x_out)
{
    const struct model_settings settings = {
        .candidates = (size_t)values[OPTION_CANDIDATES],
        .multivariate = values[OPTION_MULTIVARIATE] != 0,
        .group = values[OPTION_GROUP] != 0,
        .prior_weight = values[OPTION_PRIOR_WEIGHT],
    };
    struct model model;
    bool found = false;
    model_init(&model, request, split, &settings);
    for (size_t round = 0; round < ROUNDS_MAX && !found; round++) {
        found = model_suggest(&model, x_out);
    }
    model_fini(&model);
    return found;
}

static enum err_code tpe_suggest(const struct suggest_request *request,
                                 double *x_out,
                                 uint64_t *cursor_out,
                                 struct err *err)
{
    double values[OPTION_NR];
    option_presets(options, OPTION_NR, values);
    if (request->options != NULL) {
        memcpy(values, request->options, sizeof values);
    }
    double *AUTO_FREE point = mem_alloc_array(request->space->len, sizeof *point);
    struct split split;
    split_init(&split, request->history, request->history_len, values[OPTION_GAMMA]);
    bool found = !is_starting(request, &split, values[OPTION_STARTUP_TRIALS])
                 && suggest_learned(request, &split, values, point);
    split_fini(&split);
    enum err_code code = found ? ERR_OK : fresh_point(request, RNG_STARTUP, point, err);
    if (code == ERR_OK) {
        memcpy(x_out, point, request->space->len * sizeof *point);
        *cursor_out = request->cursor;
    }
    return code;
}

const struct sampler_ops sampler_tpe = {
    .name = "tpe",
    .summary = "learns from finished and pruned trials where good points lie",
    .learns = true,
    .immediate = false,
    .options = options,
    .options_len = ARRAY_LEN(options),
    .suggest = tpe_suggest,
};
