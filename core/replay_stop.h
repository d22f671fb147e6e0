/* SPDX-License-Identifier: Apache-2.0 */
/* replay_stop.h – derives the decisions of early stopping again; a part of
 * replay_check.c, which alone uses it.
 *
 * The records of one sweep are given in order, each before the engine applies it. The
 * first that a rule made of a trial at a step leads to its verdict; it and those behind
 * it must be what the verdict says.
 */
#ifndef CORE_REPLAY_STOP_H
#define CORE_REPLAY_STOP_H

#include <stdint.h>

#include "base/vec.h"
#include "core/engine.h"
#include "core/pruner.h"
#include "core/replay_check.h"

/* What an attempt's curve holds of its points already. */
struct replay_fed {
    uint32_t attempt;
    uint64_t seq;
};

struct replay_stop {
    replay_points_fn points; /* NULL: points come as records */
    void *points_ctx;
    replay_difference_fn fn;
    void *ctx;
    VEC(struct replay_fed) fed; /* by trial */
    struct attempt_key key;     /* of the verdict */
    uint32_t stop_missed;       /* number + 1 of the trial whose stop was missed last */
    struct prune_verdict verdict;
    size_t next;      /* entry of the verdict that the next record must be */
    bool waiting;     /* … there is one */
    uint64_t derived; /* stops */
    struct replay_points got;
};

void replay_stop_fini(struct replay_stop *stop);

/* The engine has taken in all records before this one of the sweep. */
void replay_stop_record(struct replay_stop *stop,
                        struct engine *engine,
                        const struct record *record);

/* After the last record. */
void replay_stop_finish(struct replay_stop *stop, const struct engine *engine);

#endif
