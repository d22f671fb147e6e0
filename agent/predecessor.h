/* SPDX-License-Identifier: Apache-2.0 */
/* predecessor.h – what an earlier process of this agent left running.
 *
 * When an agent dies its helper ends all programs: TERM, grace, KILL. A program may
 * write a last checkpoint in that time, so the next attempt of its trial must not start
 * before. The helper outlives its attempts, so its process tells when all is over. */
#ifndef AGENT_PREDECESSOR_H
#define AGENT_PREDECESSOR_H

#include "agent/poller.h"
#include "base/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/* Watches for the end of the helper that is noted in the file; `source->fn` is called
 * once it is gone. False, with source->fd -1, when it is gone already. */
bool predecessor_watch(struct poller *poller,
                       struct poll_source *source,
                       const char *path);

/* Notes our own helper in the file, for the next process of this agent. */
void predecessor_note(const char *path, pid_t helper);

#endif
