/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c – when and to whom something happens.
 * Owns the odds of the details. Knows each fault by its name in the other parts. Does
 * not know what comes of it.
 *
 * Each kind of fault draws from a stream of its own, so that leaving a kind out does
 * not move the others. */
#include "tests/sim/coord.h"
#include "tests/sim/net.h"
#include "tests/sim/node.h"
#include "tests/sim/workload.h"

struct pace {
    int64_t low_ms, high_ms;
};

#define FAULT_PACE(suffix, name, low, high) [FAULT_##suffix] = { (low), (high) },
static const struct pace paces[FAULT_NR] = { FAULTS(FAULT_PACE) };

static size_t some_node(const struct sim *sim, struct rng *rng)
{
    return (size_t)rng_below(rng, sim->nodes.len);
}

/* The connection of some agent, or 0. */
static uint64_t some_link(const struct sim *sim, struct rng *rng)
{
    return node_link(sim, some_node(sim, rng));
}

static void on_slow_over(struct sim *sim, uint64_t node, uint64_t unused)
{
    UNUSED(unused);
    net_slow(sim, node, 0);
}

static void slow(struct sim *sim, struct rng *rng)
{
    size_t node = some_node(sim, rng);
    int64_t extra_ms = rng_between(rng, 50, 8000);
    TRACE(sim, "agent %llu has a slow link: up to %llu ms more", node,
          (uint64_t)extra_ms);
    net_slow(sim, node, extra_ms);
    sim_in_ms(sim, rng_between(rng, 2000, 40000), on_slow_over, node, 0);
}

static void break_some(struct sim *sim, struct rng *rng, bool half_open)
{
    uint64_t link = some_link(sim, rng);
    if (link == 0) {
        return;
    }
    if (half_open) {
        bool agent_first = rng_chance(rng, 0.5);
        int64_t soon_ms = rng_between(rng, 0, 100);
        int64_t late_ms = rng_between(rng, 3000, 90000);
        net_break(sim, link, agent_first ? soon_ms : late_ms % 40000,
                  agent_first ? late_ms : soon_ms);
    } else {
        net_break(sim, link, rng_between(rng, 0, 50), rng_between(rng, 0, 50));
    }
}

static void stall(struct sim *sim, struct rng *rng)
{
    uint64_t link = some_link(sim, rng);
    if (link != 0) {
        net_stall(sim, link, rng_chance(rng, 0.5), rng_between(rng, 1000, 50000));
    }
}

static void jump(struct sim *sim, struct rng *rng)
{
    int64_t ms = rng_between(rng, -7200, 7200) * MS_PER_S;
    if (rng_chance(rng, 0.3)) {
        TRACE(sim, "the coordinator's clock jumps by %lld s", (uint64_t)(ms / 1000));
        coord_clock_jump(sim, ms);
    } else {
        node_clock_jump(sim, some_node(sim, rng), ms);
    }
}

static void fault_do(struct sim *sim, enum fault fault, struct rng *rng)
{
    switch (fault) {
    case FAULT_COORD_CRASH:
        coord_kill(sim, (uint32_t)rng_below(rng, 40));
        return;
    case FAULT_COORD_STOP:
        coord_stop(sim);
        return;
    case FAULT_AGENT_CRASH:
        node_kill(sim, some_node(sim, rng), (uint32_t)rng_below(rng, 20));
        return;
    case FAULT_AGENT_LEAVE:
        node_leave(sim, some_node(sim, rng), rng_chance(rng, 0.5));
        return;
    case FAULT_BREAK:
        break_some(sim, rng, false);
        return;
    case FAULT_HALF_OPEN:
        break_some(sim, rng, true);
        return;
    case FAULT_PARTITION:
        net_cut(sim, some_node(sim, rng), rng_between(rng, 1000, 120000));
        return;
    case FAULT_STALL:
        stall(sim, rng);
        return;
    case FAULT_SLOW:
        slow(sim, rng);
        return;
    case FAULT_FREEZE:
        node_freeze(sim, some_node(sim, rng), rng_between(rng, 500, 90000));
        return;
    case FAULT_DISK_FULL:
        coord_disk_full(sim, rng_between(rng, 100, 30000));
        return;
    case FAULT_DISK_SLOW:
        coord_disk_slow(sim, rng_between(rng, 1000, 40000));
        return;
    case FAULT_CLOCK:
        jump(sim, rng);
        return;
    case FAULT_STEER:
        workload_steer(sim, rng);
        return;
    case FAULT_DISK_ERROR:
        coord_disk_break(sim, rng_between(rng, 100, 30000));
        return;
    case FAULT_POWER:
        coord_power_loss(sim, (uint32_t)rng_below(rng, 40));
        return;
    case FAULT_AGENT_POWER:
        node_power_loss(sim, some_node(sim, rng), (uint32_t)rng_below(rng, 20));
        return;
    case FAULT_AGENT_FULL:
        node_disk_full(sim, some_node(sim, rng), rng_between(rng, 1000, 60000));
        return;
    case FAULT_CARRY:
    case FAULT_UNTIDY:
    case FAULT_TRIALS:
    case FAULT_BAD_AGENT:
    case FAULT_NR:
        return;
    }
}

static int64_t next_ms(const struct sim *sim, enum fault fault, struct rng *rng)
{
    return rng_between(rng, paces[fault].low_ms, paces[fault].high_ms)
           * sim->plan.pace_percent / 100;
}

static void on_fault(struct sim *sim, uint64_t fault, uint64_t count)
{
    if (sim->calm) {
        return;
    }
    struct rng rng = sim_stream(sim, fault_name((enum fault)fault), count);
    sim->totals.faults++;
    fault_do(sim, (enum fault)fault, &rng);
    sim_in_ms(sim, next_ms(sim, (enum fault)fault, &rng), on_fault, fault, count + 1);
}

static void on_calm(struct sim *sim, uint64_t a, uint64_t b)
{
    UNUSED(a);
    UNUSED(b);
    TRACE(sim, "faults cease, count %llu", sim->totals.faults);
    sim->calm = true;
    net_mend(sim);
    coord_mend(sim);
    nodes_mend(sim);
    workload_calm(sim);
}

void faults_start(struct sim *sim)
{
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        struct rng rng = sim_stream(sim, fault_name((enum fault)fault), UINT32_MAX - 1);
        if (plan_has(&sim->plan, (enum fault)fault) && paces[fault].high_ms > 0) {
            sim_in_ms(sim, next_ms(sim, (enum fault)fault, &rng), on_fault, fault, 0);
        }
    }
    sim_in_ms(sim, sim->plan.faults_ms, on_calm, 0, 0);
}
