/* SPDX-License-Identifier: Apache-2.0 */
/* simulate.h – recorded learning curves replayed through a rule of early stopping: what
 * a sweep would have found, and what it would have cost. Pure: the same request gives
 * the same outcome.
 */
#ifndef PRUNERS_SIMULATE_H
#define PRUNERS_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pruner.h"

/* One whole training as it was recorded. */
struct sim_curve {
    struct curve curve; /* losses; not empty */
    double objective;   /* loss of the whole trial; NaN: it failed */
    double *seconds;    /* since its start, of each report, ascending; NULL: unknown.
                           Owned */
};

void sim_curve_fini(struct sim_curve *curve);

struct sim_request {
    const struct stop_rules *rules; /* len 0: nothing is stopped */
    const struct sim_curve *curves; /* borrowed */
    size_t curves_len;
    bool maximize;     /* the losses are a negated metric */
    uint32_t trials;   /* drawn without repetition, at most curves_len */
    uint32_t parallel; /* trials at once, at least 1 */
    uint64_t seed;     /* which are drawn, and in which order */
};

struct sim_outcome {
    uint32_t trials, stopped;
    double best;                  /* least objective of a trial that was not
                                     stopped; NaN: there is none */
    double best_full;             /* the same if nothing had been stopped */
    double steps, steps_full;     /* sum over the trials of their last steps */
    double seconds, seconds_full; /* from the first start to the last end; where curves
                                     say no seconds, a step takes one */
};

/* Each slot runs the next trial from its first report to its end or its stop; a report
 * at the same moment as another comes in the order of trials. */
void simulate_run(const struct sim_request *request, struct sim_outcome *outcome_out);

/* |best - best_full| / |best_full|; 0 when both are equal, infinite when only the full
 * search found one. */
double sim_outcome_gap(const struct sim_outcome *outcome);

#endif
