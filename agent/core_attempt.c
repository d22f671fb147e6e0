/* SPDX-License-Identifier: Apache-2.0 */
/* core_attempt.c – life of an attempt on its agent.
 *
 *   assigned ──▶ starting ──▶ running ──▶ ended ──▶ (settled: gone)
 *      │            │  │         │          ▲
 *      │            │  └─────────┴▶ stopping┤
 *      └────────────┴───────────────────────┘
 *
 * Owns: the table of these moves, who may start when (slots, prefetch and the place it
 * takes), why an attempt ended.
 * Knows: sweeps only by their limits.
 * Does not know: processes, reports' bytes, messages.
 *
 * A prefetched attempt starts only in place of one of its sweep that ended here: when
 * one ends, or at once if the place of an ended one is still open, that is, its end is
 * not acknowledged, so that the coordinator cannot have given the place to anybody
 * else. With nothing at all running here it starts as well. */
#include "agent/agent_core_internal.h"

#include "base/limits.h"
#include "base/num.h"

#include <string.h>

#define B(state) (1u << ATTEMPT_##state)
static const unsigned attempt_moves[ATTEMPT_STATE_NR] = {
    [ATTEMPT_ASSIGNED] = B(STARTING) | B(ENDED),
    [ATTEMPT_STARTING] = B(RUNNING) | B(STOPPING) | B(ENDED),
    [ATTEMPT_RUNNING] = B(STOPPING) | B(ENDED),
    [ATTEMPT_STOPPING] = B(ENDED),
    [ATTEMPT_ENDED] = 0,
};
#undef B

enum {
    SIGNAL_KILL = 9
};

static bool state_occupies(enum attempt_state state)
{
    return state == ATTEMPT_STARTING || state == ATTEMPT_RUNNING
           || state == ATTEMPT_STOPPING;
}

/* The only writer of attempt.state. */
static void
attempt_move(struct agent_core *core, struct attempt *attempt, enum attempt_state to)
{
    ASSERT((attempt_moves[attempt->state] & (1u << to)) != 0);
    bool was = state_occupies(attempt->state);
    bool is = state_occupies(to);
    attempt->state = to;
    if (is && !was) {
        core->occupied++;
    } else if (was && !is) {
        ASSERT(core->occupied > 0);
        core->occupied--;
    }
}

/* ---- tables -----------------------------------------------------------------------
 */

struct attempt *attempt_by_key(struct agent_core *core, struct attempt_key key)
{
    uint64_t packed = 0;
    return core_key_pack(key, &packed) ? map_u64_get(&core->by_key, packed) : NULL;
}

struct attempt *attempt_create(struct agent_core *core, struct attempt_key key)
{
    uint64_t packed = 0;
    bool fits = core_key_pack(key, &packed);
    ASSERT(fits);
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->key = key;
    attempt->serial = ++core->serial_last;
    attempt->boot = core->config.boot;
    attempt->state = ATTEMPT_ASSIGNED;
    attempt->next_seq = 1;
    attempt->timer.tie = attempt->serial;
    attempt->limit_at = NEVER;
    attempt->kill_at = NEVER;
    attempt->start_at = NEVER;
    attempt->flush_at = NEVER;
    attempt->resend_at = NEVER;
    attempt->rewound_at = INT64_MIN;
    attempt->limits.last_step = -1;
    list_init(&attempt->reports);
    map_u64_set(&core->by_key, packed, attempt);
    map_u64_set(&core->by_serial, attempt->serial, attempt);
    return attempt;
}

static void queue_leave(struct agent_core *core, struct attempt *attempt)
{
    if (!list_node_is_linked(&attempt->queue_node)) {
        return;
    }
    if (attempt->prefetch) {
        struct sweep_info *sweep = sweep_get(core, attempt->key.sweep);
        list_remove(&sweep->prefetched, &attempt->queue_node);
        core->prefetched--;
    } else {
        list_remove(&core->queue, &attempt->queue_node);
    }
}

static void place_close(struct agent_core *core, struct attempt *attempt)
{
    if (list_node_is_linked(&attempt->place_node)) {
        list_remove(&sweep_get(core, attempt->key.sweep)->places, &attempt->place_node);
    }
}

void attempt_destroy(struct agent_core *core, struct attempt *attempt)
{
    report_drop_all(core, attempt);
    queue_leave(core, attempt);
    place_close(core, attempt);
    if (heap_node_is_queued(&attempt->timer)) {
        heap_remove(&core->timers, &attempt->timer);
    }
    uint64_t packed = 0;
    if (core_key_pack(attempt->key, &packed)
        && map_u64_get(&core->by_key, packed) == attempt) {
        map_u64_del(&core->by_key, packed);
    }
    map_u64_del(&core->by_serial, attempt->serial);
    limits_fini(&attempt->limits);
    mem_free(attempt->x);
    mem_free(attempt->stop_cause);
    mem_free(attempt);
}

/* Remembers the key, at the price of the oldest one. */
static void done_add(struct agent_core *core, struct attempt_key key)
{
    uint64_t packed = 0;
    if (!core_key_pack(key, &packed) || map_u64_has(&core->done, packed)) {
        return;
    }
    uint64_t *place = &core->done_ring[core->done_next];
    if (*place != 0) {
        map_u64_del(&core->done, *place);
    }
    *place = packed;
    core->done_next = (core->done_next + 1) % DONE_KEYS_MAX;
    map_u64_set(&core->done, packed, NULL);
}

static bool is_sibling(const struct attempt *a, const struct attempt *b)
{
    return a != b && a->key.sweep == b->key.sweep && a->key.trial == b->key.trial;
}

/* Another attempt of its trial is here. */
static bool has_sibling(const struct agent_core *core, const struct attempt *attempt)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_serial, &pos, NULL, &value)) {
        if (is_sibling(attempt, value)) {
            return true;
        }
    }
    return false;
}

static void attempt_remove(struct agent_core *core, struct attempt *attempt)
{
    if (!attempt->forgotten) {
        done_add(core, attempt->key);
    }
    struct agent_effect *effect = core_effect(core, AGENT_FX_FORGET);
    effect->serial = attempt->serial;
    effect->key = attempt->key;
    effect->as.forget.run_id = attempt->run_id;
    effect->as.forget.drop_checkpoint =
        attempt->drop_checkpoint && !has_sibling(core, attempt);
    attempt_destroy(core, attempt);
}

void attempt_settle(struct agent_core *core, struct attempt *attempt)
{
    if (attempt->state != ATTEMPT_ENDED || !list_is_empty(&attempt->reports)) {
        return;
    }
    place_close(core, attempt);
    if (attempt->log_acked >= attempt->log_size) {
        attempt_remove(core, attempt);
    }
}

struct sweep_info *sweep_get(struct agent_core *core, uint32_t sweep)
{
    struct sweep_info *info = map_u64_get(&core->sweeps, sweep);
    if (info == NULL) {
        info = mem_alloc(sizeof *info);
        list_init(&info->prefetched);
        list_init(&info->places);
        map_u64_set(&core->sweeps, sweep, info);
    }
    return info;
}

void sweeps_fini(struct agent_core *core)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->sweeps, &pos, NULL, &value)) {
        struct sweep_info *info = value;
        for (size_t i = 0; i < info->files.len; i++) {
            mem_free(mem_take(&info->files.ptr[i].error));
        }
        vec_fini(&info->files);
        mem_free(info);
    }
    map_u64_fini(&core->sweeps);
}

/* NULL when that revision was not heard of. */
static struct agent_ev_sweep *sweep_file(const struct sweep_info *info,
                                         uint32_t revision)
{
    for (size_t i = info->files.len; i > 0; i--) {
        if (info->files.ptr[i - 1].revision == revision) {
            return &info->files.ptr[i - 1];
        }
    }
    return NULL;
}

void on_sweep(struct agent_core *core, const struct agent_ev_sweep *ev)
{
    struct sweep_info *info = sweep_get(core, ev->sweep);
    struct agent_ev_sweep *file = sweep_file(info, ev->revision);
    if (file == NULL) {
        vec_push(&info->files, ((struct agent_ev_sweep){ 0 }));
        file = &info->files.ptr[info->files.len - 1];
    }
    mem_free(mem_take(&file->error));
    *file = *ev;
    file->error = mem_strdup(ev->error);
}

/* ---- starting ---------------------------------------------------------------------
 */

static void attempt_end_early(struct agent_core *core,
                              struct attempt *attempt,
                              enum attempt_end end,
                              const char *cause)
{
    struct agent_ended ended = { .end = end,
                                 .time_ms = core->wall.ms,
                                 .exit_status = -1,
                                 .cause = mem_strdup(cause) };
    queue_leave(core, attempt);
    attempt_move(core, attempt, ATTEMPT_ENDED);
    report_ended(core, attempt, &ended);
}

static void start_ask(struct agent_core *core, const struct attempt *attempt)
{
    struct agent_effect *effect = core_effect(core, AGENT_FX_START);
    effect->serial = attempt->serial;
    effect->key = attempt->key;
    effect->as.start = (struct agent_fx_start){ .run_id = attempt->run_id,
                                                .x = attempt->x,
                                                .x_len = attempt->x_len,
                                                .gpu_mask = attempt->gpu_mask,
                                                .revision = attempt->revision,
                                                .grace_ms = attempt->grace_ms,
                                                .fresh = attempt->fresh };
}

static void attempt_start(struct agent_core *core, struct attempt *attempt)
{
    const struct agent_ev_sweep *file =
        sweep_file(sweep_get(core, attempt->key.sweep), attempt->revision);
    queue_leave(core, attempt);
    if (file == NULL) {
        attempt_end_early(core, attempt, END_LOST, "no sweep file came before it");
        return;
    }
    if (file->error != NULL) {
        attempt_end_early(core, attempt, END_FAILED, file->error);
        return;
    }
    attempt->grace_ms = file->grace_ms;
    attempt->limit_ms = file->time_limit_ms;
    attempt->memory_limited = file->memory_limited;
    attempt->launched = true;
    attempt_move(core, attempt, ATTEMPT_STARTING);
    start_ask(core, attempt);
}

/* A prefetched attempt takes over a place and, unless it has its own, its devices. */
static void
attempt_start_in_place(struct agent_core *core, struct attempt *attempt, uint64_t gpus)
{
    if (attempt->gpu_mask == 0) {
        attempt->gpu_mask = gpus;
    }
    attempt_start(core, attempt);
}

/* The oldest prefetched attempt of all sweeps, or NULL. */
static struct attempt *prefetched_oldest(struct agent_core *core)
{
    struct attempt *oldest = NULL;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->sweeps, &pos, NULL, &value)) {
        struct sweep_info *sweep = value;
        struct list_node *node = list_first(&sweep->prefetched);
        if (node == NULL) {
            continue;
        }
        struct attempt *attempt = container_of(node, struct attempt, queue_node);
        if (oldest == NULL || attempt->serial < oldest->serial) {
            oldest = attempt;
        }
    }
    return oldest;
}

/* Devices in use here. One that was given to a new attempt may still be held by one
 * that was given up and is being stopped. */
static uint64_t devices_busy(const struct agent_core *core)
{
    uint64_t busy = 0;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&core->by_serial, &pos, NULL, &value)) {
        const struct attempt *attempt = value;
        busy |= state_occupies(attempt->state) ? attempt->gpu_mask : 0;
    }
    return busy;
}

/* Two attempts of a trial would spoil each other's checkpoints: an older one that is
 * being stopped ends first. */
static bool waits_for_older(struct agent_core *core, const struct attempt *attempt)
{
    size_t pos = 0;
    void *value = NULL;
    const struct agent_ev_sweep *file =
        sweep_file(sweep_get(core, attempt->key.sweep), attempt->revision);
    if (file == NULL || !file->checkpoints) {
        return false;
    }
    while (map_u64_next(&core->by_serial, &pos, NULL, &value)) {
        const struct attempt *other = value;
        if (state_occupies(other->state) && is_sibling(attempt, other)) {
            return true;
        }
    }
    return false;
}

/* The first in the queue whose devices and whose folder are free, or NULL. */
static struct attempt *queue_startable(struct agent_core *core)
{
    LIST_FOREACH (node, &core->queue) {
        struct attempt *attempt = container_of(node, struct attempt, queue_node);
        bool devices =
            attempt->gpu_mask == 0 || (attempt->gpu_mask & devices_busy(core)) == 0;
        if (devices && !waits_for_older(core, attempt)) {
            return attempt;
        }
    }
    return NULL;
}

/* The oldest prefetched attempt of the sweep that may start, or NULL. */
static struct attempt *prefetched_startable(struct agent_core *core,
                                            const struct sweep_info *sweep)
{
    LIST_FOREACH (node, &sweep->prefetched) {
        struct attempt *attempt = container_of(node, struct attempt, queue_node);
        if (!waits_for_older(core, attempt)) {
            return attempt;
        }
    }
    return NULL;
}

/* Starts what may start. An attempt that cannot be started ends at once and leaves its
 * slot to the next. */
static void start_due(struct agent_core *core)
{
    while (core->occupied < core->config.slots && !list_is_empty(&core->queue)) {
        struct attempt *attempt = queue_startable(core);
        if (attempt == NULL) {
            break;
        }
        attempt_start(core, attempt);
    }
    while (core->occupied == 0 && core->prefetched > 0) {
        attempt_start(core, prefetched_oldest(core));
    }
}

/* An attempt that ran has ended: its place goes to a prefetched one of its sweep. */
static void place_hand_over(struct agent_core *core, struct attempt *attempt)
{
    struct sweep_info *sweep = sweep_get(core, attempt->key.sweep);
    struct attempt *next = NULL;
    while ((next = prefetched_startable(core, sweep)) != NULL) {
        size_t before = core->occupied;
        attempt_start_in_place(core, next, attempt->gpu_mask);
        if (core->occupied > before) {
            return;
        }
    }
    list_add_tail(&sweep->places, &attempt->place_node);
}

static void assign_prefetched(struct agent_core *core, struct attempt *attempt)
{
    struct sweep_info *sweep = sweep_get(core, attempt->key.sweep);
    list_add_tail(&sweep->prefetched, &attempt->queue_node);
    core->prefetched++;
    struct list_node *node = list_first(&sweep->places);
    if (node != NULL && core->occupied < core->config.slots
        && !waits_for_older(core, attempt)) {
        struct attempt *ended = container_of(node, struct attempt, place_node);
        place_close(core, ended);
        attempt_start_in_place(core, attempt, ended->gpu_mask);
    }
}

/* A newer attempt of the same trial: whatever is here of older ones was given up,
 * though no verdict said so (the last Hello was older than they are). */
static void supersede(struct agent_core *core, struct attempt_key key)
{
    while (--key.attempt > 0) {
        struct attempt *older = attempt_by_key(core, key);
        if (older != NULL) {
            attempt_stop(core, older, ATTEMPT_STOP_FENCED,
                         "a newer attempt took its place");
        }
    }
}

void on_assign(struct agent_core *core, const struct agent_ev_assign *ev)
{
    uint64_t packed = 0;
    if (!core_key_pack(ev->key, &packed) || ev->x_len > PARAMS_MAX) {
        core_note(core, "assignment out of range ignored");
        return;
    }
    if (map_u64_has(&core->by_key, packed) || map_u64_has(&core->done, packed)) {
        return;
    }
    supersede(core, ev->key);
    struct attempt *attempt = attempt_create(core, ev->key);
    attempt->run_id = ev->run_id;
    attempt->x = mem_dup(ev->x, ev->x_len * sizeof *ev->x);
    attempt->x_len = ev->x_len;
    attempt->gpu_mask = ev->gpu_mask;
    attempt->prefetch = ev->prefetch;
    attempt->fresh = ev->fresh;
    attempt->revision = ev->revision;
    if (core->shutdown != SHUTDOWN_NOT) {
        attempt_end_early(core, attempt, END_PREEMPTED,
                          "the agent shut down before it started");
    } else if (ev->prefetch) {
        assign_prefetched(core, attempt);
    } else {
        list_add_tail(&core->queue, &attempt->queue_node);
    }
    start_due(core);
}

/* ---- over -------------------------------------------------------------------------
 */

/* The process is gone: reports the end (takes ended's texts) and frees the slot. */
static void attempt_over(struct agent_core *core,
                         struct attempt *attempt,
                         const struct agent_ended *ended)
{
    attempt_move(core, attempt, ATTEMPT_ENDED);
    attempt->limit_at = NEVER;
    attempt->kill_at = NEVER;
    attempt->start_at = NEVER;
    mem_free(mem_take(&attempt->x));
    attempt->x_len = 0;
    if (attempt->forgotten) {
        mem_free(ended->cause);
        mem_free(ended->rule);
    } else {
        report_ended(core, attempt, ended);
        log_grew(core, attempt, attempt->log_size);
    }
    core_arm(core, attempt);
    if (!attempt->forgotten && !attempt->superseded) {
        place_hand_over(core, attempt);
    } /* else the coordinator has given its place to somebody else long ago */
    start_due(core);
    if (attempt->forgotten) {
        attempt_remove(core, attempt);
    }
}

/* ---- stopping ---------------------------------------------------------------------
 */

static enum attempt_end end_of_stop(enum attempt_stop stop)
{
    switch (stop) {
    case ATTEMPT_STOP_PRUNED:
        return END_PRUNED;
    case ATTEMPT_STOP_CANCELLED:
        return END_CANCELLED;
    case ATTEMPT_STOP_TIMEOUT:
        return END_TIMEOUT;
    case ATTEMPT_STOP_SHUTDOWN:
        return END_PREEMPTED;
    case ATTEMPT_STOP_FENCED:
    case ATTEMPT_STOP_FORGOTTEN:
        return END_LOST;
    case ATTEMPT_STOP_NONE:
    case ATTEMPT_STOP_NR:
        break;
    }
    UNREACHABLE();
}

void attempt_stop(struct agent_core *core,
                  struct attempt *attempt,
                  enum attempt_stop stop,
                  const char *cause)
{
    if (stop == ATTEMPT_STOP_FENCED) {
        attempt->superseded = true;
        place_close(core, attempt); /* the coordinator has given it to somebody else */
    }
    if (attempt->state == ATTEMPT_ASSIGNED) {
        attempt_end_early(core, attempt, end_of_stop(stop), cause);
        return;
    }
    if (attempt->state != ATTEMPT_STARTING && attempt->state != ATTEMPT_RUNNING) {
        return;
    }
    if (attempt->start_at != NEVER) { /* nothing runs: it waits for space */
        struct agent_ended ended = { .end = end_of_stop(stop),
                                     .time_ms = core->wall.ms,
                                     .exit_status = -1,
                                     .cause = mem_strdup(cause) };
        attempt_over(core, attempt, &ended);
        return;
    }
    attempt->stop = stop;
    attempt->stop_cause = mem_strdup(cause);
    attempt_move(core, attempt, ATTEMPT_STOPPING);
    attempt->limit_at = NEVER;
    attempt->kill_at = core_in(core, attempt->grace_ms + AGENT_KILL_SLACK_MS);
    core_arm(core, attempt);
    struct agent_effect *effect = core_effect(core, AGENT_FX_TERM);
    effect->serial = attempt->serial;
    effect->as.grace_ms = attempt->grace_ms;
}

void on_stop(struct agent_core *core, const struct agent_ev_stop *ev)
{
    static const enum attempt_stop stops[STOP_REASON_NR] = {
        [STOP_NONE] = ATTEMPT_STOP_CANCELLED,      [STOP_PRUNED] = ATTEMPT_STOP_PRUNED,
        [STOP_CANCELLED] = ATTEMPT_STOP_CANCELLED, [STOP_FENCED] = ATTEMPT_STOP_FENCED,
        [STOP_RECALLED] = ATTEMPT_STOP_CANCELLED,
    };
    static const char *const causes[STOP_REASON_NR] = {
        [STOP_NONE] = "stopped",
        [STOP_PRUNED] = "pruned",
        [STOP_CANCELLED] = "cancelled",
        [STOP_FENCED] = "a newer attempt took its place",
        [STOP_RECALLED] = "recalled before it started",
    };
    struct attempt *attempt = attempt_by_key(core, ev->key);
    if (attempt == NULL || (unsigned)ev->reason >= STOP_REASON_NR) {
        return;
    }
    if (attempt->state != ATTEMPT_ASSIGNED
        && (ev->only_unstarted || ev->reason == STOP_RECALLED)) {
        return;
    }
    const char *cause = ev->cause != NULL && ev->cause[0] != '\0' ? ev->cause
                        : ev->only_unstarted ? causes[STOP_RECALLED]
                                             : causes[ev->reason];
    attempt_stop(core, attempt, stops[ev->reason], cause);
    start_due(core);
}

void attempt_forget(struct agent_core *core, struct attempt *attempt)
{
    attempt->drop_checkpoint = true; /* its trial is nobody's */
    report_drop_all(core, attempt);
    if (!state_occupies(attempt->state)) {
        queue_leave(core, attempt);
        attempt_remove(core, attempt);
        return;
    }
    done_add(core, attempt->key);
    attempt->forgotten = true;
    uint64_t packed = 0;
    bool fits = core_key_pack(attempt->key, &packed);
    ASSERT(fits);
    map_u64_del(&core->by_key, packed);
    if (attempt->start_at != NEVER) {
        struct agent_ended ended = { .cause = NULL };
        attempt_over(core, attempt, &ended);
        return;
    }
    if (attempt->state != ATTEMPT_STOPPING) {
        attempt->stop = ATTEMPT_STOP_FORGOTTEN;
        attempt_move(core, attempt, ATTEMPT_STOPPING);
    }
    attempt->limit_at = NEVER;
    attempt->kill_at = NEVER;
    core_arm(core, attempt);
    core_effect(core, AGENT_FX_KILL)->serial = attempt->serial;
}

/* ---- ends -------------------------------------------------------------------------
 */

void on_started(struct agent_core *core,
                struct attempt *attempt,
                const struct agent_ev_started *ev)
{
    if (attempt->started || !state_occupies(attempt->state)) {
        return;
    }
    attempt->started = true;
    core->full_told = false;
    if (attempt->state == ATTEMPT_STARTING) {
        attempt_move(core, attempt, ATTEMPT_RUNNING);
        if (attempt->limit_ms > 0) {
            attempt->limit_at = core_in(core, attempt->limit_ms);
        }
    }
    core_arm(core, attempt);
    if (!attempt->forgotten) {
        report_started(core, attempt, ev);
    }
}

/* No space for its start: true when it is tried again. */
static bool start_again(struct agent_core *core,
                        struct attempt *attempt,
                        const struct agent_ev_exec_failed *ev)
{
    if (!ev->full || attempt->state != ATTEMPT_STARTING) {
        return false;
    }
    if (attempt->start_until == 0) {
        attempt->start_until = core_in(core, AGENT_START_WAIT_MS);
    }
    if (core->now.ns >= attempt->start_until) {
        return false;
    }
    attempt->start_at = core_in(core, AGENT_START_RETRY_MS);
    core_arm(core, attempt);
    if (!core->full_told) {
        core->full_told = true;
        core_note(core, "%s; what is to start waits for space", ev->cause);
    }
    return true;
}

void on_exec_failed(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_exec_failed *ev)
{
    if (!state_occupies(attempt->state) || start_again(core, attempt, ev)) {
        return;
    }
    struct agent_ended ended = { .end = END_FAILED,
                                 .time_ms = core->wall.ms,
                                 .exit_status = -1 };
    const char *cause = ev->cause;
    if (ev->never && attempt->stop != ATTEMPT_STOP_NONE) {
        ended.end = end_of_stop(attempt->stop);
        cause = attempt->stop_cause;
    }
    ended.cause = mem_strdup(cause);
    attempt_over(core, attempt, &ended);
}

static const char *signal_name(uint32_t number)
{
    static const char *const names[] = {
        [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",
        [5] = "SIGTRAP",  [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",
        [9] = "SIGKILL",  [10] = "SIGUSR1", [11] = "SIGSEGV", [12] = "SIGUSR2",
        [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM", [24] = "SIGXCPU",
        [25] = "SIGXFSZ", [31] = "SIGSYS",
    };
    return number < ARRAY_LEN(names) ? names[number] : NULL;
}

/* Cause of an end by a signal that was not sent by us. */
static char *cause_of_signal(const struct agent_ev_exited *ev, bool oom)
{
    const char *name = signal_name(ev->signal);
    const char *hint = oom ? ", most likely out of memory"
                       : ev->signal == SIGNAL_KILL
                           ? ", not by winnow: perhaps out of memory"
                           : "";
    return name != NULL
               ? mem_printf("killed by signal %u (%s)%s", ev->signal, name, hint)
               : mem_printf("killed by signal %u%s", ev->signal, hint);
}

void on_exited(struct agent_core *core,
               struct attempt *attempt,
               const struct agent_ev_exited *ev)
{
    if (!state_occupies(attempt->state)) {
        return;
    }
    struct agent_ended ended = { .time_ms = core->wall.ms,
                                 .exit_status = ev->exit_code,
                                 .signal = ev->signal,
                                 .user_cpu_ms = ev->user_cpu_ms,
                                 .system_cpu_ms = ev->system_cpu_ms,
                                 .max_rss_bytes = ev->max_rss_bytes,
                                 .names_refused = ev->names_refused };
    if (attempt->stop != ATTEMPT_STOP_NONE
        && (ev->term_sent || ev->kill_sent || ev->unknown)) {
        ended.end = end_of_stop(attempt->stop);
        ended.cause = mem_strdup(attempt->stop_cause);
        limits_ended(&attempt->limits, &ended);
    } else if (ev->unknown) {
        ended.end = END_FAILED;
        ended.exit_status = -1;
        ended.cause = mem_strdup("the process that watched it was killed, so how it "
                                 "ended is unknown");
    } else if (ev->signal != 0) {
        bool oom =
            ev->signal == SIGNAL_KILL && !ev->kill_sent && attempt->memory_limited;
        ended.end = oom ? END_OOM : END_FAILED;
        ended.cause = cause_of_signal(ev, oom);
    } else if (ev->exit_code == 0) {
        ended.end = END_EXITED;
    } else {
        ended.end = END_FAILED;
        ended.cause = mem_printf("exit status %d", (int)ev->exit_code);
    }
    attempt_over(core, attempt, &ended);
}

void attempt_on_timer(struct agent_core *core, struct attempt *attempt)
{
    int64_t now = core->now.ns;
    if (attempt->limit_at <= now) {
        attempt->limit_at = NEVER;
        char text[NUM_TEXT_SIZE];
        num_format_duration_ms(attempt->limit_ms, text);
        AUTO_FREE char *cause = mem_printf("time limit of %s exceeded", text);
        attempt_stop(core, attempt, ATTEMPT_STOP_TIMEOUT, cause);
    }
    if (attempt->kill_at <= now) {
        attempt->kill_at = NEVER;
        core_effect(core, AGENT_FX_KILL)->serial = attempt->serial;
    }
    if (attempt->start_at <= now) {
        attempt->start_at = NEVER;
        start_ask(core, attempt);
    }
    if (attempt->flush_at <= now) {
        report_close(core, attempt);
    }
    if (attempt->resend_at <= now) {
        attempt->resend_at = NEVER;
        if (attempt->log_sent > attempt->log_acked) {
            attempt->log_rewinds++;
        }
        if (attempt->state == ATTEMPT_ENDED && list_is_empty(&attempt->reports)
            && attempt->log_rewinds > AGENT_LOG_REWINDS_MAX) {
            core_note(core, "log of %s attempt %u was never acknowledged: given up",
                      attempt->run_id.hex, attempt->key.attempt);
            attempt_remove(core, attempt);
            return;
        }
        report_rewind(core, attempt);
        log_rewind(core, attempt);
    }
    core_arm(core, attempt);
}
