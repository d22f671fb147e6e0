/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h – trials' processes, simulated. They run whether or not their agent looks. */
#ifndef TESTS_SIM_PROC_H
#define TESTS_SIM_PROC_H

#include "agent/agent_core.h"
#include "tests/sim/sim.h"
#include "tests/sim/trial_model.h"

enum proc_state {
    PROC_STARTING,
    PROC_RUNNING,
    PROC_DEAD
};

enum item_kind {
    ITEM_STARTED,
    ITEM_POINTS,
    ITEM_NOTES,
    ITEM_EXEC_FAILED,
    ITEM_EXITED
};

/* Something the agent will notice. */
struct proc_item {
    enum item_kind kind;
    uint32_t from, to; /* steps printed */
    bool never;
    struct agent_ev_exited exited;
};

struct proc {
    uint64_t number; /* index in sim.procs */
    size_t node;
    uint64_t boot;
    uint64_t serial;
    struct attempt_key key;
    uint64_t gpu_mask;
    struct trial_plan plan;
    enum proc_state state;
    uint32_t printed; /* steps, those of the checkpoint it began with included */
    bool resumed;     /* it began with one */
    bool notes_printed;
    bool term_wanted, term_sent, kill_sent;
    int64_t grace_ms;
    uint64_t log_size;
    VEC(struct proc_item) items;
    size_t items_first;
    int64_t item_ns; /* when the newest reaches the agent */
};

/* Starts a process for the attempt; given to sim.procs. */
struct proc *proc_start(struct sim *sim,
                        size_t node,
                        uint64_t boot,
                        const struct agent_effect *start);
void proc_term(struct sim *sim, struct proc *proc, int64_t grace_ms);
void proc_kill(struct sim *sim, struct proc *proc);
/* Its agent died, and so does it, at once and unseen. */
void proc_orphan(struct proc *proc);
void procs_destroy(struct sim *sim);

#endif
