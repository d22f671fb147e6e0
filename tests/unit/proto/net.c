/* SPDX-License-Identifier: Apache-2.0 */
/* net.c – transports under test. */
#include "tests/unit/proto/net.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define WATCHDOG_MS 60000

static void on_watchdog(uv_timer_t *timer)
{
    UNUSED(timer);
    fail_msg("what the test waits for did not happen");
}

void net_init(struct net *net, enum net_kind kind)
{
    memset(net, 0, sizeof *net);
    net->kind = kind;
    struct err err = { 0 };
    assert_int_equal(uv_loop_init(&net->loop), 0);
    assert_int_equal(uv_timer_init(&net->loop, &net->watchdog), 0);
    assert_int_equal(uv_timer_start(&net->watchdog, on_watchdog, WATCHDOG_MS, 0), 0);
    tmpdir_init(&net->dir);
    assert_ok(zmq_hub_create(&net->loop, &net->hub, &err), &err);
    if (kind == NET_CURVE) {
        assert_ok(keys_generate(net->dir.path, "tester", &err), &err);
        assert_ok(keys_load_coordinator(net->dir.path, &net->server_keys, &err), &err);
        const char *path = tmpdir_path(&net->dir, "tester.key");
        assert_ok(keys_load_agent(path, &net->client_keys, &err), &err);
    }
}

void net_fini(struct net *net)
{
    net_until(net, net->sides_open == 0);
    zmq_hub_unref(net->hub);
    uv_close((uv_handle_t *)&net->watchdog, NULL);
    uv_run(&net->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&net->loop), 0);
    tmpdir_fini(&net->dir);
}

/* ---- callbacks ---- */

static struct side *side_from(void *ctx)
{
    struct side *side = ctx;
    assert_non_null(side->t); /* nothing comes after a close */
    assert_false(side->in_send);
    return side;
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    struct side *side = side_from(ctx);
    assert_true(side->ups > side->downs);
    side->recvs++;
    snprintf(side->user_id, sizeof side->user_id, "%s", user_id != NULL ? user_id : "");
    if (side->on_recv != NULL) {
        side->on_recv(side, peer, data, len);
    }
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    struct side *side = side_from(ctx);
    assert_true(peer > 0);
    assert_int_not_equal(peer, side->peer);
    side->peer = peer;
    side->ups++;
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    struct side *side = side_from(ctx);
    side->downs++;
    assert_true(side->downs <= side->ups);
    if (side->peer == peer) {
        side->peer = 0;
    }
}

static void on_drained(void *ctx, uint64_t peer)
{
    struct side *side = side_from(ctx);
    side->drains++;
    if (side->on_drained != NULL) {
        side->on_drained(side, peer);
    }
}

static void on_trouble(void *ctx, enum err_code code, const char *text)
{
    struct side *side = side_from(ctx);
    side->troubles++;
    side->trouble = code;
    snprintf(side->trouble_text, sizeof side->trouble_text, "%s", text);
}

static const struct transport_callbacks CALLBACKS = {
    .recv = on_recv,
    .peer_up = on_peer_up,
    .peer_down = on_peer_down,
    .drained = on_drained,
    .trouble = on_trouble,
};

/* ---- sides ---- */

void side_init(struct net *net, struct side *side)
{
    memset(side, 0, sizeof *side);
    side->net = net;
    net->sides_open++;
}

struct transport_zmq_config net_client_config(struct net *net, struct side *side)
{
    return (struct transport_zmq_config){
        .hub = net->hub,
        .endpoint = net->endpoint,
        .cb = CALLBACKS,
        .ctx = side,
        .client_keys = net->kind == NET_CURVE ? &net->client_keys : NULL,
        .linger_ms = 2000,
    };
}

static void listen_zmq(struct net *net, struct side *side, size_t backlog_bytes_max)
{
    if (net->endpoint[0] == '\0' && net->kind == NET_IPC) {
        snprintf(net->endpoint, sizeof net->endpoint, "ipc://%s",
                 tmpdir_path(&net->dir, "s"));
    } else if (net->endpoint[0] == '\0') {
        snprintf(net->endpoint, sizeof net->endpoint, "tcp://127.0.0.1:*");
    }
    struct transport_zmq_config config = net_client_config(net, side);
    config.client_keys = NULL;
    config.server_keys = net->kind == NET_CURVE ? &net->server_keys : NULL;
    config.keys_dir = net->kind == NET_CURVE ? net->dir.path : NULL;
    config.backlog_bytes_max = backlog_bytes_max;
    struct err err = { 0 };
    assert_ok(transport_zmq_listen(&config, &side->t, &err), &err);
    const char *endpoint = transport_endpoint(side->t);
    if (endpoint != net->endpoint) {
        snprintf(net->endpoint, sizeof net->endpoint, "%s", endpoint);
    }
}

void net_listen(struct net *net, struct side *side, size_t backlog_bytes_max)
{
    side_init(net, side);
    if (net->kind == NET_LOOP) {
        side->t =
            transport_loop_listen(&net->loop, &CALLBACKS, side, backlog_bytes_max);
    } else {
        listen_zmq(net, side, backlog_bytes_max);
    }
}

void net_connect(struct net *net, struct side *side, const struct side *server)
{
    side_init(net, side);
    if (net->kind == NET_LOOP) {
        side->t = transport_loop_connect(server->t, &CALLBACKS, side);
        return;
    }
    struct transport_zmq_config config = net_client_config(net, side);
    struct err err = { 0 };
    assert_ok(transport_zmq_connect(&config, &side->t, &err), &err);
}

static void on_closed(void *ctx)
{
    struct side *side = ctx;
    assert_false(side->gone);
    side->gone = true;
    side->net->sides_open--;
}

void side_close(struct side *side)
{
    struct transport *t = side->t;
    side->t = NULL;
    transport_close(t, on_closed, side);
    net_until(side->net, side->gone);
}

enum err_code side_send(struct side *side, uint64_t peer, uint32_t number, size_t len)
{
    uint8_t *data = mem_alloc(len);
    memcpy(data, &number, sizeof number);
    side->in_send = true;
    enum err_code code = transport_send(side->t, peer, data, len);
    side->in_send = false;
    return code;
}

uint32_t frame_number(const uint8_t *data, size_t len)
{
    uint32_t number = 0;
    assert_true(len >= sizeof number);
    memcpy(&number, data, sizeof number);
    return number;
}
