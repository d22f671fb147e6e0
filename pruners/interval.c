/* SPDX-License-Identifier: Apache-2.0 */
/* interval.c – when a rule looks, and at what of the trial's own curve.
 * Owns nothing. Knows curves. Does not know rules. */
#include <math.h>

#include "pruners/pruners.h"

bool interval_is_due(const struct prune_view *view, double warmup, double interval)
{
    const struct curve *own = view->own;
    double step = (double)own->steps[own->len - 1];
    if (step < warmup) {
        return false;
    }
    double due = warmup + interval * floor((step - warmup) / interval);
    double before = own->len > 1 ? (double)own->steps[own->len - 2] : -1;
    return before < due;
}

double curve_last(const struct curve *curve)
{
    return curve->losses[curve->len - 1];
}

double losses_least(const double *losses, size_t len)
{
    double least = (double)NAN;
    for (size_t i = 0; i < len; i++) {
        if (!isnan(losses[i]) && !(losses[i] >= least)) {
            least = losses[i];
        }
    }
    return least;
}
