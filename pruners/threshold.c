/* SPDX-License-Identifier: Apache-2.0 */
/* threshold.c – fixed limits on the metric itself.
 * Owns nothing. Knows the metric's own direction. Does not know other trials. */
#include <math.h>

#include "base/compiler.h"
#include "pruners/pruners.h"

enum {
    LOWER,
    UPPER,
    WARMUP,
    INTERVAL
};

static const struct option_def options[] = {
    { .name = "lower",
      .kind = OPTION_FLOAT,
      .preset = -HUGE_VAL,
      .low = -HUGE_VAL,
      .high = HUGE_VAL,
      .summary = "stop below this value of the metric" },
    { .name = "upper",
      .kind = OPTION_FLOAT,
      .preset = HUGE_VAL,
      .low = -HUGE_VAL,
      .high = HUGE_VAL,
      .summary = "stop above this value of the metric" },
    { .name = "warmup",
      .kind = OPTION_INT,
      .low = 0,
      .high = 1e15,
      .summary = "steps of each trial before it acts" },
    { .name = "interval",
      .kind = OPTION_INT,
      .preset = 1,
      .low = 1,
      .high = 1e15,
      .summary = "steps between two looks" },
};

static enum err_code check(const double *values, struct err *err)
{
    return values[LOWER] <= values[UPPER]
               ? ERR_OK
               : err_set(err, ERR_INVALID, "'lower' must not be above 'upper'");
}

static void decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    const double *values = view->rule->options;
    double sign = view->maximize ? -1 : 1;
    double value = sign * curve_last(view->own);
    if (!interval_is_due(view, values[WARMUP], values[INTERVAL])) {
        return;
    }
    verdict->value = sign * value;
    if (isnan(value)) {
        verdict->stop = true;
    } else if (value < values[LOWER]) {
        verdict->stop = true;
        verdict->threshold = sign * values[LOWER];
    } else if (value > values[UPPER]) {
        verdict->stop = true;
        verdict->threshold = sign * values[UPPER];
    }
}

const struct pruner_ops pruner_threshold = {
    .name = "threshold",
    .summary = "stops a trial whose metric leaves fixed limits or is not a number",
    .judges_nan = true,
    .options = options,
    .options_len = ARRAY_LEN(options),
    .check = check,
    .decide = decide,
};
