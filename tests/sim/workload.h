/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h – users: sweep files made of the seed, submitted (also twice), steered
 * and edited. */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "agent/agent_core.h"
#include "base/err.h"
#include "core/effect.h"
#include "tests/sim/sim.h"

struct workload *workload_create(struct sim *sim);
void workload_destroy(struct workload *workload);
void workload_start(struct sim *sim);

/* The coordinator's answer to a request. */
void workload_reply(struct sim *sim,
                    uint64_t token,
                    enum err_code code,
                    const char *text);

/* What an agent's shell reads in the sweep's file. */
struct agent_ev_sweep workload_sweep_event(const struct msg_sweep *message);

/* Pauses, resumes, stops, retries or edits a sweep drawn with rng. */
void workload_steer(struct sim *sim, struct rng *rng);

/* Faults have ceased: whatever is paused is resumed, some times. */
void workload_calm(struct sim *sim);
/* Every sweep was submitted and has come to rest. */
bool workload_at_rest(struct sim *sim);
/* Says on stderr where every sweep stands. */
void workload_explain(struct sim *sim);

#endif
