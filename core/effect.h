/* SPDX-License-Identifier: Apache-2.0 */
/* effect.h – everything the engine can ask the shell for, in order.
 *
 * An effect with `after_commit` may be carried out only once every record emitted
 * before it is on disk; core/outbox.h keeps that order. Strings and arrays inside a
 * message are owned by the effect (effect_fini), or borrowed from the engine where
 * said; the engine keeps what it lends as long as it lives.
 */
#ifndef CORE_EFFECT_H
#define CORE_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "core/curves.h"
#include "core/ids.h"
#include "core/record.h"
#include "core/states.h"

enum effect_kind {
    FX_PERSIST,     /* hand the record to the store */
    FX_SEND,        /* a message to an agent's connection */
    FX_SUGGEST,     /* run the sweep's sampler, answer with EV_SUGGESTED */
    FX_REPLY,       /* answer a request */
    FX_SWEEP_ENDED, /* the sweep came to rest: finished, stopped, failed or paused */
    FX_DRAINED,     /* after EV_SHUTDOWN: nothing runs any more */
    FX_WARN,        /* a line for the log */
    FX_KIND_NR
};

enum message_kind {
    TO_AGENT_HELLO_WANTED,
    TO_AGENT_WELCOME,
    TO_AGENT_REFUSE,
    TO_AGENT_SWEEP,
    TO_AGENT_ASSIGN,
    TO_AGENT_STOP,
    TO_AGENT_ACK,
    TO_AGENT_LOG_ACK,
    TO_AGENT_LIMITS,
    TO_AGENT_NR
};

enum verdict_kind {
    VERDICT_KEEP = 1,
    VERDICT_STOP = 2,
    VERDICT_FORGET = 3
};

struct verdict {
    struct attempt_key key;
    enum verdict_kind verdict;
    uint64_t acked_seq;
    uint64_t log_acked;
};

struct msg_welcome {
    struct verdict *verdicts; /* owned */
    size_t verdicts_len;
};

struct msg_refuse {
    enum err_code code;
    char *text; /* owned */
};

/* All strings borrowed from the engine. */
struct msg_sweep {
    uint32_t sweep;
    uint32_t revision;
    const char *sweep_id;
    const char *name;
    const char *spec;
    const char *mlproject; /* NULL: none */
    const char *directory;
};

struct msg_assign {
    struct attempt_key key;
    struct run_id run_id;
    const double *x; /* borrowed from the engine */
    size_t x_len;
    uint64_t gpu_mask;
    bool prefetch;
    bool fresh; /* its checkpoint folder is to be emptied */
    uint32_t revision;
};

struct msg_stop {
    struct attempt_key key;
    enum stop_reason reason;
    bool only_unstarted;
    char *cause; /* owned, may be NULL */
};

struct msg_ack {
    struct attempt_key key;
    uint64_t seq;
    bool resend;
    bool drop_checkpoint; /* nobody goes on from what the agent has of the trial */
};

struct msg_log_ack {
    struct attempt_key key;
    uint64_t offset;
};

struct message {
    enum message_kind kind;
    union {
        struct msg_welcome welcome;
        struct msg_refuse refuse;
        struct msg_sweep sweep;
        struct msg_assign assign;
        struct msg_stop stop;
        struct msg_ack ack;
        struct msg_log_ack log_ack;
        struct limits limits; /* items owned, texts borrowed from the engine */
    } as;
};

struct fx_suggest {
    uint32_t sweep;
    uint32_t revision; /* of the sweep's file: engine_revision_spec */
    uint32_t first;    /* number of the first trial */
    uint32_t count;
    uint64_t cursor;
    size_t history_len; /* rows of the history that count */
    double *open;       /* owned: points of the open trials, with room for `count` more;
                           NULL when the sampler does not learn */
    size_t open_len;
};

struct fx_reply {
    uint64_t token;
    enum err_code code;
    char *text; /* owned: the error's text, or JSON */
};

struct fx_sweep_ended {
    uint32_t sweep;
    enum sweep_state state;
};

struct effect {
    enum effect_kind kind;
    bool after_commit;
    uint64_t peer; /* FX_SEND */
    union {
        struct record *record; /* owned */
        struct message message;
        struct fx_suggest suggest;
        struct fx_reply reply;
        struct fx_sweep_ended sweep_ended;
        char *warning; /* owned */
    } as;
};

/* What one or more steps asked for, in order. Zeroed is empty. */
struct effects {
    VEC(struct effect) list;
};

/* Releases what the effect owns, unless it was taken (set to NULL). */
void effect_fini(struct effect *effect);

/* Releases all effects and the list's memory. */
void effects_fini(struct effects *effects);

#endif
