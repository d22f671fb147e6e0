/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - the child's side of starting a trial: from fork to exec. */
#ifndef AGENT_HELPER_SPAWN_H
#define AGENT_HELPER_SPAWN_H

#include "agent/helper/payload.h"
#include "agent/helper/protocol.h"
#include "agent/helper/wire.h"

/* What the new process becomes. Everything is borrowed. */
struct spawn_plan {
    const struct helper_start *start; /* limits, affinity, nice */
    const struct payload *payload;    /* working directory, argv, env */
    int stdout_fd;                    /* becomes 1 */
    int stderr_fd;                    /* becomes 2 */
};

/*
 * Called in the new process; every descriptor above 2 must be CLOEXEC and 0 must be
 * /dev/null. Turns the process into the trial and does not return then; returns what
 * failed otherwise. Writes no memory but its own stack and errno, which its parent
 * lends.
 */
struct wire_failure spawn_become(const struct spawn_plan *plan);

#endif
