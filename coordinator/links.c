/* SPDX-License-Identifier: Apache-2.0 */
/* links.c – listens, and feeds the inbox with what transports report.
 *
 * Owns: the transports and the ZeroMQ context. Knows: that nothing leaves this machine
 * without keys. Does not know: messages. */
#include "coordinator/links.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/replies.h"
#include "proto/keys.h"
#include "proto/transport.h"
#include "proto/transport_loop.h"
#include "proto/transport_zmq.h"

#define SOCKET_NAME "winnow.sock"

/* ---- callbacks of the transports ---- */

static struct session *link_session(struct link *link, uint64_t transport_peer)
{
    return sessions_find(&link->owner->sessions,
                         sessions_peer((unsigned)link->kind, transport_peer));
}

static void on_peer_up(void *ctx, uint64_t transport_peer)
{
    struct link *link = ctx;
    if (link->owner->phase == PHASE_RUN) {
        sessions_add(&link->owner->sessions,
                     sessions_peer((unsigned)link->kind, transport_peer),
                     link->transport, transport_peer);
    }
}

static void on_recv(void *ctx,
                    uint64_t transport_peer,
                    const uint8_t *data,
                    size_t len,
                    const char *user_id)
{
    struct link *link = ctx;
    struct coordinator *c = link->owner;
    struct session *session = link_session(link, transport_peer);
    if (c->phase != PHASE_RUN || session == NULL) {
        return;
    }
    if (session->user == NULL && user_id != NULL) {
        session->user = mem_strdup(user_id);
    }
    inbox_add_frame(&c->inbox, session->peer, data, len);
    if (c->inbox.bytes.len > COORDINATOR_INBOX_BYTES_MAX) {
        coordinator_round(c);
    }
    coordinator_wake(c);
}

static void on_peer_down(void *ctx, uint64_t transport_peer)
{
    struct link *link = ctx;
    struct coordinator *c = link->owner;
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_DOWN,
                                        .peer = sessions_peer((unsigned)link->kind,
                                                              transport_peer) });
    coordinator_wake(c);
}

static void on_drained(void *ctx, uint64_t transport_peer)
{
    struct session *session = link_session(ctx, transport_peer);
    if (session != NULL) {
        replies_continue(session);
    }
}

static void on_trouble(void *ctx, enum err_code code, const char *text)
{
    struct link *link = ctx;
    char quoted[ERR_MSG_SIZE * 2];
    COORDINATOR_LOG(link->owner, LOG_LEVEL_WARN, "connection_refused",
                    "code=%s reason=%s", err_name(code),
                    log_quote(str_from(text), quoted, sizeof quoted));
}

static const struct transport_callbacks CALLBACKS = { .recv = on_recv,
                                                      .peer_up = on_peer_up,
                                                      .peer_down = on_peer_down,
                                                      .drained = on_drained,
                                                      .trouble = on_trouble };

/* ---- opening ---- */

static struct link *link_init(struct coordinator *c, enum link_kind kind)
{
    struct link *link = &c->links[kind];
    link->owner = c;
    link->kind = kind;
    return link;
}

static enum err_code listen_on(struct coordinator *c,
                               enum link_kind kind,
                               struct transport_zmq_config *config,
                               struct err *err)
{
    struct link *link = link_init(c, kind);
    config->hub = c->hub;
    config->cb = CALLBACKS;
    config->ctx = link;
    return transport_zmq_listen(config, &link->transport, err);
}

static enum err_code
listen_tcp(struct coordinator *c, const char *listen, const char *dir, struct err *err)
{
    struct transport_zmq_config config = { .endpoint = listen };
    if (!str_starts(str_from(listen), STR_LIT("tcp://"))) {
        return err_set(err, ERR_INVALID,
                       "cannot listen on '%s': expected tcp://HOST:PORT", listen);
    }
    if (!keys_have_coordinator(dir)) {
        if (!transport_endpoint_is_local(listen)) {
            return err_set(err, ERR_DENIED,
                           "will not listen on '%s' without keys: "
                           "run 'winnow keygen AGENT' first",
                           listen);
        }
        return listen_on(c, LINK_TCP, &config, err);
    }
    struct keys_coordinator keys;
    enum err_code code = keys_load_coordinator(dir, &keys, err);
    if (code != ERR_OK) {
        return code;
    }
    config.server_keys = &keys;
    config.keys_dir = dir;
    code = listen_on(c, LINK_TCP, &config, err);
    keys_wipe_coordinator(&keys);
    return code;
}

enum err_code links_open(struct coordinator *c,
                         const char *listen,
                         const char *keys_dir,
                         struct err *err)
{
    AUTO_FREE char *dir =
        keys_dir != NULL ? mem_strdup(keys_dir) : fsx_path_join(c->home, "keys");
    c->ipc_endpoint = mem_printf("ipc://%s/" SOCKET_NAME, c->home);
    enum err_code code = zmq_hub_create(c->loop, &c->hub, err);
    if (code != ERR_OK) {
        return code;
    }
    struct transport_zmq_config ipc = { .endpoint = c->ipc_endpoint };
    code = listen_on(c, LINK_IPC, &ipc, err);
    if (code == ERR_OK && listen != NULL) {
        code = listen_tcp(c, listen, dir, err);
    }
    return code;
}

struct transport *coordinator_loop_transport(struct coordinator *c)
{
    struct link *link = link_init(c, LINK_LOOP);
    if (link->transport == NULL) {
        link->transport = transport_loop_listen(c->loop, &CALLBACKS, link, 0);
    }
    return link->transport;
}

const char *coordinator_endpoint(const struct coordinator *c)
{
    const struct transport *tcp = c->links[LINK_TCP].transport;
    return tcp != NULL ? transport_endpoint(tcp) : NULL;
}

const char *coordinator_ipc_endpoint(const struct coordinator *c)
{
    return c->ipc_endpoint;
}

/* ---- closing ---- */

static void on_link_closed(void *ctx)
{
    struct coordinator *c = ctx;
    c->links_open--;
    coordinator_wake(c);
}

static void links_end(struct coordinator *c, void (*closed)(void *))
{
    for (int i = 0; i < LINK_NR; i++) {
        struct transport *transport = c->links[i].transport;
        if (transport != NULL) {
            c->links[i].transport = NULL;
            c->links_open++;
            transport_close(transport, closed, c);
        }
    }
    zmq_hub_unref(c->hub);
    c->hub = NULL;
    AUTO_FREE char *path = fsx_path_join(c->home, SOCKET_NAME);
    unlink(path); /* while we still hold the home's lock */
}

void links_close(struct coordinator *c)
{
    links_end(c, on_link_closed);
}

void links_abandon(struct coordinator *c)
{
    links_end(c, NULL);
}
