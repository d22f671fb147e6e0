/* SPDX-License-Identifier: Apache-2.0 */
/* engine_internal.h – the engine's state, shared by its files and by white-box tests.
 *
 * Only apply.c changes sweeps, trials and live attempts; the other files decide, write
 * records through engine_emit, and keep what need not survive a restart: connections,
 * leases, what was asked of samplers.
 */
#ifndef CORE_ENGINE_INTERNAL_H
#define CORE_ENGINE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/engine.h"
#include "core/joined.h"

struct agent;
struct sweep;
struct trial;

/* Causes of a sweep's end. */
#define SWEEP_CAUSE_TRIED  "every point tried"
#define SWEEP_CAUSE_TARGET "target reached"
#define SWEEP_CAUSE_TIME   "time budget used up"
#define SWEEP_CAUSE_TRIALS "trial budget used up"

/* One version of a sweep's file; all are kept, numbered from 1. Once made only
 * `runs_as` changes. */
struct revision {
    uint32_t number;
    char *text, *mlproject;
    struct sweep_spec *spec;
    /* The newest revision in whose space points have the same layout: trials created
     * under this one are given out with that one's file. */
    const struct revision *runs_as;
};

/* Why an attempt begins anew although the one before had a checkpoint. */
#define CAUSE_FRESH                                                                    \
    "begins with an empty checkpoint folder: the agent that has its files was not "    \
    "free "                                                                            \
    "within a lease"

/* The objective's points as one attempt reported them. NaN points are counted but never
 * are min or max. */
struct objective_seen {
    bool any;
    bool any_number; /* a point that is not NaN */
    double last, min, max;
    int64_t last_step, min_step, max_step;
};

/* An attempt that was assigned and has not ended. */
struct attempt {
    struct trial *trial;
    struct agent *agent;
    const struct revision *revision; /* whose file it was given out with */
    uint32_t number;
    uint64_t boot; /* of the agent process it was given to */
    bool started;
    bool suspect;          /* lease over: its trial is queued again */
    bool prefetch;         /* waits at the agent for one of its sweep to end */
    bool fresh;            /* begins with an empty checkpoint folder */
    enum stop_reason stop; /* asked to stop, and why */
    uint64_t seq;          /* entries up to here are recorded */
    uint64_t log_bytes;    /* log bytes up to here are recorded */
    uint64_t gpu_mask;
    struct objective_seen seen;
    struct list_node agent_node;
    uint64_t limits_told; /* not recorded: digest of the limits pushed last */
};

/* Ends that a retry limit counts; index of trial.retries. */
enum retry_cause {
    RETRY_FAILED,
    RETRY_LOST,
    RETRY_PREEMPTED,
    RETRY_OOM,
    RETRY_TIMEOUT,
    RETRY_CAUSE_NR
};

/* Attempts of a trial that ended so on that agent, and counted. */
struct tally {
    const struct agent *agent;
    enum retry_cause cause;
    uint32_t times;
};

/* What an open trial remembers of the attempts that counted against its limits. */
struct past {
    struct trial *trial;
    VEC(struct tally) tallies; /* in order of the first */
    bool held;                 /* its trial is in sweep.held … */
    struct heap_node node;     /* … and in sweep.holds while it is */
    int64_t until_ms;          /* wall clock: not given out before */
    int64_t backoff_ms;        /* nor is the wait longer than this */
};

/* An attempt that failed, see strikes.c. */
struct strike {
    struct trial *trial;
    uint32_t attempt;
    uint64_t at; /* engine.ends when it ended */
};

/* An attempt that ended well. */
struct good_end {
    const struct agent *agent; /* NULL: none */
    uint64_t at;               /* engine.ends then */
};

/* Strikes in a row, and different trials among them, that set an agent aside. */
#define STRIKES_OUT    5u
#define STRIKES_TRIALS 3u
/* Strikes that an agent's books keep: the trials that may be given back. */
#define STRIKES_KEPT_MAX 64u
/* An agent that is aside rests so long before it gets a probe. */
#define ASIDE_REST_MS ((int64_t)10 * 60 * MS_PER_S)

struct trial {
    struct sweep *sweep;
    const struct revision *revision; /* whose space x is a point of */
    uint32_t number;
    uint32_t attempts; /* given out so far; the newest one's number */
    uint32_t outside;  /* the newest space does not allow its point: since which
                          revision; 0: it does */
    enum trial_state state;
    uint16_t retries[RETRY_CAUSE_NR]; /* attempts that ended so and counted */
    bool has_value;
    bool retried;     /* open because the user asked for it, again or by its point */
    uint8_t last_end; /* enum attempt_end of the attempt that ended last */
    bool resumed;     /* its newest attempt went on from a checkpoint */
    uint64_t run_key;
    double value;
    int64_t step;
    struct joined *joined;       /* NULL unless attempts of it had checkpoints */
    struct attempt *live;        /* NULL: none */
    struct curve *curve;         /* of stop.metric; NULL: none needed or reported */
    bool curve_old;              /* the newest attempt has not reported yet */
    int64_t curve_from;          /* steps below it are of attempts before */
    struct past *past;           /* NULL: nothing counted yet, or it has ended */
    struct list_node queue_node; /* linked while queued, in sweep.queue or sweep.held */
    double x[];                  /* internal values in its revision's space */
};

/* What samplers may learn from, as points of one revision's space. */
struct knowledge {
    const struct revision *revision;
    struct history history; /* ends of trials in their order */
    struct tried tried;     /* points of the first tried_upto trials; empty when
                               duplicates are allowed */
    size_t tried_upto;
    size_t tried_rows; /* of the history, looked at for imported points */
};

/* What early stopping compares a trial with; see engine_stop.c. */
struct stopping {
    uint32_t since; /* revision from which on it looks at the same metric */
    struct rung_table rungs;
    VEC(const struct curve *) finished; /* of finished trials, in order of their ends */
    VEC(uint32_t) finished_trials;
    VEC(double) finished_losses; /* their objective, less is better */
    /* not recorded, see engine_limits.c: */
    bool limits_changed;   /* perhaps, since they were pushed */
    struct mono limits_at; /* not pushed again before */
};

struct sweep {
    uint32_t key;
    struct run_id run_id;
    uint64_t run_key;
    char *directory;
    VEC(struct revision *) revisions; /* index = number - 1 */
    const struct sweep_spec *spec;    /* of the newest */
    uint64_t trials_total; /* sweep_spec_trials, which may count many cells */
    enum sweep_state state;
    char *cause; /* why it is in this state; NULL: none */
    bool paused_by_user;
    bool drain;                 /* stopped, but running attempts may end */
    bool misfit;                /* a record did not fit: it is only shown */
    VEC(struct trial *) trials; /* index = number */
    uint32_t counts[TRIAL_STATE_NR];
    struct list queue;                  /* queued trials in order of assignment */
    struct list held;                   /* queued trials whose back-off is not over */
    struct heap holds;                  /* their pasts, by the end of it */
    uint32_t queue_outside;             /* of both, those with trial.outside set */
    uint32_t occupying;                 /* live attempts that hold a slot */
    uint32_t live;                      /* live attempts that are not suspect */
    uint64_t cursor;                    /* sampler's, after the last created trial */
    uint32_t enqueued_used;             /* points of spec->enqueued already created */
    uint32_t retried_open;              /* trials that are `retried` */
    uint32_t retried_queued;            /* … and queued */
    uint32_t ended_since, failed_since; /* trials that ended since it was resumed */
    struct good_end good[2];            /* newest, and newest of another agent */
    struct trial *best;                 /* NULL: none finished with a value */
    struct knowledge *known;            /* in the newest space */
    struct stopping stopping;
    struct map_str names;     /* metric names reported so far, bounded */
    int64_t elapsed_ms;       /* time running, up to running_since */
    int64_t running_since_ms; /* wall clock; 0: not running */
    /* not recorded: */
    struct knowledge *lent; /* what FX_SUGGEST reads since an edit made a new one */
    bool suggesting;        /* FX_SUGGEST is out, the history is frozen */
    bool exhausted;         /* the sampler has no more points */
    bool rest_told;         /* FX_SWEEP_ENDED was sent for this state */
    bool blocked;           /* sched.c: no agent has room for it this round */
    uint32_t waiting;       /* … queued trials that wait for a checkpoint's agent */
};

struct agent {
    uint32_t key;
    char *id;
    char *host;
    uint64_t boot;
    struct list attempts;          /* live attempts given to it, also suspect ones */
    VEC(struct strike) strikes;    /* its newest attempts, all failed; oldest first */
    bool aside;                    /* gets nothing that others can run */
    char *aside_cause;             /* what told against it; NULL: nothing */
    int64_t aside_ms;              /* wall clock: when its rest began */
    struct list_node watched_node; /* in engine.watched */
    /* not recorded: */
    uint64_t peer;        /* its connection; 0: none */
    struct mono probe_at; /* while aside: end of its rest */
    bool expected;        /* lease is running */
    bool leaving;         /* it is shutting down: gets nothing more */
    uint32_t only_sweep; /* works on demand for this sweep only; 0: an ordinary agent */
    uint32_t wanted;     /* attempts it takes now, when it works on demand */
    uint32_t slots, cpus;
    uint64_t memory_bytes, gpu_mask;
    uint32_t used_slots, used_cpus, prefetched;
    uint64_t used_memory, used_gpus;
    struct mono seen;            /* last word from it */
    struct heap_node lease_node; /* in engine.leases while expected */
    struct map_u64 sweeps_sent;  /* sweep << 32 | revision sent over this connection */
};

struct engine {
    int64_t lease_ms;
    const struct sampler_registry *samplers;
    const struct pruner_registry *pruners;
    char *home_id;
    struct map_u64 sweeps;      /* key → struct sweep */
    VEC(struct sweep *) active; /* not final, in order of creation */
    struct map_u64 agents;      /* key → struct agent */
    struct map_str agents_by_id;
    struct map_u64 peers; /* connection → struct agent */
    struct heap leases;
    struct list watched; /* agents that are aside or have STRIKES_OUT strikes */
    uint64_t ends;       /* attempts that ended */
    uint64_t next_run_key;
    uint32_t next_sweep, next_agent;
    struct wall last; /* of the newest record */
    /* not recorded: */
    struct mono now;
    struct wall wall;
    bool started; /* EV_START was taken */
    bool disk_full;
    bool draining, drained_told;
    struct mono patience; /* sched.c: the first wait for a checkpoint's agent to end */
    bool waits;           /* … there is one */
};

/* ---- apply.c: state changes ---- */

/* Changes state by one record. ERR_CORRUPT when it does not fit. */
MUST_USE
enum err_code
engine_apply(struct engine *engine, const struct record *record, struct err *err);

/* Stamps, applies and persists a decision. It must fit: a bug otherwise. */
void engine_emit(struct engine *engine, struct effects *effects, struct record *record);

void sweep_destroy(struct sweep *sweep);

/* apply_points.c, for apply.c: the record's points, of the live attempt `attempt`;
 * NULL: of another one of the trial. */
void points_take(struct trial *trial,
                 struct attempt *attempt,
                 const struct record *record);

/* ---- past.c: retry causes, back-off ---- */

/* Which retry limit an end counts against; RETRY_CAUSE_NR: none. */
enum retry_cause retry_cause_of(enum attempt_end end);
/* The trial is tried again after an attempt that ended so on this agent and counted. */
void past_count(struct trial *trial, const struct agent *agent, enum retry_cause cause);
/* Holds the trial, which is queued, back: the back-off began at `since`. */
void past_hold(struct engine *engine, struct trial *trial, struct wall since);
/* Takes the trial, which is queued, off its list. */
void past_unlink(struct trial *trial);
/* NULL allowed. */
void past_destroy(struct past *past);
/* "lost 11 times: a ×8, b ×3" of a trial whose attempt ends so on `agent` now and
 * counts; appends nothing when it is the first. */
void past_print(const struct trial *trial,
                const struct agent *agent,
                enum retry_cause cause,
                struct strbuf *out);
/* After a restart: what is left of each back-off, by the clock of today. */
void engine_resume_holds(struct engine *engine);
/* Trials whose back-off is over may be given out. */
void engine_release_holds(struct engine *engine);

/* ---- apply_edit.c: revisions ---- */

/* For sweep_spec_parse; borrows the texts. */
struct sweep_spec_input engine_spec_input(const struct engine *engine,
                                          const char *source,
                                          const char *text,
                                          const char *mlproject);
/* Makes it the sweep's newest; copies the texts, takes the spec. */
void sweep_add_revision(struct sweep *sweep,
                        const char *text,
                        const char *mlproject,
                        struct sweep_spec *spec);
const struct revision *sweep_newest(const struct sweep *sweep);
void sweep_free_revisions(struct sweep *sweep);
/* REC_SWEEP_EDITED. */
MUST_USE
enum err_code apply_sweep_edited(const struct engine *engine,
                                 struct sweep *sweep,
                                 const struct record *record,
                                 struct err *err);
/* ---- strikes.c: agents on which attempts fail; called by apply.c ---- */

/* An attempt ended at that time; it is still live. */
void strikes_note(struct engine *engine,
                  struct attempt *attempt,
                  const struct rec_ended *ended,
                  struct wall time);
/* A new process of the agent: nothing is held against it. */
void strikes_forget(struct engine *engine, struct agent *agent);
void agent_set_aside(struct engine *engine,
                     struct agent *agent,
                     bool aside,
                     const char *cause,
                     struct wall time);
/* Its newest attempts failed, STRIKES_OUT of them or more, or it is aside. */
bool agent_is_struck(const struct agent *agent);
/* Sets probe_at from aside_ms; again after a restart. */
void agent_rest(const struct engine *engine, struct agent *agent);

/* ---- engine_aside.c ---- */

/* Sets agents aside, releases them, gives back what failed there. Idempotent. */
void engine_watch_agents(struct engine *engine, struct effects *effects);
/* The agent is aside and gets no attempt of the sweep now. */
bool agent_rests(const struct engine *engine,
                 const struct agent *agent,
                 const struct sweep *sweep);
/* When the next agent's rest is over; false when none rests. */
bool engine_next_probe(const struct engine *engine, struct mono *at_out);

/* ---- engine.c: finding and sending ---- */

struct sweep *engine_sweep(const struct engine *engine, uint32_t key);
struct trial *engine_trial(const struct engine *engine, struct attempt_key key);
struct attempt_key attempt_key_of(const struct attempt *attempt);
/* NULL with the error set when no sweep, or more than one, is meant. */
struct sweep *
engine_sweep_by_ref(const struct engine *engine, const char *ref, struct err *err);
/* The newest sweep of that name, or NULL. */
struct sweep *engine_sweep_by_name(const struct engine *engine, const char *name);

/* Appends FX_SEND after commit; takes what the message owns. */
void engine_send(struct effects *effects, uint64_t peer, struct message message);
void engine_warn(struct effects *effects, char *text_taken);

/* ---- engine_agent.c ---- */

void engine_on_hello(struct engine *engine,
                     const struct event *event,
                     struct effects *effects);
void engine_on_heartbeat(struct engine *engine,
                         const struct event *event,
                         struct effects *effects);
void engine_on_want(struct engine *engine,
                    const struct event *event,
                    struct effects *effects);
void engine_on_bye(struct engine *engine,
                   const struct event *event,
                   struct effects *effects);
void engine_on_peer_lost(struct engine *engine, uint64_t peer);
/* The agent behind a connection, its lease renewed; NULL after asking it to say hello.
 */
struct agent *
engine_heard(struct engine *engine, const struct event *event, struct effects *effects);
void engine_expire_leases(struct engine *engine, struct effects *effects);
/* Starts the lease. */
void engine_expect(struct engine *engine, struct agent *agent);
/* After a restart: an agent that has attempts gets a full lease, unless its lease was
 * over before. */
void engine_await(struct engine *engine, struct agent *agent, struct effects *effects);

/* ---- engine_trial.c ---- */

void engine_on_report(struct engine *engine,
                      const struct event *event,
                      struct effects *effects);
void engine_on_log(struct engine *engine,
                   const struct event *event,
                   struct effects *effects);
/* Ends a live attempt that its agent cannot report on any more. */
void engine_lose(struct engine *engine,
                 struct attempt *attempt,
                 bool counts,
                 const char *cause,
                 struct effects *effects);
/* Asks a live attempt to stop because a rule says so. */
void engine_stop_pruned(struct engine *engine,
                        struct attempt *attempt,
                        const struct rec_verdict *verdict,
                        const char *cause,
                        struct effects *effects);
/* A live attempt was stopped by its agent alone; unless it had been asked to stop. */
void engine_stopped_by_agent(struct engine *engine,
                             const struct attempt *attempt,
                             const struct rec_verdict *verdict,
                             const char *cause,
                             struct effects *effects);
/* Asks a live attempt to stop, once. */
void engine_stop_attempt(struct engine *engine,
                         struct attempt *attempt,
                         enum stop_reason reason,
                         const char *cause,
                         struct effects *effects);

/* ---- engine_sweep.c ---- */

void engine_on_submit(struct engine *engine,
                      const struct event *event,
                      struct effects *effects);
void engine_on_steer(struct engine *engine,
                     const struct event *event,
                     struct effects *effects);
/* Brings every sweep to where its state says it should be: ends, stops, breaks,
 * notifies. Idempotent. */
void engine_reconcile_sweeps(struct engine *engine, struct effects *effects);
/* Answers the request `token`, 0: nobody waits. Takes text. */
void engine_reply(struct effects *effects,
                  uint64_t token,
                  enum err_code code,
                  char *text_taken);
/* The failure breaker: after a trial failed for good. */
void engine_check_failures(struct engine *engine,
                           struct sweep *sweep,
                           struct effects *effects);
void engine_set_sweep_state(struct engine *engine,
                            struct sweep *sweep,
                            enum sweep_state state,
                            const char *cause,
                            struct effects *effects);
/* Time a coordinator ran the sweep, up to the engine's present. */
int64_t sweep_elapsed_ms(const struct engine *engine, const struct sweep *sweep);
/* True when the budget, the target or the time is used up, whatever the state is. */
bool sweep_is_used_up(const struct engine *engine,
                      const struct sweep *sweep,
                      const char **why_out);
/* Asks all attempts of the sweep that have not begun to come back. */
void engine_recall_sweep(struct engine *engine,
                         struct sweep *sweep,
                         const char *cause,
                         struct effects *effects);
/* True when no more trials may be begun, whatever happens to those under way. Trials
 * that the user asked for again are run nevertheless. */
bool sweep_is_over(const struct engine *engine,
                   const struct sweep *sweep,
                   const char **why_out);

/* ---- engine_suggest.c ---- */

struct new_trial {
    const double *x;  /* the space's length */
    uint64_t cursor;  /* sampler's, after this point */
    uint64_t history; /* rows the sampler knew of */
    bool enqueued;
    bool by_user; /* enqueued by a verb, not by the file */
};

void engine_create_trial(struct engine *engine,
                         struct sweep *sweep,
                         struct new_trial made,
                         struct effects *effects);
/* Asks for `count` points; nothing may be asked already. */
void engine_ask_sampler(struct engine *engine,
                        struct sweep *sweep,
                        uint32_t count,
                        struct effects *effects);
void engine_on_suggested(struct engine *engine,
                         const struct event *event,
                         struct effects *effects);
/* Adds an imported result. */
void sweep_learn_prior(struct sweep *sweep, const struct rec_prior *prior);
/* Adds the trial's present state to its sweep's history: apply.c, after it ended or was
 * given back. */
void sweep_learn(struct sweep *sweep, const struct trial *trial);
/* apply_edit.c: what is known, in the space of the newest revision. */
void sweep_learn_again(struct sweep *sweep);
/* NULL is fine. */
void knowledge_destroy(struct knowledge *known);

/* ---- engine_retry.c ---- */

/* The sweep runs again because the user asks for it. */
void engine_reopen_sweep(struct engine *engine,
                         const struct sweep *sweep,
                         const char *cause,
                         struct effects *effects);
/* STEER_RETRY of this sweep. */
void engine_on_retry(struct engine *engine,
                     struct sweep *sweep,
                     const struct event *event,
                     struct effects *effects);

/* ---- engine_stop.c ---- */

void stopping_fini(struct stopping *stopping);
/* The sweep's newest revision has other rules than the one before: what was recorded at
 * rungs says nothing to these, and curves of another metric are dropped. */
void stopping_rules_changed(struct sweep *sweep, const struct sweep_spec *before);
void trial_drop_curve(struct trial *trial);
/* For apply.c: points of the attempt that is in force, a rung reached, the trial's end.
 */
void trial_add_points(struct trial *trial, bool live, const struct rec_points *points);
void trial_reached_rung(struct trial *trial, const struct rec_rung *rung);
void trial_end_curve(struct trial *trial);
/* The last step of its curve; -1: none. */
int64_t trial_last_step(const struct trial *trial);
/* What the rule says of the trial when its curve ended at index `at`. */
void trial_verdict(const struct trial *trial, size_t at, struct prune_verdict *out);
/* Asks the rule about each step of the attempt's trial behind `behind`. judged: what it
 * says at a rung was the agent's to decide, so only the entry is recorded. */
void engine_judge(struct engine *engine,
                  struct attempt *attempt,
                  int64_t behind,
                  bool judged,
                  struct effects *effects);
/* Its rule knows limits that agents can apply by themselves. */
bool sweep_has_limits(const struct sweep *sweep);
/* Those of a trial's next rungs, by step; gives their number. */
size_t trial_limits(const struct trial *trial, struct prune_limit *out, size_t max);

/* ---- engine_limits.c ---- */

/* Tells the attempt's agent the limits, if there can be any. */
void engine_send_limits(const struct attempt *attempt, struct effects *effects);
/* Tells agents the limits that changed, not too often. Idempotent. */
void engine_push_limits(struct engine *engine, struct effects *effects);
/* When limits of the sweep are to be pushed; false: there is nothing to push. */
bool sweep_limits_due(const struct sweep *sweep, struct mono *at_out);

/* ---- engine_points.c ---- */

/* STEER_ENQUEUE and STEER_IMPORT of this sweep. */
void engine_on_points(struct engine *engine,
                      struct sweep *sweep,
                      const struct event *event,
                      struct effects *effects);

/* ---- engine_edit.c ---- */

/* STEER_EDIT of this sweep. */
void engine_on_edit(struct engine *engine,
                    struct sweep *sweep,
                    const struct event *event,
                    struct effects *effects);

/* ---- sched.c ---- */

/* Gives queued trials to agents with room, fairly between sweeps, and asks samplers for
 * more where there is room for more. */
void engine_dispatch(struct engine *engine, struct effects *effects);
/* Calls back what waits at agents and has not begun. */
void engine_recall_prefetched(struct engine *engine,
                              const char *cause,
                              struct effects *effects);
/* Sends the attempt (and before it the sweep's file, once a connection) to its agent.
 */
void engine_send_assign(const struct attempt *attempt, struct effects *effects);
/* Trials that may still be created under the sweep's budget now. */
uint64_t sweep_wants(const struct engine *engine, const struct sweep *sweep);
/* True while new attempts of the sweep may begin, as far as it is concerned. */
bool sweep_may_run(const struct engine *engine, const struct sweep *sweep);
/* Less than run.parallel attempts hold a slot. */
bool sweep_below_parallel(const struct sweep *sweep);
/* Queued trials can be more than the budget has left only after it was lowered. */
bool trial_is_in_budget(const struct trial *trial);
/* The agent that has the trial's checkpoint; NULL: none, or every agent sees it. */
struct agent *trial_holder(const struct trial *trial);
/* What the next attempt of the sweep needs: the head of its queue. Nothing that needs
 * something else is given out before. */
const struct resources *sweep_next_needs(const struct sweep *sweep);
bool same_needs(const struct resources *a, const struct resources *b);
/* Devices in a mask. */
uint32_t gpus_in(uint64_t mask);
/* Attempts of the sweep that the agent could begin now. */
uint64_t agent_room(const struct engine *engine,
                    const struct agent *agent,
                    const struct sweep *sweep);

/* Room bookkeeping of agents: called by apply.c only. */
void agent_take_room(struct agent *agent, const struct attempt *attempt);
void agent_give_room(struct agent *agent, const struct attempt *attempt);

#endif
