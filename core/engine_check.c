/* SPDX-License-Identifier: Apache-2.0 */
/* engine_check.c – the invariants between sweeps, trials, attempts and agents.
 * Owns nothing. Counts everything again from the ground and compares with the books.
 * Aborts at the first difference: for tests and the simulation, after every step.
 */
#include "base/assert.h"
#include "base/compiler.h"
#include "core/engine_internal.h"

/* What the books should say of one sweep. */
struct recount {
    uint32_t counts[TRIAL_STATE_NR];
    uint32_t live, occupying, waiting;
    uint32_t retried_open, retried_queued;
    uint32_t held, queue_outside;
};

static void check_attempt(const struct engine *engine, const struct attempt *attempt)
{
    const struct trial *trial = attempt->trial;
    ASSERT(trial->live == attempt);
    ASSERT(attempt->number == trial->attempts);
    ASSERT(attempt->revision->number >= trial->revision->number);
    ASSERT(attempt->boot <= attempt->agent->boot);
    ASSERT(list_node_is_linked(&attempt->agent_node));
    ASSERT(map_u64_get(&engine->agents, attempt->agent->key) == attempt->agent);
    if (attempt->suspect) {
        ASSERT(trial->state == TRIAL_QUEUED);
    } else {
        ASSERT(trial->state == TRIAL_RUNNING);
    }
}

static void check_trial(const struct engine *engine,
                        const struct trial *trial,
                        struct recount *recount)
{
    recount->counts[trial->state]++;
    recount->retried_open += trial->retried ? 1u : 0u;
    recount->retried_queued += trial->retried && trial->state == TRIAL_QUEUED ? 1u : 0u;
    ASSERT(list_node_is_linked(&trial->queue_node) == (trial->state == TRIAL_QUEUED));
    if (trial->past != NULL) {
        bool held = trial->past->held;
        recount->held += held ? 1u : 0u;
        ASSERT(trial->past->trial == trial);
        ASSERT(!held || (trial->state == TRIAL_QUEUED && trial->live == NULL));
        ASSERT(heap_node_is_queued(&trial->past->node) == held);
    }
    if (trial->joined != NULL && trial->joined->waits) {
        ASSERT(trial->state == TRIAL_QUEUED);
        recount->waiting++;
    }
    if (trial_state_is_final(trial->state)) {
        ASSERT(!trial->retried);
        ASSERT(trial->past == NULL);
        ASSERT(trial->live == NULL);
    }
    if (trial->state == TRIAL_RUNNING) {
        ASSERT(trial->live != NULL);
    }
    if (trial->state == TRIAL_FINISHED) {
        ASSERT(trial->has_value);
    }
    recount->queue_outside += trial->state == TRIAL_QUEUED && trial->outside != 0;
    if (trial->live != NULL) {
        check_attempt(engine, trial->live);
        if (!trial->live->suspect) {
            recount->live++;
            recount->occupying += trial->live->prefetch ? 0u : 1u;
        }
    }
}

static void check_sweep(const struct engine *engine, const struct sweep *sweep)
{
    struct recount recount = { 0 };
    for (size_t i = 0; i < sweep->trials.len; i++) {
        const struct trial *trial = sweep->trials.ptr[i];
        ASSERT(trial->number == i);
        ASSERT(trial->sweep == sweep);
        check_trial(engine, trial, &recount);
    }
    for (size_t state = 0; state < TRIAL_STATE_NR; state++) {
        ASSERT(recount.counts[state] == sweep->counts[state]);
    }
    ASSERT(recount.queue_outside == sweep->queue_outside);
    ASSERT(sweep->revisions.len > 0 && sweep->spec == sweep_newest(sweep)->spec);
    ASSERT(sweep->queue.len + sweep->held.len == sweep->counts[TRIAL_QUEUED]);
    ASSERT(recount.held == sweep->held.len);
    ASSERT(sweep->holds.len == sweep->held.len);
    ASSERT(sweep->waiting == recount.waiting);
    ASSERT(recount.live == sweep->live);
    ASSERT(recount.occupying == sweep->occupying);
    ASSERT(recount.retried_open == sweep->retried_open);
    ASSERT(recount.retried_queued == sweep->retried_queued);
    ASSERT(sweep->failed_since <= sweep->ended_since);
    ASSERT(sweep->counts[TRIAL_FINISHED] == 0 || sweep->best != NULL);
}

static void check_agent(const struct engine *engine, const struct agent *agent)
{
    uint32_t slots = 0;
    uint32_t prefetched = 0;
    uint64_t gpus = 0;
    uint64_t cpus = 0;
    uint64_t memory = 0;
    LIST_FOREACH (node, &agent->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        ASSERT(attempt->agent == agent);
        if (attempt->suspect) {
            continue;
        }
        if (attempt->prefetch) {
            prefetched++;
            continue;
        }
        slots++;
        cpus += attempt->revision->spec->run.resources.cpus;
        memory += attempt->revision->spec->run.resources.memory_bytes;
        ASSERT((gpus & attempt->gpu_mask) == 0);
        gpus |= attempt->gpu_mask;
    }
    ASSERT(agent->used_slots == slots);
    ASSERT(agent->used_cpus == cpus);
    ASSERT(agent->used_memory == memory);
    ASSERT(agent->prefetched == prefetched);
    ASSERT(agent->used_gpus == gpus);
    ASSERT(agent->strikes.len <= STRIKES_KEPT_MAX);
    ASSERT(list_node_is_linked(&agent->watched_node)
           == (agent->aside || agent->strikes.len >= STRIKES_OUT));
    for (size_t i = 0; i < agent->strikes.len; i++) {
        const struct strike *strike = &agent->strikes.ptr[i];
        ASSERT(strike->attempt <= strike->trial->attempts);
        ASSERT(i == 0 || strike[-1].at < strike->at);
    }
    ASSERT(agent->expected == heap_node_is_queued(&agent->lease_node));
    ASSERT(agent->peer == 0 || map_u64_get(&engine->peers, agent->peer) == agent);
}

void engine_check(const struct engine *engine)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        check_sweep(engine, item);
    }
    pos = 0;
    while (map_u64_next(&engine->agents, &pos, NULL, &item)) {
        check_agent(engine, item);
    }
}
