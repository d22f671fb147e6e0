/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_router.c – the server: a ROUTER socket and its peers.
 *
 * Owns: the table of peers, each with the frames that its pipe does not accept now.
 * Knows: routing ids are libzmq's (never fixed by clients), 5 bytes, used again after a
 * wrap; owners see a number that is never used again. With ROUTER_MANDATORY a full pipe
 * is EAGAIN and a vanished peer EHOSTUNREACH; without, frames would be dropped
 * silently. The monitor names connections by descriptor, and so does ZMQ_SRCFD of a
 * message, which maps a disconnection to a peer. libzmq's heartbeats are the clients'
 * business: on a ROUTER they cost O(peers^2). Does not know: who the peers are (the
 * layer above asks them), leases.
 *
 * Life of a peer:
 *
 *   first frame → up → (disconnected | unreachable) → dead → socket empty → down
 *
 * The wait for an empty socket lets the owner hear what the peer said before it left.
 */
#include "proto/transport_zmq.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/backlog.h"
#include "proto/zmq_end.h"
#include "proto/zmq_hub.h"
#include "proto/zmq_zap.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#define ROUTING_ID_BYTES 5
/* 10,000 agents may come back at once. */
#define LISTEN_BACKLOG 4096
/* Under a flood the socket is never seen empty: the dead are then told of after that
 * many looks, each a full reading budget apart. */
#define DEAD_WAITS_MAX 64

struct zmq_peer {
    uint64_t number;
    uint8_t routing_id[ROUTING_ID_BYTES];
    int fd;        /* of its connection, -1 unknown */
    bool dead;     /* in router->dead; nothing can be sent */
    char *user_id; /* NULL without keys */
    struct backlog backlog;
    struct list_node stuck; /* in router->stuck while backlog holds frames */
    struct list_node dying; /* in router->dead */
};

struct zmq_router {
    struct zmq_end end;
    struct zmq_zap *zap; /* NULL without keys */
    struct map_u64 by_number;
    struct map_u64 by_routing_id;
    struct map_u64 by_fd;    /* living connections of known peers */
    struct map_u64 open_fds; /* all living connections; values unused */
    struct list stuck;
    struct list dead;
    unsigned dead_waits;
    uint64_t last_number;
};

static struct zmq_router *router_from(struct zmq_end *end)
{
    return container_of(end, struct zmq_router, end);
}

/* ---- peers ---- */

static uint64_t routing_key(const uint8_t id[ROUTING_ID_BYTES])
{
    uint64_t key = 0;
    for (size_t i = 0; i < ROUTING_ID_BYTES; i++) {
        key = key << 8 | id[i];
    }
    return key;
}

static void peer_destroy(struct zmq_router *router, struct zmq_peer *peer)
{
    if (list_node_is_linked(&peer->stuck)) {
        list_remove(&router->stuck, &peer->stuck);
    }
    if (list_node_is_linked(&peer->dying)) {
        list_remove(&router->dead, &peer->dying);
    }
    backlog_fini(&peer->backlog);
    mem_free(peer->user_id);
    mem_free(peer);
}

/* Nothing can reach it any more; its owner hears of it when the socket is empty. */
static void peer_mark_dead(struct zmq_router *router, struct zmq_peer *peer)
{
    if (peer->dead) {
        return;
    }
    peer->dead = true;
    if (list_node_is_linked(&peer->stuck)) {
        list_remove(&router->stuck, &peer->stuck);
    }
    if (peer->fd >= 0 && map_u64_get(&router->by_fd, (uint64_t)peer->fd) == peer) {
        map_u64_del(&router->by_fd, (uint64_t)peer->fd);
    }
    list_add_tail(&router->dead, &peer->dying);
    zmq_watcher_wake(&router->end.watcher);
}

static void peer_tell_down(struct zmq_router *router, struct zmq_peer *peer)
{
    const struct transport *base = &router->end.base;
    uint64_t number = peer->number;
    map_u64_del(&router->by_number, number);
    map_u64_del(&router->by_routing_id, routing_key(peer->routing_id));
    peer_destroy(router, peer);
    base->cb.peer_down(base->ctx, number);
}

static void tell_dead(struct zmq_router *router)
{
    router->dead_waits = 0;
    while (!router->end.base.closing && !list_is_empty(&router->dead)) {
        struct list_node *node = list_first(&router->dead);
        peer_tell_down(router, container_of(node, struct zmq_peer, dying));
    }
}

static bool router_read_event(void *ctx);

/* A connection that speaks for the first time. */
static struct zmq_peer *
peer_create(struct zmq_router *router, const uint8_t *id, zmq_msg_t *frame)
{
    /* What happened to descriptors up to now, so that a reused one is not mixed up. */
    while (router_read_event(router)) {
    }
    struct zmq_peer *peer = mem_alloc(sizeof *peer);
    peer->number = ++router->last_number;
    memcpy(peer->routing_id, id, ROUTING_ID_BYTES);
    peer->fd = zmq_msg_get(frame, ZMQ_SRCFD);
    backlog_init(&peer->backlog);
    if (router->zap != NULL) {
        /* Without keys a client could put any name there. */
        peer->user_id = mem_strdup(zmq_msg_gets(frame, "User-Id"));
    }
    map_u64_set(&router->by_number, peer->number, peer);
    map_u64_set(&router->by_routing_id, routing_key(id), peer);
    if (peer->fd >= 0) {
        struct zmq_peer *before = map_u64_set(&router->by_fd, (uint64_t)peer->fd, peer);
        if (before != NULL) {
            peer_mark_dead(router, before);
        }
        if (!map_u64_has(&router->open_fds, (uint64_t)peer->fd)) {
            peer_mark_dead(router, peer);
        }
    }
    return peer;
}

/* ---- reading ---- */

static void deliver(struct zmq_router *router, const uint8_t *id, zmq_msg_t *frame)
{
    const struct transport *base = &router->end.base;
    struct zmq_peer *peer = map_u64_get(&router->by_routing_id, routing_key(id));
    if (peer == NULL) {
        peer = peer_create(router, id, frame);
        if (!base->closing) {
            base->cb.peer_up(base->ctx, peer->number);
        }
    }
    if (base->closing) {
        return;
    }
    base->cb.recv(base->ctx, peer->number, zmq_msg_data(frame), zmq_msg_size(frame),
                  peer->user_id);
}

/* Receives one part into *part; -1 when there is none. */
static int part_next(struct zmq_router *router, zmq_msg_t *part)
{
    int rc = zmq_msg_init(part);
    ASSERT(rc == 0);
    return zmq_msg_recv(part, router->end.socket, ZMQ_DONTWAIT);
}

static void part_close(zmq_msg_t *part)
{
    IGNORE_ERR(zmq_msg_close(part), "the message is valid");
}

/* Drops the parts that follow; messages arrive whole. */
static void skip_parts(struct zmq_router *router, bool more)
{
    while (more) {
        zmq_msg_t part;
        more = part_next(router, &part) >= 0 && zmq_msg_more(&part) != 0;
        part_close(&part);
    }
}

/* One message: routing id and frame; anything else is dropped. */
static bool router_read_one(void *ctx)
{
    struct zmq_router *router = router_from(ctx);
    zmq_msg_t id;
    zmq_msg_t frame;
    bool some = part_next(router, &id) >= 0;
    if (some && zmq_msg_more(&id) != 0) {
        bool whole = part_next(router, &frame) >= 0 && zmq_msg_more(&frame) == 0;
        if (!whole) {
            skip_parts(router, zmq_msg_more(&frame) != 0);
        } else if (zmq_msg_size(&id) == ROUTING_ID_BYTES) {
            deliver(router, zmq_msg_data(&id), &frame);
        }
        part_close(&frame);
    }
    part_close(&id);
    return some;
}

static void on_disconnected(struct zmq_router *router, uint64_t fd)
{
    map_u64_del(&router->open_fds, fd);
    struct zmq_peer *peer = map_u64_get(&router->by_fd, fd);
    if (peer != NULL) {
        peer_mark_dead(router, peer);
    }
}

/* Reads one event of the monitor. */
static bool router_read_event(void *ctx)
{
    struct zmq_router *router = router_from(ctx);
    struct zmq_event event;
    if (router->end.base.closing || !zmq_monitor_next(router->end.monitor, &event)) {
        return false;
    }
    if (event.type == ZMQ_EVENT_ACCEPTED) {
        map_u64_set(&router->open_fds, (uint64_t)event.value, NULL);
    } else if (event.type == ZMQ_EVENT_DISCONNECTED) {
        on_disconnected(router, (uint64_t)event.value);
    } else if (event.type == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
        const char *why = event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
                              ? ": keys are used on one side only"
                          : event.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
                              ? ": its coordinator key is not ours"
                              : ": it is no winnow agent or client";
        zmq_end_trouble(&router->end, ERR_INVALID, "turned away a connection to", why);
    }
    return true;
}

/* ---- sending ---- */

/* 0 when data was taken, else EAGAIN, or EHOSTUNREACH for any other reason. */
static int
send_now(struct zmq_router *router, struct zmq_peer *peer, uint8_t *data, size_t len)
{
    int rc = zmq_send(router->end.socket, peer->routing_id, ROUTING_ID_BYTES,
                      ZMQ_SNDMORE | ZMQ_DONTWAIT);
    int number = rc >= 0 ? 0 : errno;
    if (number == 0) {
        number = zmq_end_send_frame(&router->end, data, len);
        ASSERT(number != EAGAIN); /* the pipe has accepted the first part */
    }
    zmq_watcher_touch(&router->end.watcher);
    return number == 0 || number == EAGAIN ? number : EHOSTUNREACH;
}

static enum err_code
router_send(struct transport *t, uint64_t number, uint8_t *data, size_t len)
{
    struct zmq_router *router = router_from(zmq_end_from(t));
    struct zmq_peer *peer = map_u64_get(&router->by_number, number);
    if (peer == NULL || peer->dead) {
        mem_free(data);
        return ERR_NOTFOUND;
    }
    if (list_is_empty(&peer->backlog.frames)) {
        int failed = send_now(router, peer, data, len);
        if (failed == 0) {
            return ERR_OK;
        }
        if (failed != EAGAIN) {
            peer_mark_dead(router, peer);
            mem_free(data);
            return ERR_NOTFOUND;
        }
    }
    if (!backlog_add(&peer->backlog, data, len, router->end.backlog_bytes_max)) {
        return ERR_AGAIN;
    }
    if (!list_node_is_linked(&peer->stuck)) {
        list_add_tail(&router->stuck, &peer->stuck);
    }
    return ERR_OK;
}

/* Sends what the pipe takes; false when the peer died meanwhile. */
static bool peer_flush(struct zmq_router *router, struct zmq_peer *peer)
{
    const uint8_t *head = NULL;
    size_t len = 0;
    while (backlog_peek(&peer->backlog, &head, &len)) {
        uint8_t *data = backlog_take(&peer->backlog);
        int failed = send_now(router, peer, data, len);
        if (failed == EAGAIN) {
            backlog_put_back(&peer->backlog, data, len);
            return true;
        }
        if (failed != 0) {
            mem_free(data);
            peer_mark_dead(router, peer);
            return false;
        }
    }
    list_remove(&router->stuck, &peer->stuck);
    return true;
}

static bool router_before_wait(void *ctx, bool drained)
{
    struct zmq_router *router = router_from(ctx);
    const struct transport *base = &router->end.base;
    LIST_FOREACH_SAFE (node, next, &router->stuck) {
        struct zmq_peer *peer = container_of(node, struct zmq_peer, stuck);
        bool empty = peer_flush(router, peer) && list_is_empty(&peer->backlog.frames);
        if (empty && peer->backlog.refused) {
            peer->backlog.refused = false;
            if (base->cb.drained != NULL) {
                base->cb.drained(base->ctx, peer->number);
            }
        }
        if (base->closing) {
            return false;
        }
    }
    if (!list_is_empty(&router->dead)
        && (drained || ++router->dead_waits > DEAD_WAITS_MAX)) {
        tell_dead(router);
    }
    return !base->closing && !list_is_empty(&router->stuck);
}

static size_t router_backlog(const struct transport *t, uint64_t number)
{
    const struct zmq_router *router =
        container_of_const(zmq_end_from_const(t), struct zmq_router, end);
    const struct zmq_peer *peer = map_u64_get(&router->by_number, number);
    return peer == NULL ? 0 : peer->backlog.bytes;
}

/* ---- life ---- */

static void on_zap_closed(void *ctx)
{
    zmq_end_handle_closed(ctx);
}

static void router_close(struct transport *t)
{
    struct zmq_end *end = zmq_end_from(t);
    struct zmq_router *router = router_from(end);
    if (router->zap != NULL) {
        end->open++;
        zmq_zap_close(router->zap, on_zap_closed, end);
        router->zap = NULL;
    }
    zmq_end_close(end);
}

static void router_destroy(struct zmq_end *end)
{
    struct zmq_router *router = router_from(end);
    size_t pos = 0;
    void *peer = NULL;
    while (map_u64_next(&router->by_number, &pos, NULL, &peer)) {
        peer_destroy(router, peer);
    }
    map_u64_fini(&router->by_number);
    map_u64_fini(&router->by_routing_id);
    map_u64_fini(&router->by_fd);
    map_u64_fini(&router->open_fds);
    mem_free(router);
}

static const struct transport_ops ROUTER_OPS = {
    .send = router_send,
    .backlog = router_backlog,
    .endpoint = zmq_end_endpoint,
    .close = router_close,
};

static enum err_code set_keys(struct zmq_router *router,
                              const struct transport_zmq_config *config,
                              struct err *err)
{
    ASSERT((config->server_keys == NULL) == (config->keys_dir == NULL));
    if (config->server_keys == NULL) {
        return ERR_OK;
    }
    enum err_code code = zmq_zap_create(router->end.hub, config->keys_dir,
                                        &router->end.base, &router->zap, err);
    if (code == ERR_OK) {
        void *socket = router->end.socket;
        zmq_set_text(socket, ZMQ_ZAP_DOMAIN, ZMQ_ZAP_DOMAIN_NAME);
        zmq_set_int(socket, ZMQ_CURVE_SERVER, 1);
        zmq_set_text(socket, ZMQ_CURVE_SECRETKEY, config->server_keys->secret_key);
    }
    return code;
}

/* Binds; an ipc socket is readable by its owner only from its first moment. */
static enum err_code router_bind(struct zmq_router *router, struct err *err)
{
    struct zmq_end *end = &router->end;
    mode_t before = umask(0177);
    int rc = zmq_bind(end->socket, end->address);
    int number = errno;
    umask(before);
    errno = number;
    if (rc != 0) {
        return zmq_end_fail(end, "cannot listen on", err);
    }
    if (end->dir_fd < 0) {
        char text[PATH_BYTES_MAX];
        size_t size = sizeof text;
        rc = zmq_getsockopt(end->socket, ZMQ_LAST_ENDPOINT, text, &size);
        ASSERT(rc == 0);
        mem_free(end->endpoint);
        end->endpoint = mem_strdup(text);
    }
    return ERR_OK;
}

static enum err_code router_open(struct zmq_router *router,
                                 const struct transport_zmq_config *config,
                                 struct err *err)
{
    static const struct zmq_end_hooks HOOKS = {
        .read_one = router_read_one,
        .read_event = router_read_event,
        .before_wait = router_before_wait,
    };
    struct zmq_end *end = &router->end;
    int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    enum err_code code = zmq_end_open(end, config, ZMQ_ROUTER, events, err);
    if (code != ERR_OK) {
        return code;
    }
    zmq_set_int(end->socket, ZMQ_ROUTER_MANDATORY, 1);
    zmq_set_int(end->socket, ZMQ_BACKLOG, LISTEN_BACKLOG);
    code = set_keys(router, config, err);
    if (code == ERR_OK) {
        code = zmq_end_watch(end, &HOOKS, err);
    }
    if (code == ERR_OK) {
        code = router_bind(router, err);
    }
    return code;
}

enum err_code transport_zmq_listen(const struct transport_zmq_config *config,
                                   struct transport **t_out,
                                   struct err *err)
{
    struct zmq_router *router = mem_alloc(sizeof *router);
    router->end.base.ops = &ROUTER_OPS;
    router->end.destroy = router_destroy;
    list_init(&router->stuck);
    list_init(&router->dead);
    enum err_code code = router_open(router, config, err);
    if (code != ERR_OK) {
        transport_close(&router->end.base, NULL, NULL);
        return code;
    }
    *t_out = &router->end.base;
    return ERR_OK;
}
