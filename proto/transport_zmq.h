/* SPDX-License-Identifier: Apache-2.0 */
/* transport_zmq.h – transports over ZeroMQ: ROUTER (server) and DEALER (client), on
 * tcp:// or ipc://, with CURVE keys where given. See transport.h for the contract. */
#ifndef PROTO_TRANSPORT_ZMQ_H
#define PROTO_TRANSPORT_ZMQ_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/keys.h"
#include "proto/transport.h"

struct uv_loop_s;

/* The ZeroMQ context of a loop (its I/O thread and, with keys, the handler that decides
 * who may connect). One for all transports of a loop. */
struct zmq_hub;

/* loop outlives the hub and everything made from it. */
enum err_code zmq_hub_create(struct uv_loop_s *loop,
                             struct zmq_hub **hub_out,
                             struct err *err) MUST_USE;
/* Drops the caller's reference; each transport holds one too. The last one closes the
 * context, which needs the loop to run until it has no more handles. NULL allowed. */
void zmq_hub_unref(struct zmq_hub *hub);

struct transport_zmq_config {
    struct zmq_hub *hub;
    /* "tcp://HOST:PORT" (PORT may be * when listening) or "ipc://PATH"; PATH may be
     * longer than a socket address allows. */
    const char *endpoint;
    struct transport_callbacks cb;
    void *ctx; /* for cb */
    /* Server with CURVE: its keys, and the folder whose agents/NAME.pub files say who
     * may connect; new files count at once. Both or neither; at most one server of a
     * hub has keys. Borrowed for the call. */
    const struct keys_coordinator *server_keys;
    const char *keys_dir;
    /* Client with CURVE; borrowed for the call. */
    const struct keys_agent *client_keys;
    size_t backlog_bytes_max; /* 0: TRANSPORT_BACKLOG_BYTES_MAX */
    int linger_ms; /* client: time that closing may block to get sent frames out */
};

/* Listens. An ipc socket has mode 0600 (umask is changed for the moment of binding, so
 * no other thread may be creating files then) and replaces a file of that name, also
 * the socket of a living process: only the holder of the home's lock may call this.
 * ERR_IO (port taken, …), ERR_INVALID (malformed endpoint). */
enum err_code transport_zmq_listen(const struct transport_zmq_config *config,
                                   struct transport **t_out,
                                   struct err *err) MUST_USE;

/* Connects in the background and again whenever the connection is lost, within 200 ms
 * of the server's return; after a refused key only every 5 s. */
enum err_code transport_zmq_connect(const struct transport_zmq_config *config,
                                    struct transport **t_out,
                                    struct err *err) MUST_USE;

#endif
