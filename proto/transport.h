/* SPDX-License-Identifier: Apache-2.0 */
/* transport.h – whole frames between one server and its clients, whatever carries them.
 *
 * A connection is a peer: a number above 0, unique for the life of the transport and
 * never used again. A client has at most one peer at a time, the server; each
 * successful (re)connection is a new one. Frames of a peer arrive in order, whole, at
 * most once. Frames in flight when a connection breaks may be lost, so every message
 * that matters is acknowledged by the layer above.
 *
 * Order of callbacks for a peer: peer_up, any number of recv and drained, peer_down. A
 * server learns of a peer with its first frame: peer_up comes right before it. Silent
 * connections are no peers.
 *
 * Single-threaded: create, use and close on the thread of the uv loop. Callbacks come
 * from the loop only, never from inside transport_send or a constructor; they may call
 * transport_send and transport_close. */
#ifndef PROTO_TRANSPORT_H
#define PROTO_TRANSPORT_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

/* What the owner hears; ctx is the owner's. recv, peer_up and peer_down are required.
 */
struct transport_callbacks {
    /* One frame, borrowed for the call. user_id is the name of the key that the peer
     * proved to hold, or NULL where no keys are used (also borrowed). */
    void (*recv)(
        void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id);
    void (*peer_up)(void *ctx, uint64_t peer);
    /* The connection is gone; what was queued for it is dropped. */
    void (*peer_down)(void *ctx, uint64_t peer);
    /* May be NULL. The backlog of a peer that had refused a send with ERR_AGAIN is
     * empty again. */
    void (*drained)(void *ctx, uint64_t peer);
    /* May be NULL. For people: why there is no connection (client; may repeat with each
     * try, the transport keeps trying), or who was turned away (server). ERR_DENIED:
     * the key is wrong or unknown. ERR_CLOSED: nobody listens there. ERR_INVALID: the
     * other side is not a winnow coordinator, or only one side uses keys. */
    void (*trouble)(void *ctx, enum err_code code, const char *text);
};

/* Implemented by transport_zmq.h and transport_loop.h; call the functions below. */
struct transport_ops {
    enum err_code (*send)(struct transport *t,
                          uint64_t peer,
                          uint8_t *data,
                          size_t len);
    size_t (*backlog)(const struct transport *t, uint64_t peer);
    const char *(*endpoint)(const struct transport *t);
    void (*close)(struct transport *t);
};

/* First member of every implementation; private to them. */
struct transport {
    const struct transport_ops *ops;
    struct transport_callbacks cb;
    void *ctx;              /* for cb */
    void (*closed)(void *); /* set by transport_close */
    void *closed_ctx;
    bool closing; /* no callback but `closed` any more */
};

/* Unsent bytes that a transport keeps for one peer, beside the socket's own queue. */
#define TRANSPORT_BACKLOG_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* Sends one frame. Takes data (from mem_alloc, as codec_pack gives) whatever the
 * result. A frame that the socket does not accept now waits in the peer's backlog, in
 * order. ERR_AGAIN: the backlog is full, the frame was not taken: keep what it said and
 * wait for `drained`, or give the peer up. ERR_NOTFOUND: no such peer (any more).
 * ERR_TOOBIG: above MESSAGE_BYTES_MAX. */
enum err_code
transport_send(struct transport *t, uint64_t peer, uint8_t *data, size_t len) MUST_USE;

/* Bytes waiting in the peer's backlog; 0 for an unknown peer. */
size_t transport_backlog(const struct transport *t, uint64_t peer);

/* Where it listens or connects, with the real port where `*` was asked for. Borrowed.
 */
const char *transport_endpoint(const struct transport *t);

/* Ends it: no callback comes any more (also no peer_down), except `closed` (may be
 * NULL) once, from the loop, when its memory is gone. Call once. */
void transport_close(struct transport *t, void (*closed)(void *), void *closed_ctx);

/* Whether an endpoint stays on this machine: ipc://, or tcp:// on a loopback address.
 * Anything else must not be listened on without keys. */
bool transport_endpoint_is_local(const char *endpoint);

#endif
