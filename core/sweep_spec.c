/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_spec.c – a sweep file, read as a whole.
 * Owns the spec while it is being built. Knows the top-level keys, what is required and
 * what belongs together. Sections are read in spec_*.c; nothing here opens a file. */
#include "core/sweep_spec.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/yaml.h"
#include "core/spec_sections.h"
#include "core/spec_space.h"

#include <math.h>
#include <string.h>

static const char *const top_keys[] = {
    "sweep",  "name", "project", "command", "objective", "space",   "forbid",
    "search", "stop", "budget",  "run",     "metrics",   "enqueue", "tags",
};

/* ---- required keys ---- */

static enum err_code missing(const struct spec_reader *r,
                             const struct yaml_node *root,
                             const char *key,
                             const char *example)
{
    return spec_fail(r, root, "'%s' is missing, such as %s", key, example);
}

static enum err_code check_version(const struct spec_reader *r,
                                   const struct yaml_node *root)
{
    const struct yaml_node *node = yaml_get(root, "sweep");
    int64_t version = 0;
    char found[SPEC_DESCRIBE_SIZE];
    if (node == NULL) {
        return missing(r, root, "sweep", "'sweep: 1' (the format's version)");
    }
    if (yaml_as_i64(node, &version) != ERR_OK || version != 1) {
        return spec_fail(r, node,
                         "'sweep' is the format's version and must be 1, not %s",
                         spec_describe(node, found));
    }
    return ERR_OK;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool name_is_valid(struct str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX || !is_alnum(name.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alnum(name.ptr[i]) && strchr("._-", name.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static enum err_code read_name(const struct spec_reader *r,
                               const struct yaml_node *root,
                               struct sweep_spec *spec)
{
    const struct yaml_node *node = yaml_get(root, "name");
    const char *text = NULL;
    char found[SPEC_DESCRIBE_SIZE];
    if (node == NULL) {
        return missing(r, root, "name", "'name: svm-digits'");
    }
    enum err_code code = spec_text(r, node, "name", &text);
    if (code != ERR_OK) {
        return code;
    }
    if (!name_is_valid(str_from(text))) {
        return spec_fail(r, node,
                         "'name' must be a letter or digit, then up to %d letters, "
                         "digits and . _ -, not %s",
                         NAME_BYTES_MAX - 1, spec_describe(node, found));
    }
    if (strcmp(text, "last") == 0) {
        return spec_fail(r, node,
                         "a sweep cannot be named 'last', which means the "
                         "newest one");
    }
    spec->name = mem_strdup(text);
    return ERR_OK;
}

/* ---- command and project ---- */

static enum err_code read_entry_command(const struct spec_reader *r,
                                        const struct yaml_node *project,
                                        const struct sweep_spec_input *input,
                                        struct sweep_spec *spec)
{
    if (input->mlproject == NULL) {
        if (input->command_optional) {
            return ERR_OK;
        }
        return spec_fail(r, project,
                         "project '%s' has no MLproject file, so 'command' is needed",
                         spec->project.path);
    }
    spec->command_from_entry = true;
    const struct spec_reader mlproject = {
        .source = input->mlproject_source,
        .text = str_from_n(input->mlproject, input->mlproject_len),
        .err = r->err,
    };
    return command_from_mlproject(&mlproject, spec->project.entry, spec->space,
                                  &spec->command);
}

static enum err_code read_program(const struct spec_reader *r,
                                  const struct yaml_node *root,
                                  const struct sweep_spec_input *input,
                                  struct sweep_spec *spec)
{
    const struct yaml_node *command = yaml_get(root, "command");
    const struct yaml_node *project = yaml_get(root, "project");
    enum err_code code = spec_read_project(r, project, &spec->project);
    if (code != ERR_OK) {
        return code;
    }
    if (command == NULL && project == NULL) {
        if (input->command_optional) {
            return ERR_OK;
        }
        return spec_fail(r, root,
                         "'command' is missing (or 'project', a folder with an "
                         "MLproject file)");
    }
    if (command == NULL) {
        return read_entry_command(r, project, input, spec);
    }
    const struct yaml_node *entry = project != NULL ? yaml_get(project, "entry") : NULL;
    if (entry != NULL) {
        return spec_fail(r, entry,
                         "both 'command' and 'project.entry' are given, "
                         "remove one");
    }
    return command_parse(r, command, spec->space, &spec->command);
}

/* ---- all sections ---- */

static enum err_code check_bound(const struct spec_reader *r,
                                 const struct yaml_node *root,
                                 const struct sweep_spec_input *input,
                                 const struct sweep_spec *spec)
{
    if (input->command_optional || spec->budget.trials != 0 || spec->budget.time_ms != 0
        || spec->sampler->count != NULL) {
        return ERR_OK;
    }
    const struct yaml_node *budget = yaml_get(root, "budget");
    return spec_fail(r, budget != NULL ? budget : root,
                     "the sweep has no bound: give 'budget.trials', 'budget.time' or "
                     "'search: {sampler: grid}'");
}

static enum err_code read_space(const struct spec_reader *r,
                                const struct yaml_node *root,
                                struct sweep_spec *spec)
{
    const struct yaml_node *node = yaml_get(root, "space");
    if (node == NULL) {
        return missing(r, root, "space", "'space: {lr: {float: [0.001, 1]}}'");
    }
    return spec_read_space(r, node, yaml_get(root, "forbid"), &spec->space);
}

static enum err_code read_head(const struct spec_reader *r,
                               const struct yaml_node *root,
                               struct sweep_spec *spec)
{
    const struct yaml_node *objective = yaml_get(root, "objective");
    char found[SPEC_DESCRIBE_SIZE];
    if (root->kind != YAML_MAP) {
        return spec_fail(r, root, "a sweep file must be a map of keys, not %s",
                         spec_describe(root, found));
    }
    enum err_code code = spec_known_keys(r, root, NULL, top_keys, ARRAY_LEN(top_keys));
    if (code == ERR_OK) {
        code = check_version(r, root);
    }
    if (code == ERR_OK) {
        code = read_name(r, root, spec);
    }
    if (code == ERR_OK && objective == NULL) {
        return missing(r, root, "objective", "'objective: {metric: loss, goal: min}'");
    }
    return code == ERR_OK ? spec_read_objective(r, objective, &spec->objective) : code;
}

static enum err_code read_options(const struct spec_reader *r,
                                  const struct yaml_node *root,
                                  const struct sweep_spec_input *input,
                                  struct sweep_spec *spec)
{
    enum err_code code =
        spec_read_search(r, yaml_get(root, "search"), input->samplers, spec);
    if (code == ERR_OK) {
        code = spec_read_stop(r, yaml_get(root, "stop"), input->pruners, spec);
    }
    if (code == ERR_OK) {
        code = spec_read_budget(r, yaml_get(root, "budget"), &spec->budget);
    }
    if (code == ERR_OK) {
        code = spec_read_run(r, yaml_get(root, "run"), &spec->run);
    }
    if (code == ERR_OK) {
        code = spec_read_metrics(r, yaml_get(root, "metrics"), spec);
    }
    if (code == ERR_OK) {
        code = spec_read_enqueue(r, yaml_get(root, "enqueue"), spec);
    }
    return code == ERR_OK ? spec_read_tags(r, yaml_get(root, "tags"), spec) : code;
}

static enum err_code read_all(const struct spec_reader *r,
                              const struct yaml_node *root,
                              const struct sweep_spec_input *input,
                              struct sweep_spec *spec)
{
    enum err_code code = read_head(r, root, spec);
    if (code == ERR_OK) {
        code = read_space(r, root, spec);
    }
    if (code == ERR_OK) {
        code = read_program(r, root, input, spec);
    }
    if (code == ERR_OK) {
        code = read_options(r, root, input, spec);
    }
    return code == ERR_OK ? check_bound(r, root, input, spec) : code;
}

enum err_code sweep_spec_parse(const struct sweep_spec_input *input,
                               struct sweep_spec **spec_out,
                               struct err *err)
{
    struct yaml_node *AUTO_YAML root = NULL;
    enum err_code code =
        yaml_parse(input->text, input->text_len, input->source, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct spec_reader r = { .source = input->source,
                                   .text = str_from_n(input->text, input->text_len),
                                   .err = err };
    struct sweep_spec *spec = mem_alloc(sizeof *spec);
    spec->text = mem_strndup(input->text, input->text_len);
    code = read_all(&r, root, input, spec);
    if (code != ERR_OK) {
        sweep_spec_destroy(spec);
        return code;
    }
    ASSERT(spec->space != NULL && spec->sampler != NULL);
    *spec_out = spec;
    return ERR_OK;
}

enum err_code sweep_spec_project_path(
    const char *text, size_t len, const char *source, char **path_out, struct err *err)
{
    struct yaml_node *AUTO_YAML root = NULL;
    enum err_code code = yaml_parse(text, len, source, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct yaml_node *project = yaml_get(root, "project");
    const struct yaml_node *path = project != NULL ? yaml_get(project, "path") : NULL;
    bool given = path != NULL && path->kind == YAML_SCALAR && path->text_len > 0
                 && yaml_scalar_kind(path) != YAML_NULL;
    *path_out = mem_strdup(given ? path->text : ".");
    return ERR_OK;
}

void sweep_spec_destroy(struct sweep_spec *spec)
{
    if (spec == NULL) {
        return;
    }
    for (size_t i = 0; i < spec->metrics_len; i++) {
        mem_free(spec->metrics[i].text);
    }
    for (size_t i = 0; i < spec->tags_len; i++) {
        mem_free(spec->tags[i].key);
        mem_free(spec->tags[i].value);
    }
    command_destroy(spec->command);
    space_destroy(spec->space);
    mem_free(spec->metrics);
    mem_free(spec->tags);
    mem_free(spec->enqueued);
    mem_free(spec->sampler_options);
    mem_free(spec->stop_metric);
    stop_rules_fini(&spec->stop);
    mem_free(spec->project.path);
    mem_free(spec->project.entry);
    mem_free(spec->objective.metric);
    mem_free(spec->run.checkpoint_path);
    mem_free(spec->name);
    mem_free(spec->text);
    mem_free(spec);
}

/* ---- questions ---- */

/* A grid visits the value x of parameter i. */
static bool is_on_grid(const struct space *space, size_t i, double x)
{
    uint64_t low = 0;
    uint64_t high = space_grid_len(space, i);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        double value = space_grid_at(space, i, middle);
        if (value == x) {
            return true;
        }
        low = value < x ? middle + 1 : low;
        high = value < x ? high : middle;
    }
    return isnan(x);
}

/* Enqueued points that the sampler's own would repeat, each counted once. */
static uint64_t enqueued_repeats(const struct sweep_spec *spec)
{
    const struct space *space = spec->space;
    struct tried seen;
    uint64_t repeats = 0;
    tried_init(&seen, space->len);
    for (size_t k = 0; k < spec->enqueued_len; k++) {
        const double *x = spec->enqueued + k * space->len;
        bool repeated = !tried_has(&seen, x, 0);
        for (size_t i = 0; i < space->len && repeated; i++) {
            repeated = is_on_grid(space, i, x[i]);
        }
        repeats += repeated ? 1 : 0;
        tried_add_prior(&seen, x);
    }
    tried_fini(&seen);
    return repeats;
}

/* Trials that a sampler which counts its points gives, with the enqueued ones. */
static uint64_t trials_counted(const struct sweep_spec *spec)
{
    uint64_t points = spec->sampler->count(spec->space);
    if (points == UINT64_MAX) {
        return points;
    }
    uint64_t repeats = spec->avoid_duplicates ? enqueued_repeats(spec) : 0;
    return num_add_sat_u64(points, spec->enqueued_len - repeats);
}

bool sweep_spec_stops(const struct sweep_spec *spec)
{
    return spec->stop.len > 0 && strcmp(spec->stop.rules[0].ops->name, "none") != 0;
}

uint64_t sweep_spec_trials(const struct sweep_spec *spec)
{
    uint64_t offered = spec->sampler->count != NULL ? trials_counted(spec) : 0;
    uint64_t wanted = spec->budget.trials;
    uint64_t points = spec->avoid_duplicates ? space_size(spec->space) : 0;
    if (points != 0 && offered == 0) {
        offered = points;
    }
    if (offered == 0 || wanted == 0) {
        return offered + wanted;
    }
    return offered < wanted ? offered : wanted;
}

bool objective_better(const struct objective *objective, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return !isnan(a) && isnan(b);
    }
    return objective->goal == GOAL_MIN ? a < b : a > b;
}
