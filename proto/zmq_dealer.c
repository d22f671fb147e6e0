/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_dealer.c – a client: a DEALER socket with one connection at a time.
 *
 * Owns: the connection's number and backlog, the timer of slow retries.
 * Knows: with ZMQ_IMMEDIATE libzmq makes a pipe for an established connection only and
 * drops it with the connection, so nothing meant for one connection is sent on the
 * next. The monitor's "handshake succeeded" is when a peer is up. libzmq reconnects by
 * itself. Does not know: what is said.
 *
 *             handshake ok              disconnected              socket empty
 *   no peer ───────────────▶ peer up ─────────────────▶ leaving ───────────────▶ no
 * peer
 *
 * Times: libzmq waits IVL + random(IVL) before the first retry and doubles IVL up to
 * MAX, so 50 and 100 ms give 50–150 ms: within 200 ms of the server's return, spread by
 * the random part, and less than 0.1 % CPU while nobody is there. A connection attempt
 * that is not answered at all (a host that drops packets) is given up after 2 s,
 * because the kernel's own retries grow to a minute. Where the handshake is refused,
 * trying that often would only burn the server's CPU: then the endpoint is left for 5
 * s. */
#include "proto/transport_zmq.h"

#include "base/assert.h"
#include "base/mem.h"
#include "proto/backlog.h"
#include "proto/zmq_end.h"
#include "proto/zmq_hub.h"

#include <errno.h>
#include <zmq.h>

#define RECONNECT_MS       50
#define RECONNECT_MAX_MS   100
#define CONNECT_TIMEOUT_MS 2000
#define HEARTBEAT_MS       5000
#define HEARTBEAT_WAIT_MS  15000
/* After a refusal. */
#define SLOW_RETRY_MS 5000
/* A handshake may break because the server is just ending; that many in a row mean that
 * it does not want us. */
#define BROKEN_HANDSHAKES_MAX 5
/* Waits in a row without any connection between them. */
#define SILENT_WAITS_MAX 3

struct zmq_dealer {
    struct zmq_end end;
    uint64_t peer; /* 0: no connection */
    uint64_t last_peer;
    bool leaving; /* peer's connection is gone, the socket may hold its frames */
    struct backlog backlog;
    bool told_closed; /* ERR_CLOSED was told in this outage */
    unsigned broken;  /* handshakes in a row that broke without a reason */
    unsigned waits;   /* for the next attempt, in a row */
    bool has_timer;
    uv_timer_t retry; /* runs while the endpoint is left alone */
};

static struct zmq_dealer *dealer_from(struct zmq_end *end)
{
    return container_of(end, struct zmq_dealer, end);
}

/* ---- connection ---- */

static void dealer_peer_down(struct zmq_dealer *dealer)
{
    uint64_t peer = dealer->peer;
    dealer->peer = 0;
    dealer->leaving = false;
    backlog_fini(&dealer->backlog);
    backlog_init(&dealer->backlog);
    dealer->end.base.cb.peer_down(dealer->end.base.ctx, peer);
}

static void dealer_peer_up(struct zmq_dealer *dealer)
{
    if (dealer->peer != 0) {
        dealer_peer_down(dealer);
    }
    if (dealer->end.base.closing) {
        return;
    }
    dealer->told_closed = false;
    dealer->broken = 0;
    dealer->peer = ++dealer->last_peer;
    dealer->end.base.cb.peer_up(dealer->end.base.ctx, dealer->peer);
}

static void on_retry(uv_timer_t *timer)
{
    struct zmq_dealer *dealer = timer->data;
    int rc = zmq_connect(dealer->end.socket, dealer->end.address);
    ASSERT(rc == 0); /* the same call has worked before */
}

/* The server does not want this connection: try again in a while. */
static void retry_later(struct zmq_dealer *dealer)
{
    if (dealer->end.base.closing || uv_is_active((uv_handle_t *)&dealer->retry)) {
        return;
    }
    IGNORE_ERR(zmq_disconnect(dealer->end.socket, dealer->end.address),
               "the endpoint is connected, and if not there is nothing to leave");
    int rc = uv_timer_start(&dealer->retry, on_retry, SLOW_RETRY_MS, 0);
    ASSERT(rc == 0);
}

static void on_refused(struct zmq_dealer *dealer, const struct zmq_event *event)
{
    const struct zmq_end *end = &dealer->end;
    if (event->type == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        zmq_end_trouble(end, ERR_DENIED, "the coordinator at",
                        " does not know this key: is NAME.pub in its keys/agents?");
    } else if (event->value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
        zmq_end_trouble(end, ERR_INVALID, "the coordinator at",
                        " and this program do not both use keys");
    } else {
        zmq_end_trouble(end, ERR_INVALID, "no winnow coordinator answers at", "");
    }
    retry_later(dealer);
}

/* The other side closed the connection during the handshake: that is how a server with
 * another key looks from here, but also one that just ends. */
static void on_broken(struct zmq_dealer *dealer)
{
    dealer->broken++;
    if (dealer->broken < BROKEN_HANDSHAKES_MAX) {
        return;
    }
    zmq_end_trouble(&dealer->end, ERR_DENIED, "the connection to",
                    " is closed by the other side: wrong coordinator key or none, or "
                    "not a winnow coordinator");
    retry_later(dealer);
}

/* An attempt has failed. libzmq says "closed" when a connection was refused and
 * "retried" whenever it waits; the latter alone means that a name cannot be resolved,
 * or only that it waits before the first attempt. */
static void on_unreachable(struct zmq_dealer *dealer, bool refused)
{
    dealer->waits++;
    bool sure = refused || dealer->waits >= SILENT_WAITS_MAX;
    if (sure && !dealer->told_closed) {
        dealer->told_closed = true;
        zmq_end_trouble(&dealer->end, ERR_CLOSED, "nobody answers at", "");
    }
}

/* Reads one event of the monitor. */
static bool dealer_read_event(void *ctx)
{
    struct zmq_dealer *dealer = dealer_from(ctx);
    struct zmq_event event;
    if (dealer->end.base.closing || !zmq_monitor_next(dealer->end.monitor, &event)) {
        return false;
    }
    switch (event.type) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        dealer_peer_up(dealer);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        dealer->waits = 0;
        dealer->leaving = dealer->peer != 0;
        zmq_watcher_wake(&dealer->end.watcher);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        on_refused(dealer, &event);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        on_broken(dealer);
        break;
    case ZMQ_EVENT_CLOSED:
    case ZMQ_EVENT_CONNECT_RETRIED:
        on_unreachable(dealer, event.type == ZMQ_EVENT_CLOSED);
        break;
    default: /* not subscribed to */
        break;
    }
    return true;
}

/* ---- frames ---- */

static void deliver(struct zmq_dealer *dealer, zmq_msg_t *frame)
{
    const struct transport *base = &dealer->end.base;
    /* The event that announces the connection may still wait in the monitor. */
    while (dealer->peer == 0 && dealer_read_event(dealer)) {
    }
    if (dealer->peer != 0 && !base->closing) {
        base->cb.recv(base->ctx, dealer->peer, zmq_msg_data(frame), zmq_msg_size(frame),
                      NULL);
    }
}

/* One frame; parts of a message in several parts are dropped but the last. */
static bool dealer_read_one(void *ctx)
{
    struct zmq_dealer *dealer = dealer_from(ctx);
    zmq_msg_t frame;
    int rc = zmq_msg_init(&frame);
    ASSERT(rc == 0);
    bool some = zmq_msg_recv(&frame, dealer->end.socket, ZMQ_DONTWAIT) >= 0;
    if (some && zmq_msg_more(&frame) == 0) {
        deliver(dealer, &frame);
    }
    IGNORE_ERR(zmq_msg_close(&frame), "the message is valid");
    return some;
}

static enum err_code
dealer_send(struct transport *t, uint64_t peer, uint8_t *data, size_t len)
{
    struct zmq_dealer *dealer = dealer_from(zmq_end_from(t));
    if (peer == 0 || peer != dealer->peer || dealer->leaving) {
        mem_free(data);
        return ERR_NOTFOUND;
    }
    if (list_is_empty(&dealer->backlog.frames)
        && zmq_end_send_frame(&dealer->end, data, len) == 0) {
        return ERR_OK;
    }
    bool taken =
        backlog_add(&dealer->backlog, data, len, dealer->end.backlog_bytes_max);
    return taken ? ERR_OK : ERR_AGAIN;
}

static void dealer_flush(struct zmq_dealer *dealer)
{
    const struct transport *base = &dealer->end.base;
    const uint8_t *head = NULL;
    size_t len = 0;
    if (!backlog_peek(&dealer->backlog, &head, &len)) {
        return;
    }
    while (backlog_peek(&dealer->backlog, &head, &len)) {
        uint8_t *data = backlog_take(&dealer->backlog);
        if (zmq_end_send_frame(&dealer->end, data, len) != 0) {
            backlog_put_back(&dealer->backlog, data, len);
            return;
        }
    }
    if (dealer->backlog.refused) {
        dealer->backlog.refused = false;
        if (base->cb.drained != NULL) {
            base->cb.drained(base->ctx, dealer->peer);
        }
    }
}

static bool dealer_before_wait(void *ctx, bool drained)
{
    struct zmq_dealer *dealer = dealer_from(ctx);
    if (!dealer->leaving) {
        dealer_flush(dealer);
    } else if (drained) {
        dealer_peer_down(dealer);
    }
    return !list_is_empty(&dealer->backlog.frames);
}

static size_t dealer_backlog(const struct transport *t, uint64_t peer)
{
    const struct zmq_dealer *dealer =
        container_of_const(zmq_end_from_const(t), struct zmq_dealer, end);
    return peer == dealer->peer ? dealer->backlog.bytes : 0;
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct zmq_dealer *dealer = handle->data;
    zmq_end_handle_closed(&dealer->end);
}

static void dealer_close(struct transport *t)
{
    struct zmq_end *end = zmq_end_from(t);
    struct zmq_dealer *dealer = dealer_from(end);
    if (dealer->has_timer) {
        end->open++;
        uv_close((uv_handle_t *)&dealer->retry, on_timer_closed);
    }
    zmq_end_close(end);
}

static void dealer_destroy(struct zmq_end *end)
{
    struct zmq_dealer *dealer = dealer_from(end);
    backlog_fini(&dealer->backlog);
    mem_free(dealer);
}

static const struct transport_ops DEALER_OPS = {
    .send = dealer_send,
    .backlog = dealer_backlog,
    .endpoint = zmq_end_endpoint,
    .close = dealer_close,
};

static void set_options(const struct zmq_dealer *dealer,
                        const struct transport_zmq_config *config)
{
    void *socket = dealer->end.socket;
    zmq_set_int(socket, ZMQ_LINGER, config->linger_ms);
    zmq_set_int(socket, ZMQ_IMMEDIATE, 1);
    zmq_set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    zmq_set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    zmq_set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    zmq_set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    zmq_set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_WAIT_MS);
    if (config->client_keys != NULL) {
        zmq_set_text(socket, ZMQ_CURVE_SERVERKEY, config->client_keys->coordinator_key);
        zmq_set_text(socket, ZMQ_CURVE_PUBLICKEY, config->client_keys->public_key);
        zmq_set_text(socket, ZMQ_CURVE_SECRETKEY, config->client_keys->secret_key);
    }
}

static enum err_code dealer_open(struct zmq_dealer *dealer,
                                 const struct transport_zmq_config *config,
                                 struct err *err)
{
    static const struct zmq_end_hooks HOOKS = {
        .read_one = dealer_read_one,
        .read_event = dealer_read_event,
        .before_wait = dealer_before_wait,
    };
    struct zmq_end *end = &dealer->end;
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                 | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_CONNECT_RETRIED
                 | ZMQ_EVENT_CLOSED;
    enum err_code code = zmq_end_open(end, config, ZMQ_DEALER, events, err);
    if (code != ERR_OK) {
        return code;
    }
    set_options(dealer, config);
    int rc = uv_timer_init(zmq_hub_loop(end->hub), &dealer->retry);
    ASSERT(rc == 0);
    dealer->retry.data = dealer;
    dealer->has_timer = true;
    code = zmq_end_watch(end, &HOOKS, err);
    if (code == ERR_OK && zmq_connect(end->socket, end->address) != 0) {
        code = zmq_end_fail(end, "cannot connect to", err);
    }
    return code;
}

enum err_code transport_zmq_connect(const struct transport_zmq_config *config,
                                    struct transport **t_out,
                                    struct err *err)
{
    struct zmq_dealer *dealer = mem_alloc(sizeof *dealer);
    dealer->end.base.ops = &DEALER_OPS;
    dealer->end.destroy = dealer_destroy;
    backlog_init(&dealer->backlog);
    enum err_code code = dealer_open(dealer, config, err);
    if (code != ERR_OK) {
        transport_close(&dealer->end.base, NULL, NULL);
        return code;
    }
    *t_out = &dealer->end.base;
    return ERR_OK;
}
