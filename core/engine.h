/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h – the coordinator's brain: pure, single-threaded, deterministic.
 *
 *     engine_create → engine_replay(record)* → engine_step(EV_START) → engine_step(…)*
 *
 * engine_step decides and appends effects; the shell carries them out in order
 * (core/outbox.h), FX_PERSIST through the store. The same sequence of events gives the
 * same effects, bit for bit. Nothing here fails for lack of memory (mem.h aborts) and
 * nothing from outside makes it assert.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/times.h"
#include "core/effect.h"
#include "core/event.h"
#include "core/sampler.h"
#include "core/suggest.h"
#include "core/sweep_spec.h"

struct engine;

struct engine_config {
    int64_t lease_ms;                        /* silence after which an agent is gone */
    const struct sampler_registry *samplers; /* borrowed for the engine's life */
    const struct pruner_registry *pruners;   /* … likewise; NULL: no early stopping */
    const char *home_id;                     /* copied */
    uint64_t next_run_key;                   /* first run key not in use, at least 1 */
};

struct engine *engine_create(const struct engine_config *config);
void engine_destroy(struct engine *engine);

/* Applies one stored record: state changes, no effects. Records of one home in order.
 * ERR_CORRUPT when the record does not fit what came before; the sweep is then set
 * aside (shown as failed with the cause) and the others go on. */
MUST_USE
enum err_code
engine_replay(struct engine *engine, const struct record *record, struct err *err);

/* Takes in one event; appends effects in order. */
void engine_step(struct engine *engine,
                 const struct event *event,
                 struct effects *effects);

/* When EV_TICK is due; false when nothing is. */
bool engine_deadline(const struct engine *engine, struct mono *deadline_out);

/* Checks every invariant between sweeps, trials, attempts and agents; aborts with the
 * first that does not hold. For tests and simulation. */
void engine_check(const struct engine *engine);

/* What progress displays need of one sweep. */
struct sweep_summary {
    uint32_t sweep;
    struct run_id run_id;
    const char *name; /* borrowed from the engine */
    enum sweep_state state;
    const char *cause;   /* borrowed, NULL when none */
    bool paused_by_user; /* else it paused itself */
    uint32_t counts[TRIAL_STATE_NR];
    uint64_t trials_total; /* 0: bounded by time only */
    bool has_best;
    double best_value;
    uint32_t best_trial;
    int64_t elapsed_ms; /* time a coordinator ran it */
};

/* ERR_NOTFOUND when there is no such sweep. ref as in ev_steer.sweep. */
MUST_USE
enum err_code engine_find_sweep(const struct engine *engine,
                                const char *ref,
                                uint32_t *sweep_out,
                                struct err *err);
void engine_summary(const struct engine *engine,
                    uint32_t sweep,
                    struct sweep_summary *summary_out);

/* The parsed spec of a sweep, for running its sampler; borrowed, immutable, valid for
 * the engine's life. */
const struct sweep_spec *engine_spec(const struct engine *engine, uint32_t sweep);

/* What the sampler of the sweep with this key may look at when FX_SUGGEST names this
 * revision. Borrowed: valid and unchanged from FX_SUGGEST to its EV_SUGGESTED, and for
 * an engine that only replays until the next record. */
struct suggest_known
engine_known(struct engine *engine, uint32_t key, uint32_t revision);

/* The points of the trials below `before` that were open when the history had `rows`
 * rows, by number, with room for `room` more; *len_out of them. Owned by the caller.
 * Time grows with the number of trials. */
struct open_points_of {
    size_t rows;
    uint32_t before;
    uint32_t room;
};
double *engine_open_points(const struct engine *engine,
                           uint32_t key,
                           struct open_points_of of,
                           size_t *len_out);

/* The same of one of its revisions, 1 ≤ revision ≤ the newest. */
const struct sweep_spec *
engine_revision_spec(const struct engine *engine, uint32_t sweep, uint32_t revision);

/* After replay: names the finished trials whose curves early stopping needs, each by
 * its newest attempt, run and metric. */
typedef void (*engine_curve_fn)(void *ctx,
                                struct attempt_key key,
                                uint64_t run_key,
                                const char *metric);
void engine_each_curve(const struct engine *engine, engine_curve_fn fn, void *ctx);
/* Gives the points of that metric. Also while only replaying. */
void engine_replay_curve(struct engine *engine,
                         struct attempt_key key,
                         const int64_t *steps,
                         const double *values,
                         size_t len);

/* Agents that are connected now, and attempts assigned to all agents. */
size_t engine_agents_connected(const struct engine *engine);
size_t engine_attempts_live(const struct engine *engine);

#endif
