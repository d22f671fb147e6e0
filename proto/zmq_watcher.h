/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_watcher.h – a ZeroMQ socket as an event source of a uv loop. Loop thread only. */
#ifndef PROTO_ZMQ_WATCHER_H
#define PROTO_ZMQ_WATCHER_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <uv.h>

/* Messages read in one go before other handles of the loop get their turn. */
#define ZMQ_WATCHER_BUDGET 256

/* Embedded in its owner, which stays until `closed` has been called. All fields are
 * private. */
struct zmq_watcher {
    void *socket;
    /* Reads one message without blocking; false when there was none. Must not close the
     * ZeroMQ socket, but may call zmq_watcher_close. */
    bool (*read_one)(void *ctx);
    /* Runs before the loop blocks; may be NULL. For sends that had to wait and for what
     * must follow a complete drain (`drained` says whether the socket is empty). True
     * when frames still wait to be sent: it is then called again soon. */
    bool (*before_wait)(void *ctx, bool drained);
    void *ctx;
    void (*closed)(void *ctx);
    uv_poll_t poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t retry;  /* runs while before_wait has frames waiting */
    uint64_t retry_ms; /* its next delay */
    unsigned open;     /* uv handles not yet closed */
    bool settled;      /* prepare has looked, check has not come yet */
    bool closing;
};

/* Starts watching. read_one, before_wait and ctx must be set by the caller in *watcher
 * and the rest be zero. On failure nothing is left open. */
enum err_code zmq_watcher_start(struct zmq_watcher *watcher,
                                uv_loop_t *loop,
                                void *socket,
                                struct err *err) MUST_USE;

/* Call after every send on the socket: when the loop is about to block, the send may
 * have swallowed the edge after this watcher had looked. */
void zmq_watcher_touch(struct zmq_watcher *watcher);

/* Makes the loop come round without blocking, so that before_wait runs soon. */
void zmq_watcher_wake(struct zmq_watcher *watcher);

/* Stops at once; calls closed(ctx) from the loop when the memory may go. The ZeroMQ
 * socket may be closed as soon as this returned. */
void zmq_watcher_close(struct zmq_watcher *watcher, void (*closed)(void *ctx));

#endif
