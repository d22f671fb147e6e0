/* SPDX-License-Identifier: Apache-2.0 */
/* trial_env.h – the words a trial starts with: folder, argv and environment (DESIGN
 * §5).
 */
#ifndef AGENT_TRIAL_ENV_H
#define AGENT_TRIAL_ENV_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "core/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sweep_spec;

/* What all trials of an agent have in common: the agent's own environment without what
 * is set anew, with the folder of `winnow` first in PATH. */
struct trial_env {
    struct strbuf block; /* NAME=VALUE, each ended by a NUL */
    uint32_t len;
    bool has_gpus;
};

struct trial_env_config {
    const char *const *environ; /* NULL-terminated */
    const char *bin_dir;        /* holds `winnow` */
    const char *socket_path;
    const char *exe_path;
    bool has_gpus; /* the agent offers devices: trials without one must see none */
};
void trial_env_init(struct trial_env *env, const struct trial_env_config *config);
void trial_env_fini(struct trial_env *env);

/* One trial's part. */
struct trial_words {
    const struct sweep_spec *spec;
    const char *sweep_id;
    struct attempt_key key;
    const struct run_id *run_id;
    const double *x;
    uint64_t gpu_mask;
    const char *work_dir;       /* where it runs */
    const char *tmp_dir;        /* WINNOW_TMP */
    const char *params_path;    /* WINNOW_PARAMS */
    const char *checkpoint_dir; /* WINNOW_CHECKPOINT_DIR; NULL: none */
    bool resume;                /* … holds something: WINNOW_RESUME=1, else 0 */
};

/* Ready for the helper: working directory, argv, environment, each ended by a NUL. */
struct trial_launch {
    struct strbuf payload;
    uint32_t argc;
    uint32_t envc;
    char *program; /* argv[0], for messages */
    char *work_dir;
};

/* ERR_TOOBIG when it does not fit the helper's limits. */
enum err_code trial_launch_init(struct trial_launch *launch,
                                const struct trial_env *env,
                                const struct trial_words *words,
                                struct err *err) MUST_USE;
/* Zeroed structs are allowed. */
void trial_launch_fini(struct trial_launch *launch);

#endif
