/* SPDX-License-Identifier: Apache-2.0 */
/* test_transport_zmq.c – what is particular to sockets: keys, strangers, addresses. */
#include "tests/unit/proto/net.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SMALL 16

static void
connect_with(struct net *net, struct side *side, const struct keys_agent *keys)
{
    side_init(net, side);
    struct transport_zmq_config config = net_client_config(net, side);
    config.client_keys = keys;
    struct err err = { 0 };
    assert_ok(transport_zmq_connect(&config, &side->t, &err), &err);
}

/* A client with good keys still gets through. */
static void assert_serves(struct net *net, struct side *server)
{
    struct side client;
    uint64_t recvs = server->recvs;
    uint64_t downs = server->downs;
    net_connect(net, &client, server);
    net_until(net, client.peer != 0);
    assert_code(side_send(&client, client.peer, 1, SMALL), ERR_OK);
    net_until(net, server->recvs == recvs + 1);
    side_close(&client);
    net_until(net, server->downs == downs + 1);
}

/* ---- keys ---- */

static void test_user_id(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    assert_serves(&net, &server);
    assert_string_equal(server.user_id, "tester");
    side_close(&server);
    net_fini(&net);
}

static void test_no_user_id_without_keys(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    net_init(&net, NET_TCP);
    net_listen(&net, &server, 0);
    assert_serves(&net, &server);
    assert_string_equal(server.user_id, "");
    side_close(&server);
    net_fini(&net);
}

static void test_unknown_key(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    /* The right coordinator, but this key has been taken off the list. */
    struct err err = { 0 };
    struct keys_agent stranger;
    assert_ok(keys_generate(net.dir.path, "stranger", &err), &err);
    assert_ok(keys_load_agent(tmpdir_path(&net.dir, "stranger.key"), &stranger, &err),
              &err);
    assert_int_equal(unlink(tmpdir_path(&net.dir, "agents/stranger.pub")), 0);
    connect_with(&net, &client, &stranger);
    net_until(&net, client.troubles > 0 && server.troubles > 0);
    assert_int_equal(client.trouble, ERR_DENIED);
    assert_non_null(strstr(client.trouble_text, "does not know this key"));
    assert_non_null(strstr(client.trouble_text, net.endpoint));
    assert_int_equal(server.trouble, ERR_DENIED);
    assert_non_null(strstr(server.trouble_text, "127.0.0.1"));
    assert_non_null(strstr(server.trouble_text, stranger.public_key));
    assert_int_equal(client.ups, 0);
    assert_int_equal(server.ups, 0);
    assert_serves(&net, &server);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_key_added_while_serving(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    assert_serves(&net, &server);
    struct err err = { 0 };
    struct keys_agent late;
    assert_ok(keys_generate(net.dir.path, "late", &err), &err);
    assert_ok(keys_load_agent(tmpdir_path(&net.dir, "late.key"), &late, &err), &err);
    connect_with(&net, &client, &late);
    net_until(&net, client.peer != 0);
    assert_code(side_send(&client, client.peer, 1, SMALL), ERR_OK);
    net_until(&net, server.recvs == 2);
    assert_string_equal(server.user_id, "late");
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_client_without_keys(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    connect_with(&net, &client, NULL);
    net_until(&net, client.troubles > 0 && server.troubles > 0);
    assert_int_equal(client.trouble, ERR_INVALID);
    assert_non_null(strstr(client.trouble_text, "do not both use keys"));
    assert_int_equal(server.trouble, ERR_INVALID);
    assert_int_equal(server.ups, 0);
    assert_int_equal(client.ups, 0);
    assert_serves(&net, &server);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_server_without_keys(void **state)
{
    UNUSED(state);
    struct net net;
    struct net keys;
    struct side server;
    struct side client;
    net_init(&keys, NET_CURVE);
    net_init(&net, NET_TCP);
    net_listen(&net, &server, 0);
    connect_with(&net, &client, &keys.client_keys);
    net_until(&net, client.troubles > 0);
    assert_int_equal(client.trouble, ERR_INVALID);
    assert_int_equal(client.ups, 0);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
    net_fini(&keys);
}

/* The client's file is of another coordinator: it must not talk to this one. */
static void test_wrong_coordinator_key(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    struct keys_agent keys = net.client_keys;
    memcpy(keys.coordinator_key, keys.public_key, sizeof keys.coordinator_key);
    connect_with(&net, &client, &keys);
    net_until(&net, client.troubles > 0);
    assert_int_equal(client.trouble, ERR_DENIED);
    assert_non_null(strstr(client.trouble_text, "wrong coordinator key or none"));
    assert_int_equal(client.ups, 0);
    assert_int_equal(server.ups, 0);
    assert_serves(&net, &server);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_one_server_with_keys(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side second;
    net_init(&net, NET_CURVE);
    net_listen(&net, &server, 0);
    side_init(&net, &second);
    struct transport_zmq_config config = net_client_config(&net, &second);
    config.endpoint = "tcp://127.0.0.1:*";
    config.client_keys = NULL;
    config.server_keys = &net.server_keys;
    config.keys_dir = net.dir.path;
    struct err err = { 0 };
    assert_code(transport_zmq_listen(&config, &second.t, &err), ERR_EXISTS);
    net.sides_open--;
    side_close(&server);
    net_fini(&net);
}

/* ---- strangers ---- */

static int raw_connect(const struct net *net)
{
    const char *colon = strrchr(net->endpoint, ':');
    struct sockaddr_in to = { .sin_family = AF_INET };
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static const char ZMTP_GREETING[] =
    "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/* Bytes of all kinds on the port: the server serves on, and nobody is a peer. */
static void garbage_on(enum net_kind kind)
{
    struct net net;
    struct side server;
    net_init(&net, kind);
    net_listen(&net, &server, 0);
    uint8_t noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    struct {
        const void *bytes;
        size_t len;
    } cases[] = {
        { "", 0 },
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 },
        { noise, sizeof noise },
        { ZMTP_GREETING, 10 },
        { ZMTP_GREETING, 64 },
        /* A NULL handshake whose READY command claims 2^63 bytes. */
        { ZMTP_GREETING, sizeof ZMTP_GREETING - 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) * 3; i++) {
        int fd = raw_connect(&net);
        size_t len = cases[i % ARRAY_LEN(cases)].len;
        assert_int_equal(send(fd, cases[i % ARRAY_LEN(cases)].bytes, len, MSG_NOSIGNAL),
                         len);
        if (i % 2 == 0) {
            const char *more = "\x06\x7f\xff\xff\xff\xff\xff\xff\xff\x05READY";
            IGNORE_ERR(send(fd, more, 15, MSG_NOSIGNAL), "the server may be faster");
        }
        close(fd);
    }
    assert_serves(&net, &server);
    assert_int_equal(server.ups, 1);
    side_close(&server);
    net_fini(&net);
}

static void test_garbage(void **state)
{
    UNUSED(state);
    garbage_on(NET_TCP);
    garbage_on(NET_CURVE);
}

/* A connection that never says anything holds nobody up. */
static void test_silent_connection(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    net_init(&net, NET_TCP);
    net_listen(&net, &server, 0);
    int fd = raw_connect(&net);
    assert_serves(&net, &server);
    assert_int_equal(server.ups, 1);
    close(fd);
    side_close(&server);
    net_fini(&net);
}

/* Without a server: said once an outage, and the connection comes by itself later. */
static void test_nobody_there(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    net_init(&net, NET_TCP);
    net_listen(&net, &server, 0);
    side_close(&server);
    net_connect(&net, &client, NULL);
    net_until(&net, client.troubles > 0);
    assert_int_equal(client.trouble, ERR_CLOSED);
    assert_non_null(strstr(client.trouble_text, "nobody answers at 'tcp://127.0.0.1:"));
    uint64_t start = uv_hrtime();
    net_listen(&net, &server, 0);
    net_until(&net, client.peer != 0);
    /* 200 ms are promised; the rest is for a busy machine. */
    assert_true(uv_hrtime() - start < 2000000000u);
    assert_int_equal(client.troubles, 1);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

/* Not a ZeroMQ server at all: said, not crashed on. */
static void test_not_a_coordinator(void **state)
{
    UNUSED(state);
    struct net net;
    struct side client;
    net_init(&net, NET_TCP);
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(net.endpoint, sizeof net.endpoint, "tcp://127.0.0.1:%u",
             (unsigned)ntohs(at.sin_port));
    net_connect(&net, &client, NULL);
    while (client.troubles == 0) {
        int peer = accept(fd, NULL, NULL);
        assert_true(peer >= 0);
        assert_int_equal(send(peer, "220 smtp ready\r\n", 16, MSG_NOSIGNAL), 16);
        char buffer[64];
        IGNORE_ERR(recv(peer, buffer, sizeof buffer, 0), "its greeting");
        close(peer);
        uv_run(&net.loop, UV_RUN_NOWAIT);
    }
    assert_int_not_equal(client.trouble, ERR_OK);
    assert_int_equal(client.ups, 0);
    close(fd);
    side_close(&client);
    net_fini(&net);
}

/* ---- two loops ---- */

#define BURST 30000u

/* A server with a loop and a thread of its own, so that nothing but the socket wakes
 * the client's loop. It answers when it has heard BURST frames. */
struct remote {
    struct net net;
    struct side side;
    uv_sem_t ready;
    bool done;
};

static void
remote_recv(struct side *side, uint64_t peer, const uint8_t *data, size_t len)
{
    struct remote *remote = side->data;
    uint32_t number = frame_number(data, len);
    if (number == BURST) {
        remote->done = true;
    } else if (number == BURST - 1) {
        IGNORE_ERR(side_send(side, peer, number, SMALL), "the client notices");
    }
}

static void remote_main(void *arg)
{
    struct remote *remote = arg;
    net_init(&remote->net, NET_TCP);
    net_listen(&remote->net, &remote->side, 0);
    remote->side.data = remote;
    remote->side.on_recv = remote_recv;
    uv_sem_post(&remote->ready);
    net_until(&remote->net, remote->done);
    side_close(&remote->side);
    net_fini(&remote->net);
}

/* Sends until the backlog is full. */
static void burst(struct side *client, uint64_t peer)
{
    uint32_t *next = client->data;
    while (*next < BURST && side_send(client, peer, *next, SMALL) == ERR_OK) {
        (*next)++;
    }
}

/* The edge that says "send on" may be swallowed by the look before blocking. */
static void test_send_goes_on(void **state)
{
    UNUSED(state);
    struct remote remote = { .done = false };
    struct net net;
    struct side client;
    uint32_t next = 0;
    uv_thread_t thread;
    assert_int_equal(uv_sem_init(&remote.ready, 0), 0);
    assert_int_equal(uv_thread_create(&thread, remote_main, &remote), 0);
    uv_sem_wait(&remote.ready);
    for (unsigned round = 0; round < 20; round++) {
        net_init(&net, NET_TCP);
        memcpy(net.endpoint, remote.net.endpoint, sizeof net.endpoint);
        side_init(&net, &client);
        struct transport_zmq_config config = net_client_config(&net, &client);
        config.backlog_bytes_max = 4000;
        struct err err = { 0 };
        assert_ok(transport_zmq_connect(&config, &client.t, &err), &err);
        next = 0;
        client.data = &next;
        client.on_drained = burst;
        net_until(&net, client.peer != 0);
        burst(&client, client.peer);
        net_until(&net, client.recvs == 1);
        if (round == 19) {
            assert_code(side_send(&client, client.peer, BURST, SMALL), ERR_OK);
        }
        side_close(&client);
        net_fini(&net);
    }
    assert_int_equal(uv_thread_join(&thread), 0);
    uv_sem_destroy(&remote.ready);
}

/* ---- addresses ---- */

static void test_ipc_mode(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    net_init(&net, NET_IPC);
    mode_t before = umask(022);
    net_listen(&net, &server, 0);
    struct stat st;
    assert_int_equal(stat(net.endpoint + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 0777u, 0600);
    assert_int_equal(umask(before), 022); /* left as it was */
    assert_serves(&net, &server);
    side_close(&server);
    net_fini(&net);
}

/* What a crash leaves is replaced. */
static void test_ipc_stale_file(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    net_init(&net, NET_IPC);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", tmpdir_path(&net.dir, "s"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    net_listen(&net, &server, 0);
    assert_serves(&net, &server);
    side_close(&server);
    net_fini(&net);
}

static void test_ipc_long_path(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side client;
    struct stat st;
    net_init(&net, NET_IPC);
    char deep[200];
    int n = snprintf(deep, sizeof deep, "%s/%0120d", net.dir.path, 0);
    assert_true(n > 120 && mkdir(deep, 0700) == 0);
    snprintf(net.endpoint, sizeof net.endpoint, "ipc://%s/winnow.sock", deep);
    net_listen(&net, &server, 0);
    assert_string_equal(transport_endpoint(server.t), net.endpoint);
    assert_int_equal(stat(net.endpoint + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 0777u, 0600);
    net_connect(&net, &client, &server);
    net_until(&net, client.peer != 0);
    /* Reconnecting goes the long way again. */
    side_close(&server);
    net_until(&net, client.downs == 1);
    net_listen(&net, &server, 0);
    net_until(&net, client.ups == 2);
    side_close(&client);
    side_close(&server);
    net_fini(&net);
}

static void test_bad_endpoints(void **state)
{
    UNUSED(state);
    struct net net;
    struct side server;
    struct side other;
    net_init(&net, NET_TCP);
    net_listen(&net, &server, 0);
    char taken[300];
    snprintf(taken, sizeof taken, "%s", net.endpoint);
    char name_too_long[300];
    snprintf(name_too_long, sizeof name_too_long, "ipc:///tmp/%0150d", 0);
    const struct {
        const char *endpoint;
        enum err_code code;
        const char *text;
    } cases[] = {
        { taken, ERR_IO, "cannot listen on 'tcp://127.0.0.1:" },
        { "127.0.0.1:5570", ERR_INVALID, "expected tcp://HOST:PORT or ipc://PATH" },
        { "inproc://x", ERR_INVALID, "expected tcp://HOST:PORT or ipc://PATH" },
        { "tcp://127.0.0.1:99999", ERR_INVALID, "has no valid port" },
        { "tcp://127.0.0.1:0", ERR_INVALID, "has no valid port" },
        { "tcp://127.0.0.1:80x", ERR_INVALID, "has no valid port" },
        { "tcp://no such host:1", ERR_INVALID, "cannot listen on" },
        { "tcp://127.0.0.1", ERR_INVALID, "has no valid port" },
        { "ipc:///does/not/exist/s", ERR_IO, "cannot listen on" },
        { name_too_long, ERR_INVALID, "is too long" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        side_init(&net, &other);
        struct transport_zmq_config config = net_client_config(&net, &other);
        config.endpoint = cases[i].endpoint;
        struct err err = { 0 };
        enum err_code code = transport_zmq_listen(&config, &other.t, &err);
        if (code != cases[i].code || strstr(err.msg, cases[i].text) == NULL) {
            fail_msg("case %zu: %s: %s", i, err_name(code), err.msg);
        }
        net.sides_open--;
    }
    side_init(&net, &other);
    struct transport_zmq_config config = net_client_config(&net, &other);
    config.endpoint = "tcp://127.0.0.1";
    assert_code(transport_zmq_connect(&config, &other.t, NULL), ERR_INVALID);
    net.sides_open--;
    assert_serves(&net, &server);
    side_close(&server);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_user_id),
        TEST(test_no_user_id_without_keys),
        TEST(test_unknown_key),
        TEST(test_key_added_while_serving),
        TEST(test_client_without_keys),
        TEST(test_server_without_keys),
        TEST(test_wrong_coordinator_key),
        TEST(test_one_server_with_keys),
        TEST(test_garbage),
        TEST(test_silent_connection),
        TEST(test_nobody_there),
        TEST(test_not_a_coordinator),
        TEST(test_send_goes_on),
        TEST(test_ipc_mode),
        TEST(test_ipc_stale_file),
        TEST(test_ipc_long_path),
        TEST(test_bad_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
