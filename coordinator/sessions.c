/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.c – the table of connections.
 *
 * Owns: one struct session a connection. Knows: how peers of several transports share
 * one number space. Does not know: messages. */
#include "coordinator/sessions.h"

#include "base/assert.h"
#include "base/mem.h"
#include "coordinator/replies.h"
#include "proto/transport.h"

/* Transports number their peers from 1 and never come near 2^56 connections. */
#define LINK_SHIFT 56

uint64_t sessions_peer(unsigned link, uint64_t transport_peer)
{
    ASSERT(link < 255);
    ASSERT(transport_peer >> LINK_SHIFT == 0);
    return (uint64_t)(link + 1) << LINK_SHIFT | transport_peer;
}

struct session *sessions_find(const struct sessions *sessions, uint64_t peer)
{
    return map_u64_get(&sessions->by_peer, peer);
}

struct session *sessions_add(struct sessions *sessions,
                             uint64_t peer,
                             struct transport *transport,
                             uint64_t transport_peer)
{
    struct session *session = mem_alloc(sizeof *session);
    session->peer = peer;
    session->transport = transport;
    session->transport_peer = transport_peer;
    list_init(&session->replies);
    const struct session *old = map_u64_set(&sessions->by_peer, peer, session);
    ASSERT(old == NULL);
    return session;
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    map_u64_del(&sessions->by_peer, session->peer);
    replies_drop(session);
    mem_free(session->user);
    mem_free(session->agent_id);
    mem_free(session);
}

void sessions_fini(struct sessions *sessions)
{
    size_t pos = 0;
    void *session = NULL;
    while (map_u64_next(&sessions->by_peer, &pos, NULL, &session)) {
        sessions_remove(sessions, session);
    }
    map_u64_fini(&sessions->by_peer);
}

enum err_code session_send(struct session *session, uint8_t *data, size_t len)
{
    return transport_send(session->transport, session->transport_peer, data, len);
}
