/* SPDX-License-Identifier: Apache-2.0 */
/* node.h – agents, simulated: the agent's core with a spool, processes, a clock and a
 * connection made of timers. */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "tests/sim/net.h"
#include "tests/sim/sim.h"

/* Makes all agents of the plan and starts them. */
void nodes_create(struct sim *sim);
void nodes_destroy(struct sim *sim);
/* Every agent is ready and holds nothing, no process is left. */
bool nodes_at_rest(struct sim *sim);
/* Says on stderr where every agent stands. */
void nodes_explain(const struct sim *sim);

const char *node_name(const struct sim *sim, size_t node);
/* Its connection; 0: none. */
uint64_t node_link(const struct sim *sim, size_t node);
/* What it says of itself; borrows from the node. */
struct agent_core_config node_identity(const struct sim *sim, size_t node);
uint64_t node_boot(const struct sim *sim, size_t node);

/* While an agent is frozen, whatever would reach it waits: true means that this call
 * will come again when it is thawed. */
bool node_defers(struct sim *sim, size_t node, sim_fn fn, uint64_t a, uint64_t b);

/* From the network. */
void node_receive(struct sim *sim,
                  size_t node,
                  uint64_t link,
                  const struct message *message);
void node_link_down(struct sim *sim, size_t node, uint64_t link);

/* From a process (proc.c): the event's serial is filled in by the caller. */
void node_step(struct sim *sim, size_t node, struct agent_event event);
int64_t node_wall_ms(const struct sim *sim, size_t node);
void node_log_grew(struct sim *sim, size_t node, const struct proc *proc, uint64_t to);

/* It dies as kill -9 does after `effects` more effects; 0: now. It comes back. */
void node_kill(struct sim *sim, size_t node, uint32_t effects);
/* As node_kill, but the machine dies: the end of what it wrote may be gone. */
void node_power_loss(struct sim *sim, size_t node, uint32_t effects);
/* Its spool cannot be written for so long. */
void node_disk_full(struct sim *sim, size_t node, int64_t ms);
/* It is asked to end, and comes back. */
void node_leave(struct sim *sim, size_t node, bool now);
/* SIGSTOP for so long. */
void node_freeze(struct sim *sim, size_t node, int64_t ms);
void node_clock_jump(struct sim *sim, size_t node, int64_t ms);
void nodes_mend(struct sim *sim);

/* Where programs of this trial keep checkpoints on the node; NULL: they do not. */
struct folders *node_folders(struct sim *sim, size_t node, struct attempt_key key);

#endif
