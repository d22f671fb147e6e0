/* SPDX-License-Identifier: Apache-2.0 */
/* trial_model.h – what a trial's program will do: a function of the seed and the
 * attempt, so that the oracle can know it too. */
#ifndef TESTS_SIM_TRIAL_MODEL_H
#define TESTS_SIM_TRIAL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ids.h"

struct sim;

enum trial_kind {
    TRIAL_GOOD,    /* prints points, exits with 0 */
    TRIAL_FAILS,   /* … exits with 3 */
    TRIAL_CRASHES, /* … is ended by a signal */
    TRIAL_NAN,     /* … the last value is not a number */
    TRIAL_SILENT,  /* prints nothing, exits with 0 */
    TRIAL_HANGS,   /* prints, then does nothing until it is stopped */
    TRIAL_NO_EXEC, /* there is no such program */
    TRIAL_KIND_NR
};

struct trial_plan {
    enum trial_kind kind;
    int64_t start_ms;          /* until its program runs */
    uint32_t points;           /* of each metric */
    int64_t interval_ms;       /* between lines */
    int64_t tail_ms;           /* from the last line to the exit */
    bool ignores_term;         /* until it is killed */
    int64_t term_ms;           /* from TERM to the exit otherwise */
    int32_t term_exit;         /* exit code after TERM; -1: ended by the signal */
    bool notes;                /* logs a parameter and a tag */
    uint32_t checkpoint_every; /* steps; where the sweep has checkpoints */
};

/* Metrics every program prints. */
#define TRIAL_METRICS 2u
extern const char *const trial_metric_names[TRIAL_METRICS]; /* the objective first */

struct trial_plan trial_plan_of(const struct sim *sim, struct attempt_key key);

/* What the attempt's program prints as metric `name` at `step`. */
double trial_value_of(const struct sim *sim,
                      struct attempt_key key,
                      unsigned name,
                      int64_t step);

#endif
