/* SPDX-License-Identifier: Apache-2.0 */
/* coordinator_internal.h – the coordinator's state, shared by its files.
 *
 * One round (coordinator.c): everything in the inbox is decoded and stepped through the
 * engine, the effects go to the outbox, an idle writer gets the records, released
 * effects are carried out. Transports, timers, workers and callers only ever append to
 * the inbox.
 */
#ifndef COORDINATOR_COORDINATOR_INTERNAL_H
#define COORDINATOR_COORDINATOR_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/map.h"
#include "base/times.h"
#include "base/vec.h"
#include "coordinator/coordinator.h"
#include "coordinator/inbox.h"
#include "coordinator/queries.h"
#include "coordinator/sessions.h"
#include "coordinator/store_thread.h"
#include "coordinator/wire.h"
#include "core/effect.h"
#include "core/event.h"
#include "core/outbox.h"
#include "proto/codec.h"

struct zmq_hub;

/* Server transports: winnow.sock, TCP, in-process. */
enum link_kind {
    LINK_IPC,
    LINK_TCP,
    LINK_LOOP,
    LINK_NR
};

/* Most records in one commit: bounds its latency and the WAL. */
#define COORDINATOR_BATCH_MAX 50000
/* Rounds before other handles of the loop get their turn. */
#define COORDINATOR_ROUNDS_MAX 16
/* Bytes of frames that may wait; when reached a round runs at once. */
#define COORDINATOR_INBOX_BYTES_MAX ((size_t)32 * 1024 * 1024)
/* A sweep file with its MLproject: they must fit the message Sweep, with their frame.
 */
#define COORDINATOR_SWEEP_BYTES_MAX ((size_t)2032 * 1024)

struct link {
    struct coordinator *owner;
    enum link_kind kind;
    struct transport *transport; /* NULL: not in use */
};

/* A request that the engine answers with FX_REPLY. */
struct pending {
    uint64_t peer; /* client; 0: in this process */
    uint64_t id;   /* the client's */
    coordinator_reply_fn reply;
    void *reply_ctx;
    bool is_submit;
};

enum coordinator_phase {
    PHASE_RUN,
    PHASE_FLUSH,   /* close was called: what was decided goes to disk */
    PHASE_WORKERS, /* workers end, sockets close */
    PHASE_HANDLES  /* the rest closes */
};

struct coordinator {
    uv_loop_t *loop;
    char *home;
    char *ipc_endpoint;
    char *home_id;
    enum log_level log_level_max;
    struct coordinator_callbacks cb;
    void *ctx;

    struct engine *engine;
    struct outbox *outbox;
    struct effects effects; /* of the current round */
    struct store_thread *store;
    bool failed;    /* the store failed: nothing moves any more */
    bool disk_full; /* the batch in flight waits for space */

    struct zmq_hub *hub;
    struct link links[LINK_NR];
    struct sessions sessions;
    struct codec_decoder *decoder;
    struct wire wire;
    uint64_t garbage;          /* frames refused so far */
    uint64_t commits, records; /* batches and records given to the store */

    struct inbox inbox;   /* being filled */
    struct inbox current; /* being worked off */
    bool in_round;
    struct mono now; /* of the current round */
    struct wall wall;

    uv_idle_t idle;          /* active while the inbox is not empty: no blocking */
    uv_check_t check;        /* runs rounds */
    uv_timer_t deadline;     /* engine_deadline */
    struct mono deadline_at; /* what it is set to while active */
    unsigned handles_open;

    struct map_u64 pending; /* token → struct pending */
    uint64_t last_token;
    struct queries queries;
    unsigned works; /* suggestions being computed on the pool */
    bool drained;   /* on_drained was called */

    enum coordinator_phase phase;
    unsigned links_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- coordinator.c ---- */

/* Makes the loop come round to work off the inbox. Call after appending to it. */
void coordinator_wake(struct coordinator *c);

/* Works off the inbox now unless a round is running. */
void coordinator_round(struct coordinator *c);

/* An event with kind, time, peer and token set. */
struct event
coordinator_event(const struct coordinator *c, enum event_kind kind, uint64_t peer);

/* Steps the engine; its effects join those of the round. */
void coordinator_step(struct coordinator *c, const struct event *event);

/* Whether lines of that level are wanted. */
bool coordinator_logs(const struct coordinator *c, enum log_level level);
#define COORDINATOR_LOG(c, level, event, ...)                                          \
    do {                                                                               \
        if (coordinator_logs((c), (level))) {                                          \
            log_line((level), (event), __VA_ARGS__);                                   \
        }                                                                              \
    } while (0)

/* ---- dispatch.c ---- */

/* One frame of a peer, whatever it holds. */
void dispatch_frame(struct coordinator *c,
                    struct session *session,
                    const uint8_t *data,
                    size_t len);

/* ---- effects.c ---- */

/* Carries out every effect that may be. */
void effects_run(struct coordinator *c);

/* Calls on_drained, once. */
void effects_drained(struct coordinator *c);

/* Answers every open request of this process with ERR_CLOSED and forgets the others. */
void effects_drop_pending(struct coordinator *c);

/* ---- requests.c ---- */

/* ERR_TOOBIG, ERR_INVALID: what no engine need look at. */
enum err_code requests_submit_check(const struct ev_submit *submit,
                                    struct err *err) MUST_USE;

/* Hands a submit or steer to the engine with the next token; takes nothing. */
void requests_submit(struct coordinator *c,
                     const struct ev_submit *submit,
                     const struct pending *pending);
void requests_steer(struct coordinator *c,
                    const struct ev_steer *steer,
                    const struct pending *pending);

/* ---- suggest.c ---- */

/* Runs the sampler for one FX_SUGGEST: here when it is immediate, else on the pool. The
 * answer is appended to the inbox. */
void suggest_start(struct coordinator *c, struct fx_suggest *fx);

#endif
