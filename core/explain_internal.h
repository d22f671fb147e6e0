/* SPDX-License-Identifier: Apache-2.0 */
/* explain_internal.h – how a reason is found and told, shared by explain*.c.
 *
 * One function a reason. explain.c lists them in order for each state; the first that
 * gives true ends the search. To add a reason: a row of EXPLAIN_REASONS, a function,
 * its name in the lists where it can apply.
 */
#ifndef CORE_EXPLAIN_INTERNAL_H
#define CORE_EXPLAIN_INTERNAL_H

#include <stdbool.h>

#include "core/engine_internal.h"
#include "core/explain.h"

/* What is asked about. */
struct asking {
    const struct engine *engine;
    const struct sweep *sweep;
    const struct trial *trial; /* NULL: the sweep itself */
    const char *name;          /* of the sweep, for commands */
    struct explanation *out;
};

/* Tells what applies; true when nothing behind it matters. */
typedef bool (*why_fn)(const struct asking *ask);

/* Appends a reason; takes text and change (may be NULL). */
void because(const struct asking *ask,
             enum explain_code code,
             char *text,
             char *change);

/* An agent that may be given work to run. */
bool agent_is_usable(const struct agent *agent);

static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- explain_wait.c: of sweeps and of trials that wait ---- */

bool why_over(const struct asking *ask);
bool why_paused(const struct asking *ask);
bool why_ask_tell(const struct asking *ask);
bool why_no_coordinator(const struct asking *ask);
bool why_disk_full(const struct asking *ask);
bool why_shutting_down(const struct asking *ask);
bool why_back_off(const struct asking *ask);
bool why_under_way(const struct asking *ask);
bool why_budget(const struct asking *ask);

/* ---- explain_room.c: the same, of agents ---- */

bool why_no_agent(const struct asking *ask);
bool why_resources(const struct asking *ask);
bool why_behind(const struct asking *ask); /* of trials only */
bool why_parallel(const struct asking *ask);
bool why_agents_full(const struct asking *ask);
bool why_checkpoint(const struct asking *ask); /* of trials only */

#endif
