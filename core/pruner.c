/* SPDX-License-Identifier: Apache-2.0 */
/* pruner.c – looking rules up, asking them, and their trees.
 * Owns trees of rules. Knows the registry it is given. Does not know any rule. */
#include "core/pruner.h"

#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"

static void none_decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    UNUSED(view);
    UNUSED(verdict);
}

const struct pruner_ops pruner_none = {
    .name = "none",
    .summary = "stops nothing",
    .decide = none_decide,
};

const struct pruner_ops *pruner_find(const struct pruner_registry *registry,
                                     const char *name)
{
    for (size_t i = 0; registry != NULL && i < registry->len; i++) {
        if (strcmp(registry->ops[i]->name, name) == 0) {
            return registry->ops[i];
        }
    }
    return strcmp(name, pruner_none.name) == 0 ? &pruner_none : NULL;
}

static void reset(const struct prune_view *view, struct prune_verdict *verdict)
{
    verdict->stop = false;
    verdict->rule = view->rule->ops->name;
    verdict->rung = -1;
    verdict->step = view->newest;
    verdict->value = 0;
    verdict->threshold = (double)NAN;
    verdict->compared = 0;
}

void pruner_decide(const struct prune_view *view, struct prune_verdict *verdict_out)
{
    verdict_out->reached_len = 0;
    reset(view, verdict_out);
    view->rule->ops->decide(view, verdict_out);
}

void pruner_judge(const struct prune_view *view, struct prune_verdict *verdict_out)
{
    double newest = 0;
    pruner_decide(view, verdict_out);
    bool diverged = curve_at(view->own, view->newest, &newest) && isnan(newest);
    if (diverged && !verdict_out->stop && !view->rule->ops->judges_nan) {
        reset(view, verdict_out);
        verdict_out->stop = true;
        verdict_out->rule = "diverged";
        verdict_out->value = (double)NAN;
    }
}

void pruner_decide_child(const struct prune_view *view,
                         uint16_t n,
                         struct prune_verdict *verdict)
{
    struct prune_view inner = *view;
    inner.rule = &view->rules[view->rule->first_child + n];
    reset(&inner, verdict);
    inner.rule->ops->decide(&inner, verdict);
}

void stop_rules_fini(struct stop_rules *rules)
{
    for (size_t i = 0; i < rules->len; i++) {
        mem_free(rules->rules[i].options);
    }
    mem_free(rules->rules);
    *rules = (struct stop_rules){ 0 };
}
