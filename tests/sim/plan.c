/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c – what a seed decides before anything runs.
 * Owns the odds. Does not know how a fault is done. */
#include "tests/sim/plan.h"

#include "tests/sim/sim.h"

#define FAULT_NAME(suffix, name, low, high) [FAULT_##suffix] = (name),
static const char *const names[FAULT_NR] = { FAULTS(FAULT_NAME) };

const char *fault_name(enum fault fault)
{
    return names[fault];
}

bool plan_has(const struct plan *plan, enum fault fault)
{
    return (plan->faults >> fault & 1) != 0;
}

static void plan_agents(struct plan *plan, struct rng *rng)
{
    plan->agents_len = (size_t)rng_between(rng, 1, SIM_AGENTS_MAX);
    for (size_t i = 0; i < plan->agents_len; i++) {
        plan->agents[i] = (struct plan_agent){
            .slots = (uint32_t)rng_between(rng, 1, 4),
            .gpus = rng_chance(rng, 0.5) ? (uint32_t)rng_between(rng, 1, 3) : 0,
            .spool_bytes_max = rng_chance(rng, 0.1) ? 4096 : 1u << 26,
        };
    }
    plan->agents[0].slots += 1; /* every sweep fits somewhere */
    plan->agents[0].gpus = 2;
}

void plan_make(struct sim *sim, uint32_t faults_mask)
{
    struct plan *plan = &sim->plan;
    struct rng rng = sim_stream(sim, "plan", 0);
    *plan = (struct plan){ 0 };
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        struct rng own = sim_stream(sim, names[fault], UINT32_MAX);
        bool chosen = rng_chance(&own, 0.45);
        plan->faults |= chosen ? UINT32_C(1) << fault : 0;
    }
    struct rng own = sim_stream(sim, "store", 0);
    plan->store = (faults_mask & PLAN_STORE) != 0 || rng_chance(&own, 0.1);
    own = sim_stream(sim, "wire", 0);
    plan->wire = (faults_mask & PLAN_WIRE) != 0 || rng_chance(&own, 0.1);
    plan->faults &= faults_mask;
    plan->pace_percent = rng_between(&rng, 30, 200);
    plan->faults_ms = rng_between(&rng, 120, 900) * MS_PER_S;
    plan->sweeps = (uint32_t)rng_between(&rng, 1, 3);
    plan->batch_max = rng_chance(&rng, 0.3) ? (size_t)rng_between(&rng, 1, 5) : 512;
    plan->commit_ms_max = rng_chance(&rng, 0.3) ? 200 : 15;
    plan_agents(plan, &rng);
    /* Not the first, where every sweep fits. */
    bool bad = plan_has(plan, FAULT_BAD_AGENT) && plan->agents_len > 1;
    plan->bad_agent = bad ? plan->agents_len - 1 : plan->agents_len;
}
