/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_monitor.c – what happens to the connections of a ZeroMQ socket.
 * Owns: nothing. Knows: the two frames of an event. Does not know: what to do about it.
 * The receiving side has no high-water mark: libzmq's I/O thread would block on a full
 * queue, and closing the monitored socket would then wait for that thread for ever. */
#include "proto/zmq_monitor.h"

#include "base/assert.h"
#include "proto/zmq_hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* 16-bit event, 32-bit value, in the host's byte order. */
#define EVENT_BYTES 6

enum err_code zmq_monitor_open(
    struct zmq_hub *hub, void *socket, int events, void **monitor_out, struct err *err)
{
    char address[64];
    int n = snprintf(address, sizeof address, "inproc://monitor-%p", socket);
    ASSERT(n > 0 && (size_t)n < sizeof address);
    if (zmq_socket_monitor(socket, address, events) != 0) {
        return err_set(err, ERR_IO, "cannot monitor a socket: %s", zmq_strerror(errno));
    }
    void *monitor = NULL;
    enum err_code code = zmq_hub_socket(hub, ZMQ_PAIR, &monitor, err);
    if (code != ERR_OK) {
        return code;
    }
    zmq_set_int(monitor, ZMQ_RCVHWM, 0);
    zmq_set_int(monitor, ZMQ_LINGER, 0);
    int rc = zmq_connect(monitor, address);
    ASSERT(rc == 0);
    *monitor_out = monitor;
    return ERR_OK;
}

/* Receives one frame into a buffer of `size`; its length, or -1. */
static int frame_next(void *monitor, void *buffer, size_t size)
{
    return zmq_recv(monitor, buffer, size, ZMQ_DONTWAIT);
}

bool zmq_monitor_next(void *monitor, struct zmq_event *event_out)
{
    uint8_t head[EVENT_BYTES];
    char address[256]; /* cut if longer; only people would want it */
    if (frame_next(monitor, head, sizeof head) != EVENT_BYTES) {
        return false;
    }
    IGNORE_ERR(frame_next(monitor, address, sizeof address), "it is not used");
    uint16_t type = 0;
    uint32_t value = 0;
    memcpy(&type, head, sizeof type);
    memcpy(&value, head + sizeof type, sizeof value);
    *event_out = (struct zmq_event){ .type = type, .value = value };
    return true;
}

void zmq_monitor_close(void *socket, void *monitor)
{
    if (monitor == NULL) {
        return;
    }
    IGNORE_ERR(zmq_socket_monitor(socket, NULL, 0), "stopping cannot fail");
    IGNORE_ERR(zmq_close(monitor), "the socket is valid");
}
