/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h – checkpoint folders, simulated: of each trial the number of steps that its
 * newest checkpoint holds. They outlive crashes. */
#ifndef TESTS_SIM_FOLDER_H
#define TESTS_SIM_FOLDER_H

#include "base/vec.h"
#include "core/ids.h"

struct folder {
    uint32_t sweep, trial;
    uint32_t steps; /* > 0 */
};

struct folders {
    VEC(struct folder) list;
};

/* Steps in the checkpoint of the key's trial; 0: the folder is empty. */
uint32_t folder_steps(const struct folders *folders, struct attempt_key key);
void folder_write(struct folders *folders, struct attempt_key key, uint32_t steps);
void folder_remove(struct folders *folders, struct attempt_key key);
void folders_fini(struct folders *folders);

#endif
