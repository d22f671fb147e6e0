/* SPDX-License-Identifier: Apache-2.0 */
/* transport.c – the part of every transport that does not depend on its kind.
 * Owns: nothing. Knows: the vtable and the form of endpoints. Does not know: sockets.
 */
#include "proto/transport.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

enum err_code
transport_send(struct transport *t, uint64_t peer, uint8_t *data, size_t len)
{
    ASSERT(data != NULL);
    if (len > MESSAGE_BYTES_MAX || t->closing) {
        mem_free(data);
        return t->closing ? ERR_NOTFOUND : ERR_TOOBIG;
    }
    return t->ops->send(t, peer, data, len);
}

size_t transport_backlog(const struct transport *t, uint64_t peer)
{
    return t->closing ? 0 : t->ops->backlog(t, peer);
}

const char *transport_endpoint(const struct transport *t)
{
    return t->ops->endpoint(t);
}

void transport_close(struct transport *t, void (*closed)(void *), void *closed_ctx)
{
    ASSERT(!t->closing);
    t->closing = true;
    t->closed = closed;
    t->closed_ctx = closed_ctx;
    t->ops->close(t);
}

/* 127.D.D.D and nothing else: "127.evil.example" is a name. */
static bool is_loopback_v4(struct str host)
{
    struct str rest = host;
    struct str part;
    size_t parts = 0;
    while (str_split_next(&rest, '.', &part)) {
        if (part.len == 0 || part.len > 3 || (parts == 0 && !str_eq_c(part, "127"))) {
            return false;
        }
        for (size_t i = 0; i < part.len; i++) {
            if (part.ptr[i] < '0' || part.ptr[i] > '9') {
                return false;
            }
        }
        parts++;
    }
    return parts == 4;
}

bool transport_endpoint_is_local(const char *endpoint)
{
    struct str text = str_from(endpoint);
    if (str_starts(text, STR_LIT("ipc://"))) {
        return true;
    }
    struct str tcp = STR_LIT("tcp://");
    if (!str_starts(text, tcp)) {
        return false;
    }
    struct str host = str_sub(text, tcp.len, text.len);
    if (str_starts(host, STR_LIT("[::1]:"))) {
        return true;
    }
    host = str_sub(host, 0, str_chr(host, ':'));
    return str_eq_c(host, "localhost") || is_loopback_v4(host);
}
