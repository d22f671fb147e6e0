/* SPDX-License-Identifier: Apache-2.0 */
/* poller.c – an epoll set watched by one uv_poll.
 * Owns the epoll descriptor and its handle. Knows nothing of what is watched. */
#include "agent/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/mem.h"

#define EVENTS_MAX 64

struct poller {
    uv_poll_t handle;
    int epoll_fd;
    /* Events of the running callback; removed sources are struck out. */
    struct epoll_event events[EVENTS_MAX];
    int events_len;
    void (*closed)(void *);
    void *closed_ctx;
};

static void on_events(uv_poll_t *handle, int status, int events)
{
    UNUSED(status);
    UNUSED(events);
    struct poller *poller = handle->data;
    poller->events_len = epoll_wait(poller->epoll_fd, poller->events, EVENTS_MAX, 0);
    for (int i = 0; i < poller->events_len; i++) {
        struct poll_source *source = poller->events[i].data.ptr;
        if (source != NULL) {
            source->fn(source);
        }
    }
    poller->events_len = 0;
}

enum err_code
poller_create(struct uv_loop_s *loop, struct poller **poller_out, struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot make an epoll set");
    }
    struct poller *poller = mem_alloc(sizeof *poller);
    poller->epoll_fd = fd;
    poller->handle.data = poller;
    int rc = uv_poll_init(loop, &poller->handle, fd);
    if (rc < 0) {
        close(fd);
        mem_free(poller);
        return err_set(err, ERR_IO, "cannot watch an epoll set: %s", uv_strerror(rc));
    }
    uv_poll_start(&poller->handle, UV_READABLE, on_events);
    *poller_out = poller;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct poller *poller = handle->data;
    close(poller->epoll_fd);
    void (*closed)(void *) = poller->closed;
    void *ctx = poller->closed_ctx;
    mem_free(poller);
    closed(ctx);
}

void poller_close(struct poller *poller, void (*closed)(void *), void *closed_ctx)
{
    poller->closed = closed;
    poller->closed_ctx = closed_ctx;
    uv_poll_stop(&poller->handle);
    uv_close((uv_handle_t *)&poller->handle, on_closed);
}

enum err_code
poller_add(struct poller *poller, struct poll_source *source, struct err *err)
{
    ASSERT(source->fd >= 0);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };
    if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        return err_set_errno(err, errno, "cannot watch a descriptor");
    }
    return ERR_OK;
}

void poller_remove(struct poller *poller, struct poll_source *source)
{
    if (source->fd < 0) {
        return;
    }
    /* Nobody else holds a copy of this descriptor, so closing it ends the watch. */
    close(source->fd);
    source->fd = -1;
    for (int i = 0; i < poller->events_len; i++) {
        if (poller->events[i].data.ptr == source) {
            poller->events[i].data.ptr = NULL;
        }
    }
}
