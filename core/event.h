/* SPDX-License-Identifier: Apache-2.0 */
/* event.h – everything that can happen to the engine. Time comes with the event.
 *
 * Strings and arrays are borrowed for the call of engine_step. Nothing in an event is
 * trusted except what the shell itself filled in (kind, times, peer, token, user).
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/times.h"
#include "core/ids.h"
#include "core/record.h"
#include "core/states.h"

enum event_kind {
    EV_START, /* replay is over: reconcile and begin */
    EV_TICK,  /* engine_deadline has come */
    EV_HELLO, /* agent messages: see winnow.proto for their meaning */
    EV_REPORT,
    EV_LOG,
    EV_HEARTBEAT,
    EV_BYE,
    EV_PEER_LOST, /* the transport lost the connection; the lease goes on */
    EV_WANT,      /* an agent that works on demand wants more attempts */
    EV_SUGGESTED, /* a sampler's answer to FX_SUGGEST */
    EV_SUBMIT,
    EV_STEER,
    EV_SHUTDOWN, /* nothing new starts; FX_DRAINED when nothing runs any more */
    EV_DISK,     /* the store is full (nothing may be assigned) or has space again */
    EV_KIND_NR
};

struct held_attempt {
    struct attempt_key key;
    bool started;
    bool ended;
    uint64_t next_seq;
    uint64_t boot;
};

struct ev_hello {
    const char *agent_id;
    const char *user; /* name of the CURVE key, NULL without CURVE */
    const char *host;
    uint64_t boot;
    uint32_t pid;
    uint32_t slots, cpus;
    uint64_t memory_bytes;
    uint64_t gpu_mask;
    const char *home_id; /* NULL when nothing is held */
    uint32_t only_sweep; /* 0: it runs commands of every sweep. Else it runs nothing
                            itself: it hands this sweep's points to somebody who asks,
                            gets as many as EV_WANT says and needs no room for them */
    const struct held_attempt *held;
    size_t held_len;
};

/* One report: entries numbered from first_seq in the order started, points, notes,
 * ended. */
struct ev_report {
    struct attempt_key key;
    uint64_t first_seq;
    bool has_started;
    struct rec_started started;
    struct rec_points points; /* len 0: none; first_seq and fenced are not read */
    struct rec_notes notes;
    bool has_ended;
    struct rec_ended ended; /* state, counts, fenced, value are not read */
    const char *cause;      /* of the end */
    bool judged;            /* the agent held the points against its limits itself */
    struct rec_verdict stopped_by; /* the end is the agent's decision; rule NULL: no */
};

struct ev_log {
    struct attempt_key key;
    uint64_t offset;
    const uint8_t *data;
    size_t len;
};

struct ev_suggested {
    uint32_t sweep;
    uint32_t first;         /* number of the first suggested trial */
    uint64_t history;       /* rows the sampler knew of: fx_suggest.history_len */
    size_t len;             /* points given; may be fewer than asked */
    const double *x;        /* len rows of the space's length */
    const uint64_t *cursor; /* sampler's cursor after each point */
    bool exhausted;         /* there are no more points than these */
    const char *error;      /* NULL, or why no point could be found */
};

struct ev_submit {
    struct run_id run_id; /* random, from the shell; used if a new sweep is made */
    const char *text;     /* the sweep file */
    size_t text_len;
    const char *source;    /* its name, for messages */
    const char *mlproject; /* the project's MLproject file, NULL: none */
    const char *directory; /* absolute folder of the sweep file */
    bool force_new;        /* --new */
    bool command_optional; /* ask-tell: no command, project or bound needed */
};

enum steer_verb {
    STEER_PAUSE,
    STEER_RESUME,
    STEER_STOP,
    STEER_RETRY,
    STEER_ENQUEUE,
    STEER_IMPORT,
    STEER_EDIT,
    STEER_VERB_NR
};

struct trial_range {
    uint32_t first, last; /* both included */
};

/* Which trials STEER_RETRY queues again. */
struct steer_retry {
    const struct trial_range *ranges; /* each trial named must be one that can be */
    size_t ranges_len;                /* 0: all that can be */
    unsigned states;   /* bits 1 << enum trial_state: failed, cancelled; 0: failed,
                          and cancelled too when trials are named */
    const char *where; /* expression over parameters, `state`, `end` and `number`;
                          NULL: none */
    bool dry_run;      /* only say which */
};

/* The sweep's new file, for STEER_EDIT. */
struct steer_edit {
    const char *text;      /* the whole file */
    const char *source;    /* its name, for messages */
    const char *mlproject; /* NULL: the MLproject file stays as it is */
    uint32_t revision;     /* the text was made from this one; 0: not said */
    bool resume;           /* a sweep that is paused, stopped or failed runs again */
    bool dry_run;          /* only say what would happen */
};

struct ev_steer {
    enum steer_verb verb;
    const char *sweep;        /* id, unique prefix, name (the newest) or "last" */
    bool drain;               /* stop: let running attempts end */
    const char *cause;        /* "by user", for the record */
    struct steer_retry retry; /* STEER_RETRY */
    /* A JSON array. STEER_ENQUEUE: points to try next, objects of parameters.
     * STEER_IMPORT: results from elsewhere, {"params", "value", "state"?, "step"?}. */
    const char *points;
    size_t points_len;
    struct steer_edit edit; /* STEER_EDIT */
};

struct event {
    enum event_kind kind;
    struct mono now;
    struct wall wall;
    uint64_t peer;  /* connection the message came from; 0: none */
    uint64_t token; /* EV_SUBMIT, EV_STEER: named again in FX_REPLY; 0: no
                       reply wanted */
    union {
        struct ev_hello hello;
        struct ev_report report;
        struct ev_log log;
        struct ev_suggested suggested;
        struct ev_submit submit;
        struct ev_steer steer;
        bool disk_full;
        bool leaving;  /* EV_HEARTBEAT: the agent is shutting down */
        uint32_t want; /* EV_WANT: attempts it takes now, in place of what it wanted */
        const char *bye_cause;
    } as;
};

#endif
