/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c – the table of rules.
 * Owns the table. Knows which rules exist. Does not know what they do. */
#include "pruners/registry.h"

#include "base/compiler.h"
#include "pruners/pruners.h"

static const struct pruner_ops *const all[] = {
    &pruner_auto,     &pruner_median,    &pruner_percentile,
    &pruner_asha,     &pruner_hyperband, &pruner_threshold,
    &pruner_patience, &pruner_wilcoxon,  &pruner_any,
};

const struct pruner_registry pruner_registry_all = { .ops = all,
                                                     .len = ARRAY_LEN(all) };
