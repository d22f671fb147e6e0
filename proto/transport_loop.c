/* SPDX-License-Identifier: Apache-2.0 */
/* transport_loop.c – server and clients in one process, on one uv loop.
 *
 * Owns: the connections and the frames in flight between their two ends.
 * Knows: that nothing may be delivered from inside a send, so each end has a queue that
 * its idle handle empties in a later iteration.
 * Does not know: what the frames hold.
 *
 * A connection is made of two ends, one owned by each transport; closing a transport
 * cuts its ends off, and the other side hears peer_down after what was in flight. */
#include "proto/transport_loop.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/backlog.h"

#include <uv.h>

/* Frames delivered in one go before other handles get their turn. */
#define LOOP_BUDGET 256

struct loop_transport;

/* One side of a connection: what its owner still has to hear. */
struct loop_end {
    struct list_node node; /* in owner's busy list while there is work */
    struct loop_transport *owner;
    struct loop_end *other; /* NULL once the other side is gone */
    uint64_t peer;          /* number under which owner knows the connection */
    struct backlog in;      /* frames for the owner */
    bool up;                /* owner has heard peer_up */
    bool drain_due;         /* owner is to hear drained */
};

struct loop_transport {
    struct transport base;
    bool is_server;
    uv_idle_t idle; /* active while busy is not empty */
    struct map_u64 ends;
    struct list busy;
    uint64_t last_peer;
    size_t backlog_bytes_max;
};

static struct loop_transport *loop_from(struct transport *t)
{
    return container_of(t, struct loop_transport, base);
}

static void on_idle(uv_idle_t *idle);

/* The owner of the end has something to hear. */
static void end_wake(struct loop_end *end)
{
    struct loop_transport *loop = end->owner;
    if (loop->base.closing || list_node_is_linked(&end->node)) {
        return;
    }
    list_add_tail(&loop->busy, &end->node);
    int rc = uv_idle_start(&loop->idle, on_idle);
    ASSERT(rc == 0);
}

static void end_destroy(struct loop_end *end)
{
    if (list_node_is_linked(&end->node)) {
        list_remove(&end->owner->busy, &end->node);
    }
    if (end->other != NULL) {
        end->other->other = NULL;
        end_wake(end->other);
    }
    map_u64_del(&end->owner->ends, end->peer);
    backlog_fini(&end->in);
    mem_free(end);
}

static void deliver_frame(struct loop_end *end)
{
    struct loop_transport *loop = end->owner;
    const uint8_t *data = NULL;
    size_t len = 0;
    bool some = backlog_peek(&end->in, &data, &len);
    ASSERT(some);
    AUTO_FREE uint8_t *owned = backlog_take(&end->in);
    struct loop_end *sender = end->other;
    if (list_is_empty(&end->in.frames) && end->in.refused && sender != NULL) {
        end->in.refused = false;
        sender->drain_due = true;
        end_wake(sender);
    }
    loop->base.cb.recv(loop->base.ctx, end->peer, owned, len, NULL);
}

/* Tells the owner one thing about this end, in the order the contract asks for; false
 * when there is nothing to tell. The end is gone after a peer_down. */
static bool end_step(struct loop_end *end)
{
    const struct transport *base = &end->owner->base;
    uint64_t peer = end->peer;
    if (!end->up) {
        end->up = true;
        base->cb.peer_up(base->ctx, peer);
        return true;
    }
    if (!list_is_empty(&end->in.frames)) {
        deliver_frame(end);
        return true;
    }
    if (end->drain_due) {
        end->drain_due = false;
        if (base->cb.drained != NULL) {
            base->cb.drained(base->ctx, peer);
        }
        return true;
    }
    if (end->other == NULL) {
        end_destroy(end);
        base->cb.peer_down(base->ctx, peer);
        return true;
    }
    return false;
}

static void on_idle(uv_idle_t *idle)
{
    struct loop_transport *loop = idle->data;
    for (unsigned i = 0; i < LOOP_BUDGET && !loop->base.closing; i++) {
        struct list_node *node = list_pop_head(&loop->busy);
        if (node == NULL) {
            uv_idle_stop(idle);
            return;
        }
        struct loop_end *end = container_of(node, struct loop_end, node);
        uint64_t peer = end->peer;
        bool told = end_step(end);
        /* Ends take turns. A callback may have closed everything: look it up again. */
        if (told && !loop->base.closing && map_u64_get(&loop->ends, peer) == end) {
            end_wake(end);
        }
    }
}

/* ---- the vtable ---- */

static enum err_code
loop_send(struct transport *t, uint64_t peer, uint8_t *data, size_t len)
{
    struct loop_transport *loop = loop_from(t);
    struct loop_end *end = map_u64_get(&loop->ends, peer);
    if (end == NULL || end->other == NULL) {
        mem_free(data);
        return ERR_NOTFOUND;
    }
    if (!backlog_add(&end->other->in, data, len, loop->backlog_bytes_max)) {
        return ERR_AGAIN;
    }
    end_wake(end->other);
    return ERR_OK;
}

static size_t loop_backlog(const struct transport *t, uint64_t peer)
{
    const struct loop_transport *loop =
        container_of_const(t, struct loop_transport, base);
    const struct loop_end *end = map_u64_get(&loop->ends, peer);
    return end == NULL || end->other == NULL ? 0 : end->other->in.bytes;
}

static const char *loop_endpoint(const struct transport *t)
{
    UNUSED(t);
    return "loop";
}

static void on_closed(uv_handle_t *handle)
{
    struct loop_transport *loop = handle->data;
    void (*closed)(void *) = loop->base.closed;
    void *closed_ctx = loop->base.closed_ctx;
    map_u64_fini(&loop->ends);
    mem_free(loop);
    if (closed != NULL) {
        closed(closed_ctx);
    }
}

static void loop_close(struct transport *t)
{
    struct loop_transport *loop = loop_from(t);
    size_t pos = 0;
    void *end = NULL;
    while (map_u64_next(&loop->ends, &pos, NULL, &end)) {
        end_destroy(end);
    }
    uv_close((uv_handle_t *)&loop->idle, on_closed);
}

static const struct transport_ops LOOP_OPS = {
    .send = loop_send,
    .backlog = loop_backlog,
    .endpoint = loop_endpoint,
    .close = loop_close,
};

static struct loop_transport *loop_create(uv_loop_t *uv,
                                          const struct transport_callbacks *cb,
                                          void *ctx,
                                          size_t bytes)
{
    struct loop_transport *loop = mem_alloc(sizeof *loop);
    loop->base = (struct transport){ .ops = &LOOP_OPS, .cb = *cb, .ctx = ctx };
    loop->backlog_bytes_max = bytes != 0 ? bytes : TRANSPORT_BACKLOG_BYTES_MAX;
    map_u64_init(&loop->ends);
    list_init(&loop->busy);
    int rc = uv_idle_init(uv, &loop->idle);
    ASSERT(rc == 0);
    loop->idle.data = loop;
    return loop;
}

struct transport *transport_loop_listen(uv_loop_t *loop,
                                        const struct transport_callbacks *cb,
                                        void *ctx,
                                        size_t backlog_bytes_max)
{
    struct loop_transport *server = loop_create(loop, cb, ctx, backlog_bytes_max);
    server->is_server = true;
    return &server->base;
}

static struct loop_end *end_create(struct loop_transport *owner)
{
    struct loop_end *end = mem_alloc(sizeof *end);
    end->owner = owner;
    end->peer = ++owner->last_peer;
    backlog_init(&end->in);
    map_u64_set(&owner->ends, end->peer, end);
    return end;
}

struct transport *transport_loop_connect(struct transport *server,
                                         const struct transport_callbacks *cb,
                                         void *ctx)
{
    ASSERT(server->ops == &LOOP_OPS);
    ASSERT(!server->closing);
    struct loop_transport *to = loop_from(server);
    ASSERT(to->is_server);
    struct loop_transport *client =
        loop_create(to->idle.loop, cb, ctx, to->backlog_bytes_max);
    struct loop_end *near = end_create(client);
    struct loop_end *far = end_create(to);
    near->other = far;
    far->other = near;
    end_wake(near);
    end_wake(far);
    return &client->base;
}
