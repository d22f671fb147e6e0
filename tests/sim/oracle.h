/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h – what must be true, judged from outside.
 *
 * The oracle sees what trials print, what agents spool and hear, what is committed and
 * what the coordinator says. It keeps books of its own on all of it and never looks
 * into the engine or the agents' cores.
 */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

#include "agent/agent_core.h"
#include "core/effect.h"
#include "core/record.h"
#include "core/sweep_spec.h"
#include "tests/sim/proc.h"
#include "tests/sim/sim.h"

struct oracle *oracle_create(void);
void oracle_destroy(struct oracle *oracle);

/* At the agents. */
void oracle_started(struct sim *sim, const struct proc *proc);
void oracle_spooled(struct sim *sim, size_t node, const struct agent_report *report);
void oracle_trimmed(struct sim *sim, const struct agent_report *report);
/* Its agent has it no more, acknowledged or not: there was no space and it died, or the
 * power failed. */
void oracle_lost(struct sim *sim, const struct agent_report *report);
void oracle_acked(struct sim *sim, struct attempt_key key, uint64_t seq);
/* The transport may lose or repeat its reports. */
void oracle_report_untidy(struct sim *sim, struct attempt_key key);
void oracle_verdict(struct sim *sim, const struct verdict *verdict);
/* TERM goes to a program, KILL follows after so long. */
void oracle_term(struct sim *sim, const struct proc *proc, int64_t grace_ms);
/* What its sweep's file says about checkpoints. */
enum checkpoint_kind oracle_checkpoint(struct sim *sim, struct attempt_key key);
/* The agent throws the trial's checkpoint away. */
void oracle_dropped(struct sim *sim, size_t node, struct attempt_key key);

/* At the coordinator. */
void oracle_sent(struct sim *sim, const struct message *message);
void oracle_committed(struct sim *sim, const struct record *record);
void oracle_rests(struct sim *sim, uint32_t sweep, enum sweep_state state);

/* The coordinator has been up and its disk well for longer than a lease and `slack_ms`;
 * the agent's last word came so long ago. */
void oracle_silent(struct sim *sim, size_t node, int64_t silent_ms);

/* Everything has come to rest. */
void oracle_at_end(struct sim *sim);

#endif
