/* SPDX-License-Identifier: Apache-2.0 */
/* states.c – names of states.
 * Owns the switch tables made from states.h. Does not know who moves between states.
 */
#include "core/states.h"

#include <string.h>

#include "base/compiler.h"
#include "base/str.h"

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

enum err_code
trial_state_parse(const char *name, enum trial_state *state_out, struct err *err)
{
    const char *names[TRIAL_STATE_NR];
    for (unsigned i = 0; i < TRIAL_STATE_NR; i++) {
        names[i] = trial_state_name((enum trial_state)i);
        if (strcmp(names[i], name) == 0) {
            *state_out = (enum trial_state)i;
            return ERR_OK;
        }
    }
    const char *nearest = str_nearest(str_from(name), names, TRIAL_STATE_NR);
    return nearest != NULL ? err_set(
               err, ERR_USAGE, "no state '%.64s', did you mean '%s'?", name, nearest)
                           : err_set(err, ERR_USAGE,
                                     "no state '%.64s'; trials are queued, running, "
                                     "finished, pruned, failed or cancelled",
                                     name);
}

bool trial_state_is_final(enum trial_state state)
{
    return state != TRIAL_QUEUED && state != TRIAL_RUNNING;
}

bool sweep_state_is_final(enum sweep_state state)
{
    return state != SWEEP_RUNNING && state != SWEEP_PAUSED;
}
