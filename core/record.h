/* SPDX-License-Identifier: Apache-2.0 */
/* record.h – what happened, in the past tense: the truth that a restart replays.
 *
 * engine_step decides and writes its decisions down as records; engine_apply changes
 * state by a record and by nothing else; the store keeps records in order and gives
 * them back in that order. So live running and restart go through the same code.
 *
 * Three kinds are not kept as rows of the event table: REC_POINTS (rows of the metric
 * table; given back only for attempts that have not ended and, with `run.checkpoint`,
 * for all attempts of trials that have not finished or been pruned), REC_NOTES (params
 * and tags) and REC_LOG (bytes); the last two change nothing that a restart needs.
 * REC_MARK is only ever given back: it carries what the store knows of a live attempt.
 *
 * A kept record is one heap object made by record_clone; what it points to lies behind
 * it in the same allocation. Once made it is not changed, so it may move to another
 * thread.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/times.h"
#include "core/curves.h"
#include "core/ids.h"
#include "core/states.h"
#include "core/value.h"

/* X(SUFFIX, stored number) */
#define RECORD_KINDS(X)                                                                \
    X(SESSION, 1)       /* a coordinator opened the home */                            \
    X(SWEEP_CREATED, 2) /* a sweep was submitted */                                    \
    X(SWEEP_STATE, 3)   /* paused, resumed, finished, … */                           \
    X(AGENT, 4)         /* an agent said hello with a new boot */                      \
    X(TRIAL_CREATED, 5) /* a point was suggested and queued */                         \
    X(ASSIGNED, 6)      /* an attempt was given to an agent */                         \
    X(STARTED, 7)       /* its program runs */                                         \
    X(STOP_REQUESTED, 8)                                                               \
    X(REQUEUED, 9) /* lease over: queued again, the attempt is suspect */              \
    X(ADOPTED, 10) /* the suspect attempt's agent came back in time */                 \
    X(ENDED, 11)   /* an attempt ended, and what became of its trial */                \
    X(TRIAL_STATE,                                                                     \
      12) /* a trial without a live attempt: cancelled, or queued again */             \
    X(POINTS, 13)                                                                      \
    X(NOTES, 14) /* params and tags logged by the trial's program */                   \
    X(LOG, 15)                                                                         \
    X(MARK, 16)                                                                        \
    X(SWEEP_EDITED, 17) /* its file was changed: a new revision; cause: the keys */    \
    X(AGENT_STATE, 18)  /* an agent was set aside, or is in use again */               \
    X(RUNG, 19)         /* a trial's value at a rung of the rule of early stopping */  \
    X(PRIOR, 20)        /* a result from elsewhere that the sampler may learn from */

#define RECORD_ENUM(suffix, number) REC_##suffix = (number),
enum record_kind {
    RECORD_KINDS(RECORD_ENUM) RECORD_KIND_NR
};

struct rec_note {
    bool is_tag; /* else a parameter */
    const char *name;
    const char *value;
};

/* sweep: a new sweep. Its record's key.sweep is its key, record.run_key its run. */
struct rec_sweep_created {
    struct run_id run_id;
    const char *name;
    const char *metric; /* the objective's metric */
    bool maximize;
    const struct rec_note *tags; /* from the file; all is_tag */
    size_t tags_len;
    const char *text;      /* sweep file */
    const char *mlproject; /* MLproject file's text, NULL when there is none */
    const char *directory; /* absolute folder that relative paths start from */
};

struct rec_sweep_state {
    enum sweep_state state;
    bool by_user; /* steered, not decided by the engine */
    bool drain;   /* stopped: attempts that run may end by themselves */
};

/* A new revision of the sweep's file. */
struct rec_sweep_edited {
    uint32_t revision;           /* from 2, without gaps */
    const char *text;            /* the whole file */
    const char *mlproject;       /* MLproject file's text, NULL when there is none */
    uint64_t cursor;             /* sampler's, for the next suggestion */
    uint32_t enqueued_used;      /* points at the head of its list that were created */
    const struct rec_note *tags; /* that differ from before; value NULL: removed */
    size_t tags_len;
};

struct rec_agent {
    uint32_t agent; /* key given by the engine, from 1 */
    const char *id;
    const char *host;
    uint64_t boot;
    uint32_t pid;
    uint32_t slots;
};

/* A parameter's value as people see it. */
struct rec_param {
    const char *name;
    enum value_kind kind; /* how `text` is to be read */
    const char *text;     /* canonical text of the value */
};

struct rec_trial_created {
    const double *x; /* internal values, x_len of them */
    size_t x_len;
    uint64_t cursor;  /* sampler's cursor after this point */
    uint64_t history; /* rows of the sweep's history that the sampler knew of */
    bool enqueued;    /* came from the file's or user's list, not the sampler */
    bool by_user;     /* enqueued, and not by the file */
    struct run_id run_id;
    const struct rec_param *params; /* the active parameters as people see them */
    size_t params_len;
};

struct rec_assigned {
    uint32_t agent;
    uint64_t boot;
    uint64_t gpu_mask; /* bit i: device index i */
    bool prefetch;
    uint32_t revision; /* of the sweep's file it is to run with */
    bool checkpoint;   /* it has a folder for checkpoints */
    bool fresh;        /* … which is emptied, because another agent's was used last */
};

struct rec_started {
    int64_t time_ms; /* wall clock of the agent */
    uint32_t pid;
    bool resumed; /* its checkpoint folder held something */
};

/* Why a rule of early stopping ends a trial. As at a rung, record.seq says which of the
 * trial's points the rule knew. */
struct rec_verdict {
    const char *rule; /* NULL: no rule asked for the stop */
    int32_t rung;     /* -1: the rule has none */
    int64_t step;
    double value;      /* of the metric, as it was reported */
    double threshold;  /* it had to be as good as this; NaN: none */
    uint32_t compared; /* trials it was compared with */
};

struct rec_stop_requested {
    enum stop_reason reason;
    bool by_agent; /* the agent decided it alone, by limits it had been told */
    struct rec_verdict verdict;
};

struct rec_rung {
    struct rung_key key;
    int64_t step;
    double value;  /* of the metric, as it was reported */
    bool by_agent; /* whether the trial went on from there was the agent's decision */
};

/* The attempt's end; `state` is what the trial became: final, or TRIAL_QUEUED when it
 * will be tried again. value/step are the trial's objective when state is finished or
 * pruned. */
struct rec_ended {
    enum attempt_end end;
    enum trial_state state;
    bool counts; /* against the retry limit of this end */
    bool fenced; /* of a superseded attempt: the trial is not touched */
    bool has_value;
    double value;
    int64_t step;
    int32_t exit_status;
    uint32_t signal;
    int64_t start_ms; /* wall clock of the agent; 0: the program never started */
    int64_t end_ms;
    uint64_t user_cpu_ms, system_cpu_ms, max_rss_bytes;
    uint64_t points_thinned, names_refused;
};

struct rec_prior {
    const double *x; /* internal values, x_len of them */
    size_t x_len;
    enum trial_state state; /* finished or pruned */
    double value;           /* of the objective, not NaN */
    int64_t step;
};

/* An agent on which everything fails gets no more work for a while, see
 * engine_aside.c. */
struct rec_agent_state {
    uint32_t agent;
    bool aside;
};

struct rec_trial_state {
    enum trial_state state; /* queued: again, of a failed or cancelled trial */
    bool by_user;           /* steered, not decided by the engine */
};

/* Metric points of one attempt, numbered from first_seq. All columns have len entries.
 */
struct rec_points {
    uint64_t first_seq;
    size_t len;
    const char *const *names; /* names_len distinct metric names */
    size_t names_len;
    const uint32_t *name; /* index into names */
    const int64_t *step;
    const int64_t *time_ms;
    const double *value;
    bool fenced; /* superseded attempt: kept as its own history, not as the run's latest
                  */
    bool joined; /* the newest attempt resumed from a checkpoint: the run's history is
                    that of several attempts */
};

struct rec_notes {
    const struct rec_note *notes;
    size_t len;
};

struct rec_log {
    uint64_t offset; /* bytes from the start of the attempt's log */
    const uint8_t *data;
    size_t len;
};

struct rec_mark {
    uint64_t log_bytes; /* length of the attempt's log on disk */
};

struct record {
    enum record_kind kind;
    struct wall time;
    struct attempt_key
        key;           /* sweep; trial and attempt where they apply (attempt 0: none) */
    uint64_t run_key;  /* integer key of the run concerned; 0: none */
    uint64_t seq;      /* the attempt's entries up to here are covered; 0: none */
    const char *cause; /* one line for people; NULL: none */
    union {
        struct rec_sweep_created sweep_created;
        struct rec_sweep_state sweep_state;
        struct rec_sweep_edited sweep_edited;
        struct rec_agent agent;
        struct rec_trial_created trial_created;
        struct rec_assigned assigned;
        struct rec_started started;
        struct rec_stop_requested stop_requested;
        struct rec_ended ended;
        struct rec_trial_state trial_state;
        struct rec_agent_state agent_state;
        struct rec_points points;
        struct rec_notes notes;
        struct rec_log log;
        struct rec_mark mark;
        struct rec_prior prior;
        struct rec_rung rung;
    } as;
};

/* Copies `record` and everything it points to into one new heap object. */
struct record *record_clone(const struct record *record);

void record_destroy(struct record *record);

const char *record_kind_name(enum record_kind kind);

#endif
