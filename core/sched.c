/* SPDX-License-Identifier: Apache-2.0 */
/* sched.c – giving out work: which trial runs where, and when to ask for more trials.
 * Owns fairness, resource fit and prefetch. Knows sweeps' queues and agents' room.
 * Does not know how work gets to an agent or what a sampler is.
 *
 * Fairness: the next free slot goes to the sweep that occupies the fewest. Among agents
 * with room the emptiest is taken. An agent may hold one prefetched attempt for each
 * slot in use: it starts in place of one of the same sweep that ends there, without
 * asking. That would let a sweep keep its slots for ever, so prefetching is done only
 * while a single sweep has work, and called back when a second one comes.
 *
 * With `run.checkpoint: local` a trial goes on where its files are. It waits for that
 * agent, connected and free, up to one lease from the first moment it could have begun
 * anywhere; trials behind it do not wait. Then it begins elsewhere, with an empty
 * folder. A restart gives a full lease again, as it does to agents.
 */
#include "base/assert.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/engine_internal.h"

/* Most trials asked of a sampler at once, so that one request stays short. */
#define SUGGEST_MAX 256u

/* ---- what a sweep wants ---- */

static uint32_t enqueued_left(const struct sweep *sweep)
{
    return (uint32_t)(sweep->spec->enqueued_len - sweep->enqueued_used);
}

uint64_t sweep_wants(const struct engine *engine, const struct sweep *sweep)
{
    if (sweep->state != SWEEP_RUNNING || sweep_is_over(engine, sweep, NULL)) {
        return 0;
    }
    uint64_t most = sweep->exhausted ? enqueued_left(sweep) : UINT64_MAX;
    uint64_t budget = sweep->spec->budget.trials;
    if (budget == 0) {
        return most;
    }
    uint64_t begun = (uint64_t)sweep->counts[TRIAL_FINISHED]
                     + sweep->counts[TRIAL_PRUNED] + sweep->counts[TRIAL_QUEUED]
                     + sweep->counts[TRIAL_RUNNING];
    uint64_t left = begun < budget ? budget - begun : 0;
    return left < most ? left : most;
}

bool sweep_below_parallel(const struct sweep *sweep)
{
    uint32_t parallel = sweep->spec->run.parallel;
    return parallel == 0 || sweep->occupying < parallel;
}

bool sweep_may_run(const struct engine *engine, const struct sweep *sweep)
{
    return sweep->state == SWEEP_RUNNING
           && (sweep->retried_open > 0 || !sweep_is_over(engine, sweep, NULL));
}

static bool sweep_has_work(const struct engine *engine, const struct sweep *sweep)
{
    return sweep_may_run(engine, sweep)
           && (!list_is_empty(&sweep->queue) || sweep_wants(engine, sweep) > 0);
}

/* ---- what an agent has room for ---- */

uint32_t gpus_in(uint64_t mask)
{
    uint32_t n = 0;
    for (; mask != 0; mask &= mask - 1) {
        n++;
    }
    return n;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct trial *queue_head(const struct sweep *sweep)
{
    struct list_node *node = list_first(&sweep->queue);
    ASSERT(node != NULL);
    return container_of(node, struct trial, queue_node);
}

const struct resources *sweep_next_needs(const struct sweep *sweep)
{
    return list_is_empty(&sweep->queue)
               ? &sweep->spec->run.resources
               : &queue_head(sweep)->revision->runs_as->spec->run.resources;
}

bool same_needs(const struct resources *a, const struct resources *b)
{
    return a->cpus == b->cpus && a->gpus == b->gpus
           && a->memory_bytes == b->memory_bytes;
}

uint64_t agent_room(const struct engine *engine,
                    const struct agent *agent,
                    const struct sweep *sweep)
{
    const struct resources *need = sweep_next_needs(sweep);
    if (agent->only_sweep != 0) {
        return agent->only_sweep == sweep->key && agent->peer != 0 ? agent->wanted : 0;
    }
    if (sweep->spec->command == NULL) {
        return 0; /* made to be asked for points: there is nothing to run */
    }
    if (agent->peer == 0 || agent->leaving || agent->used_slots >= agent->slots
        || agent_rests(engine, agent, sweep)) {
        return 0;
    }
    /* One that is aside is taken last: for a probe, or when nobody else can. */
    uint64_t room = agent->aside ? 1 : agent->slots - agent->used_slots;
    if (need->cpus > 0) {
        uint32_t left =
            agent->cpus > agent->used_cpus ? agent->cpus - agent->used_cpus : 0;
        room = at_most(room, left / need->cpus);
    }
    if (need->memory_bytes > 0) {
        uint64_t left = agent->memory_bytes > agent->used_memory
                            ? agent->memory_bytes - agent->used_memory
                            : 0;
        room = at_most(room, left / need->memory_bytes);
    }
    if (need->gpus > 0) {
        room = at_most(room, gpus_in(agent->gpu_mask & ~agent->used_gpus) / need->gpus);
    }
    return room;
}

void agent_take_room(struct agent *agent, const struct attempt *attempt)
{
    const struct resources *need = &attempt->revision->spec->run.resources;
    if (attempt->prefetch) {
        agent->prefetched++;
        return;
    }
    agent->used_slots++;
    agent->used_cpus += need->cpus;
    agent->used_memory += need->memory_bytes;
    agent->used_gpus |= attempt->gpu_mask;
}

void agent_give_room(struct agent *agent, const struct attempt *attempt)
{
    const struct resources *need = &attempt->revision->spec->run.resources;
    if (attempt->prefetch) {
        ASSERT(agent->prefetched > 0);
        agent->prefetched--;
        return;
    }
    ASSERT(agent->used_slots > 0);
    ASSERT(agent->used_cpus >= need->cpus);
    ASSERT(agent->used_memory >= need->memory_bytes);
    agent->used_slots--;
    agent->used_cpus -= need->cpus;
    agent->used_memory -= need->memory_bytes;
    agent->used_gpus &= ~attempt->gpu_mask;
}

/* The lowest n free devices; the caller knows that there are as many. */
static uint64_t pick_gpus(const struct agent *agent, uint32_t n)
{
    uint64_t free_gpus = agent->gpu_mask & ~agent->used_gpus;
    uint64_t picked = 0;
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(free_gpus != 0);
        uint64_t lowest = free_gpus & (~free_gpus + 1);
        picked |= lowest;
        free_gpus &= ~lowest;
    }
    return picked;
}

/* The connected agent with most room for the sweep, or NULL. One on which everything
 * failed lately is taken last: what others make of the sweep shows whose fault it is.
 */
static struct agent *emptiest(const struct engine *engine, const struct sweep *sweep)
{
    struct agent *best = NULL;
    uint64_t best_room = 0;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        uint64_t room = agent_room(engine, item, sweep);
        bool last = agent_is_struck(item);
        bool best_last = best != NULL && agent_is_struck(best);
        bool better = last == best_last ? room > best_room : best_last;
        if (room > 0 && (best == NULL || better)) {
            best = item;
            best_room = room;
        }
    }
    return best;
}

/* ---- assigning ---- */

static void send_sweep(struct agent *agent,
                       const struct sweep *sweep,
                       const struct revision *revision,
                       struct effects *effects)
{
    uint64_t key = (uint64_t)sweep->key << 32 | revision->number;
    if (map_u64_has(&agent->sweeps_sent, key)) {
        return;
    }
    map_u64_set(&agent->sweeps_sent, key, agent);
    struct message message = { .kind = TO_AGENT_SWEEP,
                               .as.sweep = { .sweep = sweep->key,
                                             .revision = revision->number,
                                             .sweep_id = sweep->run_id.hex,
                                             .name = sweep->spec->name,
                                             .spec = revision->text,
                                             .mlproject = revision->mlproject,
                                             .directory = sweep->directory } };
    engine_send(effects, agent->peer, message);
}

void engine_send_assign(const struct attempt *attempt, struct effects *effects)
{
    const struct trial *trial = attempt->trial;
    const struct sweep *sweep = trial->sweep;
    const struct revision *revision = attempt->revision;
    send_sweep(attempt->agent, sweep, revision, effects);
    struct message message = { .kind = TO_AGENT_ASSIGN,
                               .as.assign = { .key = attempt_key_of(attempt),
                                              .run_id = run_id_of_trial(&sweep->run_id,
                                                                        trial->number),
                                              .x = trial->x,
                                              .x_len = revision->spec->space->len,
                                              .gpu_mask = attempt->gpu_mask,
                                              .prefetch = attempt->prefetch,
                                              .fresh = attempt->fresh,
                                              .revision = revision->number } };
    engine_send(effects, attempt->agent->peer, message);
    engine_send_limits(attempt, effects);
}

/* Given out so often and never through: nobody knows larger numbers of attempts. */
static void give_up(struct engine *engine, struct trial *trial, struct effects *effects)
{
    AUTO_FREE char *cause = mem_printf("given out %d times", ATTEMPTS_MAX);
    struct record record = { .kind = REC_TRIAL_STATE,
                             .key = { .sweep = trial->sweep->key,
                                      .trial = trial->number },
                             .run_key = trial->run_key,
                             .cause = cause,
                             .as.trial_state.state = TRIAL_FAILED };
    engine_emit(engine, effects, &record);
    engine_check_failures(engine, trial->sweep, effects);
}

struct agent *trial_holder(const struct trial *trial)
{
    bool local = trial->sweep->spec->run.checkpoint == CHECKPOINT_LOCAL;
    return local && trial->joined != NULL ? trial->joined->holder : NULL;
}

/* Gives the trial to the agent. An older attempt that is still suspect is lost by that;
 * if it was lost once too often the trial fails instead. */
static void assign(struct engine *engine,
                   struct trial *trial,
                   struct agent *agent,
                   bool prefetch,
                   struct effects *effects)
{
    if (trial->live != NULL) {
        engine_lose(engine, trial->live, trial->live->started,
                    "its agent did not come back in time", effects);
        if (trial->state != TRIAL_QUEUED) {
            return;
        }
    }
    if (trial->attempts >= ATTEMPTS_MAX) {
        give_up(engine, trial, effects);
        return;
    }
    const struct revision *revision = trial->revision->runs_as;
    bool on_demand = agent->only_sweep != 0;
    if (on_demand) {
        agent->wanted--;
    }
    const struct agent *holder = trial_holder(trial);
    bool fresh = holder != NULL && holder != agent;
    struct record record = {
        .kind = REC_ASSIGNED,
        .key = { .sweep = trial->sweep->key,
                 .trial = trial->number,
                 .attempt = trial->attempts + 1 },
        .run_key = trial->run_key,
        .cause = fresh ? CAUSE_FRESH : NULL,
        .as.assigned = { .agent = agent->key,
                         .boot = agent->boot,
                         .gpu_mask =
                             on_demand
                                 ? 0
                                 : pick_gpus(agent, revision->spec->run.resources.gpus),
                         .prefetch = prefetch,
                         .revision = revision->number,
                         .checkpoint =
                             trial->sweep->spec->run.checkpoint != CHECKPOINT_NONE,
                         .fresh = fresh },
    };
    engine_emit(engine, effects, &record);
    ASSERT(trial->live != NULL);
    engine_send_assign(trial->live, effects);
}

bool trial_is_in_budget(const struct trial *trial)
{
    const struct sweep *sweep = trial->sweep;
    uint32_t budget = sweep->spec->budget.trials;
    uint32_t begun = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED]
                     + sweep->counts[TRIAL_RUNNING];
    return budget == 0 || begun < budget || trial->retried;
}

/* Room was looked for as the head of the queue needs it. */
static bool is_next(const struct sweep *sweep, const struct trial *trial)
{
    return trial_is_in_budget(trial)
           && same_needs(&trial->revision->runs_as->spec->run.resources,
                         sweep_next_needs(sweep));
}

/* True when it need not wait (any more) for the agent that has its checkpoint. */
static bool may_begin_elsewhere(struct engine *engine, struct trial *trial)
{
    struct joined *joined = trial->joined;
    if (!joined->waits) {
        joined->waits = true;
        trial->sweep->waiting++;
        joined->waits_until = mono_add_ms(engine->now, engine->lease_ms);
    }
    if (!mono_before(engine->now, joined->waits_until)) {
        return true;
    }
    if (!engine->waits || mono_before(joined->waits_until, engine->patience)) {
        engine->waits = true;
        engine->patience = joined->waits_until;
    }
    return false;
}

/* The first queued trial of the sweep that may begin at the agent, or NULL. */
static struct trial *
queue_first_for(struct engine *engine, const struct sweep *sweep, struct agent *agent)
{
    LIST_FOREACH (node, &sweep->queue) {
        struct trial *trial = container_of(node, struct trial, queue_node);
        const struct agent *holder = trial_holder(trial);
        if (is_next(sweep, trial)
            && (holder == NULL || holder == agent
                || may_begin_elsewhere(engine, trial))) {
            return trial;
        }
    }
    return NULL;
}

/* The first queued trial of the sweep that may begin now, and where; or NULL. */
static struct trial *
queue_first(struct engine *engine, const struct sweep *sweep, struct agent **agent_out)
{
    struct agent *agent = emptiest(engine, sweep);
    if (agent == NULL) {
        return NULL;
    }
    LIST_FOREACH (node, &sweep->queue) {
        struct trial *trial = container_of(node, struct trial, queue_node);
        struct agent *holder = trial_holder(trial);
        bool at_home = holder != NULL && agent_room(engine, holder, sweep) > 0;
        if (is_next(sweep, trial)
            && (holder == NULL || at_home || may_begin_elsewhere(engine, trial))) {
            *agent_out = at_home ? holder : agent;
            return trial;
        }
    }
    return NULL;
}

/* The sweep with a queued trial that occupies the fewest slots and is not blocked. */
static struct sweep *neediest(const struct engine *engine)
{
    struct sweep *best = NULL;
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        if (sweep->blocked || list_is_empty(&sweep->queue)
            || !sweep_may_run(engine, sweep) || !sweep_below_parallel(sweep)) {
            continue;
        }
        if (best == NULL || sweep->occupying < best->occupying) {
            best = sweep;
        }
    }
    return best;
}

static void fill_slots(struct engine *engine, struct effects *effects)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        engine->active.ptr[i]->blocked = false;
    }
    struct sweep *sweep = NULL;
    while ((sweep = neediest(engine)) != NULL) {
        struct agent *agent = NULL;
        struct trial *trial = queue_first(engine, sweep, &agent);
        if (trial == NULL) {
            sweep->blocked = true;
        } else {
            assign(engine, trial, agent, false, effects);
        }
    }
}

/* ---- prefetching ---- */

/* Sweeps that have trials to give out; *one_out is the last of them. */
static size_t count_with_work(const struct engine *engine, struct sweep **one_out)
{
    size_t n = 0;
    for (size_t i = 0; i < engine->active.len; i++) {
        if (sweep_has_work(engine, engine->active.ptr[i])) {
            *one_out = engine->active.ptr[i];
            n++;
        }
    }
    return n;
}

/* Not before a trial has finished: a sweep that cannot work should stop with few begun.
 * Not above `parallel` either, where adopted attempts can bring it: prefetching hands
 * places on, so it would stay there. */
static bool may_prefetch(const struct sweep *sweep)
{
    uint32_t parallel = sweep->spec->run.parallel;
    return sweep->counts[TRIAL_FINISHED] > 0 && !sweep->spec->sampler->learns
           && sweep->spec->run.resources.gpus == 0
           && (parallel == 0 || sweep->occupying <= parallel);
}

/* Attempts of the sweep that run at the agent, less those that wait there already. One
 * that waits takes over the room of whichever ends first, so all must need the same. */
static uint32_t prefetch_room(const struct agent *agent, const struct sweep *sweep)
{
    uint32_t running = 0;
    uint32_t waiting = 0;
    const struct resources *need = sweep_next_needs(sweep);
    LIST_FOREACH (node, &agent->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (attempt->trial->sweep == sweep && !attempt->suspect) {
            if (!same_needs(&attempt->revision->spec->run.resources, need)) {
                return 0;
            }
            waiting += attempt->prefetch ? 1u : 0u;
            running += attempt->prefetch ? 0u : 1u;
        }
    }
    return running > waiting ? running - waiting : 0;
}

static void
fill_prefetch(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        struct agent *agent = item;
        if (list_is_empty(&sweep->queue) || agent->leaving || agent_is_struck(agent)
            || agent->only_sweep != 0 || agent->prefetched >= agent->slots) {
            continue;
        }
        uint32_t room = prefetch_room(agent, sweep);
        const struct resources *need = sweep_next_needs(sweep);
        /* A trial that is given up instead may have paused the sweep. */
        for (; room > 0 && sweep_may_run(engine, sweep); room--) {
            struct trial *trial = queue_first_for(engine, sweep, agent);
            if (trial == NULL || !same_needs(sweep_next_needs(sweep), need)) {
                break;
            }
            assign(engine, trial, agent, true, effects);
        }
    }
}

void engine_recall_prefetched(struct engine *engine,
                              const char *cause,
                              struct effects *effects)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        struct agent *agent = item;
        if (agent->prefetched == 0) {
            continue;
        }
        LIST_FOREACH (node, &agent->attempts) {
            struct attempt *attempt = container_of(node, struct attempt, agent_node);
            if (attempt->prefetch && attempt->stop == STOP_NONE) {
                engine_stop_attempt(engine, attempt, STOP_RECALLED, cause, effects);
            }
        }
    }
}

/* ---- asking for more trials ---- */

/* Trials the sweep should have queued: room that waits, and for samplers that do not
 * learn a stock of one for each slot, so that a slot never waits for a suggestion. */
static uint64_t queue_target(const struct engine *engine, const struct sweep *sweep)
{
    uint64_t room = 0;
    uint64_t slots = 0;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        const struct agent *agent = item;
        room += agent_room(engine, agent, sweep);
        bool counts = !agent->leaving && !agent->aside && agent->only_sweep == 0;
        slots += counts ? agent->slots : 0;
    }
    if (sweep->spec->run.parallel > 0) {
        uint64_t left = sweep->spec->run.parallel
                        - at_most(sweep->spec->run.parallel, sweep->occupying);
        room = at_most(room, left);
        slots = at_most(slots, sweep->spec->run.parallel);
    }
    bool learns = sweep->spec->sampler->learns;
    return learns || slots < room ? room : slots;
}

/* How many trials to add to the queue now; 0 while it is full enough. */
static uint64_t queue_lacks(const struct engine *engine, const struct sweep *sweep)
{
    uint64_t target = queue_target(engine, sweep);
    uint64_t queued = sweep->queue.len - sweep->waiting;
    bool low = sweep->spec->sampler->learns ? queued < target : queued * 2 < target;
    return low ? at_most(at_most(target - queued, sweep_wants(engine, sweep)),
                         SUGGEST_MAX)
               : 0;
}

/* Points that the user listed go before the sampler's. */
static void
create_enqueued(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    if (enqueued_left(sweep) == 0) {
        return;
    }
    size_t stride = sweep->spec->space->len;
    for (uint64_t n = queue_lacks(engine, sweep); n > 0 && enqueued_left(sweep) > 0;
         n--) {
        struct new_trial made = { .x = sweep->spec->enqueued
                                       + sweep->enqueued_used * stride,
                                  .cursor = sweep->cursor,
                                  .enqueued = true };
        engine_create_trial(engine, sweep, made, effects);
    }
}

static void
ask_sampler(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    if (sweep->suggesting || sweep->exhausted || enqueued_left(sweep) > 0) {
        return;
    }
    uint64_t n = queue_lacks(engine, sweep);
    if (n == 0) {
        return;
    }
    engine_ask_sampler(engine, sweep, (uint32_t)n, effects);
}

typedef void (*sweep_fn)(struct engine *engine,
                         struct sweep *sweep,
                         struct effects *effects);

static void each_running(struct engine *engine, sweep_fn fn, struct effects *effects)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        if (sweep_may_run(engine, engine->active.ptr[i])) {
            fn(engine, engine->active.ptr[i], effects);
        }
    }
}

void engine_dispatch(struct engine *engine, struct effects *effects)
{
    engine->waits = false;
    if (engine->disk_full || engine->draining || map_u64_len(&engine->peers) == 0) {
        return;
    }
    each_running(engine, create_enqueued, effects);
    fill_slots(engine, effects);
    struct sweep *sweep = NULL;
    size_t with_work = count_with_work(engine, &sweep);
    if (with_work == 1 && may_prefetch(sweep)) {
        fill_prefetch(engine, sweep, effects);
    } else if (with_work > 1) {
        engine_recall_prefetched(engine, "another sweep wants the slot", effects);
    }
    each_running(engine, ask_sampler, effects);
}
