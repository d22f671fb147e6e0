/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c – the step function: one event in, effects out.
 * Owns the engine object, the order of work within a step, finding things by key or
 * name. Knows which file handles which event. Does not know sockets, SQL, clocks or
 * threads.
 *
 * A step is: note the time, let the event's handler write records and messages, then
 * bring every sweep to where it should be (engine_sweep.c) and give out work (sched.c).
 * The last two look at state only and are idempotent; after a restart they are all
 * there is to do.
 */
#include "core/engine.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "core/engine_internal.h"

/* Shortest prefix of a run id that names a sweep. */
#define REF_PREFIX_MIN 6u

struct engine *engine_create(const struct engine_config *config)
{
    ASSERT(config->lease_ms > 0);
    struct engine *engine = mem_alloc(sizeof *engine);
    engine->lease_ms = config->lease_ms;
    engine->samplers = config->samplers;
    engine->pruners = config->pruners;
    engine->home_id = mem_strdup(config->home_id);
    engine->next_run_key = config->next_run_key > 0 ? config->next_run_key : 1;
    engine->next_sweep = 1;
    engine->next_agent = 1;
    map_u64_init(&engine->sweeps);
    map_u64_init(&engine->agents);
    map_u64_init(&engine->peers);
    map_str_init(&engine->agents_by_id);
    heap_init(&engine->leases);
    list_init(&engine->watched);
    return engine;
}

static void agent_destroy(struct agent *agent)
{
    mem_free(agent->id);
    mem_free(agent->host);
    mem_free(agent->aside_cause);
    map_u64_fini(&agent->sweeps_sent);
    vec_fini(&agent->strikes);
    mem_free(agent);
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        sweep_destroy(item);
    }
    pos = 0;
    heap_fini(&engine->leases);
    while (map_u64_next(&engine->agents, &pos, NULL, &item)) {
        agent_destroy(item);
    }
    map_u64_fini(&engine->sweeps);
    map_u64_fini(&engine->agents);
    map_u64_fini(&engine->peers);
    map_str_fini(&engine->agents_by_id);
    vec_fini(&engine->active);
    mem_free(engine->home_id);
    mem_free(engine);
}

/* ---- finding ---- */

struct sweep *engine_sweep(const struct engine *engine, uint32_t key)
{
    return map_u64_get(&engine->sweeps, key);
}

struct trial *engine_trial(const struct engine *engine, struct attempt_key key)
{
    struct sweep *sweep = engine_sweep(engine, key.sweep);
    if (sweep == NULL || key.trial >= sweep->trials.len) {
        return NULL;
    }
    return sweep->trials.ptr[key.trial];
}

struct attempt_key attempt_key_of(const struct attempt *attempt)
{
    return (struct attempt_key){ .sweep = attempt->trial->sweep->key,
                                 .trial = attempt->trial->number,
                                 .attempt = attempt->number };
}

struct sweep *engine_sweep_by_name(const struct engine *engine, const char *name)
{
    struct sweep *newest = NULL;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        struct sweep *sweep = item;
        if (strcmp(sweep->spec->name, name) == 0) {
            newest = sweep;
        }
    }
    return newest;
}

static struct sweep *newest_sweep(const struct engine *engine)
{
    struct sweep *newest = NULL;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        newest = item;
    }
    return newest;
}

/* Sweeps whose run id begins with ref; *sweep_out is one of them. */
static size_t
count_prefix(const struct engine *engine, const char *ref, struct sweep **sweep_out)
{
    size_t len = strlen(ref);
    size_t found = 0;
    size_t pos = 0;
    void *item = NULL;
    while (len >= REF_PREFIX_MIN && map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        struct sweep *sweep = item;
        if (strncmp(sweep->run_id.hex, ref, len) == 0) {
            *sweep_out = sweep;
            found++;
        }
    }
    return found;
}

/* The sweep's name that ref most likely means, or NULL. */
static const char *nearest_name(const struct engine *engine, const char *ref)
{
    AUTO_VEC VEC(const char *) names = { 0 };
    size_t pos = 0;
    void *item = NULL;
    vec_push(&names, "last");
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        const struct sweep *sweep = item;
        vec_push(&names, sweep->spec->name);
    }
    return str_nearest(str_from(ref), names.ptr, names.len);
}

struct sweep *
engine_sweep_by_ref(const struct engine *engine, const char *ref, struct err *err)
{
    struct sweep *sweep = strcmp(ref, "last") == 0 ? newest_sweep(engine)
                                                   : engine_sweep_by_name(engine, ref);
    if (sweep != NULL) {
        return sweep;
    }
    size_t found = count_prefix(engine, ref, &sweep);
    if (found == 1) {
        return sweep;
    }
    const char *nearest = nearest_name(engine, ref);
    if (found > 1) {
        err_set(err, ERR_NOTFOUND, "'%s' names %zu sweeps; give more digits", ref,
                found);
    } else if (nearest != NULL) {
        err_set(err, ERR_NOTFOUND, "no sweep '%s', did you mean '%s'?", ref, nearest);
    } else {
        err_set(err, ERR_NOTFOUND, "no sweep '%s'", ref);
    }
    return NULL;
}

enum err_code engine_find_sweep(const struct engine *engine,
                                const char *ref,
                                uint32_t *sweep_out,
                                struct err *err)
{
    const struct sweep *sweep = engine_sweep_by_ref(engine, ref, err);
    if (sweep == NULL) {
        return ERR_NOTFOUND;
    }
    *sweep_out = sweep->key;
    return ERR_OK;
}

/* ---- sending ---- */

void engine_send(struct effects *effects, uint64_t peer, struct message message)
{
    struct effect effect = {
        .kind = FX_SEND, .after_commit = true, .peer = peer, .as.message = message
    };
    vec_push(&effects->list, effect);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the effect owns it */
void engine_warn(struct effects *effects, char *text_taken)
{
    struct effect effect = { .kind = FX_WARN, .as.warning = text_taken };
    vec_push(&effects->list, effect);
}

/* ---- replay and start ---- */

/* A sweep whose records do not fit is shown as failed; the others go on. */
static void
set_aside(struct engine *engine, const struct record *record, struct err *err)
{
    struct sweep *sweep = engine_sweep(engine, record->key.sweep);
    if (sweep == NULL) {
        return;
    }
    sweep->misfit = true;
    if (sweep_state_is_final(sweep->state)) {
        return;
    }
    sweep->state = SWEEP_FAILED;
    sweep->running_since_ms = 0;
    mem_free(sweep->cause);
    sweep->cause = mem_printf("set aside: %s", err->msg);
}

enum err_code
engine_replay(struct engine *engine, const struct record *record, struct err *err)
{
    ASSERT(!engine->started);
    struct err own = { 0 };
    enum err_code code = engine_apply(engine, record, &own);
    if (code != ERR_OK) {
        set_aside(engine, record, &own);
        return err_set(err, code, "%s", own.msg);
    }
    return ERR_OK;
}

/* Attempts under way belong to agents that may still run them: give them a full lease.
 */
static void on_start(struct engine *engine, struct effects *effects)
{
    ASSERT(!engine->started);
    engine->started = true;
    struct record record = { .kind = REC_SESSION };
    engine_emit(engine, effects, &record);
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->agents, &pos, NULL, &item)) {
        struct agent *agent = item;
        if (!list_is_empty(&agent->attempts)) {
            engine_await(engine, agent, effects);
        }
    }
    engine_resume_holds(engine);
    LIST_FOREACH (node, &engine->watched) {
        agent_rest(engine, container_of(node, struct agent, watched_node));
    }
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        sweep->rest_told = sweep->state != SWEEP_RUNNING && sweep->live == 0;
    }
}

/* ---- the step ---- */

static void on_shutdown(struct engine *engine, struct effects *effects)
{
    engine->draining = true;
    engine_recall_prefetched(engine, "shutting down", effects);
}

static void
take_event(struct engine *engine, const struct event *event, struct effects *effects)
{
    switch (event->kind) {
    case EV_START:
        on_start(engine, effects);
        return;
    case EV_TICK:
        return; /* leases and budgets are looked at in every step */
    case EV_HELLO:
        engine_on_hello(engine, event, effects);
        return;
    case EV_REPORT:
        engine_on_report(engine, event, effects);
        return;
    case EV_LOG:
        engine_on_log(engine, event, effects);
        return;
    case EV_HEARTBEAT:
        engine_on_heartbeat(engine, event, effects);
        return;
    case EV_BYE:
        engine_on_bye(engine, event, effects);
        return;
    case EV_PEER_LOST:
        engine_on_peer_lost(engine, event->peer);
        return;
    case EV_WANT:
        engine_on_want(engine, event, effects);
        return;
    case EV_SUGGESTED:
        engine_on_suggested(engine, event, effects);
        return;
    case EV_SUBMIT:
        engine_on_submit(engine, event, effects);
        return;
    case EV_STEER:
        engine_on_steer(engine, event, effects);
        return;
    case EV_SHUTDOWN:
        on_shutdown(engine, effects);
        return;
    case EV_DISK:
        engine->disk_full = event->as.disk_full;
        return;
    case EV_KIND_NR:
        break;
    }
    UNREACHABLE();
}

static void tell_drained(struct engine *engine, struct effects *effects)
{
    if (engine->draining && !engine->drained_told
        && engine_attempts_live(engine) == 0) {
        engine->drained_told = true;
        struct effect effect = { .kind = FX_DRAINED, .after_commit = true };
        vec_push(&effects->list, effect);
    }
}

void engine_step(struct engine *engine,
                 const struct event *event,
                 struct effects *effects)
{
    ASSERT(engine->started || event->kind == EV_START);
    if (!mono_before(event->now, engine->now)) {
        engine->now = event->now;
    }
    engine->wall = event->wall;
    engine_expire_leases(engine, effects);
    take_event(engine, event, effects);
    engine_release_holds(engine);
    engine_watch_agents(engine, effects);
    engine_reconcile_sweeps(engine, effects);
    engine_dispatch(engine, effects);
    engine_push_limits(engine, effects);
    tell_drained(engine, effects);
}

/* The moment the sweep's time budget ends; false when there is none or it does not run.
 */
static bool time_budget_end(const struct engine *engine,
                            const struct sweep *sweep,
                            struct mono *end_out)
{
    int64_t budget_ms = sweep->spec->budget.time_ms;
    if (budget_ms == 0 || sweep->state != SWEEP_RUNNING) {
        return false;
    }
    int64_t left_ms = budget_ms - sweep_elapsed_ms(engine, sweep);
    if (left_ms <= 0) {
        return false; /* it has been acted on */
    }
    *end_out = mono_add_ms(engine->now, left_ms);
    return true;
}

struct soonest {
    bool any;
    struct mono at;
};

static void soonest_add(struct soonest *soonest, struct mono at)
{
    if (!soonest->any || mono_before(at, soonest->at)) {
        *soonest = (struct soonest){ .any = true, .at = at };
    }
}

static void soonest_heap(struct soonest *soonest, const struct heap *heap)
{
    const struct heap_node *node = heap_min(heap);
    if (node != NULL) {
        soonest_add(soonest, (struct mono){ node->key });
    }
}

bool engine_deadline(const struct engine *engine, struct mono *deadline_out)
{
    struct soonest soonest = { 0 };
    soonest_heap(&soonest, &engine->leases);
    if (engine->waits) {
        soonest_add(&soonest, engine->patience);
    }
    for (size_t i = 0; i < engine->active.len; i++) {
        const struct sweep *sweep = engine->active.ptr[i];
        struct mono end = { 0 };
        struct mono push = { 0 };
        if (time_budget_end(engine, sweep, &end)) {
            soonest_add(&soonest, end);
        }
        if (sweep_limits_due(sweep, &push)) {
            soonest_add(&soonest, push);
        }
        soonest_heap(&soonest, &sweep->holds);
    }
    struct mono probe = { 0 };
    if (engine_next_probe(engine, &probe)) {
        soonest_add(&soonest, probe);
    }
    if (soonest.any) {
        *deadline_out = soonest.at;
    }
    return soonest.any;
}

/* ---- looking ---- */

void engine_summary(const struct engine *engine,
                    uint32_t sweep_key,
                    struct sweep_summary *summary_out)
{
    const struct sweep *sweep = engine_sweep(engine, sweep_key);
    ASSERT(sweep != NULL);
    *summary_out = (struct sweep_summary){
        .sweep = sweep->key,
        .run_id = sweep->run_id,
        .name = sweep->spec->name,
        .state = sweep->state,
        .cause = sweep->cause,
        .paused_by_user = sweep->paused_by_user,
        .trials_total = sweep->trials_total,
        .has_best = sweep->best != NULL,
        .elapsed_ms = sweep_elapsed_ms(engine, sweep),
    };
    if (engine->disk_full && sweep->state == SWEEP_RUNNING) {
        summary_out->cause = "disk full";
    }
    memcpy(summary_out->counts, sweep->counts, sizeof sweep->counts);
    /* What waits at an agent for a slot does not run yet. */
    summary_out->counts[TRIAL_RUNNING] -= sweep->live - sweep->occupying;
    summary_out->counts[TRIAL_QUEUED] += sweep->live - sweep->occupying;
    if (sweep->best != NULL) {
        summary_out->best_value = sweep->best->value;
        summary_out->best_trial = sweep->best->number;
    }
}

const struct sweep_spec *engine_spec(const struct engine *engine, uint32_t sweep)
{
    return engine_sweep(engine, sweep)->spec;
}

const struct sweep_spec *
engine_revision_spec(const struct engine *engine, uint32_t sweep, uint32_t revision)
{
    const struct sweep *found = engine_sweep(engine, sweep);
    ASSERT(revision > 0 && revision <= found->revisions.len);
    return found->revisions.ptr[revision - 1]->spec;
}

size_t engine_agents_connected(const struct engine *engine)
{
    return map_u64_len(&engine->peers);
}

size_t engine_attempts_live(const struct engine *engine)
{
    size_t live = 0;
    for (size_t i = 0; i < engine->active.len; i++) {
        live += engine->active.ptr[i]->live;
    }
    return live;
}
