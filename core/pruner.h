/* SPDX-License-Identifier: Apache-2.0 */
/* pruner.h – the contract between the engine and a rule of early stopping.
 *
 * A rule is a pure function of its view, called after each report of a running trial
 * that brought a new step. What it may look at is what a restart and a replay can bring
 * back: the trial's own curve, the rung entries of all trials in their order of
 * arrival, and the curves of finished trials. The caller records the entries a verdict
 * names and adds them to the table.
 */
#ifndef CORE_PRUNER_H
#define CORE_PRUNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "core/curves.h"
#include "core/option.h"

/* Rungs that one report can pass. */
#define PRUNE_RUNGS_MAX 64

struct pruner_ops;

/* A rule with its options. Rules that hold others stand before them in one array, the
 * held ones side by side. */
struct stop_rule {
    const struct pruner_ops *ops;
    double *options; /* one for each of ops->options, owned */
    uint16_t leaf;   /* its index in the array */
    uint16_t first_child, children_len;
};

/* The rules of a sweep; rules[0] decides. Zeroed: none. */
struct stop_rules {
    struct stop_rule *rules; /* owned */
    size_t len;
};

struct prune_view {
    const struct stop_rule *rules;       /* the whole array */
    const struct stop_rule *rule;        /* the one that is asked */
    const char *sweep;                   /* its name, for brackets */
    bool maximize;                       /* losses are the negated metric */
    uint32_t trial;                      /* number */
    const struct curve *own;             /* the trial's, not empty */
    int64_t newest;                      /* the step that came with the report */
    const struct curve *const *finished; /* of trials that finished, in order of ends */
    const uint32_t *finished_trials;     /* their numbers */
    const double *finished_losses;       /* their objective */
    size_t finished_len;
    const struct rung_table *rungs;
};

struct prune_rung {
    struct rung_key key;
    double loss;
};

struct prune_verdict {
    bool stop;
    const char *rule;  /* name of the rule that decided; static */
    int32_t rung;      /* -1: it has none */
    int64_t step;      /* the step it was decided at */
    double value;      /* loss that was compared … */
    double threshold;  /* … with this; NaN: there is none (divergence) */
    uint32_t compared; /* trials it was compared with */
    struct prune_rung reached[PRUNE_RUNGS_MAX]; /* to record, also when it stops */
    size_t reached_len;
};

/* A threshold that an agent can apply by itself: stop a trial whose value at its first
 * report from `step` on is worse than `loss`. */
struct prune_limit {
    struct rung_key key;
    int64_t step;
    double loss;
};

struct pruner_ops {
    const char *name;
    const char *summary; /* one line for `plan` and the docs */
    const struct option_def *options;
    size_t options_len;
    size_t children_min, children_max; /* rules it holds */

    /* A value that is not a number is for the rule to judge; otherwise it ends the
     * trial at once, whatever the rule says. */
    bool judges_nan;

    /* Options that do not fit together; the message names them. May be NULL. */
    enum err_code (*check)(const double *options, struct err *err);

    /* *verdict_out is zeroed but for rung = -1 and rule = the name. */
    void (*decide)(const struct prune_view *view, struct prune_verdict *verdict_out);

    /* Steps at which the rule looks, ascending, at most `max` of them, for trials of
     * `longest` steps; gives their number. NULL: at each report. */
    size_t (*rungs)(const struct stop_rule *rule,
                    uint16_t bracket,
                    int64_t longest,
                    int64_t *steps_out,
                    size_t max);

    /* What an agent can decide while it is cut off: at most `max` limits; gives their
     * number. NULL: nothing. */
    size_t (*limits)(const struct prune_view *view,
                     struct prune_limit *limits_out,
                     size_t max);
};

struct pruner_registry {
    const struct pruner_ops *const *ops;
    size_t len;
};

/* Stops nothing; always known. */
extern const struct pruner_ops pruner_none;

/* NULL when there is none of that name; registry NULL: only `none`. */
const struct pruner_ops *pruner_find(const struct pruner_registry *registry,
                                     const char *name);

/* Asks the rule of the view (zeroing the verdict first). */
void pruner_decide(const struct prune_view *view, struct prune_verdict *verdict_out);

/* As pruner_decide; but a newest value that is not a number ends the trial, by a rule
 * `diverged`, unless the rule judges such values itself. */
void pruner_judge(const struct prune_view *view, struct prune_verdict *verdict_out);

/* As pruner_decide, of the rule's n-th child; entries to record are added to the
 * verdict's. */
void pruner_decide_child(const struct prune_view *view,
                         uint16_t n,
                         struct prune_verdict *verdict);

void stop_rules_fini(struct stop_rules *rules);

#endif
