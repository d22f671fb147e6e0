/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_end.h – what the ROUTER and the DEALER have in common: socket, monitor, watchers,
 * address, closing. Internal to proto. Loop thread. */
#ifndef PROTO_ZMQ_END_H
#define PROTO_ZMQ_END_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/transport.h"
#include "proto/transport_zmq.h"
#include "proto/zmq_monitor.h"
#include "proto/zmq_watcher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of struct zmq_router and struct zmq_dealer. */
struct zmq_end {
    struct transport base;
    struct zmq_hub *hub; /* a reference */
    void *socket;
    void *monitor;
    struct zmq_watcher watcher;         /* of socket */
    struct zmq_watcher monitor_watcher; /* of monitor */
    char *endpoint;                     /* as people write it */
    char *address;                      /* as libzmq gets it */
    int dir_fd;                         /* folder of a long ipc path, or -1 */
    size_t backlog_bytes_max;
    unsigned open; /* handles whose close callback has not come */
    /* Frees the implementation's own parts and the memory; set before use. */
    void (*destroy)(struct zmq_end *end);
};

/* The end of which `t` is the base. */
struct zmq_end *zmq_end_from(struct transport *t);
const struct zmq_end *zmq_end_from_const(const struct transport *t);

/* Opens socket and monitor of a zeroed *end whose base.ops and destroy are set. After
 * any failure close the transport. */
enum err_code zmq_end_open(struct zmq_end *end,
                           const struct transport_zmq_config *config,
                           int type,
                           int events,
                           struct err *err) MUST_USE;

/* What the loop calls; ctx of all is the end. */
struct zmq_end_hooks {
    bool (*read_one)(void *ctx);
    bool (*read_event)(void *ctx); /* reads one monitor event */
    bool (*before_wait)(void *ctx, bool drained);
};
/* Starts both watchers. */
enum err_code zmq_end_watch(struct zmq_end *end,
                            const struct zmq_end_hooks *hooks,
                            struct err *err) MUST_USE;

/* Closes what zmq_end_open and zmq_end_watch opened; destroy is called when the last
 * handle is closed, then the owner's `closed`. Further handles of the implementation
 * are counted in end->open beforehand and given back with zmq_end_handle_closed. */
void zmq_end_close(struct zmq_end *end);
void zmq_end_handle_closed(struct zmq_end *end);

/* "<what> '<endpoint>': <text of errno>"; ERR_INVALID for malformed endpoints. */
enum err_code
zmq_end_fail(const struct zmq_end *end, const char *what, struct err *err) MUST_USE;

/* vtable entry shared by both kinds. */
const char *zmq_end_endpoint(const struct transport *t);

/* Sends one frame as the last part of a message, without blocking. Takes data only when
 * it returns 0, else gives errno. */
int zmq_end_send_frame(struct zmq_end *end, uint8_t *data, size_t len) MUST_USE;

/* Tells the owner's `trouble`, if it wants to hear; text is "<what> '<endpoint>'<tail>"
 * for a client. */
void zmq_end_trouble(const struct zmq_end *end,
                     enum err_code code,
                     const char *what,
                     const char *tail);

#endif
