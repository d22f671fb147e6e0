/* SPDX-License-Identifier: Apache-2.0 */
/* agent_core.h – the agent's brain: agent_step(core, event) → effects.
 *
 * Pure: no clock, no sockets, no files. Time comes with the event; what is to be done
 * comes out as effects, to be carried out in order before the next step.
 *
 * An attempt has two names: its key (the coordinator's, used by messages) and its
 * serial (the core's own, never used twice; used by everything local, so that an
 * attempt that is still being killed is never mixed up with a later one of equal key).
 *
 * Reports are numbered by spool ids. The core decides what a report holds, when it is
 * made, sent, sent again and dropped; the shell keeps the bytes. */
#ifndef AGENT_AGENT_CORE_H
#define AGENT_AGENT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/times.h"
#include "base/vec.h"
#include "core/curves.h"
#include "core/ids.h"
#include "core/states.h"

struct agent_core;

/* Points and packed bytes (estimated) that close a report. */
#define AGENT_REPORT_POINTS_MAX 4096u
#define AGENT_REPORT_BYTES_MAX  ((size_t)256 * 1024)
/* Largest piece of a log in one message. */
#define AGENT_LOG_PIECE_MAX ((uint64_t)128 * 1024)
/* "Started" alone waits so long for company: most trivial trials end within it. */
#define AGENT_STARTED_LINGER_MS 10
/* Entries gathered in memory reach the spool at the latest after this. */
#define AGENT_GATHER_MS 1000
/* Nothing acknowledged for so long: the coordinator is away, whatever the connection
 * looks like. */
#define AGENT_ALONE_MS 3000
/* Nothing acknowledged for so long: send again what is out. */
#define AGENT_RESEND_MS 10000
/* Rewinds of a log without any progress after which an ended attempt gives it up. */
#define AGENT_LOG_REWINDS_MAX 30u
/* A start that finds no space in the work-dir is tried again after this … */
#define AGENT_START_RETRY_MS 1000
/* … and for so long; then the attempt has failed, so that somebody looks. */
#define AGENT_START_WAIT_MS 60000
/* KILL follows the helper's own escalation after this. */
#define AGENT_KILL_SLACK_MS 5000
/* Hello is said again after this without a Welcome, and after a Refuse. */
#define AGENT_HELLO_RETRY_MS  5000
#define AGENT_REFUSE_RETRY_MS 30000
/* Least time between two Hellos of one connection. */
#define AGENT_HELLO_GAP_MS 500
/* Used until (or unless) Welcome says otherwise. */
#define AGENT_LEASE_MS_DEFAULT         30000u
#define AGENT_WINDOW_BYTES_DEFAULT     ((uint64_t)1024 * 1024)
#define AGENT_LOG_WINDOW_BYTES_DEFAULT ((uint64_t)512 * 1024)

/* Everything is copied by agent_core_create. */
struct agent_core_config {
    const char *agent_id;
    const char *host;
    const char *program;
    const char *home_id; /* that restored attempts belong to; NULL: none known */
    uint64_t boot;
    uint32_t pid;
    uint32_t slots; /* > 0 */
    uint32_t cpus;
    uint64_t memory_bytes;
    const uint32_t *gpus; /* device indexes, each below 64 */
    size_t gpus_len;
    uint64_t spool_bytes_max; /* above it points are thinned */
    int64_t shutdown_ms;      /* longest wait for acknowledgements at the end */
};

/* ---- reports ----------------------------------------------------------------------
 */

struct agent_started {
    int64_t time_ms;
    uint32_t pid;
    bool resumed; /* its checkpoint folder held something */
};

enum agent_note_kind {
    AGENT_NOTE_PARAM = 1,
    AGENT_NOTE_TAG = 2
};

struct agent_note {
    enum agent_note_kind kind;
    char *name;
    char *value;
};

struct agent_ended {
    enum attempt_end end;
    int64_t time_ms;
    int32_t exit_status; /* exit code, or -1 when a signal ended it or nothing ran */
    uint32_t signal;
    char *cause; /* one line for people; NULL: none */
    uint64_t user_cpu_ms;
    uint64_t system_cpu_ms;
    uint64_t max_rss_bytes;
    uint64_t points_thinned;
    uint64_t names_refused;
    char *rule; /* the agent stopped it by this rule's limit; NULL: it did not */
    uint32_t rung;
    int64_t step;
    double value, threshold; /* of the metric, at that step */
};

/* Entries of one attempt, numbered from first_seq in the order started, points, notes,
 * ended. Everything is owned. Point columns have points_len entries. */
struct agent_report {
    struct attempt_key key;
    struct run_id run_id;
    uint64_t boot;
    uint64_t first_seq;
    bool has_started;
    struct agent_started started;
    char **names; /* names used by the points */
    size_t names_len;
    uint32_t *point_name; /* index into names */
    int64_t *point_step;
    int64_t *point_time_ms;
    double *point_value;
    size_t points_len;
    struct agent_note *notes;
    size_t notes_len;
    bool has_ended;
    struct agent_ended ended;
    bool judged; /* the points were held against the limits here */
};

void agent_report_destroy(struct agent_report *report);

/* ---- events -------------------------------------------------------------------------
 */

enum agent_event_kind {
    AGENT_EV_PEER_UP,      /* a connection to the coordinator */
    AGENT_EV_PEER_DOWN,    /* it is gone */
    AGENT_EV_HELLO_WANTED, /* messages; see winnow.proto for their meaning */
    AGENT_EV_WELCOME,
    AGENT_EV_REFUSE,
    AGENT_EV_SWEEP,
    AGENT_EV_ASSIGN,
    AGENT_EV_STOP,
    AGENT_EV_ACK,
    AGENT_EV_LOG_ACK,
    AGENT_EV_LIMITS,
    AGENT_EV_STARTED,     /* of the attempt `serial`: its program runs */
    AGENT_EV_EXEC_FAILED, /* … nothing was executed */
    AGENT_EV_EXITED,      /* … over, nothing of it is left, all output was given */
    AGENT_EV_POINTS,      /* … metric points */
    AGENT_EV_NOTE,        /* … a parameter or tag */
    AGENT_EV_LOG_GREW,    /* … its log on disk has as.log_size bytes */
    AGENT_EV_RESTORED,    /* a report found in the spool; before any PEER_UP */
    AGENT_EV_RESTORE_DONE,
    AGENT_EV_SHUTDOWN,
    AGENT_EV_TIMER, /* agent_core_deadline has come */
    AGENT_EV_NR
};

enum agent_verdict_kind {
    AGENT_VERDICT_KEEP = 1,
    AGENT_VERDICT_STOP = 2,
    AGENT_VERDICT_FORGET = 3
};

struct agent_verdict {
    struct attempt_key key;
    enum agent_verdict_kind verdict;
    uint64_t acked_seq;
    uint64_t log_acked;
};

struct agent_ev_welcome {
    const char *home_id;
    uint32_t lease_ms;         /* 0: the default, as for the windows */
    uint32_t window_bytes;     /* unacknowledged report bytes that may be out */
    uint32_t log_window_bytes; /* … and log bytes */
    const struct agent_verdict *verdicts;
    size_t verdicts_len;
};

/* What the core needs of a sweep's file. */
struct agent_ev_sweep {
    uint32_t sweep;
    uint32_t revision;
    int64_t grace_ms;
    int64_t time_limit_ms; /* 0: none */
    bool memory_limited;   /* the sweep asked for memory */
    bool checkpoints;      /* a trial's attempts have a folder in common */
    const char *error;     /* NULL, or why its attempts cannot start here */
};

struct agent_ev_assign {
    struct attempt_key key;
    struct run_id run_id;
    const double *x;
    size_t x_len;
    uint64_t gpu_mask; /* bit i: device index i */
    bool prefetch;
    bool fresh; /* its checkpoint folder is to be emptied */
    uint32_t revision;
};

struct agent_ev_stop {
    struct attempt_key key;
    enum stop_reason reason;
    bool only_unstarted;
    const char *cause; /* may be NULL */
};

struct agent_ev_ack {
    struct attempt_key key;
    uint64_t seq;
    bool resend;
    bool
        drop_checkpoint; /* the trial's checkpoint folder is not needed here any more */
};

struct agent_ev_log_ack {
    struct attempt_key key;
    uint64_t offset;
};

struct agent_ev_started {
    uint32_t pid;
    bool resumed; /* its checkpoint folder held something */
};

struct agent_ev_exec_failed {
    const char *cause;
    bool never; /* stopped before it was started: not the program's fault */
    bool full;  /* the work-dir had no space: START may be asked for again */
};

struct agent_ev_exited {
    bool unknown;      /* its watcher was killed from outside: nothing below is known */
    bool term_sent;    /* TERM went to the tree while the program ran */
    bool kill_sent;    /* KILL did */
    int32_t exit_code; /* or -1 when a signal ended it */
    uint32_t signal;
    uint64_t user_cpu_ms;
    uint64_t system_cpu_ms;
    uint64_t max_rss_bytes;
    uint64_t names_refused;
};

struct agent_point {
    const char *name; /* NUL-terminated, lives as long as the attempt */
    int64_t step;
    int64_t time_ms;
    double value;
};

struct agent_ev_points {
    const struct agent_point *points;
    size_t len;
    bool flush; /* in the spool when this step's effects are done */
};

struct agent_ev_note {
    enum agent_note_kind kind;
    const char *name;
    const char *value;
};

struct agent_ev_restored {
    struct attempt_key key;
    struct run_id run_id;
    uint64_t boot;
    uint64_t id; /* spool id */
    uint64_t first_seq;
    uint64_t last_seq;
    size_t bytes;
    bool has_started;
    bool has_ended;
    uint64_t log_size; /* of its log file, 0: none */
};

/* Everything pointed to is borrowed for the step. */
struct agent_event {
    enum agent_event_kind kind;
    struct mono now;
    struct wall wall;
    uint64_t serial; /* of the attempt, where the kind says so */
    union {
        struct agent_ev_welcome welcome;
        const char *refuse_text;
        struct agent_ev_sweep sweep;
        struct agent_ev_assign assign;
        struct agent_ev_stop stop;
        struct agent_ev_ack ack;
        struct agent_ev_log_ack log_ack;
        struct limits limits;
        struct agent_ev_started started;
        struct agent_ev_exec_failed exec_failed;
        struct agent_ev_exited exited;
        struct agent_ev_points points;
        struct agent_ev_note note;
        uint64_t log_size;
        struct agent_ev_restored restored;
        bool shutdown_now; /* else drain */
    } as;
};

/* ---- effects ------------------------------------------------------------------------
 */

enum agent_effect_kind {
    AGENT_FX_HELLO,        /* send Hello */
    AGENT_FX_HEARTBEAT,    /* send Heartbeat */
    AGENT_FX_BYE,          /* send Bye */
    AGENT_FX_START,        /* start the program of attempt `serial` */
    AGENT_FX_TERM,         /* TERM, grace, KILL to its tree */
    AGENT_FX_KILL,         /* KILL to its tree */
    AGENT_FX_SPOOL_APPEND, /* keep this report under spool id `id` */
    AGENT_FX_REPORT_SEND,  /* send the report kept under `id` */
    AGENT_FX_SPOOL_TRIM,   /* the report under `id` is not needed any more */
    AGENT_FX_LOG_SEND,     /* send a piece of the attempt's log */
    AGENT_FX_FORGET,       /* remove the attempt's files; `serial` is gone */
    AGENT_FX_HOME,         /* remember this home id across restarts */
    AGENT_FX_READY,        /* welcome was said */
    AGENT_FX_REFUSED,      /* refused; text says why */
    AGENT_FX_NOTE,         /* a line for the log */
    AGENT_FX_EXIT,         /* the shutdown is complete */
    AGENT_FX_NR
};

struct agent_held {
    struct attempt_key key;
    bool started;
    bool ended;
    uint64_t next_seq;
    uint64_t boot;
};

struct agent_fx_start {
    struct run_id run_id;
    const double *x; /* borrowed from the core until the attempt has ended */
    size_t x_len;
    uint64_t gpu_mask;
    uint32_t revision;
    int64_t grace_ms;
    bool fresh; /* with an empty checkpoint folder */
};

struct agent_fx_log_send {
    struct run_id run_id;
    uint64_t offset;
    size_t len;
};

struct agent_effect {
    enum agent_effect_kind kind;
    uint64_t serial;        /* TERM, KILL, START, LOG_SEND, FORGET */
    struct attempt_key key; /* START, LOG_SEND, FORGET */
    uint64_t id;            /* SPOOL_APPEND, REPORT_SEND, SPOOL_TRIM */
    union {
        struct {
            struct agent_held *held; /* owned */
            size_t held_len;
        } hello;
        struct agent_fx_start start;
        int64_t grace_ms;
        bool leaving;                /* HEARTBEAT: a shutdown has begun */
        struct agent_report *report; /* owned */
        struct agent_fx_log_send log_send;
        struct {
            struct run_id run_id;
            bool drop_checkpoint; /* remove the trial's checkpoint folder too */
        } forget;
        char *text; /* owned: HOME, BYE, REFUSED, NOTE */
    } as;
};

/* Zeroed struct is a valid empty list. */
struct agent_effects {
    VEC(struct agent_effect) items;
};

/* Empties it and frees what the effects own; memory is kept for the next step. */
void agent_effects_reset(struct agent_effects *effects);
void agent_effects_fini(struct agent_effects *effects);

/* ---- the core
 * ------------------------------------------------------------------------ */

struct agent_core *agent_core_create(const struct agent_core_config *config) MUST_USE;
/* NULL allowed. */
void agent_core_destroy(struct agent_core *core);

/* Takes in one event; effects are appended to `out`. Events about unknown attempts and
 * messages that do not fit the session's state are ignored. */
void agent_step(struct agent_core *core,
                const struct agent_event *event,
                struct agent_effects *out);

/* When AGENT_EV_TIMER is due; false: never. */
bool agent_core_deadline(const struct agent_core *core, struct mono *at_out);

/* The spool can take less than configured (its disk is full). */
void agent_core_limit_spool(struct agent_core *core, uint64_t bytes_max);

/* What Hello says besides `held`; valid as long as the core. */
const struct agent_core_config *agent_core_identity(const struct agent_core *core);

struct agent_core_counts {
    size_t held;     /* attempts not yet forgotten */
    size_t queued;   /* … not started */
    size_t occupied; /* … starting, running or stopping */
    uint64_t inflight_bytes;
    uint64_t log_inflight_bytes;
    uint64_t spool_bytes; /* estimated */
    bool ready;
};
void agent_core_counts(const struct agent_core *core, struct agent_core_counts *out);

/* Asserts the relations between the core's parts; for tests. */
void agent_core_check(const struct agent_core *core);

#endif
