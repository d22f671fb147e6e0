/* SPDX-License-Identifier: Apache-2.0 */
/* local_run.h – a coordinator and an agent in one process and one loop, until one sweep
 * comes to rest: what `run FILE` and `resume SWEEP` without a coordinator do. */
#ifndef CLI_LOCAL_RUN_H
#define CLI_LOCAL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/spec_file.h"

/* Borrowed for the call. */
struct local_run_config {
    const char *home;
    uint32_t slots; /* 0: the number of CPUs */
    bool quiet;
    const struct spec_file *file; /* to submit; NULL: resume `sweep` */
    const char *sweep;
    bool force_new; /* submit as a new sweep */
};

/* Runs; prints progress to stderr and the best trial to stdout; gives the exit status
 * of DESIGN §6. */
int local_run(const struct local_run_config *config);

struct where;
/* Tells how the sweep ended and its best trial, the latter on stdout or, if stdout is
 * for something else, on stderr; gives the exit status for its state (0 finished, 1
 * otherwise). where: a home or a coordinator. */
int local_run_result(const struct where *where, const char *sweep_id, bool to_stdout);

#endif
