/* SPDX-License-Identifier: Apache-2.0 */
/* combine.c – any of several rules.
 * Owns nothing. Knows that every rule must be asked, since each records its rungs. */
#include "pruners/pruners.h"

/* The first rule that stops gives its reason; those behind it still record. */
static void any_decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    struct prune_verdict first = { .stop = false };
    for (uint16_t i = 0; i < view->rule->children_len; i++) {
        pruner_decide_child(view, i, verdict);
        if (verdict->stop && !first.stop) {
            first = *verdict;
        }
    }
    if (first.stop) {
        size_t reached_len = verdict->reached_len; /* includes the first's */
        for (size_t i = 0; i < reached_len; i++) {
            first.reached[i] = verdict->reached[i];
        }
        first.reached_len = reached_len;
        *verdict = first;
    }
}

const struct pruner_ops pruner_any = {
    .name = "any",
    .summary = "stops when one of several rules does",
    .children_min = 1,
    .children_max = 8,
    .decide = any_decide,
};
