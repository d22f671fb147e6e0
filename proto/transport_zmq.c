/* SPDX-License-Identifier: Apache-2.0 */
/* transport_zmq.c – what ROUTER and DEALER have in common.
 *
 * Owns: a socket with its monitor and their watchers, from opening to the last close
 * callback.
 * Knows: socket options, ipc addresses. A socket address holds 107 bytes, paths in deep
 * folders are longer: those are reached through /proc/self/fd/N of their folder, which
 * stays open as long as the transport because reconnecting and unlinking use it again.
 * Does not know: peers. */
#include "proto/transport_zmq.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "proto/zmq_end.h"
#include "proto/zmq_hub.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

/* What encryption adds to a frame (33 bytes), rounded up. */
#define CURVE_BYTES 64
/* A peer that says nothing after connecting is dropped. */
#define HANDSHAKE_MS 10000

struct zmq_end *zmq_end_from(struct transport *t)
{
    return container_of(t, struct zmq_end, base);
}

const struct zmq_end *zmq_end_from_const(const struct transport *t)
{
    return container_of_const(t, struct zmq_end, base);
}

const char *zmq_end_endpoint(const struct transport *t)
{
    return zmq_end_from_const(t)->endpoint;
}

enum err_code zmq_end_fail(const struct zmq_end *end, const char *what, struct err *err)
{
    int number = errno;
    bool malformed = number == EINVAL || number == EPROTONOSUPPORT || number == ENODEV;
    return err_set(err, malformed ? ERR_INVALID : ERR_IO, "%s '%s': %s", what,
                   end->endpoint, zmq_strerror(number));
}

/* Address for a path that does not fit a socket address. */
static enum err_code
long_ipc_address(struct zmq_end *end, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL
        || strlen(slash) > sizeof((struct sockaddr_un *)0)->sun_path / 2) {
        return err_set(err, ERR_INVALID, "socket name of '%s' is too long", path);
    }
    AUTO_FREE char *dir = mem_strndup(path, (size_t)(slash - path));
    end->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (end->dir_fd < 0) {
        return err_set_errno(err, errno, "cannot open folder '%s'", dir);
    }
    end->address = mem_printf("ipc:///proc/self/fd/%d%s", end->dir_fd, slash);
    return ERR_OK;
}

/* libzmq would take any number modulo 65536. */
static bool has_port(struct str endpoint)
{
    size_t colon = endpoint.len;
    while (colon > 0 && endpoint.ptr[colon - 1] != ':') {
        colon--;
    }
    struct str port = str_sub(endpoint, colon, endpoint.len);
    uint64_t number = 0;
    return str_eq_c(port, "*")
           || (num_parse_u64(port, &number) == ERR_OK && number > 0
               && number <= UINT16_MAX);
}

static enum err_code make_address(struct zmq_end *end, struct err *err)
{
    struct str scheme = STR_LIT("ipc://");
    struct str text = str_from(end->endpoint);
    bool ipc = str_starts(text, scheme);
    if (!ipc && !str_starts(text, STR_LIT("tcp://"))) {
        return err_set(err, ERR_INVALID,
                       "'%s' is no endpoint: expected tcp://HOST:PORT or ipc://PATH",
                       end->endpoint);
    }
    if (!ipc && !has_port(text)) {
        return err_set(err, ERR_INVALID, "'%s' has no valid port: expected 1 to 65535",
                       end->endpoint);
    }
    if (ipc && text.len - scheme.len >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return long_ipc_address(end, end->endpoint + scheme.len, err);
    }
    end->address = mem_strdup(end->endpoint);
    return ERR_OK;
}

static void set_common_options(const struct zmq_end *end)
{
    zmq_set_int(end->socket, ZMQ_LINGER, 0);
    zmq_set_int(end->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    /* Not for all: `localhost` would be tried as ::1 only. */
    if (strstr(end->address, "://[") != NULL) {
        zmq_set_int(end->socket, ZMQ_IPV6, 1);
    }
    int64_t bytes_max = (int64_t)MESSAGE_BYTES_MAX + CURVE_BYTES;
    int rc = zmq_setsockopt(end->socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
    ASSERT(rc == 0);
}

enum err_code zmq_end_open(struct zmq_end *end,
                           const struct transport_zmq_config *config,
                           int type,
                           int events,
                           struct err *err)
{
    ASSERT(end->base.ops != NULL);
    ASSERT(end->destroy != NULL);
    end->base.cb = config->cb;
    end->base.ctx = config->ctx;
    end->hub = zmq_hub_ref(config->hub);
    end->endpoint = mem_strdup(config->endpoint);
    end->dir_fd = -1;
    end->backlog_bytes_max = config->backlog_bytes_max != 0
                                 ? config->backlog_bytes_max
                                 : TRANSPORT_BACKLOG_BYTES_MAX;
    enum err_code code = make_address(end, err);
    if (code == ERR_OK) {
        code = zmq_hub_socket(end->hub, type, &end->socket, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    set_common_options(end);
    return zmq_monitor_open(end->hub, end->socket, events, &end->monitor, err);
}

enum err_code
zmq_end_watch(struct zmq_end *end, const struct zmq_end_hooks *hooks, struct err *err)
{
    uv_loop_t *loop = zmq_hub_loop(end->hub);
    end->watcher.read_one = hooks->read_one;
    end->watcher.before_wait = hooks->before_wait;
    end->watcher.ctx = end;
    enum err_code code = zmq_watcher_start(&end->watcher, loop, end->socket, err);
    if (code != ERR_OK) {
        return code;
    }
    end->open++;
    end->monitor_watcher.read_one = hooks->read_event;
    end->monitor_watcher.ctx = end;
    code = zmq_watcher_start(&end->monitor_watcher, loop, end->monitor, err);
    if (code == ERR_OK) {
        end->open++;
    }
    return code;
}

/* The memory goes; nothing of the loop points at it any more. */
static void end_finish(struct zmq_end *end)
{
    void (*closed)(void *) = end->base.closed;
    void *closed_ctx = end->base.closed_ctx;
    if (end->dir_fd >= 0) {
        close(end->dir_fd);
    }
    mem_free(end->endpoint);
    mem_free(end->address);
    zmq_hub_unref(end->hub);
    end->destroy(end);
    if (closed != NULL) {
        closed(closed_ctx);
    }
}

void zmq_end_handle_closed(struct zmq_end *end)
{
    ASSERT(end->open > 0);
    end->open--;
    if (end->open == 0) {
        end_finish(end);
    }
}

static void on_watcher_closed(void *ctx)
{
    zmq_end_handle_closed(ctx);
}

void zmq_end_close(struct zmq_end *end)
{
    end->open++; /* this call itself */
    if (end->watcher.open > 0) {
        zmq_watcher_close(&end->watcher, on_watcher_closed);
    }
    if (end->monitor_watcher.open > 0) {
        zmq_watcher_close(&end->monitor_watcher, on_watcher_closed);
    }
    if (end->socket != NULL) {
        zmq_monitor_close(end->socket, end->monitor);
        IGNORE_ERR(zmq_close(end->socket), "the socket is valid");
    }
    zmq_end_handle_closed(end);
}

int zmq_end_send_frame(struct zmq_end *end, uint8_t *data, size_t len)
{
    /* A copy: libzmq would free foreign memory also when it did not take the frame. */
    int rc = zmq_send(end->socket, data, len, ZMQ_DONTWAIT);
    int number = rc >= 0 ? 0 : errno;
    zmq_watcher_touch(&end->watcher);
    if (number == 0) {
        mem_free(data);
    }
    return number;
}

void zmq_end_trouble(const struct zmq_end *end,
                     enum err_code code,
                     const char *what,
                     const char *tail)
{
    if (end->base.cb.trouble == NULL || end->base.closing) {
        return;
    }
    AUTO_FREE char *text = mem_printf("%s '%s'%s", what, end->endpoint, tail);
    end->base.cb.trouble(end->base.ctx, code, text);
}
