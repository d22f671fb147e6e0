/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h – an agent core under a virtual clock, with short words for its events. Each
 * rig_ call is one step; afterwards the core's own checks have passed and rig->fx holds
 * the effects of that step alone. */
#ifndef TESTS_UNIT_AGENT_RIG_H
#define TESTS_UNIT_AGENT_RIG_H

#include "agent/agent_core.h"
#include "tests/lib/test.h"

struct rig {
    struct agent_core *core;
    struct fake_clock clock;
    struct agent_effects fx;
};

/* Home "home-1", boot 7, agent "a1". */
void rig_init(struct rig *rig, uint32_t slots);
void rig_init_home(struct rig *rig, uint32_t slots, const char *home_id);
void rig_fini(struct rig *rig);

void rig_step(struct rig *rig, struct agent_event event);
/* Moves the clock; one timer step if a deadline was passed. */
void rig_sleep(struct rig *rig, int64_t ms);
/* ms until the deadline, or -1 when there is none. */
int64_t rig_deadline_ms(const struct rig *rig);

/* Effects of the last step. */
size_t rig_count(const struct rig *rig, enum agent_effect_kind kind);
/* The first of its kind; fails the test when there is none. */
const struct agent_effect *rig_get(const struct rig *rig, enum agent_effect_kind kind);
/* The only report of the step; fails when there is not exactly one. */
const struct agent_report *rig_report(const struct rig *rig);

/* Connected and welcomed, sweep 1 known (grace 10 s, no time limit). */
void rig_ready(struct rig *rig);
void rig_welcome(struct rig *rig,
                 const char *home_id,
                 const struct agent_verdict *verdicts,
                 size_t len);
void rig_sweep(struct rig *rig, uint32_t sweep, int64_t time_limit_ms);
struct attempt_key rig_key(uint32_t sweep, uint32_t trial);
/* Attempt 1 of the trial, trial 0 on device 2; the serial if it was started, else 0. */
uint64_t rig_assign(struct rig *rig, uint32_t sweep, uint32_t trial);
uint64_t rig_prefetch(struct rig *rig, uint32_t sweep, uint32_t trial);
void rig_stop(struct rig *rig, uint32_t sweep, uint32_t trial, enum stop_reason reason);
void rig_recall(struct rig *rig, uint32_t sweep, uint32_t trial);
void rig_started(struct rig *rig, uint64_t serial);
void rig_exit(struct rig *rig, uint64_t serial, int32_t code);
/* Ended by TERM that we had sent. */
void rig_exit_termed(struct rig *rig, uint64_t serial);
void rig_point(struct rig *rig, uint64_t serial, const char *name, double value);
void rig_ack(struct rig *rig, uint32_t sweep, uint32_t trial, uint64_t seq);

#endif
