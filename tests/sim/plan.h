/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h – what a seed decides before anything runs: how many agents, which kinds of
 * faults and how often. */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_AGENTS_MAX 6u

/* X(SUFFIX, "name", shortest, longest time between two in ms) */
#define FAULTS(X)                                                                      \
    X(COORD_CRASH, "coordinator-crash", 5000, 120000)                                  \
    X(COORD_STOP, "coordinator-stop", 60000, 400000)                                   \
    X(AGENT_CRASH, "agent-crash", 10000, 150000)                                       \
    X(AGENT_LEAVE, "agent-leave", 30000, 300000)                                       \
    X(BREAK, "connection-break", 2000, 60000)                                          \
    X(HALF_OPEN, "half-open", 10000, 100000)                                           \
    X(PARTITION, "partition", 10000, 120000)                                           \
    X(STALL, "one-way-stall", 5000, 60000)                                             \
    X(SLOW, "slow-link", 5000, 60000)                                                  \
    X(FREEZE, "freeze", 10000, 100000)                                                 \
    X(DISK_FULL, "disk-full", 20000, 200000)                                           \
    X(DISK_SLOW, "disk-slow", 10000, 100000)                                           \
    X(CLOCK, "clock-jump", 20000, 200000)                                              \
    X(STEER, "steer", 10000, 100000)                                                   \
    X(CARRY, "carried-over", 0, 0)                                                     \
    X(UNTIDY, "untidy-transport", 0, 0)                                                \
    X(BAD_AGENT, "bad-agent", 0, 0)                                                    \
    X(TRIALS, "bad-trials", 0, 0)                                                      \
    X(DISK_ERROR, "disk-error", 20000, 200000)                                         \
    X(POWER, "power-loss", 20000, 300000)                                              \
    X(AGENT_POWER, "agent-power-loss", 20000, 300000)                                  \
    X(AGENT_FULL, "agent-disk-full", 20000, 200000)

#define FAULT_ENUM(suffix, name, low, high) FAULT_##suffix,
enum fault {
    FAULTS(FAULT_ENUM) FAULT_NR
};

#define FAULTS_ALL ((UINT32_C(1) << FAULT_NR) - 1)
/* In a mask of faults: every run has a real SQLite store, not only some. */
#define PLAN_STORE (UINT32_C(1) << 31)
/* Messages cross the network as bytes in every run, not only in some. */
#define PLAN_WIRE (UINT32_C(1) << 30)

struct plan_agent {
    uint32_t slots;
    uint32_t gpus; /* devices 0..gpus-1 */
    uint64_t spool_bytes_max;
};

struct plan {
    uint32_t faults;      /* bit of enum fault: it happens in this run */
    int64_t pace_percent; /* of the times between faults */
    int64_t faults_ms;    /* they happen that long */
    size_t agents_len;
    size_t bad_agent; /* every program fails there; agents_len: none */
    struct plan_agent agents[SIM_AGENTS_MAX];
    uint32_t sweeps;
    bool store;       /* the coordinator has a real SQLite store (home.h) */
    bool wire;        /* messages cross the network as bytes (frames.h) */
    size_t batch_max; /* most records of one commit */
    int64_t commit_ms_max;
};

struct sim;

/* Decides everything from sim->seed; kinds of faults outside the mask never happen, and
 * leaving one out does not change when the others do. */
void plan_make(struct sim *sim, uint32_t faults_mask);
bool plan_has(const struct plan *plan, enum fault fault);
const char *fault_name(enum fault fault);

#endif
