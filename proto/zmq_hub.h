/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_hub.h – what the ZeroMQ transports of one loop share. Internal to proto; the
 * public part is in transport_zmq.h. Loop thread. */
#ifndef PROTO_ZMQ_HUB_H
#define PROTO_ZMQ_HUB_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/transport_zmq.h"

#include <uv.h>

/* Gives a further reference. */
struct zmq_hub *zmq_hub_ref(struct zmq_hub *hub) MUST_USE;
uv_loop_t *zmq_hub_loop(const struct zmq_hub *hub);
/* A new socket of the hub's context, for zmq_close. */
enum err_code zmq_hub_socket(struct zmq_hub *hub,
                             int type,
                             void **socket_out,
                             struct err *err) MUST_USE;

/* Sets an option; a failure is a bug of ours (unknown option, wrong size). */
void zmq_set_int(void *socket, int option, int value);
void zmq_set_text(void *socket, int option, const char *text);

#endif
