/* SPDX-License-Identifier: Apache-2.0 */
/* test_transport.c – what transport.h promises, over every kind of connection. */
#include "tests/unit/proto/net.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MANY       100000u
#define SMALL      16
#define HELLO      7u
#define ROUNDS     3000u
#define PUSH_EVERY 3

static enum net_kind kind_of(void **state)
{
    return *(const enum net_kind *)*state;
}

/* Connects and makes both sides known to each other. */
static void meet(struct net *net, struct side *client, struct side *server)
{
    net_until(net, client->peer != 0);
    uint64_t recvs = server->recvs;
    assert_code(side_send(client, client->peer, HELLO, SMALL), ERR_OK);
    net_until(net, server->recvs > recvs);
    assert_true(server->peer != 0);
}

/* ---- floods ---- */

struct flood {
    uint32_t sent;     /* by this side */
    uint32_t expected; /* next number to arrive here */
    bool waiting;      /* for drained */
    unsigned refusals;
};

static void flood_send(struct side *side, uint64_t peer)
{
    struct flood *flood = side->data;
    while (!flood->waiting && flood->sent < MANY) {
        enum err_code code = side_send(side, peer, flood->sent, SMALL);
        if (code == ERR_AGAIN) {
            flood->waiting = true;
            flood->refusals++;
        } else {
            assert_int_equal(code, ERR_OK);
            flood->sent++;
        }
    }
}

static void flood_drained(struct side *side, uint64_t peer)
{
    struct flood *flood = side->data;
    flood->waiting = false;
    assert_int_equal(transport_backlog(side->t, peer), 0);
    flood_send(side, peer);
}

static void
flood_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    UNUSED(peer);
    struct flood *flood = side->data;
    assert_int_equal(len, SMALL);
    assert_int_equal(frame_number(data, len), flood->expected);
    flood->expected++;
}

/* Both directions at once, far beyond queues and backlog: nothing lost, in order. */
static void test_flood(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    struct flood down = { .sent = 0 };
    struct flood up = { .sent = 0 };
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 4096);
    net_connect(&net, &client, &server);
    meet(&net, &client, &server);
    server.data = &down;
    client.data = &up;
    server.on_recv = client.on_recv = flood_recv;
    server.on_drained = client.on_drained = flood_drained;
    flood_send(&server, server.peer);
    flood_send(&client, client.peer);
    net_until(&net, up.expected == MANY && down.expected == MANY);
    assert_true(down.refusals > 0);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

/* ---- big frames ---- */

static void big_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    UNUSED(peer);
    assert_int_equal(len, MESSAGE_BYTES_MAX);
    assert_int_equal(data[len - 1], 0);
    side->data = side;
}

static void test_big(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    net_connect(&net, &client, &server);
    meet(&net, &client, &server);
    server.on_recv = client.on_recv = big_recv;
    assert_code(side_send(&client, client.peer, 1, MESSAGE_BYTES_MAX), ERR_OK);
    assert_code(side_send(&server, server.peer, 1, MESSAGE_BYTES_MAX), ERR_OK);
    assert_code(side_send(&server, server.peer, 1, MESSAGE_BYTES_MAX + 1), ERR_TOOBIG);
    net_until(&net, server.data != NULL && client.data != NULL);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

/* ---- stalls ---- */

struct pinger {
    uint32_t round; /* answered pings */
    uint32_t pushed;
};

static void echo_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    assert_code(side_send(side, peer, frame_number(data, len), SMALL), ERR_OK);
}

/* Pings are even, pushes from the server's timer odd. */
static void ping_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    struct pinger *pinger = side->data;
    uint32_t number = frame_number(data, len);
    if (number % 2 == 1) {
        pinger->pushed++;
        return;
    }
    assert_int_equal(number, pinger->round * 2);
    pinger->round++;
    assert_code(side_send(side, peer, pinger->round * 2, SMALL), ERR_OK);
}

struct pusher {
    uv_timer_t timer;
    uv_prepare_t prepare;
    struct side *server;
    unsigned calls;
};

static void push_all(struct pusher *pusher)
{
    /* Peers of a server are numbered from 1. */
    for (uint64_t peer = 1; peer <= 2; peer++) {
        assert_code(side_send(pusher->server, peer, 1, SMALL), ERR_OK);
    }
}

static void on_push_timer(uv_timer_t *timer)
{
    push_all(timer->data);
}

/* A send right before the loop blocks, after the transports have looked. */
static void on_push_prepare(uv_prepare_t *prepare)
{
    struct pusher *pusher = prepare->data;
    if (pusher->calls++ % PUSH_EVERY == 0) {
        push_all(pusher);
    }
}

/* Sends from timers and prepare hooks swallow edges of ZMQ_FD: with one ping in flight
 * a lost wake-up is a stall. */
static void test_no_stall(void **state)
{
    struct net net;
    struct side server;
    struct side clients[2];
    struct pinger pingers[2] = { { .round = 0 } };
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    struct pusher pusher = { .server = &server };
    uv_timer_init(&net.loop, &pusher.timer);
    uv_prepare_init(&net.loop, &pusher.prepare);
    pusher.timer.data = pusher.prepare.data = &pusher;
    for (size_t i = 0; i < 2; i++) {
        net_connect(&net, &clients[i], &server);
        meet(&net, &clients[i], &server);
    }
    server.on_recv = echo_recv;
    for (size_t i = 0; i < 2; i++) {
        clients[i].data = &pingers[i];
        clients[i].on_recv = ping_recv;
        assert_code(side_send(&clients[i], clients[i].peer, 0, SMALL), ERR_OK);
    }
    uv_timer_start(&pusher.timer, on_push_timer, 1, 1);
    uv_prepare_start(&pusher.prepare, on_push_prepare);
    net_until(&net, pingers[0].round >= ROUNDS && pingers[1].round >= ROUNDS);
    assert_true(pingers[0].pushed > 0);
    server.on_recv = NULL; /* pings may still be on their way */
    uv_close((uv_handle_t *)&pusher.timer, NULL);
    uv_close((uv_handle_t *)&pusher.prepare, NULL);
    side_close(&clients[0]);
    side_close(&clients[1]);
    side_close(&server);
    net_fini(&net);
}

/* ---- peers come and go ---- */

static void test_client_returns(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    uint64_t before = 0;
    for (uint64_t round = 1; round <= 3; round++) {
        net_connect(&net, &client, &server);
        meet(&net, &client, &server);
        assert_true(server.peer > before); /* numbers are never used again */
        before = server.peer;
        side_close(&client);
        net_until(&net, server.downs == round);
        assert_code(side_send(&server, before, HELLO, SMALL), ERR_NOTFOUND);
        assert_int_equal(transport_backlog(server.t, before), 0);
    }
    side_close(&server);
    net_fini(&net);
}

static void test_server_goes(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    net_connect(&net, &client, &server);
    meet(&net, &client, &server);
    uint64_t before = client.peer;
    side_close(&server);
    net_until(&net, client.downs == 1);
    assert_code(side_send(&client, before, HELLO, SMALL), ERR_NOTFOUND);
    if (kind_of(state) != NET_LOOP) {
        /* Back at the same endpoint: the client finds it by itself. */
        net_listen(&net, &server, 0);
        meet(&net, &client, &server);
        assert_true(client.peer > before);
        assert_int_equal(client.ups, 2);
        assert_code(side_send(&client, before, HELLO, SMALL), ERR_NOTFOUND);
        side_close(&server);
    }
    side_close(&client);
    net_fini(&net);
}

static void test_unknown_peer(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    assert_code(side_send(&server, 1, HELLO, SMALL), ERR_NOTFOUND);
    net_connect(&net, &client, &server);
    assert_code(side_send(&client, 0, HELLO, SMALL), ERR_NOTFOUND);
    meet(&net, &client, &server);
    assert_code(side_send(&server, server.peer + 1, HELLO, SMALL), ERR_NOTFOUND);
    assert_code(side_send(&client, client.peer + 1, HELLO, SMALL), ERR_NOTFOUND);
    assert_code(side_send(&server, 0, HELLO, SMALL), ERR_NOTFOUND);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

/* What was said right before leaving is heard before the leaving. */
static void test_goodbye(void **state)
{
    enum {
        FRAMES = 2000
    };
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    for (unsigned round = 1; round <= 5; round++) {
        net_connect(&net, &client, &server);
        meet(&net, &client, &server);
        uint64_t before = server.recvs;
        for (uint32_t i = 0; i < FRAMES / 4; i++) {
            assert_code(side_send(&client, client.peer, i, SMALL), ERR_OK);
        }
        side_close(&client);
        net_until(&net, server.downs == round);
        assert_int_equal(server.recvs, before + FRAMES / 4);
        assert_int_equal(server.ups, round);
    }
    side_close(&server);
    net_fini(&net);
}

static void on_closed_late(void *ctx)
{
    struct side *side = ctx;
    side->gone = true;
    side->net->sides_open--;
}

static void
close_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    UNUSED(peer);
    UNUSED(data);
    UNUSED(len);
    struct transport *t = side->t;
    side->t = NULL;
    transport_close(t, on_closed_late, side);
}

/* Closing from a callback, with more frames waiting: not one more comes. */
static void test_close_in_callback(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 0);
    net_connect(&net, &client, &server);
    meet(&net, &client, &server);
    server.on_recv = close_recv;
    uint64_t before = server.recvs;
    for (uint32_t i = 0; i < 50; i++) {
        assert_code(side_send(&client, client.peer, i, SMALL), ERR_OK);
    }
    net_until(&net, server.gone);
    assert_int_equal(server.recvs, before + 1);
    net_until(&net, client.downs == 1);
    side_close(&client);
    net_fini(&net);
}

static void test_backlog_counts(void **state)
{
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, kind_of(state));
    net_listen(&net, &server, 100000);
    net_connect(&net, &client, &server);
    meet(&net, &client, &server);
    /* Until even the kernel's buffers are full. */
    enum err_code code = ERR_OK;
    uint32_t sent = 0;
    while (code == ERR_OK) {
        code = side_send(&server, server.peer, sent, 30000);
        sent += code == ERR_OK;
        assert_true(sent < 100000);
    }
    assert_int_equal(code, ERR_AGAIN);
    assert_int_equal(transport_backlog(server.t, server.peer), 90000);
    /* What had been taken arrives, what was refused does not. */
    net_until(&net, server.drains == 1 && client.recvs == sent);
    assert_int_equal(transport_backlog(server.t, server.peer), 0);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_local_endpoints(void **state)
{
    UNUSED(state);
    static const char *const LOCAL[] = { "ipc:///a/b", "tcp://127.0.0.1:5570",
                                         "tcp://127.1.2.3:*", "tcp://localhost:1",
                                         "tcp://[::1]:5570" };
    static const char *const REMOTE[] = { "tcp://0.0.0.0:5570",
                                          "tcp://*:5570",
                                          "tcp://10.0.0.1:1",
                                          "tcp://127.evil.example:1",
                                          "tcp://127.0.0.1.evil.example:1",
                                          "tcp://[::]:5570",
                                          "tcp://eth0:5570",
                                          "tcp://localhost.example:1",
                                          "",
                                          "127.0.0.1:1" };
    for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++) {
        assert_true(transport_endpoint_is_local(LOCAL[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(REMOTE); i++) {
        assert_false(transport_endpoint_is_local(REMOTE[i]));
    }
}

#define FOR_KIND(fn, kind) cmocka_unit_test_prestate(fn, &kind)
#define CONTRACT(kind)                                                                 \
    FOR_KIND(test_flood, kind), FOR_KIND(test_big, kind),                              \
        FOR_KIND(test_no_stall, kind), FOR_KIND(test_client_returns, kind),            \
        FOR_KIND(test_server_goes, kind), FOR_KIND(test_unknown_peer, kind),           \
        FOR_KIND(test_goodbye, kind), FOR_KIND(test_close_in_callback, kind),          \
        FOR_KIND(test_backlog_counts, kind)

int main(void)
{
    enum net_kind loop = NET_LOOP;
    enum net_kind ipc = NET_IPC;
    enum net_kind tcp = NET_TCP;
    enum net_kind curve = NET_CURVE;
    const struct CMUnitTest local[] = { TEST(test_local_endpoints), CONTRACT(loop) };
    const struct CMUnitTest over_ipc[] = { CONTRACT(ipc) };
    const struct CMUnitTest over_tcp[] = { CONTRACT(tcp) };
    const struct CMUnitTest over_curve[] = { CONTRACT(curve) };
    int failed = cmocka_run_group_tests(local, NULL, NULL);
    failed += cmocka_run_group_tests(over_ipc, NULL, NULL);
    failed += cmocka_run_group_tests(over_tcp, NULL, NULL);
    failed += cmocka_run_group_tests(over_curve, NULL, NULL);
    return failed;
}
