/* SPDX-License-Identifier: Apache-2.0 */
/* spec_run.c – `objective`, `budget`, `run` and `stop` of a sweep file.
 * Owns nothing. Knows their keys, ranges and defaults. Does not know the space. */
#include "core/spec_sections.h"

#include "base/mem.h"
#include "base/num.h"

#include <string.h>

/* ---- objective ---- */

const char *goal_name(enum goal goal)
{
    return goal == GOAL_MIN ? "min" : "max";
}

const char *objective_read_name(enum objective_read read)
{
    static const char *const names[READ_NR] = { [READ_LAST] = "last",
                                                [READ_BEST] = "best",
                                                [READ_MIN] = "min",
                                                [READ_MAX] = "max" };
    return names[read];
}

static enum err_code read_metric_name(const struct spec_reader *r,
                                      const struct yaml_node *node,
                                      struct objective *objective)
{
    const char *text = NULL;
    enum err_code code = spec_text(r, node, "objective.metric", &text);
    if (code != ERR_OK) {
        return code;
    }
    if (node->text_len == 0 || node->text_len > METRIC_NAME_BYTES_MAX) {
        return spec_fail(r, node, "'objective.metric' must have 1 to %d bytes",
                         METRIC_NAME_BYTES_MAX);
    }
    objective->metric = mem_strdup(text);
    return ERR_OK;
}

enum err_code spec_read_objective(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct objective *objective)
{
    static const char *const keys[] = { "metric", "goal", "read" };
    static const char *const goals[] = { "min", "max" };
    static const char *const reads[] = { "last", "best", "min", "max" };
    *objective = (struct objective){ .goal = GOAL_MIN, .read = READ_LAST };
    enum err_code code = spec_known_keys(r, node, "objective", keys, ARRAY_LEN(keys));
    if (code != ERR_OK) {
        return code;
    }
    const struct yaml_node *metric = yaml_get(node, "metric");
    if (metric == NULL) {
        return spec_fail(r, node,
                         "'objective.metric' is missing: the metric to optimise");
    }
    code = read_metric_name(r, metric, objective);
    const struct yaml_node *goal = yaml_get(node, "goal");
    size_t which = 0;
    if (code == ERR_OK && goal != NULL) {
        code = spec_word(r, goal, "objective.goal", goals, ARRAY_LEN(goals), &which);
        objective->goal = (enum goal)which;
    }
    const struct yaml_node *read = yaml_get(node, "read");
    which = 0;
    if (code == ERR_OK && read != NULL) {
        code = spec_word(r, read, "objective.read", reads, ARRAY_LEN(reads), &which);
        objective->read = (enum objective_read)which;
    }
    return code;
}

/* ---- budget ---- */

/* "10%", or a number from 0 to 1. */
static enum err_code
read_share(const struct spec_reader *r, const struct yaml_node *node, double *share_out)
{
    double share = -1.0;
    struct str text = str_from_n(node->text, node->text_len);
    if (node->kind == YAML_SCALAR && str_ends(text, STR_LIT("%"))) {
        if (num_parse_f64(str_sub(text, 0, text.len - 1), &share) == ERR_OK) {
            share /= 100.0;
        }
    } else if (yaml_as_f64(node, &share) != ERR_OK) {
        share = -1.0;
    }
    if (!(share >= 0.0 && share <= 1.0)) {
        char found[SPEC_DESCRIBE_SIZE];
        return spec_fail(r, node,
                         "'budget.failures.max' must be a share such as 10%%, "
                         "not %s",
                         spec_describe(node, found));
    }
    *share_out = share;
    return ERR_OK;
}

static enum err_code read_failures(const struct spec_reader *r,
                                   const struct yaml_node *node,
                                   struct budget *budget)
{
    static const char *const keys[] = { "max", "first" };
    enum err_code code =
        spec_known_keys(r, node, "budget.failures", keys, ARRAY_LEN(keys));
    const struct yaml_node *max = yaml_get(node, "max");
    if (code == ERR_OK && max != NULL) {
        code = read_share(r, max, &budget->failures_share);
    }
    const struct yaml_node *first = yaml_get(node, "first");
    if (code == ERR_OK && first != NULL) {
        code = spec_u32(r, first, "budget.failures.first", 0, TRIALS_MAX,
                        &budget->failures_first);
    }
    return code;
}

enum err_code spec_read_budget(const struct spec_reader *r,
                               const struct yaml_node *node,
                               struct budget *budget)
{
    static const char *const keys[] = { "trials", "time", "target", "failures" };
    *budget = (struct budget){ .failures_share = 0.5, .failures_first = 3 };
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_known_keys(r, node, "budget", keys, ARRAY_LEN(keys));
    const struct yaml_node *item = yaml_get(node, "trials");
    if (code == ERR_OK && item != NULL) {
        code = spec_u32(r, item, "budget.trials", 1, TRIALS_MAX, &budget->trials);
    }
    item = yaml_get(node, "time");
    if (code == ERR_OK && item != NULL) {
        code = spec_duration(r, item, "budget.time", &budget->time_ms);
    }
    item = yaml_get(node, "target");
    if (code == ERR_OK && item != NULL) {
        code = spec_f64(r, item, "budget.target", &budget->target);
        budget->has_target = true;
    }
    item = yaml_get(node, "failures");
    if (code == ERR_OK && item != NULL) {
        code = read_failures(r, item, budget);
    }
    return code;
}

/* ---- run ---- */

static enum err_code
read_memory(const struct spec_reader *r, const struct yaml_node *node, uint64_t *bytes)
{
    char found[SPEC_DESCRIBE_SIZE];
    if (node->kind != YAML_SCALAR
        || num_parse_size_bytes(str_from_n(node->text, node->text_len), bytes)
               != ERR_OK) {
        return spec_fail(r, node,
                         "'run.resources.memory' must be a size with its unit, "
                         "such as 512MiB or 2GiB, not %s",
                         spec_describe(node, found));
    }
    return ERR_OK;
}

static enum err_code read_resources(const struct spec_reader *r,
                                    const struct yaml_node *node,
                                    struct resources *resources)
{
    static const char *const keys[] = { "cpus", "gpus", "memory" };
    enum err_code code =
        spec_known_keys(r, node, "run.resources", keys, ARRAY_LEN(keys));
    const struct yaml_node *item = yaml_get(node, "cpus");
    if (code == ERR_OK && item != NULL) {
        code = spec_u32(r, item, "run.resources.cpus", 0, SLOTS_PER_AGENT_MAX,
                        &resources->cpus);
    }
    item = yaml_get(node, "gpus");
    if (code == ERR_OK && item != NULL) {
        code = spec_u32(r, item, "run.resources.gpus", 0, GPUS_PER_AGENT_MAX,
                        &resources->gpus);
    }
    item = yaml_get(node, "memory");
    return code == ERR_OK && item != NULL
               ? read_memory(r, item, &resources->memory_bytes)
               : code;
}

/* A duration, also 0. */
static enum err_code
read_backoff(const struct spec_reader *r, const struct yaml_node *node, int64_t *ms_out)
{
    if (node->kind == YAML_SCALAR
        && num_parse_duration_ms(str_from_n(node->text, node->text_len), ms_out)
               == ERR_OK) {
        return ERR_OK;
    }
    char found[SPEC_DESCRIBE_SIZE];
    return spec_fail(r, node,
                     "'run.retry.backoff' must be a duration with its unit, such as "
                     "500ms, 5s or 0s, not %s",
                     spec_describe(node, found));
}

static enum err_code read_retry(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct retry_limits *retry)
{
    static const char *const keys[] = { "failed", "lost",    "preempted",
                                        "oom",    "timeout", "backoff" };
    uint32_t *const limits[] = { &retry->failed, &retry->lost, &retry->preempted,
                                 &retry->oom, &retry->timeout };
    enum err_code code = spec_known_keys(r, node, "run.retry", keys, ARRAY_LEN(keys));
    const struct yaml_node *backoff = yaml_get(node, "backoff");
    if (code == ERR_OK && backoff != NULL) {
        code = read_backoff(r, backoff, &retry->backoff_ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(limits) && code == ERR_OK; i++) {
        const struct yaml_node *item = yaml_get(node, keys[i]);
        if (item != NULL) {
            char *AUTO_FREE what = mem_printf("run.retry.%s", keys[i]);
            code = spec_u32(r, item, what, 0, ATTEMPTS_MAX, limits[i]);
        }
    }
    return code;
}

static bool is_text(const struct yaml_node *node, const char *text)
{
    return node->kind == YAML_SCALAR && strcmp(node->text, text) == 0;
}

/* No part of the path is `..`, so that a relative one stays where the file is. */
static bool path_is_contained(struct str path)
{
    struct str part = { 0 };
    while (str_split_next(&path, '/', &part)) {
        if (str_eq_c(part, "..")) {
            return false;
        }
    }
    return true;
}

static enum err_code read_checkpoint_path(const struct spec_reader *r,
                                          const struct yaml_node *node,
                                          struct run_options *run)
{
    const char *path = NULL;
    enum err_code code = spec_text(r, node, "run.checkpoint.path", &path);
    if (code != ERR_OK) {
        return code;
    }
    if (node->text_len == 0 || node->text_len > PATH_BYTES_MAX) {
        return spec_fail(r, node, "'run.checkpoint.path' must have 1 to %d bytes",
                         PATH_BYTES_MAX);
    }
    if (!path_is_contained(str_from(path))) {
        return spec_fail(r, node,
                         "'run.checkpoint.path' must be absolute or below the sweep "
                         "file's folder, without '..'");
    }
    run->checkpoint = CHECKPOINT_PATH;
    run->checkpoint_path = mem_strdup(path);
    return ERR_OK;
}

static enum err_code read_checkpoint(const struct spec_reader *r,
                                     const struct yaml_node *node,
                                     struct run_options *run)
{
    static const char *const keys[] = { "path" };
    char found[SPEC_DESCRIBE_SIZE];
    if (is_text(node, "none")) {
        return ERR_OK;
    }
    if (is_text(node, "local")) {
        run->checkpoint = CHECKPOINT_LOCAL;
        return ERR_OK;
    }
    if (node->kind != YAML_MAP || node->len == 0) {
        return spec_fail(r, node,
                         "'run.checkpoint' must be none, local or {path: FOLDER}, "
                         "not %s",
                         spec_describe(node, found));
    }
    enum err_code code =
        spec_known_keys(r, node, "run.checkpoint", keys, ARRAY_LEN(keys));
    return code == ERR_OK ? read_checkpoint_path(r, yaml_get(node, "path"), run) : code;
}

static enum err_code read_limits(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 struct run_options *run)
{
    enum err_code code = ERR_OK;
    const struct yaml_node *item = yaml_get(node, "parallel");
    if (item != NULL && !is_text(item, "all")) {
        code = spec_u32(r, item, "run.parallel", 1, TRIALS_MAX, &run->parallel);
    }
    item = yaml_get(node, "time_limit");
    if (code == ERR_OK && item != NULL && !is_text(item, "none")) {
        code = spec_duration(r, item, "run.time_limit", &run->time_limit_ms);
    }
    item = yaml_get(node, "grace");
    if (code == ERR_OK && item != NULL) {
        code = spec_duration(r, item, "run.grace", &run->grace_ms);
    }
    item = yaml_get(node, "checkpoint");
    return code == ERR_OK && item != NULL ? read_checkpoint(r, item, run) : code;
}

enum err_code spec_read_run(const struct spec_reader *r,
                            const struct yaml_node *node,
                            struct run_options *run)
{
    static const char *const keys[] = { "parallel", "resources", "time_limit",
                                        "grace",    "retry",     "checkpoint" };
    *run = (struct run_options){
        .resources = { .cpus = 1 },
        .grace_ms = 10000,
        .retry = { .lost = 10, .preempted = 10, .backoff_ms = 1000 }
    };
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_known_keys(r, node, "run", keys, ARRAY_LEN(keys));
    if (code == ERR_OK) {
        code = read_limits(r, node, run);
    }
    const struct yaml_node *item = yaml_get(node, "resources");
    if (code == ERR_OK && item != NULL) {
        code = read_resources(r, item, &run->resources);
    }
    item = yaml_get(node, "retry");
    return code == ERR_OK && item != NULL ? read_retry(r, item, &run->retry) : code;
}
