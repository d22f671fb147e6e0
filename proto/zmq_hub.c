/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_hub.c – the ZeroMQ context of a loop, counted by reference.
 * Owns: the context with its threads. Knows: when the last user is gone. Does not know:
 * transports. Ending the context blocks for the linger time of closed clients. */
#include "proto/zmq_hub.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

struct zmq_hub {
    uv_loop_t *loop;
    void *context;
    size_t refs;
};

enum err_code
zmq_hub_create(struct uv_loop_s *loop, struct zmq_hub **hub_out, struct err *err)
{
    void *context = zmq_ctx_new();
    if (context == NULL) {
        return err_set(err, ERR_IO, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    }
    struct zmq_hub *hub = mem_alloc(sizeof *hub);
    *hub = (struct zmq_hub){ .loop = loop, .context = context, .refs = 1 };
    *hub_out = hub;
    return ERR_OK;
}

struct zmq_hub *zmq_hub_ref(struct zmq_hub *hub)
{
    hub->refs++;
    return hub;
}

void zmq_hub_unref(struct zmq_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    ASSERT(hub->refs > 0);
    hub->refs--;
    if (hub->refs > 0) {
        return;
    }
    int rc = 0;
    do {
        rc = zmq_ctx_term(hub->context);
    } while (rc != 0 && errno == EINTR);
    ASSERT(rc == 0);
    mem_free(hub);
}

uv_loop_t *zmq_hub_loop(const struct zmq_hub *hub)
{
    return hub->loop;
}

enum err_code
zmq_hub_socket(struct zmq_hub *hub, int type, void **socket_out, struct err *err)
{
    void *socket = zmq_socket(hub->context, type);
    if (socket == NULL) {
        return err_set(err, ERR_IO, "cannot open a socket: %s", zmq_strerror(errno));
    }
    *socket_out = socket;
    return ERR_OK;
}

void zmq_set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    ASSERT(rc == 0);
}

void zmq_set_text(void *socket, int option, const char *text)
{
    int rc = zmq_setsockopt(socket, option, text, strlen(text));
    ASSERT(rc == 0);
}
