/* SPDX-License-Identifier: Apache-2.0 */
/* patience.c – no improvement for some reports.
 * Owns nothing. Knows the trial's own curve. Does not know other trials, except through
 * the rule it may hold: that one must agree. */
#include "base/compiler.h"
#include "pruners/pruners.h"

enum {
    PATIENCE,
    MIN_DELTA
};

static const struct option_def options[] = {
    { .name = "patience",
      .kind = OPTION_INT,
      .preset = 5,
      .low = 0,
      .high = 1e6,
      .summary = "reports without improvement that are borne" },
    { .name = "min_delta",
      .kind = OPTION_FLOAT,
      .low = 0,
      .high = 1e300,
      .summary = "an improvement must be greater than this" },
};

static void decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    const struct curve *own = view->own;
    const double *values = view->rule->options;
    size_t recent = (size_t)values[PATIENCE] + 1;
    if (own->len <= recent) {
        return;
    }
    double before = losses_least(own->losses, own->len - recent);
    double after = losses_least(own->losses + own->len - recent, recent);
    bool waited = before + values[MIN_DELTA] < after; /* NaN: no */
    if (view->rule->children_len > 0) {
        if (waited) {
            pruner_decide_child(view, 0, verdict);
        }
        return;
    }
    verdict->value = after;
    verdict->threshold = before + values[MIN_DELTA];
    verdict->stop = waited;
}

const struct pruner_ops pruner_patience = {
    .name = "patience",
    .summary =
        "stops a trial that has not improved for some reports; with `then`, only "
        "if that rule agrees",
    .options = options,
    .options_len = ARRAY_LEN(options),
    .children_max = 1,
    .decide = decide,
};
