/* SPDX-License-Identifier: Apache-2.0 */
/* median.c – a trial whose best so far is worse than a percentile of what finished
 * trials had at the same step.
 * Owns nothing. Knows finished curves. Does not know running or stopped trials: the
 * reference is made of those that were allowed to finish. */
#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "pruners/pruners.h"

enum {
    STARTUP,
    WARMUP,
    INTERVAL,
    MIN_TRIALS,
    PERCENTILE
};

#define COMMON_OPTIONS                                                                 \
    { .name = "startup_trials",                                                        \
      .kind = OPTION_INT,                                                              \
      .preset = 5,                                                                     \
      .low = 0,                                                                        \
      .high = 1e6,                                                                     \
      .summary = "finished trials before it acts" },                                   \
        { .name = "warmup",                                                            \
          .kind = OPTION_INT,                                                          \
          .preset = 0,                                                                 \
          .low = 0,                                                                    \
          .high = 1e15,                                                                \
          .summary = "steps of each trial before it acts" },                           \
        { .name = "interval",                                                          \
          .kind = OPTION_INT,                                                          \
          .preset = 1,                                                                 \
          .low = 1,                                                                    \
          .high = 1e15,                                                                \
          .summary = "steps between two looks" },                                      \
    {                                                                                  \
        .name = "min_trials", .kind = OPTION_INT, .preset = 1, .low = 1, .high = 1e6,  \
        .summary = "finished trials with a value at the step"                          \
    }

static const struct option_def median_options[] = { COMMON_OPTIONS };
static const struct option_def percentile_options[] = {
    COMMON_OPTIONS,
    { .name = "percentile",
      .kind = OPTION_FLOAT,
      .preset = 25,
      .low = 0,
      .high = 100,
      .summary = "keep trials as good as this share of the finished ones" },
};

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* Linear between order statistics; values are sorted, len > 0. */
static double percentile_of(const double *values, size_t len, double percentile)
{
    double place = (double)(len - 1) * percentile / 100.0;
    size_t low = (size_t)place;
    size_t high = low + 1 < len ? low + 1 : low;
    return values[low] + (values[high] - values[low]) * (place - (double)low);
}

/* The reference at the step; NaN: too few values. */
static double reference(const struct prune_view *view,
                        int64_t step,
                        double percentile,
                        uint32_t *compared)
{
    AUTO_FREE double *values = mem_alloc_array(view->finished_len, sizeof *values);
    size_t with = 0;
    size_t len = 0;
    for (size_t i = 0; i < view->finished_len; i++) {
        double loss = 0;
        if (curve_at(view->finished[i], step, &loss)) {
            with++;
            if (!isnan(loss)) {
                values[len++] = loss;
            }
        }
    }
    *compared = (uint32_t)len;
    if ((double)with < view->rule->options[MIN_TRIALS] || len == 0) {
        return (double)NAN;
    }
    qsort(values, len, sizeof *values, compare_doubles);
    return percentile_of(values, len, percentile);
}

static void decide_by(const struct prune_view *view,
                      double percentile,
                      struct prune_verdict *verdict)
{
    const double *options = view->rule->options;
    const struct curve *own = view->own;
    if (view->finished_len == 0 || (double)view->finished_len < options[STARTUP]
        || !interval_is_due(view, options[WARMUP], options[INTERVAL])) {
        return;
    }
    double best = losses_least(own->losses, own->len);
    verdict->value = best;
    if (isnan(best)) {
        verdict->stop = true; /* nothing but NaN so far */
        return;
    }
    verdict->threshold =
        reference(view, own->steps[own->len - 1], percentile, &verdict->compared);
    verdict->stop = best > verdict->threshold;
}

static void median_decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    decide_by(view, 50, verdict);
}

static void percentile_decide(const struct prune_view *view,
                              struct prune_verdict *verdict)
{
    decide_by(view, view->rule->options[PERCENTILE], verdict);
}

const struct pruner_ops pruner_median = {
    .name = "median",
    .summary = "stops a trial whose best is worse than the finished trials' median at "
               "the same step",
    .options = median_options,
    .options_len = ARRAY_LEN(median_options),
    .decide = median_decide,
};

const struct pruner_ops pruner_percentile = {
    .name = "percentile",
    .summary = "as median, with a percentile of your choice",
    .options = percentile_options,
    .options_len = ARRAY_LEN(percentile_options),
    .decide = percentile_decide,
};
