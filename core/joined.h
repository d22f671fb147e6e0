/* SPDX-License-Identifier: Apache-2.0 */
/* joined.h – the objective's history over the attempts of one trial.
 *
 * An attempt that resumed from a checkpoint goes on where an earlier one was. The
 * trial's history is then the newest attempt's points and, of the attempts before it,
 * the points below the first (least) step of every later one; it reaches back to the
 * newest attempt that is known to have started without a checkpoint.
 *
 * Kept for trials of sweeps with `run.checkpoint` until they finish or are pruned. An
 * attempt costs some 100 bytes, and where the objective is the least or greatest of all
 * steps up to JOINED_BEST_MAX points that were better than all at lower steps. Beyond
 * that older ones are thinned: a resume from far back may then find a value that is a
 * little worse than the best one below its first step, never one that was not reported.
 *
 * The order in which points come does not matter, nor does it when one comes twice. */
#ifndef CORE_JOINED_H
#define CORE_JOINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/times.h"
#include "base/vec.h"
#include "core/sweep_spec.h"

struct agent;

#define JOINED_BEST_MAX 512u

struct joined_best {
    int64_t step;
    double value;
};

/* One attempt's points of the objective. */
struct joined_part {
    uint32_t attempt;
    bool resumed;       /* it is known to have gone on from a checkpoint */
    bool any;           /* a point came; first … last mean something */
    int64_t first_step; /* least */
    int64_t last_step;  /* greatest, and of several the one numbered last */
    uint64_t last_seq;
    double last;
    VEC(struct joined_best) best; /* by step, each better than all before */
};

struct joined {
    VEC(struct joined_part) parts; /* by attempt */
    struct agent *holder;          /* where an attempt started last; NULL: nowhere */
    /* not recorded: */
    bool waits;              /* sched.c: queued, waits for the holder … */
    struct mono waits_until; /* … so long, then begins elsewhere */
};

struct joined *joined_create(void);
/* NULL allowed. */
void joined_destroy(struct joined *joined);

/* A newer attempt than all before. */
void joined_assigned(struct joined *joined, uint32_t attempt);
/* It started; what lies behind a fresh start is forgotten. */
void joined_started(struct joined *joined, uint32_t attempt, bool resumed);

struct joined_point {
    uint32_t attempt;
    uint64_t seq; /* number among the attempt's entries */
    int64_t step;
    double value; /* may be NaN, which is never best */
};

/* Points of attempts that are not, or no longer, part of it are left out. */
void joined_add(struct joined *joined,
                const struct objective *objective,
                struct joined_point point);

/* The objective as the sweep file says it is read, over the history that ends with the
 * newest attempt. False when there is no point. *value_out may be NaN. */
bool joined_value(const struct joined *joined,
                  const struct objective *objective,
                  double *value_out,
                  int64_t *step_out);

#endif
