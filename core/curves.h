/* SPDX-License-Identifier: Apache-2.0 */
/* curves.h – what early stopping looks at: the curve of each trial, and the values that
 * trials had when they reached a rung of a rule.
 *
 * Losses: less is better; the objective or `stop.metric` is negated when it is
 * maximised. Not thread-safe.
 */
#ifndef CORE_CURVES_H
#define CORE_CURVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "core/ids.h"

/* One trial's values by step, ascending. Of several values of a step the first stays.
 */
struct curve {
    size_t len;
    int64_t *steps;
    double *losses; /* may be NaN or infinite */
    /* private: */
    size_t cap;
};

void curve_fini(struct curve *curve);

/* False when the step is negative, was reported before, or the curve is full
 * (CURVE_STEPS_MAX). Steps may come in any order. */
bool curve_add(struct curve *curve, int64_t step, double loss);

/* Forgets everything from this step on. */
void curve_cut(struct curve *curve, int64_t step);

/* The value at exactly this step; false when there is none. */
bool curve_at(const struct curve *curve, int64_t step, double *loss_out);

/* A value that a trial had when it reached a rung, in the order of arrival. */
struct rung_entry {
    uint32_t trial;
    double loss;
};

/* One rung of one rule: `leaf` is the rule's number in its tree, `bracket` is
 * Hyperband's (0 elsewhere). */
struct rung_key {
    uint16_t leaf;
    uint16_t bracket;
    uint16_t number;
};

struct rung {
    struct rung_key key;
    VEC(struct rung_entry) entries;
    VEC(uint64_t) members; /* bit of each trial that is among them */
};

/* True when the trial has an entry. */
bool rung_has(const struct rung *rung, uint32_t trial);

/* A value that a rule demands of a trial's first report from `step` on. */
struct limit {
    uint32_t rung;
    int64_t step;
    double value; /* of the metric; as good will do */
};

/* What is demanded of an attempt at its next rungs, as its agent is told. */
struct limits {
    struct attempt_key key;
    const char *rule;
    const char *metric;
    bool maximize;
    const struct limit *items; /* by step */
    size_t len;
};

struct rung_table {
    VEC(struct rung) rungs;
};

void rung_table_fini(struct rung_table *table);

/* NULL when no trial has reached it. */
const struct rung *rung_table_find(const struct rung_table *table, struct rung_key key);

/* The first entry of a trial counts; a further one is ignored. */
void rung_table_add(struct rung_table *table,
                    struct rung_key key,
                    struct rung_entry entry);

#endif
