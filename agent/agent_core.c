/* SPDX-License-Identifier: Apache-2.0 */
/* agent_core.c – the agent's session with its coordinator, and the step function.
 *
 *   disconnected ──peer up──▶ greeting ──welcome──▶ ready
 *        ▲                     │   ▲                 │
 *        │                  refuse └──hello wanted───┤
 *        │                     ▼                     │
 *        └───── peer down ── refused ◀───refuse──────┘
 *
 * Owns: that session, Hello and its repetition, heartbeats, the end of a shutdown, the
 * one deadline.
 * Knows: attempts and reports through agent_core_internal.h.
 * Does not know: clocks, sockets, files, processes. */
#include "agent/agent_core.h"
#include "agent/agent_core_internal.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/strbuf.h"

#include <string.h>

enum {
    BITS_ATTEMPT = 10,
    BITS_TRIAL = 27,
    BITS_SWEEP = 27
};
static_assert(ATTEMPTS_MAX < 1 << BITS_ATTEMPT, "an attempt fits the packed key");
static_assert(TRIALS_MAX < 1 << BITS_TRIAL, "a trial fits the packed key");
static_assert(BITS_ATTEMPT + BITS_TRIAL + BITS_SWEEP == 64, "a key is one number");

/* ---- helpers of all files ---------------------------------------------------------
 */

bool core_key_pack(struct attempt_key key, uint64_t *packed_out)
{
    if (key.attempt == 0 || key.attempt >> BITS_ATTEMPT != 0
        || key.trial >> BITS_TRIAL != 0 || key.sweep >> BITS_SWEEP != 0) {
        return false;
    }
    *packed_out = (uint64_t)key.sweep << (BITS_TRIAL + BITS_ATTEMPT)
                  | (uint64_t)key.trial << BITS_ATTEMPT | key.attempt;
    return true;
}

struct agent_effect *core_effect(struct agent_core *core, enum agent_effect_kind kind)
{
    struct agent_effect effect = { .kind = kind };
    vec_push(&core->out->items, effect);
    return &core->out->items.ptr[core->out->items.len - 1];
}

void core_note(struct agent_core *core, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(CAUSE_BYTES_MAX);
    va_list args;
    va_start(args, fmt);
    strbuf_addv(&text, fmt, args);
    va_end(args);
    core_effect(core, AGENT_FX_NOTE)->as.text = strbuf_take(&text);
}

int64_t core_in(const struct agent_core *core, int64_t ms)
{
    return mono_add_ms(core->now, ms).ns;
}

void core_said(struct agent_core *core)
{
    core->beat_at = core_in(core, core->lease_ms / 3);
}

void core_arm(struct agent_core *core, struct attempt *attempt)
{
    int64_t at = attempt->limit_at;
    at = attempt->kill_at < at ? attempt->kill_at : at;
    at = attempt->start_at < at ? attempt->start_at : at;
    at = attempt->flush_at < at ? attempt->flush_at : at;
    at = attempt->resend_at < at ? attempt->resend_at : at;
    if (at == NEVER) {
        if (heap_node_is_queued(&attempt->timer)) {
            heap_remove(&core->timers, &attempt->timer);
        }
    } else if (!heap_node_is_queued(&attempt->timer) || attempt->timer.key != at) {
        heap_update(&core->timers, &attempt->timer, at);
    }
}

/* Calls fn for every attempt; fn may remove it. */
static void attempts_each(struct agent_core *core,
                          void (*fn)(struct agent_core *core, struct attempt *attempt))
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_serial, &pos, NULL, &value)) {
        fn(core, value);
    }
}

/* ---- session ----------------------------------------------------------------------
 */

static void attempt_unsent(struct agent_core *core, struct attempt *attempt)
{
    report_rewind(core, attempt);
    log_rewind(core, attempt);
}

static void hello_say(struct agent_core *core)
{
    core->session = SESSION_GREETING;
    attempts_each(core, attempt_unsent);
    size_t cap = map_u64_len(&core->by_key);
    struct agent_held *held = mem_alloc_array(cap, sizeof *held);
    size_t len = 0;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_key, &pos, NULL, &value)) {
        struct attempt *attempt = value;
        report_close(core, attempt);
        core_arm(core, attempt);
        ASSERT(len < cap);
        held[len++] = (struct agent_held){ .key = attempt->key,
                                           .started = attempt->launched,
                                           .ended = attempt->state == ATTEMPT_ENDED,
                                           .next_seq = attempt->next_seq,
                                           .boot = attempt->boot };
    }
    struct agent_effect *effect = core_effect(core, AGENT_FX_HELLO);
    effect->as.hello.held = held;
    effect->as.hello.held_len = len;
    core->beat_at = NEVER;
    core->hello_last = core->now.ns;
    core->hello_at = core_in(core, AGENT_HELLO_RETRY_MS);
}

static void on_peer_down(struct agent_core *core)
{
    core->session = SESSION_DISCONNECTED;
    core->hello_at = NEVER;
    core->beat_at = NEVER;
    attempts_each(core, attempt_unsent);
}

/* Hello goes out at once, unless the last one is so young that this is its echo. */
static void on_hello_wanted(struct agent_core *core)
{
    if (core->session == SESSION_DISCONNECTED) {
        return;
    }
    int64_t earliest =
        mono_add_ms((struct mono){ core->hello_last }, AGENT_HELLO_GAP_MS).ns;
    if (core->now.ns >= earliest) {
        hello_say(core);
    } else if (earliest < core->hello_at) {
        core->hello_at = earliest;
    }
}

static void on_refuse(struct agent_core *core, const char *text)
{
    if (core->session == SESSION_DISCONNECTED) {
        return;
    }
    core->session = SESSION_REFUSED;
    core->beat_at = NEVER;
    core->hello_at = core_in(core, AGENT_REFUSE_RETRY_MS);
    attempts_each(core, attempt_unsent);
    core_effect(core, AGENT_FX_REFUSED)->as.text = mem_strdup(text);
}

static void home_change(struct agent_core *core, const char *home_id)
{
    if (map_u64_len(&core->by_key) > 0) {
        core_note(core,
                  "coordinator serves another home: %zu attempts of '%s' stopped and "
                  "forgotten",
                  map_u64_len(&core->by_key),
                  core->home_id != NULL ? core->home_id : "unknown");
        attempts_each(core, attempt_forget);
    }
    map_u64_fini(&core->done);
    map_u64_init(&core->done);
    memset(core->done_ring, 0, sizeof core->done_ring);
    mem_free(core->home_id);
    core->home_id = mem_strdup(home_id);
    core->config.home_id = core->home_id;
    core_effect(core, AGENT_FX_HOME)->as.text = mem_strdup(home_id);
}

static void on_verdict(struct agent_core *core, const struct agent_verdict *verdict)
{
    struct attempt *attempt = attempt_by_key(core, verdict->key);
    if (attempt == NULL) {
        return;
    }
    if (verdict->verdict == AGENT_VERDICT_FORGET) {
        attempt_forget(core, attempt);
        return;
    }
    report_ack(core, attempt, verdict->acked_seq);
    log_ack(core, attempt, verdict->log_acked);
    if (verdict->verdict == AGENT_VERDICT_STOP) {
        attempt_stop(core, attempt, ATTEMPT_STOP_FENCED,
                     "a newer attempt took its place");
    }
    attempt_settle(core, attempt);
}

static void attempt_resume(struct agent_core *core, struct attempt *attempt)
{
    attempt->log_rewinds = 0;
    attempt_unsent(core, attempt);
    report_consider(core, attempt);
}

static void heartbeat_say(struct agent_core *core)
{
    core_effect(core, AGENT_FX_HEARTBEAT)->as.leaving = core->shutdown != SHUTDOWN_NOT;
    core_said(core);
}

static void heartbeat_consider(struct agent_core *core)
{
    if (core->session == SESSION_READY && core->beat_at <= core->now.ns) {
        heartbeat_say(core);
    }
}

/* Said before anything that was begun is given back, so that it is not given again. */
static void leaving_say(struct agent_core *core)
{
    if (core->session == SESSION_READY && core->shutdown != SHUTDOWN_DONE) {
        heartbeat_say(core);
    }
}

static void on_welcome(struct agent_core *core, const struct agent_ev_welcome *ev)
{
    if (core->session != SESSION_GREETING && core->session != SESSION_REFUSED) {
        return;
    }
    core->session = SESSION_READY;
    core->hello_at = NEVER;
    core->lease_ms = ev->lease_ms > 0 ? ev->lease_ms : AGENT_LEASE_MS_DEFAULT;
    core->window_bytes =
        ev->window_bytes > 0 ? ev->window_bytes : AGENT_WINDOW_BYTES_DEFAULT;
    core->log_window_bytes = ev->log_window_bytes > 0 ? ev->log_window_bytes
                                                      : AGENT_LOG_WINDOW_BYTES_DEFAULT;
    core_said(core);
    const char *home_id = ev->home_id != NULL ? ev->home_id : "";
    if (core->home_id == NULL || strcmp(core->home_id, home_id) != 0) {
        home_change(core, home_id);
    } else {
        for (size_t i = 0; i < ev->verdicts_len; i++) {
            on_verdict(core, &ev->verdicts[i]);
        }
    }
    if (core->shutdown != SHUTDOWN_NOT) {
        leaving_say(core);
    }
    attempts_each(core, attempt_resume);
    core_effect(core, AGENT_FX_READY)->as.text = mem_strdup(home_id);
}

/* Nothing new starts from here on. */
static void shutdown_begin(struct agent_core *core, bool now)
{
    if (core->shutdown != SHUTDOWN_DONE && (now || core->shutdown == SHUTDOWN_NOT)) {
        core->shutdown = now ? SHUTDOWN_STOPPING : SHUTDOWN_DRAINING;
    }
}

/* Ends what has not started, and with `now` also what runs. */
static void shutdown_stop(struct agent_core *core, bool now)
{
    if (core->shutdown == SHUTDOWN_DONE) {
        return;
    }
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_key, &pos, NULL, &value)) {
        struct attempt *attempt = value;
        if (attempt->state == ATTEMPT_ASSIGNED) {
            attempt_stop(core, attempt, ATTEMPT_STOP_SHUTDOWN,
                         "the agent shut down before it started");
        } else if (now) {
            attempt_stop(core, attempt, ATTEMPT_STOP_SHUTDOWN, "the agent shut down");
        }
    }
}

static void on_ack(struct agent_core *core, const struct agent_ev_ack *ev)
{
    struct attempt *attempt = attempt_by_key(core, ev->key);
    if (attempt == NULL || core->session != SESSION_READY) {
        return;
    }
    attempt->drop_checkpoint = ev->drop_checkpoint;
    report_ack(core, attempt, ev->seq);
    /* Each report behind a gap asks again; one rewind answers them all. */
    if (ev->resend
        && core->now.ns >= num_add_sat_i64(attempt->rewound_at, 100 * NS_PER_MS)) {
        attempt->rewound_at = core->now.ns;
        report_rewind(core, attempt);
    }
    attempt_settle(core, attempt);
}

static void on_log_ack(struct agent_core *core, const struct agent_ev_log_ack *ev)
{
    struct attempt *attempt = attempt_by_key(core, ev->key);
    if (attempt == NULL || core->session != SESSION_READY) {
        return;
    }
    log_ack(core, attempt, ev->offset);
    attempt_settle(core, attempt);
}

/* ---- restart ----------------------------------------------------------------------
 */

static void on_restored(struct agent_core *core, const struct agent_ev_restored *ev)
{
    uint64_t packed = 0;
    if (!core_key_pack(ev->key, &packed)) {
        core_effect(core, AGENT_FX_SPOOL_TRIM)->id = ev->id;
        return;
    }
    struct attempt *attempt = attempt_by_key(core, ev->key);
    if (attempt == NULL) {
        attempt = attempt_create(core, ev->key);
        attempt->boot = ev->boot;
        attempt->run_id = ev->run_id;
        attempt->state = ATTEMPT_ENDED;
        attempt->launched = true;
        attempt->log_size = ev->log_size;
    }
    if (ev->id > core->spool_id_last) {
        core->spool_id_last = ev->id;
    }
    attempt->started = attempt->started || ev->has_started;
    attempt->forgotten = ev->has_ended; /* until restore_done: its end is known */
    /* What is missing never came to the file, so it was acknowledged from memory, and
     * all before it too. */
    if (ev->first_seq > attempt->next_seq) {
        report_ack(core, attempt, attempt->next_seq - 1);
    }
    report_restore(core, attempt, ev);
}

/* What has no end ended with the former agent. */
static void restore_end(struct agent_core *core, struct attempt *attempt)
{
    bool ended_known = attempt->forgotten;
    attempt->forgotten = false;
    if (!ended_known) {
        struct agent_ended ended = { .end = END_LOST,
                                     .time_ms = core->wall.ms,
                                     .exit_status = -1,
                                     .cause = mem_strdup(
                                         "the agent was killed while it ran") };
        report_ended(core, attempt, &ended);
    }
}

/* ---- timers and shutdown ----------------------------------------------------------
 */

static void on_timer(struct agent_core *core)
{
    for (struct heap_node *node = heap_min(&core->timers);
         node != NULL && node->key <= core->now.ns; node = heap_min(&core->timers)) {
        attempt_on_timer(core, container_of(node, struct attempt, timer));
    }
    if (core->hello_at <= core->now.ns) {
        hello_say(core);
    }
}

/* Leaves when nothing runs and all was acknowledged, or nobody is there to do so. */
static void exit_consider(struct agent_core *core)
{
    if (core->shutdown == SHUTDOWN_NOT || core->shutdown == SHUTDOWN_DONE
        || core->occupied > 0) {
        return;
    }
    if (core->exit_at == NEVER) {
        core->exit_at = core_in(core, core->config.shutdown_ms);
    }
    bool alone =
        core->session == SESSION_DISCONNECTED || core->session == SESSION_REFUSED;
    if (map_u64_len(&core->by_serial) > 0 && !alone && core->exit_at > core->now.ns) {
        return;
    }
    if (core->session == SESSION_READY) {
        core_effect(core, AGENT_FX_BYE)->as.text = mem_strdup("the agent shut down");
    }
    core->shutdown = SHUTDOWN_DONE;
    core->exit_at = NEVER;
    core->beat_at = NEVER;
    core->hello_at = NEVER;
    core_effect(core, AGENT_FX_EXIT);
}

bool agent_core_deadline(const struct agent_core *core, struct mono *at_out)
{
    const struct heap_node *node = heap_min(&core->timers);
    int64_t at = node != NULL ? node->key : NEVER;
    at = core->hello_at < at ? core->hello_at : at;
    at = core->beat_at < at ? core->beat_at : at;
    at = core->exit_at < at ? core->exit_at : at;
    at_out->ns = at;
    return at != NEVER;
}

/* ---- step -------------------------------------------------------------------------
 */

/* Events about one attempt by its serial. */
static void step_attempt(struct agent_core *core, const struct agent_event *event)
{
    struct attempt *attempt = map_u64_get(&core->by_serial, event->serial);
    if (attempt == NULL) {
        return;
    }
    if (event->kind == AGENT_EV_STARTED) {
        on_started(core, attempt, &event->as.started);
        return;
    }
    if (event->kind == AGENT_EV_EXEC_FAILED) {
        on_exec_failed(core, attempt, &event->as.exec_failed);
        return;
    }
    if (event->kind == AGENT_EV_EXITED) {
        on_exited(core, attempt, &event->as.exited);
        return;
    }
    if (attempt->forgotten || attempt->state == ATTEMPT_ENDED) {
        return;
    }
    if (event->kind == AGENT_EV_POINTS) {
        limits_points(core, attempt, &event->as.points);
    } else if (event->kind == AGENT_EV_NOTE) {
        report_note(core, attempt, &event->as.note);
    } else {
        ASSERT(event->kind == AGENT_EV_LOG_GREW);
        log_grew(core, attempt, event->as.log_size);
    }
}

static void step_dispatch(struct agent_core *core, const struct agent_event *event)
{
    switch (event->kind) {
    case AGENT_EV_PEER_UP:
        hello_say(core);
        return;
    case AGENT_EV_PEER_DOWN:
        on_peer_down(core);
        return;
    case AGENT_EV_HELLO_WANTED:
        on_hello_wanted(core);
        return;
    case AGENT_EV_WELCOME:
        on_welcome(core, &event->as.welcome);
        return;
    case AGENT_EV_REFUSE:
        on_refuse(core, event->as.refuse_text);
        return;
    case AGENT_EV_SWEEP:
        on_sweep(core, &event->as.sweep);
        return;
    case AGENT_EV_ASSIGN:
        if (core->session == SESSION_READY) {
            on_assign(core, &event->as.assign);
        }
        return;
    case AGENT_EV_STOP:
        on_stop(core, &event->as.stop);
        return;
    case AGENT_EV_ACK:
        on_ack(core, &event->as.ack);
        return;
    case AGENT_EV_LOG_ACK:
        on_log_ack(core, &event->as.log_ack);
        return;
    case AGENT_EV_LIMITS:
        on_limits(core, &event->as.limits);
        return;
    case AGENT_EV_STARTED:
    case AGENT_EV_EXEC_FAILED:
    case AGENT_EV_EXITED:
    case AGENT_EV_POINTS:
    case AGENT_EV_NOTE:
    case AGENT_EV_LOG_GREW:
        step_attempt(core, event);
        return;
    case AGENT_EV_RESTORED:
        on_restored(core, &event->as.restored);
        return;
    case AGENT_EV_RESTORE_DONE:
        attempts_each(core, restore_end);
        return;
    case AGENT_EV_SHUTDOWN:
        shutdown_begin(core, event->as.shutdown_now);
        leaving_say(core);
        shutdown_stop(core, event->as.shutdown_now);
        return;
    case AGENT_EV_TIMER:
        on_timer(core);
        return;
    case AGENT_EV_NR:
        break;
    }
    UNREACHABLE();
}

void agent_step(struct agent_core *core,
                const struct agent_event *event,
                struct agent_effects *out)
{
    if (core->shutdown == SHUTDOWN_DONE) {
        return;
    }
    core->now = event->now;
    core->wall = event->wall;
    core->out = out;
    step_dispatch(core, event);
    report_pump(core);
    heartbeat_consider(core);
    exit_consider(core);
    core->out = NULL;
}

/* ---- life -------------------------------------------------------------------------
 */

struct agent_core *agent_core_create(const struct agent_core_config *config)
{
    ASSERT(config->slots > 0);
    struct agent_core *core = mem_alloc(sizeof *core);
    core->config = *config;
    core->config.agent_id = mem_strdup(config->agent_id);
    core->config.host = mem_strdup(config->host);
    core->config.program = mem_strdup(config->program);
    core->config.home_id = NULL;
    core->config.gpus =
        config->gpus_len > 0
            ? mem_dup(config->gpus, config->gpus_len * sizeof *config->gpus)
            : NULL;
    core->home_id = mem_strdup(config->home_id);
    core->config.home_id = core->home_id;
    core->lease_ms = AGENT_LEASE_MS_DEFAULT;
    core->window_bytes = AGENT_WINDOW_BYTES_DEFAULT;
    core->log_window_bytes = AGENT_LOG_WINDOW_BYTES_DEFAULT;
    core->hello_at = NEVER;
    core->beat_at = NEVER;
    core->exit_at = NEVER;
    list_init(&core->queue);
    list_init(&core->senders);
    list_init(&core->loggers);
    heap_init(&core->timers);
    return core;
}

static void attempt_fini(struct agent_core *core, struct attempt *attempt)
{
    attempt_destroy(core, attempt);
}

void agent_core_destroy(struct agent_core *core)
{
    if (core == NULL) {
        return;
    }
    struct agent_effects scratch = { 0 };
    core->out = &scratch;
    attempts_each(core, attempt_fini);
    agent_effects_fini(&scratch);
    sweeps_fini(core);
    map_u64_fini(&core->by_key);
    map_u64_fini(&core->by_serial);
    map_u64_fini(&core->done);
    heap_fini(&core->timers);
    mem_free(core->home_id);
    mem_free(mem_take(&core->config.agent_id));
    mem_free(mem_take(&core->config.host));
    mem_free(mem_take(&core->config.program));
    mem_free(mem_take(&core->config.gpus));
    mem_free(core);
}

void agent_core_limit_spool(struct agent_core *core, uint64_t bytes_max)
{
    if (bytes_max < core->config.spool_bytes_max) {
        core->config.spool_bytes_max = bytes_max;
    }
}

const struct agent_core_config *agent_core_identity(const struct agent_core *core)
{
    return &core->config;
}

void agent_core_counts(const struct agent_core *core, struct agent_core_counts *out)
{
    *out = (struct agent_core_counts){
        .held = map_u64_len(&core->by_serial),
        .queued = core->queue.len + core->prefetched,
        .occupied = core->occupied,
        .inflight_bytes = core->inflight_bytes,
        .log_inflight_bytes = core->log_inflight_bytes,
        .spool_bytes = core->spool_bytes,
        .ready = core->session == SESSION_READY,
    };
}

static void attempt_check(const struct attempt *attempt, struct agent_core_counts *sum)
{
    sum->held++;
    sum->occupied += attempt->state == ATTEMPT_STARTING
                     || attempt->state == ATTEMPT_RUNNING
                     || attempt->state == ATTEMPT_STOPPING;
    sum->queued += list_node_is_linked(&attempt->queue_node);
    sum->log_inflight_bytes += attempt->log_sent - attempt->log_acked;
    ASSERT(attempt->log_acked <= attempt->log_sent);
    ASSERT(attempt->log_sent <= attempt->log_size);
    uint64_t seq = 0;
    bool unsent = false;
    LIST_FOREACH (node, &attempt->reports) {
        const struct unacked *unacked = container_of(node, struct unacked, node);
        ASSERT(seq == 0 || unacked->first_seq == seq + 1);
        ASSERT(unacked->last_seq >= unacked->first_seq);
        seq = unacked->last_seq;
        ASSERT(!(unsent && unacked->sent));
        ASSERT(unsent || unacked->sent || attempt->next_send == unacked);
        unsent = unsent || !unacked->sent;
        sum->spool_bytes += unacked->bytes;
        sum->inflight_bytes += unacked->sent ? unacked->bytes : 0;
    }
    ASSERT(unsent == (attempt->next_send != NULL));
    ASSERT(seq == 0 || seq + 1 == attempt->next_seq);
}

void agent_core_check(const struct agent_core *core)
{
    struct agent_core_counts sum = { 0 };
    struct agent_core_counts have;
    agent_core_counts(core, &have);
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_serial, &pos, NULL, &value)) {
        attempt_check(value, &sum);
    }
    ASSERT(sum.held == have.held);
    ASSERT(sum.queued == have.queued);
    ASSERT(sum.occupied == have.occupied);
    ASSERT(sum.spool_bytes == have.spool_bytes);
    ASSERT(sum.inflight_bytes == have.inflight_bytes);
    ASSERT(sum.log_inflight_bytes == have.log_inflight_bytes);
}

/* ---- effects ----------------------------------------------------------------------
 */

static void effect_fini(struct agent_effect *effect)
{
    switch (effect->kind) {
    case AGENT_FX_HELLO:
        mem_free(effect->as.hello.held);
        break;
    case AGENT_FX_SPOOL_APPEND:
        agent_report_destroy(effect->as.report);
        break;
    case AGENT_FX_BYE:
    case AGENT_FX_HOME:
    case AGENT_FX_READY:
    case AGENT_FX_REFUSED:
    case AGENT_FX_NOTE:
        mem_free(effect->as.text);
        break;
    case AGENT_FX_HEARTBEAT:
    case AGENT_FX_START:
    case AGENT_FX_TERM:
    case AGENT_FX_KILL:
    case AGENT_FX_REPORT_SEND:
    case AGENT_FX_SPOOL_TRIM:
    case AGENT_FX_LOG_SEND:
    case AGENT_FX_FORGET:
    case AGENT_FX_EXIT:
    case AGENT_FX_NR:
        break;
    }
}

void agent_effects_reset(struct agent_effects *effects)
{
    for (size_t i = 0; i < effects->items.len; i++) {
        effect_fini(&effects->items.ptr[i]);
    }
    vec_reset(&effects->items);
}

void agent_effects_fini(struct agent_effects *effects)
{
    agent_effects_reset(effects);
    vec_fini(&effects->items);
}
