/* SPDX-License-Identifier: Apache-2.0 */
/* trial_env.c – builds a trial's payload for the helper.
 *
 * Owns: the names and values of a trial's environment.
 * Knows: the sweep's space and command.
 * Does not know: processes; folders are given by name. */
#include "agent/trial_env.h"

#include <string.h>

#include "agent/helper/protocol.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/sweep_spec.h"
#include "core/value.h"

static const uint32_t PAYLOAD_MAX = HELPER_PAYLOAD_MAX;

static void
env_add(struct strbuf *block, uint32_t *len, const char *name, const char *v)
{
    strbuf_adds(block, name);
    strbuf_addc(block, '=');
    strbuf_adds(block, v);
    strbuf_add(block, "", 1);
    (*len)++;
}

static bool env_is(const char *entry, const char *name)
{
    size_t len = strlen(name);
    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* Variables of the agent that a trial must not inherit: those of a trial that the agent
 * itself may run in, and those that are set for each trial. */
static bool env_is_replaced(const char *entry, bool has_gpus)
{
    static const char *const names[] = { "PATH",
                                         "WINNOW_EXE",
                                         "WINNOW_SWEEP",
                                         "WINNOW_TRIAL",
                                         "WINNOW_ATTEMPT",
                                         "WINNOW_RUN_ID",
                                         "WINNOW_SOCKET",
                                         "WINNOW_TMP",
                                         "WINNOW_PARAMS",
                                         "WINNOW_RESUME",
                                         "PWD",
                                         "OLDPWD",
                                         "WINNOW_CHECKPOINT_DIR" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (env_is(entry, names[i])) {
            return true;
        }
    }
    if (has_gpus && env_is(entry, "CUDA_VISIBLE_DEVICES")) {
        return true;
    }
    return str_starts(str_from(entry), STR_LIT("WINNOW_PARAM_"));
}

void trial_env_init(struct trial_env *env, const struct trial_env_config *config)
{
    *env = (struct trial_env){ .has_gpus = config->has_gpus };
    strbuf_init(&env->block, (size_t)PAYLOAD_MAX);
    const char *path = "/usr/local/bin:/usr/bin:/bin";
    bool unbuffered = false;
    for (size_t i = 0; config->environ[i] != NULL; i++) {
        const char *entry = config->environ[i];
        if (env_is(entry, "PATH")) {
            path = entry + strlen("PATH=");
        }
        unbuffered = unbuffered || env_is(entry, "PYTHONUNBUFFERED");
        if (!env_is_replaced(entry, config->has_gpus)) {
            strbuf_add(&env->block, entry, strlen(entry) + 1);
            env->len++;
        }
    }
    AUTO_FREE char *full = mem_printf("%s:%s", config->bin_dir, path);
    env_add(&env->block, &env->len, "PATH", full);
    env_add(&env->block, &env->len, HELPER_ENV_EXE, config->exe_path);
    env_add(&env->block, &env->len, HELPER_ENV_SOCKET, config->socket_path);
    if (!unbuffered) {
        env_add(&env->block, &env->len, "PYTHONUNBUFFERED", "1");
    }
}

void trial_env_fini(struct trial_env *env)
{
    strbuf_fini(&env->block);
}

static void add_number(struct trial_launch *launch, const char *name, uint32_t value)
{
    strbuf_addf(&launch->payload, "%s=%u", name, value);
    strbuf_add(&launch->payload, "", 1);
    launch->envc++;
}

/* A byte of a parameter's name in the name of its variable. */
static char env_char(char c)
{
    if (c >= 'a' && c <= 'z') {
        return (char)(c - 'a' + 'A');
    }
    if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        return c;
    }
    return '_';
}

/* WINNOW_PARAM_<NAME>=value for each active parameter. */
static void add_params(struct trial_launch *launch, const struct trial_words *words)
{
    const struct space *space = words->spec->space;
    for (size_t i = 0; i < space->len; i++) {
        struct value value = space_value(space, i, words->x[i]);
        if (value.kind == VALUE_NONE) {
            continue;
        }
        strbuf_adds(&launch->payload, "WINNOW_PARAM_");
        for (const char *c = space->params[i].name; *c != '\0'; c++) {
            strbuf_addc(&launch->payload, env_char(*c));
        }
        strbuf_addc(&launch->payload, '=');
        value_print(value, &launch->payload);
        strbuf_add(&launch->payload, "", 1);
        launch->envc++;
    }
}

/* Device indexes as "0,3"; an empty list hides every device. */
static void add_gpus(struct trial_launch *launch, uint64_t gpu_mask)
{
    strbuf_adds(&launch->payload, "CUDA_VISIBLE_DEVICES=");
    bool first = true;
    for (unsigned i = 0; i < GPUS_PER_AGENT_MAX; i++) {
        if ((gpu_mask >> i & 1) != 0) {
            strbuf_addf(&launch->payload, "%s%u", first ? "" : ",", i);
            first = false;
        }
    }
    strbuf_add(&launch->payload, "", 1);
    launch->envc++;
}

static void add_env(struct trial_launch *launch,
                    const struct trial_env *env,
                    const struct trial_words *words)
{
    struct strbuf *payload = &launch->payload;
    strbuf_add(payload, env->block.ptr, env->block.len);
    launch->envc = env->len;
    env_add(payload, &launch->envc, "PWD", words->work_dir);
    env_add(payload, &launch->envc, "WINNOW_SWEEP", words->sweep_id);
    env_add(payload, &launch->envc, HELPER_ENV_RUN_ID, words->run_id->hex);
    env_add(payload, &launch->envc, "WINNOW_TMP", words->tmp_dir);
    env_add(payload, &launch->envc, "WINNOW_PARAMS", words->params_path);
    if (words->checkpoint_dir != NULL) {
        env_add(payload, &launch->envc, "WINNOW_CHECKPOINT_DIR", words->checkpoint_dir);
        env_add(payload, &launch->envc, "WINNOW_RESUME", words->resume ? "1" : "0");
    }
    add_number(launch, "WINNOW_TRIAL", words->key.trial);
    add_number(launch, HELPER_ENV_ATTEMPT, words->key.attempt);
    if (env->has_gpus || words->gpu_mask != 0) {
        add_gpus(launch, words->gpu_mask);
    }
    add_params(launch, words);
}

enum err_code trial_launch_init(struct trial_launch *launch,
                                const struct trial_env *env,
                                const struct trial_words *words,
                                struct err *err)
{
    *launch = (struct trial_launch){ 0 };
    struct argv argv;
    enum err_code code =
        command_expand(words->spec->command, words->spec->space, words->x, &argv, err);
    if (code != ERR_OK) {
        return code;
    }
    strbuf_init(&launch->payload, (size_t)PAYLOAD_MAX);
    strbuf_add(&launch->payload, words->work_dir, strlen(words->work_dir) + 1);
    for (size_t i = 0; i < argv.len; i++) {
        strbuf_add(&launch->payload, argv.words[i], strlen(argv.words[i]) + 1);
    }
    launch->argc = (uint32_t)argv.len;
    launch->program = mem_strdup(argv.len > 0 ? argv.words[0] : "");
    launch->work_dir = mem_strdup(words->work_dir);
    argv_fini(&argv);
    add_env(launch, env, words);
    if (launch->payload.toobig || launch->argc == 0 || launch->argc > HELPER_STRINGS_MAX
        || launch->envc > HELPER_STRINGS_MAX) {
        trial_launch_fini(launch);
        return err_set(err, ERR_TOOBIG, "command and environment are too long");
    }
    return ERR_OK;
}

void trial_launch_fini(struct trial_launch *launch)
{
    strbuf_fini(&launch->payload);
    mem_free(launch->program);
    mem_free(launch->work_dir);
    *launch = (struct trial_launch){ 0 };
}
