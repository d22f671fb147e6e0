/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h - the variable part of START: working directory, argv and env. */
#ifndef AGENT_HELPER_PAYLOAD_H
#define AGENT_HELPER_PAYLOAD_H

#include "agent/helper/protocol.h"
#include "agent/helper/wire.h"

/* All pointers lie in one allocation that lives as long as the process. */
struct payload {
    const char *cwd; /* not empty */
    char **argv;     /* ends with NULL; argv[0] is not empty */
    char **env;      /* ends with NULL */
};

/*
 * Reads and checks the payload of `start` from the regular file `fd`. On failure
 * (returned stage not 0) `payload_out` is not written. Never blocks on a pipe: anything
 * but a regular file is refused.
 */
struct wire_failure
payload_read(const struct helper_start *start, int fd, struct payload *payload_out);

#endif
