/* SPDX-License-Identifier: Apache-2.0 */
/* agent_core_internal.h – what the files of the agent's core share. */
#ifndef AGENT_AGENT_CORE_INTERNAL_H
#define AGENT_AGENT_CORE_INTERNAL_H

#include "agent/agent_core.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"

/* A deadline that is not set. */
#define NEVER INT64_MAX
/* Keys of forgotten attempts that are remembered, so that a late repetition of Assign
 * does not run one twice. */
#define DONE_KEYS_MAX 1024u

/* X(SUFFIX, "name") */
#define AGENT_SESSIONS(X)                                                              \
    X(DISCONNECTED, "disconnected")                                                    \
    X(GREETING, "greeting") /* Hello was said */                                       \
    X(READY, "ready")       /* Welcome was heard */                                    \
    X(REFUSED, "refused")
#define AGENT_SESSION_ENUM(suffix, name) SESSION_##suffix,
enum agent_session {
    AGENT_SESSIONS(AGENT_SESSION_ENUM) SESSION_NR
};

#define AGENT_ATTEMPT_STATES(X)                                                        \
    X(ASSIGNED, "assigned")                                                            \
    X(STARTING, "starting")                                                            \
    X(RUNNING, "running")                                                              \
    X(STOPPING, "stopping")                                                            \
    X(ENDED, "ended")
#define AGENT_ATTEMPT_ENUM(suffix, name) ATTEMPT_##suffix,
enum attempt_state {
    AGENT_ATTEMPT_STATES(AGENT_ATTEMPT_ENUM) ATTEMPT_STATE_NR
};

/* Why an attempt is being stopped. */
enum attempt_stop {
    ATTEMPT_STOP_NONE,
    ATTEMPT_STOP_PRUNED,
    ATTEMPT_STOP_CANCELLED,
    ATTEMPT_STOP_FENCED,
    ATTEMPT_STOP_TIMEOUT,
    ATTEMPT_STOP_SHUTDOWN,
    ATTEMPT_STOP_FORGOTTEN,
    ATTEMPT_STOP_NR
};

/* A report in the spool. */
struct unacked {
    struct list_node node; /* in attempt.reports, by seq */
    uint64_t id;
    uint64_t first_seq;
    uint64_t last_seq;
    size_t bytes;
    bool sent; /* since the last rewind */
};

/* Entries that are not in a report yet. */
struct batch {
    bool has_started;
    struct agent_started started;
    VEC(char *) names;
    size_t name_last; /* where the last name was found: points come in turns */
    VEC(uint32_t) point_name;
    VEC(int64_t) point_step;
    VEC(int64_t) point_time_ms;
    VEC(double) point_value;
    VEC(struct agent_note) notes;
    bool has_ended;
    struct agent_ended ended;
    size_t bytes; /* estimated */
};

/* What a rule demands of an attempt, as it was told last, and where it stands; see
 * core_limits.c. */
struct attempt_limits {
    char *rule; /* NULL: nothing was told */
    char *metric;
    bool maximize;
    VEC(struct limit) items;
    bool outdated;     /* the sweep was given another rule: they say nothing */
    int64_t last_step; /* of the metric; -1: none */
    bool judged;       /* what is gathered was held against them here */
    bool stopped;      /* and that ended it: */
    uint32_t rung;
    int64_t step;
    double value, threshold;
};

struct attempt {
    struct attempt_key key;
    uint64_t serial;
    uint64_t boot;
    enum attempt_state state;
    struct run_id run_id;

    /* While it waits, and for its start. */
    struct list_node queue_node; /* in core.queue or sweep.prefetched */
    struct list_node place_node; /* in sweep.places: ended, its place not taken */
    bool prefetch;
    double *x;
    size_t x_len;
    uint64_t gpu_mask;
    uint32_t revision;

    bool launched;   /* START was asked for */
    bool started;    /* its program was executed */
    bool forgotten;  /* reports nothing any more; waits for its end */
    bool superseded; /* the coordinator has given it up, and its place away */
    bool memory_limited;
    bool fresh;           /* starts with an empty checkpoint folder */
    bool drop_checkpoint; /* the coordinator does not need the folder here any more */
    enum attempt_stop stop;
    char *stop_cause;
    int64_t grace_ms;
    int64_t limit_ms;
    int64_t start_until; /* when such a start is given up; 0: none yet */

    struct heap_node timer; /* the least of the deadlines below */
    int64_t limit_at;       /* time limit, ns as struct mono */
    int64_t kill_at;        /* backstop of a stop */
    int64_t start_at;       /* its start found no space: it is tried again */
    int64_t flush_at;       /* the batch goes to the spool */
    int64_t resend_at;      /* nothing was acknowledged for long */

    struct attempt_limits limits;
    struct batch batch;
    struct list reports;  /* struct unacked, by seq */
    int64_t silent_since; /* of the oldest: when it came, or the one before went */
    struct unacked *next_send;
    struct list_node send_node; /* in core.senders while next_send is set and READY */
    uint64_t next_seq;          /* of the next entry that enters a report */
    uint64_t acked_seq;
    uint64_t points_thinned;
    uint64_t points_seen_full; /* points that came while the spool was nearly full */
    int64_t rewound_at;        /* last rewind asked for by the coordinator */

    uint64_t log_size;
    uint64_t log_sent;
    uint64_t log_acked;
    unsigned log_rewinds;
    struct list_node log_node; /* in core.loggers while there is something to send */
};

/* What is known of a sweep. */
struct sweep_info {
    /* Its files that were heard of, one a revision; `error` is owned. An edited sweep
     * still has attempts of earlier revisions. */
    VEC(struct agent_ev_sweep) files;
    struct list prefetched; /* attempts that wait for a place */
    struct list places;     /* ended attempts whose place nobody took */
};

enum shutdown_phase {
    SHUTDOWN_NOT,
    SHUTDOWN_DRAINING,
    SHUTDOWN_STOPPING,
    SHUTDOWN_DONE
};

struct agent_core {
    struct agent_core_config config; /* strings and arrays owned */
    char *home_id;

    enum agent_session session;
    uint32_t lease_ms;
    uint64_t window_bytes;
    uint64_t log_window_bytes;
    int64_t hello_at;   /* say Hello (again) */
    int64_t hello_last; /* when it was last said on this connection */
    int64_t beat_at;    /* Heartbeat is due */
    enum shutdown_phase shutdown;
    int64_t exit_at; /* end of the wait for acknowledgements */

    struct map_u64 by_key;    /* packed key → attempt; forgotten ones are not in it */
    struct map_u64 by_serial; /* every attempt */
    struct map_u64 sweeps;
    uint64_t serial_last;
    uint64_t spool_id_last;
    struct list queue; /* assigned, to be started as soon as a slot is free */
    size_t prefetched; /* attempts in all sweep.prefetched */
    size_t occupied;

    struct list senders;
    struct list loggers;
    uint64_t inflight_bytes;
    uint64_t log_inflight_bytes;
    uint64_t spool_bytes;
    struct heap timers;

    bool full_told; /* that starts wait for space, since the last one that did not */

    struct map_u64 done; /* packed keys of forgotten attempts */
    uint64_t done_ring[DONE_KEYS_MAX];
    size_t done_next;

    /* Of the running step. */
    struct mono now;
    struct wall wall;
    struct agent_effects *out;
};

/* ---- agent_core.c ---- */

struct agent_effect *core_effect(struct agent_core *core, enum agent_effect_kind kind);
void core_note(struct agent_core *core, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A message goes out: the next heartbeat is a third of a lease away. */
void core_said(struct agent_core *core);
/* now + ms as a deadline. */
int64_t core_in(const struct agent_core *core, int64_t ms);
/* Sets the attempt's timer to the least of its deadlines. */
void core_arm(struct agent_core *core, struct attempt *attempt);
/* False when a number of the key is out of range. */
bool core_key_pack(struct attempt_key key, uint64_t *packed_out);

/* ---- core_attempt.c: life of an attempt ---- */

struct attempt *attempt_by_key(struct agent_core *core, struct attempt_key key);
struct attempt *attempt_create(struct agent_core *core, struct attempt_key key);
/* Frees it and all traces but files. */
void attempt_destroy(struct agent_core *core, struct attempt *attempt);
/* Drops its reports; kills it if it runs; removed at once or when it has ended. */
void attempt_forget(struct agent_core *core, struct attempt *attempt);
/* Removes it when it has ended and everything was acknowledged. */
void attempt_settle(struct agent_core *core, struct attempt *attempt);
void attempt_stop(struct agent_core *core,
                  struct attempt *attempt,
                  enum attempt_stop stop,
                  const char *cause);
void attempt_on_timer(struct agent_core *core, struct attempt *attempt);
struct sweep_info *sweep_get(struct agent_core *core, uint32_t sweep);
void sweeps_fini(struct agent_core *core);

void on_sweep(struct agent_core *core, const struct agent_ev_sweep *ev);
void on_assign(struct agent_core *core, const struct agent_ev_assign *ev);
void on_stop(struct agent_core *core, const struct agent_ev_stop *ev);
void on_started(struct agent_core *core,
                struct attempt *attempt,
                const struct agent_ev_started *ev);
void on_exec_failed(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_exec_failed *ev);
void on_exited(struct agent_core *core,
               struct attempt *attempt,
               const struct agent_ev_exited *ev);

/* ---- core_limits.c: stopping while the coordinator is away ---- */

void limits_fini(struct attempt_limits *limits);
void on_limits(struct agent_core *core, const struct limits *ev);
/* Takes in points, and stops the attempt if the coordinator is away and a limit says
 * so. */
void limits_points(struct agent_core *core,
                   struct attempt *attempt,
                   const struct agent_ev_points *ev);
/* The end is the limits' doing: says so in it. */
void limits_ended(const struct attempt_limits *limits, struct agent_ended *ended);

/* ---- core_report.c: entries, reports, logs and their acknowledgement ---- */

void report_started(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_started *ev);
void report_points(struct agent_core *core,
                   struct attempt *attempt,
                   const struct agent_ev_points *ev);
void report_note(struct agent_core *core,
                 struct attempt *attempt,
                 const struct agent_ev_note *ev);
/* Takes `ended` (its texts). */
void report_ended(struct agent_core *core,
                  struct attempt *attempt,
                  const struct agent_ended *ended);
/* Puts the gathered entries into a report, if there are any. */
void report_close(struct agent_core *core, struct attempt *attempt);
/* As report_close, if the rules of gathering say that it is time. */
void report_consider(struct agent_core *core, struct attempt *attempt);
void report_ack(struct agent_core *core, struct attempt *attempt, uint64_t seq);
/* Everything unacknowledged is to be sent again. */
void report_rewind(struct agent_core *core, struct attempt *attempt);
/* Forgets all reports and entries. */
void report_drop_all(struct agent_core *core, struct attempt *attempt);
/* Takes up a report of the spool at start. */
void report_restore(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_restored *ev);
void log_grew(struct agent_core *core, struct attempt *attempt, uint64_t size);
void log_ack(struct agent_core *core, struct attempt *attempt, uint64_t offset);
void log_rewind(struct agent_core *core, struct attempt *attempt);
/* Sends what the windows allow. */
void report_pump(struct agent_core *core);

#endif
