/* SPDX-License-Identifier: Apache-2.0 */
/* replay_check.h – derives a sweep's decisions again from its records and names what
 * differs.
 *
 *     replay_check_create → replay_check_record* → replay_check_finish
 *
 * Every record of the home is given in order. Those of other sweeps are passed over.
 * Each suggestion is made again by the sampler from what the records before it say,
 * each rung and stop by the rule of early stopping from those and the trial's points;
 * all must be the same bit for bit. Every record must fit a fresh engine that has taken
 * in the ones before it.
 */
#ifndef CORE_REPLAY_CHECK_H
#define CORE_REPLAY_CHECK_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/vec.h"
#include "core/ids.h"
#include "core/pruner.h"
#include "core/record.h"
#include "core/sampler.h"

enum replay_subject {
    REPLAY_PARAMETER,  /* a value of a trial's point */
    REPLAY_CURSOR,     /* the sampler's cursor after a trial */
    REPLAY_SUGGESTION, /* nothing could be suggested where a trial is stored */
    REPLAY_RECORD,     /* a record that does not fit what came before */
    REPLAY_RUNG,       /* a trial's entry at a rung */
    REPLAY_STOP,       /* a rule's stop of a trial */
    REPLAY_SUBJECT_NR
};

/* One difference; everything is borrowed for the call. */
struct replay_difference {
    enum replay_subject subject;
    struct attempt_key key; /* of the record; trial 0 where it has none */
    enum record_kind kind;  /* of the record */
    const char *param;      /* REPLAY_PARAMETER: its name; else NULL */
    const char *stored;  /* as text; REPLAY_RECORD: the kind of the record; "nothing":
                            it is missing */
    const char *derived; /* as text; where nothing could be derived: why not */
};

typedef void (*replay_difference_fn)(void *ctx, const struct replay_difference *found);

/* Points of one metric of one attempt. */
struct replay_points {
    VEC(int64_t) steps;
    VEC(double) values;
};

/* Which of them: those of the entries numbered above `behind`, up to `upto`. */
struct replay_ask {
    struct attempt_key key;
    uint64_t run_key;
    const char *metric;
    uint64_t behind, upto;
};

/* Appends them in the order in which they were reported. */
typedef void (*replay_points_fn)(void *ctx,
                                 const struct replay_ask *ask,
                                 struct replay_points *out);

struct replay_check_config {
    struct run_id sweep;                     /* the sweep's run id */
    const struct sampler_registry *samplers; /* borrowed until destroyed */
    const struct pruner_registry *pruners;   /* likewise */
    replay_difference_fn fn;                 /* told of each difference */
    replay_points_fn points; /* NULL: points come as records, where they happened */
    void *ctx;               /* of both */
};

struct replay_summary {
    uint64_t records;     /* of the sweep */
    uint64_t derived;     /* suggestions and enqueued points compared */
    uint64_t stops;       /* of a rule, compared */
    uint64_t differences; /* told of */
};

struct replay_check;

struct replay_check *replay_check_create(const struct replay_check_config *config);
/* NULL is fine. */
void replay_check_destroy(struct replay_check *check);

/* Takes in the next record of the home. */
void replay_check_record(struct replay_check *check, const struct record *record);

/* After the last record. */
void replay_check_finish(struct replay_check *check,
                         struct replay_summary *summary_out);

/* "parameter", "cursor", … static. */
const char *replay_subject_name(enum replay_subject subject);

#endif
