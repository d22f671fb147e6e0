/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h – why a sweep or a trial is as it is now, and what would change it.
 *
 * What the engine knows and the store does not: places in queues, room at agents,
 * connections, leases. An engine that was replayed but not started (no coordinator
 * runs) is asked in the same way; it knows no connections and says so. What happened
 * before is in the store's events.
 */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/vec.h"
#include "core/engine.h"
#include "core/states.h"

/* X(SUFFIX, "name"); names are what scripts see and are never changed. */
#define EXPLAIN_REASONS(X)                                                             \
    /* of a sweep, and of a trial that waits */                                        \
    X(OVER, "over")                     /* final, or about to be */                    \
    X(PAUSED, "paused")                 /* by a user or by itself */                   \
    X(NO_COORDINATOR, "no_coordinator") /* the engine is not started */                \
    X(ASK_TELL, "ask_tell")             /* somebody outside evaluates its points */    \
    X(DISK_FULL, "disk_full")                                                          \
    X(SHUTTING_DOWN, "shutting_down")                                                  \
    X(NO_AGENT, "no_agent")       /* none is connected, or all are leaving */          \
    X(RESOURCES, "resources")     /* no connected agent can ever give them */          \
    X(BUDGET, "budget")           /* the rest of a budget that was lowered is taken */ \
    X(BEHIND, "behind")           /* the head of the queue needs other room */         \
    X(PARALLEL, "parallel")       /* run.parallel is reached */                        \
    X(AGENTS_FULL, "agents_full") /* all that could are at work */                     \
    X(ASIDE, "aside")             /* who could is set aside: all failed there */       \
    X(OTHER_SWEEP, "other_sweep") /* the next free slot goes to another sweep */       \
    X(SUSPECT, "suspect")         /* queued again, its attempt may still come back */  \
    X(CHECKPOINT, "checkpoint")   /* waits for the agent that has its checkpoint */    \
    X(SAMPLER, "sampler")         /* waits for suggestions */                          \
    X(BACK_OFF, "back_off")       /* run.retry.backoff after a failure */              \
    X(UNDER_WAY, "under_way")     /* open trials cover what is left */                 \
    X(WORKING, "working")         /* attempts run */                                   \
    /* of a trial that was given out */                                                \
    X(STOP_ASKED, "stop_asked")                                                        \
    X(AWAY, "away")             /* its agent's connection is lost */                   \
    X(PREFETCHED, "prefetched") /* waits at its agent */                               \
    X(PREPARING, "preparing")   /* its program is not known to run yet */              \
    X(RUNNING, "running")                                                              \
    /* of a trial that ended */                                                        \
    X(RETRY_LIMIT, "retry_limit") /* failed, and run.retry allows no more */           \
    X(NOT_RETRIED, "not_retried") /* failed or cancelled for another reason */

#define EXPLAIN_ENUM(suffix, name) EXPLAIN_##suffix,
enum explain_code {
    EXPLAIN_REASONS(EXPLAIN_ENUM) EXPLAIN_CODE_NR
};

struct explain_reason {
    enum explain_code code;
    char *text;   /* one line for people; owned */
    char *change; /* a command, or words, that would change it; owned, may be NULL */
};

/* Attempts of a trial that ended so and counted, and how many may. */
struct explain_retry {
    const char *end; /* "failed", as in run.retry of the sweep file; static */
    uint32_t used;
    uint32_t limit;
};
#define EXPLAIN_RETRIES_MAX 5

/* A connected agent. */
struct explain_agent {
    const char *id; /* borrowed from the engine */
    const char *host;
    uint32_t slots, used_slots;
    uint32_t cpus, used_cpus;
    uint64_t memory_bytes, used_memory;
    uint32_t gpus, used_gpus;
    uint32_t of_sweep; /* slots that this sweep holds there */
    bool leaving;
    bool aside;              /* everything failed there, see engine_aside.c … */
    const char *aside_cause; /* … what tells against it; NULL: none; borrowed */
    int64_t probe_left_ms;   /* … until it may get one attempt */
};

/* The live attempt of a trial. */
struct explain_attempt {
    uint32_t number;   /* 0: none is live */
    const char *agent; /* borrowed from the engine */
    const char *host;
    uint32_t revision; /* of the sweep's file */
    bool started, suspect, prefetch;
    bool resumed; /* it went on from a checkpoint */
    bool fresh;   /* it began with an empty checkpoint folder */
    bool connected;
    bool leased;           /* lease_left_ms is known */
    int64_t lease_left_ms; /* until silence of its agent queues the trial again */
    enum stop_reason stop;
};

struct explain_trial {
    uint32_t number;
    enum trial_state state;
    uint64_t queue_place; /* from 1; 0: not queued, or its back-off is not over */
    bool asked;           /* a user retried or enqueued it: budgets do not hold it */
    uint32_t outside;   /* its point is outside the space since this revision; 0: no */
    const char *holder; /* queued: the agent that has its checkpoint; NULL: none */
    struct explain_attempt attempt;
    struct explain_retry retries[EXPLAIN_RETRIES_MAX];
    size_t retries_len;
};

/* Everything borrowed is valid until the engine steps. */
struct explanation {
    bool live;                  /* a coordinator runs: connections are known */
    struct sweep_summary sweep; /* elapsed_ms: as far as is known */
    const struct sweep_spec *spec;
    uint32_t revision;      /* of its file, the newest */
    uint64_t queue_len;     /* queued trials of the sweep */
    uint32_t prefetched;    /* attempts that wait at agents */
    uint32_t failed, ended; /* trials since it was last set running, for the breaker */
    bool is_trial;
    struct explain_trial trial;
    VEC(struct explain_reason) reasons; /* the first decides, the rest adds to it */
    VEC(struct explain_agent) agents;   /* connected; of a sweep only */
};

const char *explain_code_name(enum explain_code code);

/* Explains sweep `ref` (as in ev_steer.sweep), or trial number *trial of it.
 * ERR_NOTFOUND when there is none. explanation_fini in any case. */
MUST_USE
enum err_code engine_explain(const struct engine *engine,
                             const char *ref,
                             const uint32_t *trial,
                             struct explanation *out,
                             struct err *err);

void explanation_fini(struct explanation *explanation);
#define AUTO_EXPLANATION CLEANUP(explanation_fini)

#endif
