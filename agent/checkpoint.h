/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h – the folders in which a trial's attempts keep checkpoints: one for each
 * (sweep, trial), WORK_DIR/checkpoints/SWEEP_ID/TRIAL or, for `{path: FOLDER}`,
 * FOLDER/SWEEP_ID/TRIAL. */
#ifndef AGENT_CHECKPOINT_H
#define AGENT_CHECKPOINT_H

#include "base/compiler.h"
#include "base/err.h"
#include "core/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct sweep_file;

/* Local folders that nobody has touched for so long are removed at the agent's start:
 * their trials ended elsewhere, or their sweeps are gone. */
#define CHECKPOINT_KEEP_MS ((int64_t)30 * 24 * 3600 * 1000)

/* Makes the trial's folder if need be, empties it if `fresh`. The sweep has
 * checkpoints. */
struct checkpoint {
    char *dir;   /* absolute, mem_free */
    bool resume; /* it holds something */
};
enum err_code checkpoint_take(struct agent *agent,
                              const struct sweep_file *sweep,
                              struct attempt_key key,
                              bool fresh,
                              struct checkpoint *checkpoint_out,
                              struct err *err) MUST_USE;

/* Removes the trial's folder. `sweep` NULL: not known any more; then a local folder is
 * found by the trial's run id, one elsewhere stays. */
void checkpoint_drop(struct agent *agent,
                     const struct sweep_file *sweep,
                     struct attempt_key key,
                     const struct run_id *run_id);

/* At start: removes what is too old, and what a removal left behind. */
void checkpoint_clean(struct agent *agent);

#endif
