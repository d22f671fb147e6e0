/* SPDX-License-Identifier: Apache-2.0 */
/* engine_rig.h – the engine on a bench: events in, messages and records kept to look
 * at.
 *
 * Time moves only when told. Suggestions are answered at once by a sampler that gives
 * n = trial number. Every record is kept, so that a restart can be tried at any point;
 * engine_check runs after every step.
 */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "core/engine.h"
#include "core/outbox.h"

#define RIG_LEASE_MS 30000

/* "random" counts up; "learning" says in its points what it knew and has an option of
 * each kind. */
extern const struct sampler_registry rig_samplers;

struct rig_sent {
    uint64_t peer;
    struct message message; /* what it owned has been released: look at plain members */
};

struct rig {
    struct engine *engine;
    const struct pruner_registry *pruners;
    int64_t now_ms;
    bool auto_suggest;            /* true: FX_SUGGEST is answered at once */
    uint32_t points;              /* the sampler is exhausted after so many; 0: never */
    VEC(struct record *) records; /* all that was persisted, in order */
    VEC(struct rig_sent) sent;    /* since rig_clear */
    VEC(struct fx_sweep_ended) ended;
    VEC(struct fx_suggest) suggests;
    struct verdict verdict;   /* first one of the last welcome */
    enum err_code reply_code; /* the last reply */
    char reply[512];
    bool drained;
};

void rig_init(struct rig *rig);
/* With rules of early stopping. */
void rig_init_with(struct rig *rig, const struct pruner_registry *pruners);
void rig_fini(struct rig *rig);
/* Forgets messages, suggestions and ends seen so far. */
void rig_clear(struct rig *rig);

/* Fills in the times, steps, checks, and follows up suggestions. */
void rig_step(struct rig *rig, struct event event);
void rig_advance(struct rig *rig, int64_t ms); /* moves time, then EV_TICK */
/* A new engine, replayed from the kept records, then EV_START. */
void rig_restart(struct rig *rig);

/* Submits the text of a sweep file; the reply is in rig->reply. */
void rig_submit(struct rig *rig, const char *text);
void rig_steer(struct rig *rig, enum steer_verb verb, const char *sweep);

/* An agent says hello over `peer`, holding nothing. */
void rig_hello(
    struct rig *rig, uint64_t peer, const char *id, uint64_t boot, uint32_t slots);
void rig_hello_held(struct rig *rig,
                    uint64_t peer,
                    const char *id,
                    uint64_t boot,
                    uint32_t slots,
                    const struct held_attempt *held,
                    size_t held_len);

/* Reports of one attempt; seq counts from first_seq. */
void rig_started(struct rig *rig, uint64_t peer, struct attempt_key key, uint64_t seq);
void rig_point(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               uint64_t seq,
               const char *name,
               double value);
void rig_ended(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               uint64_t seq,
               enum attempt_end end);
/* started, one point of `metric` and a clean exit in one report. */
void rig_whole(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               const char *metric,
               double value);

/* The n-th (from 0) message of that kind since rig_clear, or NULL. */
const struct message *
rig_message(const struct rig *rig, enum message_kind kind, size_t n);
size_t rig_count(const struct rig *rig, enum message_kind kind);
/* Records of that kind kept so far. */
size_t rig_records(const struct rig *rig, enum record_kind kind);

/* The sweep named, which must exist. */
struct sweep_summary rig_summary(const struct rig *rig, const char *ref);

#endif
