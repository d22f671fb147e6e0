/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_zap.c – decides which CURVE keys may connect.
 *
 * Owns: the REP socket that libzmq asks, the allow-list.
 * Knows: the frames of a ZAP request. libzmq asks once a handshake and waits for the
 * answer, so a busy loop delays handshakes but loses none.
 * Does not know: what the admitted may do.
 *
 *   request: version, request id, domain, address, routing id, mechanism, key (32
 * bytes) answer:  version, request id, status code, text, user id, metadata */
#include "proto/zmq_zap.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/keys_allow.h"
#include "proto/transport.h"
#include "proto/zmq_curve.h"
#include "proto/zmq_hub.h"
#include "proto/zmq_watcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_VERSION  "1.0"
/* Larger than any frame of an honest request; the rest is cut. */
#define ZAP_FRAME_BYTES 256

enum zap_frame {
    ZAP_FRAME_VERSION,
    ZAP_FRAME_REQUEST_ID,
    ZAP_FRAME_DOMAIN,
    ZAP_FRAME_ADDRESS,
    ZAP_FRAME_ROUTING_ID,
    ZAP_FRAME_MECHANISM,
    ZAP_FRAME_KEY,
    ZAP_FRAME_NR
};

struct zap_request {
    size_t frames; /* received, also those beyond ZAP_FRAME_NR */
    size_t len[ZAP_FRAME_NR];
    uint8_t data[ZAP_FRAME_NR][ZAP_FRAME_BYTES];
};

struct zmq_zap {
    const struct transport *t;
    struct keys_allow *allow;
    void *socket;
    struct zmq_watcher watcher;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static bool request_next(void *socket, struct zap_request *request)
{
    request->frames = 0;
    int more = 1;
    while (more != 0) {
        uint8_t rest[ZAP_FRAME_BYTES];
        bool keep = request->frames < ZAP_FRAME_NR;
        uint8_t *to = keep ? request->data[request->frames] : rest;
        int n = zmq_recv(socket, to, ZAP_FRAME_BYTES, ZMQ_DONTWAIT);
        if (n < 0) {
            return false;
        }
        if (keep) {
            request->len[request->frames] =
                (size_t)n < ZAP_FRAME_BYTES ? (size_t)n : ZAP_FRAME_BYTES;
        }
        request->frames++;
        size_t size = sizeof more;
        int rc = zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
        ASSERT(rc == 0);
    }
    return true;
}

static struct str request_text(const struct zap_request *request, enum zap_frame frame)
{
    return str_from_n((const char *)request->data[frame], request->len[frame]);
}

static void
refuse(const struct zmq_zap *zap, const struct zap_request *request, const char *key)
{
    if (zap->t->cb.trouble == NULL || zap->t->closing) {
        return;
    }
    struct str address = request_text(request, ZAP_FRAME_ADDRESS);
    AUTO_FREE char *text =
        mem_printf("turned away a connection from %.*s: key '%s' is not admitted",
                   STR_ARG(address), key);
    zap->t->cb.trouble(zap->t->ctx, ERR_DENIED, text);
}

/* Name of the key's holder, or NULL to deny. */
static const char *decide(const struct zmq_zap *zap, const struct zap_request *request)
{
    if (request->frames != ZAP_FRAME_NR
        || !str_eq_c(request_text(request, ZAP_FRAME_VERSION), ZAP_VERSION)
        || !str_eq_c(request_text(request, ZAP_FRAME_DOMAIN), ZMQ_ZAP_DOMAIN_NAME)
        || !str_eq_c(request_text(request, ZAP_FRAME_MECHANISM), "CURVE")
        || request->len[ZAP_FRAME_KEY] != ZMQ_CURVE_KEY_BYTES) {
        refuse(zap, request, "none");
        return NULL;
    }
    char key[KEYS_TEXT_SIZE];
    zmq_curve_to_text(request->data[ZAP_FRAME_KEY], key);
    const char *name = keys_allow_find(zap->allow, key);
    if (name == NULL) {
        refuse(zap, request, key);
    }
    return name;
}

static void answer(void *socket, const struct zap_request *request, const char *name)
{
    const char *status = name != NULL ? "200" : "400";
    const char *user = name != NULL ? name : "";
    const struct {
        const void *data;
        size_t len;
    } frames[] = {
        { ZAP_VERSION, strlen(ZAP_VERSION) },
        { request->data[ZAP_FRAME_REQUEST_ID], request->len[ZAP_FRAME_REQUEST_ID] },
        { status, strlen(status) },
        { "", 0 },
        { user, strlen(user) },
        { "", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        int more = i + 1 < ARRAY_LEN(frames) ? ZMQ_SNDMORE : 0;
        IGNORE_ERR(zmq_send(socket, frames[i].data, frames[i].len, ZMQ_DONTWAIT | more),
                   "who asked may be gone meanwhile");
    }
}

static bool zap_read_one(void *ctx)
{
    struct zmq_zap *zap = ctx;
    struct zap_request request;
    if (!request_next(zap->socket, &request)) {
        return false;
    }
    /* `refuse` may lead to a close, which ends the socket. */
    const char *name = decide(zap, &request);
    if (!zap->watcher.closing) {
        answer(zap->socket, &request, name);
        zmq_watcher_touch(&zap->watcher);
    }
    return true;
}

static void zap_destroy(struct zmq_zap *zap)
{
    keys_allow_destroy(zap->allow);
    mem_free(zap);
}

static void on_closed(void *ctx)
{
    struct zmq_zap *zap = ctx;
    void (*closed)(void *) = zap->closed;
    void *closed_ctx = zap->closed_ctx;
    zap_destroy(zap);
    closed(closed_ctx);
}

/* Binds the REP socket and watches it. */
static enum err_code zap_open(struct zmq_zap *zap, struct zmq_hub *hub, struct err *err)
{
    enum err_code code = zmq_hub_socket(hub, ZMQ_REP, &zap->socket, err);
    if (code != ERR_OK) {
        return code;
    }
    zmq_set_int(zap->socket, ZMQ_LINGER, 0);
    if (zmq_bind(zap->socket, ZAP_ENDPOINT) != 0) {
        code = err_set(err, ERR_EXISTS, "this hub has a server with keys already");
    } else {
        code = zmq_watcher_start(&zap->watcher, zmq_hub_loop(hub), zap->socket, err);
    }
    if (code != ERR_OK) {
        IGNORE_ERR(zmq_close(zap->socket), "the socket is valid");
    }
    return code;
}

enum err_code zmq_zap_create(struct zmq_hub *hub,
                             const char *keys_dir,
                             const struct transport *t,
                             struct zmq_zap **zap_out,
                             struct err *err)
{
    struct zmq_zap *zap = mem_alloc(sizeof *zap);
    zap->t = t;
    zap->allow = keys_allow_create(keys_dir);
    zap->watcher.read_one = zap_read_one;
    zap->watcher.ctx = zap;
    enum err_code code = zap_open(zap, hub, err);
    if (code != ERR_OK) {
        zap_destroy(zap);
        return code;
    }
    *zap_out = zap;
    return ERR_OK;
}

void zmq_zap_close(struct zmq_zap *zap, void (*closed)(void *ctx), void *ctx)
{
    zap->closed = closed;
    zap->closed_ctx = ctx;
    zmq_watcher_close(&zap->watcher, on_closed);
    /* At once, so that the next server of the hub can bind it; zmq_close alone does it
     * at some later time. */
    IGNORE_ERR(zmq_unbind(zap->socket, ZAP_ENDPOINT), "it is bound");
    IGNORE_ERR(zmq_close(zap->socket), "the socket is valid");
}
