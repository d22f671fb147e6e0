/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_monitor.h – what happens to the connections of a ZeroMQ socket. Loop thread. */
#ifndef PROTO_ZMQ_MONITOR_H
#define PROTO_ZMQ_MONITOR_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct zmq_hub;

/* One event; `value` is a descriptor or an error number, as libzmq documents. */
struct zmq_event {
    int type;      /* one ZMQ_EVENT_* */
    int64_t value; /* unsigned 32 bits */
};

/* Opens a socket that receives the events (a mask of ZMQ_EVENT_*) of `socket`. */
enum err_code zmq_monitor_open(struct zmq_hub *hub,
                               void *socket,
                               int events,
                               void **monitor_out,
                               struct err *err) MUST_USE;
/* Takes the next event without blocking; false when there is none. */
bool zmq_monitor_next(void *monitor, struct zmq_event *event_out);
/* Ends it; call before closing `socket`. monitor may be NULL. */
void zmq_monitor_close(void *socket, void *monitor);

#endif
