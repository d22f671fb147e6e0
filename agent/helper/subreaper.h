/* SPDX-License-Identifier: Apache-2.0 */
/* subreaper.h - the process that watches one attempt from its fork to its last child.
 */
#ifndef AGENT_HELPER_SUBREAPER_H
#define AGENT_HELPER_SUBREAPER_H

#include "agent/helper/protocol.h"
#include "base/compiler.h"

/* What the server hands over. */
struct subreaper_job {
    struct helper_start start; /* its head and flags are checked, its payload is not */
    int fds[HELPER_FD_NR];     /* CLOEXEC, above 2; owned from here on */
    int signal_fd;             /* signalfd of SIGCHLD, non-blocking */
};

/*
 * Runs in the process that the server forked; ends it when nothing of the attempt is
 * left. 0, 1, 2 must be /dev/null, all signals blocked, and no other descriptor open
 * than those of `job`.
 */
NORETURN
void subreaper_run(const struct subreaper_job *job);

#endif
