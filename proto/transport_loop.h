/* SPDX-License-Identifier: Apache-2.0 */
/* transport_loop.h – transports inside one process and one uv loop; used by `winnow
 * run` and by tests. See transport.h for the contract; user_id is NULL. */
#ifndef PROTO_TRANSPORT_LOOP_H
#define PROTO_TRANSPORT_LOOP_H

#include "base/compiler.h"
#include "proto/transport.h"

struct uv_loop_s;

/* A server without clients yet. Frames are delivered in a later iteration of the loop.
 * backlog_bytes_max: per peer and direction, 0: TRANSPORT_BACKLOG_BYTES_MAX. */
struct transport *transport_loop_listen(struct uv_loop_s *loop,
                                        const struct transport_callbacks *cb,
                                        void *ctx,
                                        size_t backlog_bytes_max) MUST_USE;

/* A client of that server. Both sides hear peer_up from the loop, the server without
 * waiting for a frame. When the server closes, the client hears peer_down and stays
 * without a peer. */
struct transport *transport_loop_connect(struct transport *server,
                                         const struct transport_callbacks *cb,
                                         void *ctx) MUST_USE;

#endif
