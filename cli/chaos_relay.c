/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_relay.c – TCP relays on loopback that stand in for a network.
 *
 * Owns: the listeners, the pairs of connections, their bytes under way.
 * Knows: a link reads from one end only while nothing of it is still being written to
 * the other, so at most LINK_BYTES a direction are here; what is held back stays in the
 * kernel, which slows the sender down as a real outage does.
 * Does not know: messages, seeds.
 *
 * While nobody listens at the coordinator's port a link waits and tries again: to the
 * agent that looks like a slow network, not like a refusal. */
#include "cli/chaos_relay.h"

#include <netinet/in.h>
#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"

#define LINK_BYTES ((size_t)64 * 1024)
#define BACKLOG    16
/* Between two attempts to reach the coordinator. */
#define RETRY_MS 20

enum side_id {
    SIDE_AGENT,
    SIDE_COORDINATOR,
    SIDE_NR
};

/* One end of a link. */
struct side {
    uv_tcp_t tcp;
    uv_write_t write;       /* of what came from here, to the other side */
    char bytes[LINK_BYTES]; /* the same */
    bool open;              /* tcp is a handle */
    bool connected;         /* and can be read and written */
    bool reading;
    bool writing; /* bytes[] is under way to the other side */
};

struct link {
    struct list_node node;
    struct relay *relay;
    struct side sides[SIDE_NR];
    uv_connect_t connect;
    bool closing;
};

struct relay {
    struct chaos_relays *relays;
    uv_tcp_t listener;
    uint16_t port;
    unsigned hold;
    struct list links;
};

struct chaos_relays {
    uv_loop_t loop;
    uv_timer_t timer; /* the end of chaos_relays_run */
    uv_timer_t retry;
    bool over; /* it has come */
    struct sockaddr_in to;
    size_t len;
    struct relay relays[];
};

static void loopback(uint16_t port, struct sockaddr_in *out)
{
    *out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
    out->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* ---- a link -----------------------------------------------------------------------
 */

static struct link *link_from(const uv_handle_t *handle)
{
    return handle->data;
}

static void on_side_closed(uv_handle_t *handle)
{
    struct link *link = link_from(handle);
    struct side *side = container_of((uv_tcp_t *)handle, struct side, tcp);
    side->open = false;
    if (link->closing && !link->sides[SIDE_AGENT].open
        && !link->sides[SIDE_COORDINATOR].open) {
        list_remove(&link->relay->links, &link->node);
        mem_free(link);
    }
}

static void side_close(struct side *side, bool reset)
{
    uv_handle_t *handle = (uv_handle_t *)&side->tcp;
    if (!side->open || uv_is_closing(handle)) {
        return;
    }
    side->connected = false;
    if (!reset || uv_tcp_close_reset(&side->tcp, on_side_closed) != 0) {
        uv_close(handle, on_side_closed);
    }
}

static void link_close(struct link *link, bool reset)
{
    link->closing = true;
    side_close(&link->sides[SIDE_AGENT], reset);
    side_close(&link->sides[SIDE_COORDINATOR], reset);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct side *side = container_of((uv_tcp_t *)handle, struct side, tcp);
    UNUSED(suggested);
    *buf = uv_buf_init(side->bytes, (unsigned)sizeof side->bytes);
}

static void link_pump(struct link *link);

static void on_written(uv_write_t *write, int status)
{
    struct side *side = container_of(write, struct side, write);
    struct link *link = link_from((uv_handle_t *)&side->tcp);
    side->writing = false;
    if (status != 0) {
        link_close(link, false);
    }
    link_pump(link);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct link *link = link_from((uv_handle_t *)stream);
    struct side *side = container_of((uv_tcp_t *)stream, struct side, tcp);
    bool from_agent = side == &link->sides[SIDE_AGENT];
    struct side *other = &link->sides[from_agent ? SIDE_COORDINATOR : SIDE_AGENT];
    if (n == 0) {
        return;
    }
    uv_buf_t bytes = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
    if (n < 0
        || uv_write(&side->write, (uv_stream_t *)&other->tcp, &bytes, 1, on_written)
               != 0) {
        link_close(link, false);
        return;
    }
    side->writing = true;
    link_pump(link);
}

static void side_pump(struct side *side, bool may_read)
{
    if (may_read && !side->reading) {
        side->reading =
            uv_read_start((uv_stream_t *)&side->tcp, on_alloc, on_read) == 0;
    } else if (!may_read && side->reading) {
        IGNORE_ERR(uv_read_stop((uv_stream_t *)&side->tcp), "always succeeds");
        side->reading = false;
    }
}

/* Each side is read while the other can take it and nothing holds it. */
static void link_pump(struct link *link)
{
    static const unsigned holds[SIDE_NR] = {
        [SIDE_AGENT] = CHAOS_HOLD_UP, [SIDE_COORDINATOR] = CHAOS_HOLD_DOWN
    };
    bool whole = !link->closing && link->sides[SIDE_AGENT].connected
                 && link->sides[SIDE_COORDINATOR].connected;
    for (size_t i = 0; whole && i < SIDE_NR; i++) {
        struct side *side = &link->sides[i];
        side_pump(side, !side->writing && (link->relay->hold & holds[i]) == 0);
    }
}

static void side_connected(struct side *side)
{
    side->connected = true;
    IGNORE_ERR(uv_tcp_nodelay(&side->tcp, 1), "then it is a slower network");
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct link *link = connect->data;
    struct side *side = &link->sides[SIDE_COORDINATOR];
    if (status != 0) { /* the timer tries again once it is closed */
        side_close(side, false);
        return;
    }
    side_connected(side);
    link_pump(link);
}

static bool side_open(struct link *link, enum side_id id)
{
    struct side *side = &link->sides[id];
    if (uv_tcp_init(&link->relay->relays->loop, &side->tcp) != 0) {
        return false;
    }
    side->tcp.data = link;
    side->open = true;
    return true;
}

static void link_connect(struct link *link)
{
    struct side *side = &link->sides[SIDE_COORDINATOR];
    const struct sockaddr_in *to = &link->relay->relays->to;
    link->connect.data = link;
    if (!link->closing && !side->open && side_open(link, SIDE_COORDINATOR)
        && uv_tcp_connect(&link->connect, &side->tcp, (const struct sockaddr *)to,
                          on_connected)
               != 0) {
        side_close(side, false);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct relay *relay = listener->data;
    struct link *link = mem_alloc(sizeof *link);
    link->relay = relay;
    if (status != 0 || !side_open(link, SIDE_AGENT)) {
        mem_free(link);
        return;
    }
    list_add_tail(&relay->links, &link->node);
    if (uv_accept(listener, (uv_stream_t *)&link->sides[SIDE_AGENT].tcp) != 0) {
        link_close(link, false);
        return;
    }
    side_connected(&link->sides[SIDE_AGENT]);
    link_connect(link);
}

/* ---- all --------------------------------------------------------------------------
 */

static void on_retry(uv_timer_t *timer)
{
    struct chaos_relays *self = timer->data;
    for (size_t i = 0; i < self->len; i++) {
        LIST_FOREACH (node, &self->relays[i].links) {
            link_connect(container_of(node, struct link, node));
        }
    }
}

static void on_over(uv_timer_t *timer)
{
    struct chaos_relays *self = timer->data;
    self->over = true;
}

void chaos_relays_run(struct chaos_relays *relays, int64_t ms)
{
    int failed = uv_timer_start(&relays->timer, on_over, (uint64_t)ms, 0);
    ASSERT(failed == 0);
    relays->over = false;
    /* The loop's clock stood still since the last call. */
    uv_update_time(&relays->loop);
    while (!relays->over) {
        uv_run(&relays->loop, UV_RUN_ONCE);
    }
}

static enum err_code relay_listen(struct relay *relay, struct err *err)
{
    struct sockaddr_in at;
    int at_len = (int)sizeof at;
    loopback(0, &at);
    int failed = uv_tcp_init(&relay->relays->loop, &relay->listener);
    ASSERT(failed == 0);
    relay->listener.data = relay;
    failed = uv_tcp_bind(&relay->listener, (const struct sockaddr *)&at, 0);
    if (failed == 0) {
        failed = uv_listen((uv_stream_t *)&relay->listener, BACKLOG, on_connection);
    }
    if (failed == 0) {
        failed = uv_tcp_getsockname(&relay->listener, (struct sockaddr *)&at, &at_len);
    }
    if (failed != 0) {
        return err_set(err, ERR_IO, "cannot listen on loopback: %s",
                       uv_strerror(failed));
    }
    relay->port = ntohs(at.sin_port);
    return ERR_OK;
}

enum err_code chaos_relays_create(uint16_t port,
                                  size_t len,
                                  struct chaos_relays **out,
                                  struct err *err)
{
    struct chaos_relays *self = mem_alloc(sizeof *self + len * sizeof self->relays[0]);
    enum err_code code = ERR_OK;
    int failed = uv_loop_init(&self->loop);
    if (failed != 0) {
        mem_free(self);
        return err_set(err, ERR_IO, "cannot make a loop: %s", uv_strerror(failed));
    }
    loopback(port, &self->to);
    uv_timer_init(&self->loop, &self->timer);
    uv_timer_init(&self->loop, &self->retry);
    self->timer.data = self;
    self->retry.data = self;
    failed = uv_timer_start(&self->retry, on_retry, RETRY_MS, RETRY_MS);
    ASSERT(failed == 0);
    while (code == ERR_OK && self->len < len) {
        struct relay *relay = &self->relays[self->len++];
        relay->relays = self;
        list_init(&relay->links);
        code = relay_listen(relay, err);
    }
    if (code != ERR_OK) {
        chaos_relays_destroy(self);
        return code;
    }
    *out = self;
    return ERR_OK;
}

void chaos_relays_destroy(struct chaos_relays *relays)
{
    if (relays == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&relays->timer, NULL);
    uv_close((uv_handle_t *)&relays->retry, NULL);
    for (size_t i = 0; i < relays->len; i++) {
        uv_close((uv_handle_t *)&relays->relays[i].listener, NULL);
        LIST_FOREACH (node, &relays->relays[i].links) {
            link_close(container_of(node, struct link, node), false);
        }
    }
    uv_run(&relays->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&relays->loop);
    ASSERT(failed == 0);
    mem_free(relays);
}

uint16_t chaos_relays_port(const struct chaos_relays *relays, size_t i)
{
    ASSERT(i < relays->len);
    return relays->relays[i].port;
}

void chaos_relay_cut(struct chaos_relays *relays, size_t i)
{
    ASSERT(i < relays->len);
    LIST_FOREACH (node, &relays->relays[i].links) {
        link_close(container_of(node, struct link, node), true);
    }
}

void chaos_relay_hold(struct chaos_relays *relays, size_t i, unsigned hold)
{
    ASSERT(i < relays->len);
    relays->relays[i].hold = hold;
    LIST_FOREACH (node, &relays->relays[i].links) {
        link_pump(container_of(node, struct link, node));
    }
}
