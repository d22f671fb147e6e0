/* SPDX-License-Identifier: Apache-2.0 */
/* pruners.h – the single rules, for registry.c and their own tests. */
#ifndef PRUNERS_PRUNERS_H
#define PRUNERS_PRUNERS_H

#include "core/pruner.h"

/* The rule that needs no options; see auto.c. */
extern const struct pruner_ops pruner_auto;
/* Stops when one of the rules it holds does. */
extern const struct pruner_ops pruner_any;
/* Against the finished trials' values at the same step; see median.c. */
extern const struct pruner_ops pruner_median;
extern const struct pruner_ops pruner_percentile;
/* Successive halving without waiting; see asha.c. */
extern const struct pruner_ops pruner_asha;
extern const struct pruner_ops pruner_hyperband;
/* Fixed limits. */
extern const struct pruner_ops pruner_threshold;
/* No improvement for some reports. */
extern const struct pruner_ops pruner_patience;
/* Folds or seeds compared in pairs with the best trial's; see wilcoxon.c. */
extern const struct pruner_ops pruner_wilcoxon;

/* True when the newest step is the trial's last, and the first it reported at or behind
 * the latest multiple of `interval` counted from `warmup`. */
bool interval_is_due(const struct prune_view *view, double warmup, double interval);

/* The last value, NaN if that is what was reported. */
double curve_last(const struct curve *curve);

/* The least value of the first `len`, NaN left out; NaN when there is none. */
double losses_least(const double *losses, size_t len);

/* The k-th least (from 0, k < len) of losses without NaN, which are reordered. */
double losses_kth(double *losses, size_t len, size_t k);

#endif
