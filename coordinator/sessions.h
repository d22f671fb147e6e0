/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.h – who is connected, over all server transports of a coordinator. */
#ifndef COORDINATOR_SESSIONS_H
#define COORDINATOR_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"

struct transport;

/* Frames nobody should send; a peer that has sent so many is not listened to any more.
 */
#define SESSION_GARBAGE_MAX 16

/* One connection. */
struct session {
    uint64_t peer;               /* over all transports: what the engine knows */
    struct transport *transport; /* borrowed */
    uint64_t transport_peer;
    char *user;        /* name of its key, NULL without keys; owned */
    char *agent_id;    /* of its last hello, NULL: none; owned */
    bool ready;        /* its hello was accepted: an agent */
    bool hello_wanted; /* asked for a hello that has not come */
    bool refused;      /* told once why it is not listened to */
    unsigned garbage;
    size_t requests_open;
    struct list replies; /* answers that are not sent whole, see replies.h */
};

struct sessions {
    struct map_u64 by_peer;
};

/* The number that names peer `transport_peer` of link `link` (0 to 254) in the engine.
 */
uint64_t sessions_peer(unsigned link, uint64_t transport_peer);

/* NULL when that connection is gone. */
struct session *sessions_find(const struct sessions *sessions, uint64_t peer);

/* Makes the session; the peer must be new. */
struct session *sessions_add(struct sessions *sessions,
                             uint64_t peer,
                             struct transport *transport,
                             uint64_t transport_peer);

/* Forgets and frees it, with its unsent answers. */
void sessions_remove(struct sessions *sessions, struct session *session);

/* Removes all. */
void sessions_fini(struct sessions *sessions);

/* Sends one frame, taking data; the results are those of transport_send. */
enum err_code session_send(struct session *session, uint8_t *data, size_t len) MUST_USE;

#endif
