/* SPDX-License-Identifier: Apache-2.0 */
/* states.h – the states of sweeps, trials and attempts, and their names.
 *
 * The numbers are stored and sent: never reuse one. Names are what people and scripts
 * see.
 */
#ifndef CORE_STATES_H
#define CORE_STATES_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

/* X(SUFFIX, number, "name") */
#define SWEEP_STATES(X)                                                                \
    X(RUNNING, 0, "running")                                                           \
    X(PAUSED, 1, "paused")                                                             \
    X(FINISHED, 2, "finished")                                                         \
    X(STOPPED, 3, "stopped")                                                           \
    X(FAILED, 4, "failed")

#define TRIAL_STATES(X)                                                                \
    X(QUEUED, 0, "queued")                                                             \
    X(RUNNING, 1, "running")                                                           \
    X(FINISHED, 2, "finished")                                                         \
    X(PRUNED, 3, "pruned")                                                             \
    X(FAILED, 4, "failed")                                                             \
    X(CANCELLED, 5, "cancelled")

/* Phases of a running trial. */
#define TRIAL_PHASES(X)                                                                \
    X(NONE, 0, "")                                                                     \
    X(PREPARING, 1, "preparing")                                                       \
    X(SUSPECT, 2, "suspect")

/* How an attempt ended; NONE while it has not. */
#define ATTEMPT_ENDS(X)                                                                \
    X(NONE, 0, "")                                                                     \
    X(EXITED, 1, "exited")                                                             \
    X(FAILED, 2, "failed")                                                             \
    X(PRUNED, 3, "pruned")                                                             \
    X(CANCELLED, 4, "cancelled")                                                       \
    X(LOST, 5, "lost")                                                                 \
    X(PREEMPTED, 6, "preempted")                                                       \
    X(TIMEOUT, 7, "timeout")                                                           \
    X(OOM, 8, "oom")

/* Why an attempt is asked to stop. */
#define STOP_REASONS(X)                                                                \
    X(NONE, 0, "")                                                                     \
    X(PRUNED, 1, "pruned")                                                             \
    X(CANCELLED, 2, "cancelled")                                                       \
    X(FENCED, 3, "superseded")                                                         \
    X(RECALLED, 4, "recalled")

#define STATE_ENUM_SWEEP(suffix, number, name) SWEEP_##suffix = (number),
#define STATE_ENUM_TRIAL(suffix, number, name) TRIAL_##suffix = (number),
#define STATE_ENUM_PHASE(suffix, number, name) PHASE_##suffix = (number),
#define STATE_ENUM_END(suffix, number, name)   END_##suffix = (number),
#define STATE_ENUM_STOP(suffix, number, name)  STOP_##suffix = (number),

enum sweep_state {
    SWEEP_STATES(STATE_ENUM_SWEEP) SWEEP_STATE_NR
};
enum trial_state {
    TRIAL_STATES(STATE_ENUM_TRIAL) TRIAL_STATE_NR
};
enum trial_phase {
    TRIAL_PHASES(STATE_ENUM_PHASE) TRIAL_PHASE_NR
};
enum attempt_end {
    ATTEMPT_ENDS(STATE_ENUM_END) ATTEMPT_END_NR
};
enum stop_reason {
    STOP_REASONS(STATE_ENUM_STOP) STOP_REASON_NR
};

const char *sweep_state_name(enum sweep_state state);
const char *trial_state_name(enum trial_state state);
/* ERR_USAGE with the nearest name when there is no such state. */
MUST_USE
enum err_code
trial_state_parse(const char *name, enum trial_state *state_out, struct err *err);
const char *trial_phase_name(enum trial_phase phase);
const char *attempt_end_name(enum attempt_end end);
const char *stop_reason_name(enum stop_reason reason);

/* True for states that a trial or sweep never leaves by itself. */
bool trial_state_is_final(enum trial_state state);
bool sweep_state_is_final(enum sweep_state state);

#endif
