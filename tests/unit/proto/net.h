/* SPDX-License-Identifier: Apache-2.0 */
/* net.h – transports under test: one uv loop, any number of sides that count what they
 * hear, over each kind of connection. */
#ifndef TESTS_UNIT_PROTO_NET_H
#define TESTS_UNIT_PROTO_NET_H

#include "proto/keys.h"
#include "proto/transport.h"
#include "proto/transport_loop.h"
#include "proto/transport_zmq.h"
#include "tests/lib/test.h"

#include <uv.h>

enum net_kind {
    NET_LOOP,
    NET_IPC,
    NET_TCP,
    NET_CURVE
};

struct net {
    enum net_kind kind;
    uv_loop_t loop;
    uv_timer_t watchdog; /* fails the test when nothing goes on */
    struct zmq_hub *hub;
    struct tmpdir dir;
    char endpoint[300]; /* of the server, once it listens */
    struct keys_coordinator server_keys;
    struct keys_agent client_keys; /* named "tester" */
    unsigned sides_open;
};

/* One transport and what it has heard. */
struct side {
    struct net *net;
    struct transport *t; /* NULL once closed */
    uint64_t peer;       /* of the newest peer_up, 0 after its peer_down */
    uint64_t ups;
    uint64_t downs;
    uint64_t recvs;
    uint64_t drains;
    uint64_t troubles;
    enum err_code trouble; /* the newest */
    char trouble_text[256];
    char user_id[64]; /* of the newest frame, "" if none */
    bool in_send;     /* a callback meanwhile is a bug */
    bool gone;        /* `closed` was called */
    /* Called for each frame after counting; may be NULL. */
    void (*on_recv)(struct side *side, uint64_t peer, const uint8_t *data, size_t len);
    void (*on_drained)(struct side *side, uint64_t peer);
    void *data; /* the test's */
};

void net_init(struct net *net, enum net_kind kind);
/* Closes everything; fails when a handle is left over. */
void net_fini(struct net *net);

/* Starts a server; a second time at the same endpoint. backlog 0: the default. */
void net_listen(struct net *net, struct side *side, size_t backlog_bytes_max);
/* Starts a client of `server` (which only NET_LOOP looks at). */
void net_connect(struct net *net, struct side *side, const struct side *server);
/* Configuration of a ZeroMQ client of this net, to be changed at will. */
struct transport_zmq_config net_client_config(struct net *net, struct side *side);
/* Prepares a side for a transport that the test makes itself. */
void side_init(struct net *net, struct side *side);
/* Closes and waits until it is gone. */
void side_close(struct side *side);

/* Runs the loop until the condition holds; fails after 20 s. */
#define net_until(net, cond)                                                           \
    do {                                                                               \
        while (!(cond)) {                                                              \
            uv_run(&(net)->loop, UV_RUN_ONCE);                                         \
        }                                                                              \
    } while (0)

/* Sends `len` bytes that start with the number (4 bytes or more). */
enum err_code side_send(struct side *side, uint64_t peer, uint32_t number, size_t len);
/* The number that a frame starts with. */
uint32_t frame_number(const uint8_t *data, size_t len);

#endif
