/* SPDX-License-Identifier: Apache-2.0 */
/* coordinator.c – life and heartbeat of a coordinator.
 *
 * Owns: engine, outbox, store thread, inbox, sessions, and every uv handle.
 * Knows: the order of a round and of closing. Does not know: what messages mean.
 *
 *     transports, timers, workers, callers ──append──▶ inbox
 *     check hook ──▶ round: step each item ▶ outbox ▶ seal to the writer ▶ run what is
 * free writer ──uv_async──▶ committed: what waited is free, next round
 *
 * While the inbox holds something the idle handle keeps the loop from blocking, so a
 * round follows in the same or the next iteration, whoever appended. */
#include "coordinator/coordinator_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "coordinator/calls.h"
#include "coordinator/links.h"
#include "coordinator/replies.h"
#include "coordinator/suggest.h"
#include "coordinator/wiring.h"
#include "core/engine.h"
#include "store/store.h"

bool coordinator_logs(const struct coordinator *c, enum log_level level)
{
    return level <= c->log_level_max;
}

/* ---- a round ---- */

static void on_idle(uv_idle_t *idle)
{
    UNUSED(idle); /* its being active is the point */
}

void coordinator_wake(struct coordinator *c)
{
    if (c->phase != PHASE_HANDLES) {
        uv_idle_start(&c->idle, on_idle);
    }
}

struct event
coordinator_event(const struct coordinator *c, enum event_kind kind, uint64_t peer)
{
    return (struct event){ .kind = kind, .now = c->now, .wall = c->wall, .peer = peer };
}

void coordinator_step(struct coordinator *c, const struct event *event)
{
    engine_step(c->engine, event, &c->effects);
}

static void step_disk(struct coordinator *c, bool full)
{
    struct event event = coordinator_event(c, EV_DISK, 0);
    event.as.disk_full = full;
    coordinator_step(c, &event);
}

static void step_shutdown(struct coordinator *c, bool drain)
{
    struct event event = coordinator_event(c, EV_SHUTDOWN, 0);
    coordinator_step(c, &event);
    if (!drain) {
        effects_drained(c);
    }
}

static void peer_lost(struct coordinator *c, uint64_t peer)
{
    struct event event = coordinator_event(c, EV_PEER_LOST, peer);
    coordinator_step(c, &event);
}

static void peer_down(struct coordinator *c, uint64_t peer)
{
    struct session *session = sessions_find(&c->sessions, peer);
    if (session == NULL) {
        return;
    }
    if (session->agent_id != NULL) {
        char quoted[NAME_BYTES_MAX * 2];
        peer_lost(c, peer);
        COORDINATOR_LOG(c, LOG_LEVEL_INFO, "agent_disconnected", "agent=%s",
                        log_quote(str_from(session->agent_id), quoted, sizeof quoted));
    }
    sessions_remove(&c->sessions, session);
}

static void item_run(struct coordinator *c, const struct item *item)
{
    switch (item->kind) {
    case ITEM_START: {
        struct event event = coordinator_event(c, EV_START, 0);
        coordinator_step(c, &event);
        return;
    }
    case ITEM_FRAME: {
        struct session *session = sessions_find(&c->sessions, item->peer);
        if (session != NULL) {
            dispatch_frame(c, session, c->current.bytes.ptr + item->at, item->len);
        }
        return;
    }
    case ITEM_DOWN:
        peer_down(c, item->peer);
        return;
    case ITEM_GIVEN_UP:
        peer_lost(c, item->peer);
        return;
    case ITEM_SUGGESTED:
        suggestion_step(c, item->as.suggestion);
        return;
    case ITEM_CALL:
        call_run(c, item->as.call);
        return;
    case ITEM_SHUTDOWN:
        step_shutdown(c, item->flag);
        return;
    case ITEM_DISK:
        step_disk(c, item->flag);
        return;
    }
    UNREACHABLE();
}

static void item_fini(const struct item *item)
{
    if (item->kind == ITEM_SUGGESTED) {
        suggestion_destroy(item->as.suggestion);
    } else if (item->kind == ITEM_CALL) {
        call_destroy(item->as.call);
    }
}

/* Works off what was in the inbox when it began. After a failure of the store nothing
 * is stepped any more: memory must not run ahead of what can be written. */
static void run_items(struct coordinator *c)
{
    struct inbox filled = c->inbox;
    c->inbox = c->current;
    c->current = filled;
    for (size_t i = 0; i < c->current.items.len; i++) {
        const struct item *item = &c->current.items.ptr[i];
        if (!c->failed) {
            item_run(c, item);
        } else if (item->kind == ITEM_CALL) {
            call_refuse(item->as.call);
        }
        item_fini(item);
    }
    inbox_reset(&c->current);
}

static void tick(struct coordinator *c)
{
    struct mono due;
    if (!c->failed && engine_deadline(c->engine, &due) && !mono_before(c->now, due)) {
        struct event event = coordinator_event(c, EV_TICK, 0);
        coordinator_step(c, &event);
    }
}

static void commit_start(struct coordinator *c)
{
    struct record *const *records = NULL;
    size_t len = 0;
    if (!c->failed && outbox_seal(c->outbox, COORDINATOR_BATCH_MAX, &records, &len)) {
        c->commits++;
        c->records += len;
        store_thread_commit(c->store, records, len);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    coordinator_wake(timer->data);
}

/* The timer may be early (a lease was renewed): the round it causes sets it again. */
static void deadline_arm(struct coordinator *c)
{
    struct mono due;
    if (c->failed || c->phase != PHASE_RUN || !engine_deadline(c->engine, &due)) {
        return;
    }
    if (uv_is_active((uv_handle_t *)&c->deadline)
        && !mono_before(due, c->deadline_at)) {
        return;
    }
    int64_t ms = mono_until_ms(due, clock_mono());
    uv_update_time(c->loop);
    uv_timer_start(&c->deadline, on_deadline, ms > 0 ? (uint64_t)ms : 1, 0);
    c->deadline_at = due;
}

void coordinator_round(struct coordinator *c)
{
    if (c->in_round) {
        return;
    }
    c->in_round = true;
    unsigned rounds = 0;
    do {
        c->now = clock_mono();
        c->wall = clock_wall();
        run_items(c);
        tick(c);
        outbox_add(c->outbox, &c->effects);
        commit_start(c);
        effects_run(c);
        rounds++;
    } while (c->inbox.items.len > 0 && rounds < COORDINATOR_ROUNDS_MAX);
    deadline_arm(c);
    c->in_round = false;
}

/* ---- the store's thread ---- */

static void on_committed(void *ctx)
{
    struct coordinator *c = ctx;
    outbox_committed(c->outbox);
    coordinator_wake(c);
}

static void on_disk(void *ctx, bool full, const struct err *err)
{
    struct coordinator *c = ctx;
    c->disk_full = full;
    if (full) {
        char quoted[ERR_MSG_SIZE * 2];
        COORDINATOR_LOG(c, LOG_LEVEL_ERROR, "disk_full", "reason=%s",
                        log_quote(str_from(err->msg), quoted, sizeof quoted));
    } else {
        COORDINATOR_LOG(c, LOG_LEVEL_WARN, "disk_ok", "home=%s", c->home);
    }
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_DISK, .flag = full });
    coordinator_wake(c);
}

static void on_failed(void *ctx, const struct err *err)
{
    struct coordinator *c = ctx;
    char quoted[ERR_MSG_SIZE * 2];
    c->failed = true;
    COORDINATOR_LOG(c, LOG_LEVEL_ERROR, "store_failed", "reason=%s",
                    log_quote(str_from(err->msg), quoted, sizeof quoted));
    coordinator_wake(c);
    if (c->cb.on_fatal != NULL && c->phase == PHASE_RUN) {
        c->cb.on_fatal(c->ctx, err);
    }
}

static void on_trouble(void *ctx, const struct err *err)
{
    struct coordinator *c = ctx;
    char quoted[ERR_MSG_SIZE * 2];
    COORDINATOR_LOG(c, LOG_LEVEL_WARN, "checkpoint_failed", "reason=%s",
                    log_quote(str_from(err->msg), quoted, sizeof quoted));
}

static enum err_code
open_store_thread(struct coordinator *c, struct store *store, struct err *err)
{
    struct store_thread_config config = { .loop = c->loop,
                                          .home = c->home,
                                          .cb = { .committed = on_committed,
                                                  .disk = on_disk,
                                                  .failed = on_failed,
                                                  .trouble = on_trouble },
                                          .ctx = c };
    return store_thread_start(&config, store, &c->store, err);
}

static void on_query_done(
    void *ctx, uint64_t peer, uint64_t id, enum err_code code, char *text, size_t len)
{
    struct coordinator *c = ctx;
    struct session *session = sessions_find(&c->sessions, peer);
    if (session != NULL) {
        session->requests_open--;
        replies_add(session, id, code, text, len);
    } else {
        mem_free(text);
    }
    coordinator_wake(c);
}

/* ---- closing ---- */

static void coordinator_free(struct coordinator *c)
{
    outbox_destroy(c->outbox);
    effects_fini(&c->effects);
    engine_destroy(c->engine);
    for (size_t i = 0; i < c->inbox.items.len; i++) {
        item_fini(&c->inbox.items.ptr[i]);
    }
    inbox_fini(&c->inbox);
    inbox_fini(&c->current);
    sessions_fini(&c->sessions);
    codec_decoder_destroy(c->decoder);
    wire_fini(&c->wire);
    map_u64_fini(&c->pending);
    mem_free(c->home);
    mem_free(c->home_id);
    mem_free(c->ipc_endpoint);
    mem_free(c);
}

static void handle_done(struct coordinator *c)
{
    c->handles_open--;
    if (c->handles_open > 0) {
        return;
    }
    void (*closed)(void *) = c->closed;
    void *ctx = c->closed_ctx;
    COORDINATOR_LOG(c, LOG_LEVEL_INFO, "closed", "commits=%llu records=%llu",
                    (unsigned long long)c->commits, (unsigned long long)c->records);
    coordinator_free(c);
    if (closed != NULL) {
        closed(ctx);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_done(handle->data);
}

static void on_store_closed(void *ctx)
{
    handle_done(ctx);
}

static bool is_flushed(const struct coordinator *c)
{
    bool written = outbox_open_len(c->outbox) == 0 && !outbox_in_flight(c->outbox);
    return c->inbox.items.len == 0 && (c->failed || c->disk_full || written);
}

/* Moves closing on as far as it goes now. */
static void close_step(struct coordinator *c)
{
    if (c->phase == PHASE_FLUSH && is_flushed(c)) {
        c->phase = PHASE_WORKERS;
        effects_drop_pending(c);
        queries_cancel(&c->queries);
        sessions_fini(&c->sessions);
        links_close(c);
    }
    if (c->phase == PHASE_WORKERS && c->links_open == 0 && c->works == 0
        && c->queries.running == 0) {
        c->phase = PHASE_HANDLES;
        queries_fini(&c->queries);
        c->handles_open = 4;
        store_thread_close(c->store, on_store_closed, c);
        uv_close((uv_handle_t *)&c->idle, on_handle_closed);
        uv_close((uv_handle_t *)&c->check, on_handle_closed);
        uv_close((uv_handle_t *)&c->deadline, on_handle_closed);
    }
}

static void on_check(uv_check_t *check)
{
    struct coordinator *c = check->data;
    if (!uv_is_active((uv_handle_t *)&c->idle)) {
        return;
    }
    if (c->phase <= PHASE_FLUSH) {
        coordinator_round(c);
    }
    if (c->inbox.items.len == 0 || c->phase > PHASE_FLUSH) {
        uv_idle_stop(&c->idle);
    }
    if (c->phase != PHASE_RUN) {
        close_step(c);
    }
}

void coordinator_close(struct coordinator *c,
                       void (*closed)(void *ctx),
                       void *closed_ctx)
{
    ASSERT(c->phase == PHASE_RUN);
    c->phase = PHASE_FLUSH;
    c->closed = closed;
    c->closed_ctx = closed_ctx;
    coordinator_wake(c);
}

/* ---- opening ---- */

static void on_replay_warning(void *ctx, const struct err *err)
{
    struct coordinator *c = ctx;
    char quoted[ERR_MSG_SIZE * 2];
    COORDINATOR_LOG(c, LOG_LEVEL_WARN, "sweep_set_aside", "reason=%s",
                    log_quote(str_from(err->msg), quoted, sizeof quoted));
}

static enum err_code open_engine(struct coordinator *c,
                                 const struct coordinator_config *config,
                                 struct store *store,
                                 struct err *err)
{
    struct wiring_options options = { .lease_ms = c->wire.lease_ms,
                                      .samplers = config->samplers,
                                      .warn = on_replay_warning,
                                      .warn_ctx = c };
    c->home_id = mem_strdup(store_home_id(store));
    c->wire.home_id = c->home_id;
    return wiring_engine(store, &options, &c->engine, err);
}

static void handles_init(struct coordinator *c)
{
    int rc = uv_idle_init(c->loop, &c->idle);
    ASSERT(rc == 0);
    c->idle.data = c;
    rc = uv_timer_init(c->loop, &c->deadline);
    ASSERT(rc == 0);
    c->deadline.data = c;
    rc = uv_check_init(c->loop, &c->check);
    ASSERT(rc == 0);
    c->check.data = c;
    rc = uv_check_start(&c->check, on_check);
    ASSERT(rc == 0);
    uv_unref((uv_handle_t *)&c->check);
}

static struct coordinator *coordinator_new(const struct coordinator_config *config,
                                           char *home_taken)
{
    struct coordinator *c = mem_alloc(sizeof *c);
    int64_t lease_ms =
        config->lease_ms > 0 ? config->lease_ms : COORDINATOR_LEASE_MS_DEFAULT;
    c->loop = config->loop;
    c->home = home_taken;
    c->log_level_max = config->log_level_max;
    c->cb = config->cb;
    c->ctx = config->ctx;
    c->wire.lease_ms = lease_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)lease_ms;
    c->outbox = outbox_create();
    c->decoder = codec_decoder_create(MSG_FROM_AGENT | MSG_FROM_CLIENT);
    return c;
}

enum err_code coordinator_create(const struct coordinator_config *config,
                                 struct coordinator **out,
                                 struct err *err)
{
    struct store *store = NULL;
    char *home = NULL;
    enum err_code code = store_open(config->home, &store, err);
    if (code != ERR_OK) {
        return code;
    }
    code = fsx_real_path(config->home, &home, err);
    if (code != ERR_OK) {
        store_close(store);
        return code;
    }
    struct coordinator *c = coordinator_new(config, home);
    code = open_engine(c, config, store, err);
    if (code == ERR_OK) {
        code = links_open(c, config->listen, config->keys_dir, err);
    }
    if (code == ERR_OK) {
        code = open_store_thread(c, store, err);
    }
    if (code != ERR_OK) {
        links_abandon(c);
        store_close(store);
        coordinator_free(c);
        return code;
    }
    handles_init(c);
    queries_init(&c->queries, c->loop, c->home, on_query_done, c);
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_START });
    coordinator_wake(c);
    *out = c;
    return ERR_OK;
}

/* ---- for the owner ---- */

void coordinator_shutdown(struct coordinator *c, bool drain)
{
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_SHUTDOWN, .flag = drain });
    coordinator_wake(c);
}

const char *coordinator_home_id(const struct coordinator *c)
{
    return c->home_id;
}

enum err_code coordinator_find_sweep(const struct coordinator *c,
                                     const char *ref,
                                     uint32_t *sweep_out,
                                     struct err *err)
{
    return engine_find_sweep(c->engine, ref, sweep_out, err);
}

void coordinator_summary(const struct coordinator *c,
                         uint32_t sweep,
                         struct sweep_summary *summary_out)
{
    engine_summary(c->engine, sweep, summary_out);
}

const struct sweep_spec *coordinator_spec(const struct coordinator *c, uint32_t sweep)
{
    return engine_spec(c->engine, sweep);
}

size_t coordinator_agents_connected(const struct coordinator *c)
{
    return engine_agents_connected(c->engine);
}

size_t coordinator_attempts_live(const struct coordinator *c)
{
    return engine_attempts_live(c->engine);
}
