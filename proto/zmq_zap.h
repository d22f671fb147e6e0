/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_zap.h – decides which CURVE keys may connect (ZeroMQ's RFC 27, "ZAP"). Denies by
 * default. Loop thread. */
#ifndef PROTO_ZMQ_ZAP_H
#define PROTO_ZMQ_ZAP_H

#include "base/compiler.h"
#include "base/err.h"

struct transport;
struct zmq_hub;
struct zmq_zap;

/* ZAP domain to set on the sockets that are to be guarded. */
#define ZMQ_ZAP_DOMAIN_NAME "winnow"

/* Starts answering libzmq's questions for the whole hub from keys_dir/agents. Must be
 * there before the guarded socket binds. Refusals are told to t's `trouble` callback; t
 * outlives the handler. At most one handler a hub: ERR_EXISTS. */
enum err_code zmq_zap_create(struct zmq_hub *hub,
                             const char *keys_dir,
                             const struct transport *t,
                             struct zmq_zap **zap_out,
                             struct err *err) MUST_USE;
/* Stops at once (nobody is admitted any more); `closed` (not NULL) is called from the
 * loop when its memory is gone. */
void zmq_zap_close(struct zmq_zap *zap, void (*closed)(void *ctx), void *ctx);

#endif
