/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_internal.h – the oracle's books; for oracle*.c. */
#ifndef TESTS_SIM_ORACLE_INTERNAL_H
#define TESTS_SIM_ORACLE_INTERNAL_H

#include "base/map.h"
#include "core/sweep_spec.h"
#include "tests/sim/oracle.h"

enum entry_kind {
    ENTRY_STARTED,
    ENTRY_POINT,
    ENTRY_NOTE,
    ENTRY_ENDED
};

/* One numbered entry of an attempt, as its agent spooled it. */
struct entry {
    enum entry_kind kind;
    bool committed;
    bool lost;     /* its agent has it no more, and nobody had acknowledged it */
    unsigned name; /* index of trial_metric_names */
    int64_t step;
    double value;
};

struct o_attempt {
    struct attempt_key key;
    VEC(struct entry) entries; /* number - 1 */
    uint64_t acked;            /* as its agent has heard */
    uint32_t starts;           /* times its program was started */
    uint64_t assigned_at;      /* numbers of committed records; 0: not */
    uint64_t adopted_at;
    size_t revision;
    uint32_t agent; /* the committed records': */
    bool started, suspect, ended;
    bool fresh;    /* its checkpoint folder is to be emptied */
    bool resumed;  /* with `started`: it went on from a checkpoint */
    bool resumes;  /* its program really did */
    bool complete; /* its end came from its agent, so all before it did too */
    bool untidy;   /* its reports may be lost or repeated within a connection */
    enum stop_reason stop;
};

struct o_trial {
    enum trial_state state;
    bool again; /* the user asked for it once more */
    size_t revision;
    double *x; /* in that revision's space */
    uint32_t attempts;
    uint32_t holder; /* agent whose attempt started last; 0: none */
    bool was_over;   /* finished, pruned or cancelled once */
    double value;
    int64_t not_before_ms; /* its back-off, by the coordinator's clock */
};

struct o_sweep {
    VEC(struct sweep_spec *) specs; /* of the revisions */
    const struct sweep_spec *spec;  /* the newest of them */
    VEC(uint64_t) edited_at;        /* numbers of committed records */
    enum sweep_state state;
    unsigned states; /* bits of those it was in */
    char *cause;
    VEC(struct o_trial) trials;
    struct map_str cells; /* of a grid, as bytes in hexadecimal */
    struct map_str rungs; /* reached: revision, rung and trial in words */
    uint32_t counts[TRIAL_STATE_NR];
    uint32_t most; /* trials that may be done or open; what is retried is on top */
    struct run_id run_id;
};

/* What the attempts of an agent came to. */
struct o_agent {
    uint32_t failed; /* in a row, up to now */
    bool aside;
    int64_t rests_ms; /* virtual time: since it is aside or failed again */
};

struct oracle {
    uint64_t records;                      /* committed so far */
    uint32_t agents[SIM_AGENTS_MAX];       /* keys the engine gave them; 0: none */
    struct o_agent health[SIM_AGENTS_MAX]; /* of the same nodes */
    struct map_u64 attempts;               /* packed key → struct o_attempt */
    VEC(struct o_sweep *) sweeps;          /* key - 1 */
};

struct o_attempt *oracle_attempt(struct oracle *oracle, struct attempt_key key);
/* NULL when nothing is known of it. */
struct o_attempt *oracle_attempt_known(const struct oracle *oracle,
                                       struct attempt_key key);
/* The file that the attempt was given out with. */
const struct sweep_spec *oracle_spec(struct sim *sim, struct attempt_key key);
/* Fails when there is no such sweep or trial among the committed. */
struct o_sweep *oracle_sweep(struct sim *sim, struct attempt_key key);
struct o_trial *oracle_trial(struct sim *sim, struct attempt_key key);
/* Whether its points can all be asked for. Of an attempt that was given up the
 * coordinator keeps no books, so it cannot see a gap; gaps come only from reports lost
 * within a connection, which TCP excludes. */
bool oracle_may_ask(struct sim *sim, const struct o_attempt *attempt);
/* oracle_stop.c: a stop or a rung of an attempt that runs, and how it ended. */
void oracle_stop(struct sim *sim,
                 struct o_attempt *attempt,
                 const struct record *record);
void oracle_rung(struct sim *sim,
                 struct o_attempt *attempt,
                 const struct record *record);
void oracle_judge_end(struct sim *sim,
                      const struct o_attempt *attempt,
                      const struct rec_ended *ended);
/* Assigned, not ended, not suspect, and nobody came after it. */
bool oracle_is_current(struct sim *sim, const struct o_attempt *attempt);

#endif
