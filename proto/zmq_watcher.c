/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_watcher.c – a ZeroMQ socket as an event source of a uv loop.
 *
 * Owns: the five uv handles of one socket.
 * Knows: that ZMQ_FD is edge-triggered and only says "look at ZMQ_EVENTS"; and that any
 * call on the socket, also a send from a timer, may swallow the edge.
 * Does not know: what is in the messages.
 *
 * So the descriptor alone is never trusted. `prepare` looks at ZMQ_EVENTS right before
 * the loop would block; if there is something to read it starts `idle`, which keeps the
 * loop from blocking, and `check` reads after the poll phase. A send that comes after
 * that look (from another handle's prepare) starts `idle` too. Reading stops after a
 * budget, with idle on, so that a flood of messages cannot starve timers and processes.
 * Polling is for READABLE only, also to learn that a send may go on. That edge can be
 * swallowed between the last attempt to send and the blocking, and for a ROUTER nothing
 * tells it apart afterwards; so while frames wait, a timer (1 ms, doubling to 64 ms)
 * has them tried again whatever happens. */
#include "proto/zmq_watcher.h"

#include "base/assert.h"

#include <errno.h>
#include <zmq.h>

/* Delays of further attempts to send. */
#define RETRY_MS_MIN 1
#define RETRY_MS_MAX 64

static bool socket_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0
           && (events & ZMQ_POLLIN) != 0;
}

static void on_idle(uv_idle_t *idle)
{
    UNUSED(idle); /* its being active is what counts */
}

static void idle_set(struct zmq_watcher *watcher, bool on)
{
    if (watcher->closing || uv_is_active((uv_handle_t *)&watcher->idle) == on) {
        return;
    }
    int rc = on ? uv_idle_start(&watcher->idle, on_idle) : uv_idle_stop(&watcher->idle);
    ASSERT(rc == 0);
}

static void drain(struct zmq_watcher *watcher)
{
    for (unsigned i = 0; i < ZMQ_WATCHER_BUDGET && !watcher->closing; i++) {
        if (!watcher->read_one(watcher->ctx)) {
            break;
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct zmq_watcher *watcher = poll->data;
    UNUSED(status);
    UNUSED(events);
    /* The edge has come; a swallowed one later is to be noticed fast again. */
    watcher->retry_ms = RETRY_MS_MIN;
    uv_timer_stop(&watcher->retry);
    drain(watcher);
}

static void on_retry(uv_timer_t *timer)
{
    struct zmq_watcher *watcher = timer->data; /* that the loop comes round is enough */
    watcher->retry_ms *= watcher->retry_ms < RETRY_MS_MAX ? 2 : 1;
}

static void retry_set(struct zmq_watcher *watcher, bool on)
{
    if (watcher->closing) {
        return;
    }
    if (!on) {
        watcher->retry_ms = RETRY_MS_MIN;
        uv_timer_stop(&watcher->retry);
    } else if (!uv_is_active((uv_handle_t *)&watcher->retry)) {
        int rc = uv_timer_start(&watcher->retry, on_retry, watcher->retry_ms, 0);
        ASSERT(rc == 0);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct zmq_watcher *watcher = prepare->data;
    bool readable = socket_readable(watcher->socket);
    if (watcher->before_wait != NULL) {
        retry_set(watcher, watcher->before_wait(watcher->ctx, !readable));
        /* It may have sent, which may have swallowed an edge. */
        readable = !watcher->closing && socket_readable(watcher->socket);
    }
    idle_set(watcher, readable);
    watcher->settled = true;
}

static void on_check(uv_check_t *check)
{
    struct zmq_watcher *watcher = check->data;
    watcher->settled = false;
    if (uv_is_active((uv_handle_t *)&watcher->idle)) {
        drain(watcher);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct zmq_watcher *watcher = handle->data;
    ASSERT(watcher->open > 0);
    watcher->open--;
    if (watcher->open == 0) {
        watcher->closed(watcher->ctx);
    }
}

enum err_code zmq_watcher_start(struct zmq_watcher *watcher,
                                uv_loop_t *loop,
                                void *socket,
                                struct err *err)
{
    ASSERT(watcher->read_one != NULL);
    int fd = -1;
    size_t size = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0) {
        return err_set_errno(err, errno, "cannot watch a socket");
    }
    int rc = uv_poll_init(loop, &watcher->poll, fd);
    if (rc != 0) {
        return err_set(err, ERR_IO, "cannot watch a socket: %s", uv_strerror(rc));
    }
    watcher->socket = socket;
    watcher->closing = false;
    watcher->open = 5;
    watcher->retry_ms = RETRY_MS_MIN;
    watcher->poll.data = watcher;
    watcher->prepare.data = watcher;
    watcher->check.data = watcher;
    watcher->idle.data = watcher;
    watcher->retry.data = watcher;
    /* None of these can fail with a callback given and a fresh handle. */
    rc = uv_prepare_init(loop, &watcher->prepare);
    rc |= uv_check_init(loop, &watcher->check);
    rc |= uv_idle_init(loop, &watcher->idle);
    rc |= uv_timer_init(loop, &watcher->retry);
    rc |= uv_poll_start(&watcher->poll, UV_READABLE, on_poll);
    rc |= uv_prepare_start(&watcher->prepare, on_prepare);
    rc |= uv_check_start(&watcher->check, on_check);
    ASSERT(rc == 0);
    return ERR_OK;
}

void zmq_watcher_touch(struct zmq_watcher *watcher)
{
    if (watcher->settled) {
        idle_set(watcher, true);
    }
}

void zmq_watcher_wake(struct zmq_watcher *watcher)
{
    idle_set(watcher, true);
}

void zmq_watcher_close(struct zmq_watcher *watcher, void (*closed)(void *ctx))
{
    ASSERT(!watcher->closing);
    watcher->closing = true;
    watcher->closed = closed;
    uv_close((uv_handle_t *)&watcher->poll, on_handle_closed);
    uv_close((uv_handle_t *)&watcher->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&watcher->check, on_handle_closed);
    uv_close((uv_handle_t *)&watcher->idle, on_handle_closed);
    uv_close((uv_handle_t *)&watcher->retry, on_handle_closed);
}
