/* SPDX-License-Identifier: Apache-2.0 */
/* states.c – names of states.
 * Owns the switch tables made from states.h. Does not know who moves between states.
 */
#include "core/states.h"

#include "base/compiler.h"

#define CASE_SWEEP(suffix, number, name)                                               \
    case SWEEP_##suffix:                                                               \
        return name;
#define CASE_TRIAL(suffix, number, name)                                               \
    case TRIAL_##suffix:                                                               \
        return name;
#define CASE_PHASE(suffix, number, name)                                               \
    case PHASE_##suffix:                                                               \
        return name;
#define CASE_END(suffix, number, name)                                                 \
    case END_##suffix:                                                                 \
        return name;
#define CASE_STOP(suffix, number, name)                                                \
    case STOP_##suffix:                                                                \
        return name;

const char *sweep_state_name(enum sweep_state state)
{
    switch (state) {
        SWEEP_STATES(CASE_SWEEP)
    case SWEEP_STATE_NR:
        break;
    }
    UNREACHABLE();
}

const char *trial_state_name(enum trial_state state)
{
    switch (state) {
        TRIAL_STATES(CASE_TRIAL)
    case TRIAL_STATE_NR:
        break;
    }
    UNREACHABLE();
}

const char *trial_phase_name(enum trial_phase phase)
{
    switch (phase) {
        TRIAL_PHASES(CASE_PHASE)
    case TRIAL_PHASE_NR:
        break;
    }
    UNREACHABLE();
}

const char *attempt_end_name(enum attempt_end end)
{
    switch (end) {
        ATTEMPT_ENDS(CASE_END)
    case ATTEMPT_END_NR:
        break;
    }
    UNREACHABLE();
}

const char *stop_reason_name(enum stop_reason reason)
{
    switch (reason) {
        STOP_REASONS(CASE_STOP)
    case STOP_REASON_NR:
        break;
    }
    UNREACHABLE();
}

bool trial_state_is_final(enum trial_state state)
{
    return state != TRIAL_QUEUED && state != TRIAL_RUNNING;
}

bool sweep_state_is_final(enum sweep_state state)
{
    return state != SWEEP_RUNNING && state != SWEEP_PAUSED;
}
