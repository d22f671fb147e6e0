/* SPDX-License-Identifier: Apache-2.0 */
/* spec_search.c – `search` and `enqueue` of a sweep file.
 * Owns nothing. Knows the registry of samplers it is given and how a point is checked.
 * Does not know any algorithm. */
#include "core/spec_sections.h"

#include "base/mem.h"
#include "base/vec.h"
#include "core/expr.h"
#include "core/point.h"
#include "core/spec_option.h"

#include <math.h>
#include <string.h>

/* ---- search ---- */

static enum err_code find_sampler(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  const struct sampler_registry *samplers,
                                  const struct sampler_ops **ops_out)
{
    const char *name = NULL;
    enum err_code code = spec_text(r, node, "search.sampler", &name);
    if (code != ERR_OK) {
        return code;
    }
    *ops_out = sampler_find(samplers, name);
    if (*ops_out == NULL) {
        AUTO_VEC VEC(const char *) known = { 0 };
        for (size_t i = 0; i < samplers->len; i++) {
            vec_push(&known, samplers->ops[i]->name);
        }
        return spec_unknown(r, node, "sampler", known.ptr, known.len);
    }
    return ERR_OK;
}

static enum err_code check_sampler(const struct spec_reader *r,
                                   const struct yaml_node *node,
                                   const struct sweep_spec *spec)
{
    struct err problem = { 0 };
    const struct sampler_ops *ops = spec->sampler;
    if (ops->check == NULL || ops->check(spec->space, &problem) == ERR_OK) {
        return ERR_OK;
    }
    return spec_fail(r, node, "sampler '%s' cannot search this space: %s", ops->name,
                     problem.msg);
}

static enum err_code
read_seed(const struct spec_reader *r, const struct yaml_node *node, uint64_t *seed)
{
    int64_t value = 0;
    char found[SPEC_DESCRIBE_SIZE];
    if (yaml_as_i64(node, &value) != ERR_OK || value < 0) {
        return spec_fail(r, node,
                         "'search.seed' must be an integer from 0 to 2^63 - 1, "
                         "not %s",
                         spec_describe(node, found));
    }
    *seed = (uint64_t)value;
    return ERR_OK;
}

static enum err_code
read_duplicates(const struct spec_reader *r, const struct yaml_node *node, bool *avoid)
{
    static const char *const words[] = { "allow", "avoid" };
    size_t which = *avoid ? 1 : 0;
    enum err_code code =
        spec_word(r, node, "search.duplicates", words, ARRAY_LEN(words), &which);
    *avoid = which == 1;
    return code;
}

/* ---- options of the sampler ---- */

static enum err_code read_options(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct sweep_spec *spec)
{
    struct option_list list = { .defs = spec->sampler->options,
                                .len = spec->sampler->options_len };
    return spec_read_options(r, node, "search", list, spec->sampler_options);
}

static enum err_code check_keys(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const struct sampler_ops *ops)
{
    static const char *const always[] = { "sampler", "seed", "duplicates" };
    AUTO_VEC VEC(const char *) keys = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        vec_push(&keys, always[i]);
    }
    for (size_t i = 0; i < ops->options_len; i++) {
        vec_push(&keys, ops->options[i].name);
    }
    return spec_known_keys(r, node, "search", keys.ptr, keys.len);
}

/* Presets that depend on the rest of the file. */
static void preset_search(struct sweep_spec *spec, const struct sampler_ops *ops)
{
    spec->sampler = ops;
    mem_free(spec->sampler_options);
    spec->sampler_options =
        mem_alloc_array(ops->options_len, sizeof *spec->sampler_options);
    option_presets(ops->options, ops->options_len, spec->sampler_options);
    /* A sampler that counts its points gives each of them once. */
    spec->avoid_duplicates = space_size(spec->space) != 0 || ops->count != NULL;
}

/* What a file means that names no sampler: the one that learns, where it is known. */
static const struct sampler_ops *preset_sampler(const struct sampler_registry *samplers)
{
    const struct sampler_ops *tpe = sampler_find(samplers, "tpe");
    return tpe != NULL ? tpe : sampler_find(samplers, "random");
}

enum err_code spec_read_search(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const struct sampler_registry *samplers,
                               struct sweep_spec *spec)
{
    /* 53 bits, so that every reader of JSON keeps it exactly. */
    spec->seed = str_hash64(str_from(spec->name)) >> 11;
    const struct sampler_ops *ops = preset_sampler(samplers);
    preset_search(spec, ops);
    if (node == NULL) {
        return ERR_OK;
    }
    const struct yaml_node *item = yaml_get(node, "sampler");
    enum err_code code = ERR_OK;
    /* The sampler first: options of one we do not know are not the mistake. */
    if (item != NULL) {
        code = find_sampler(r, item, samplers, &ops);
    }
    if (code == ERR_OK) {
        preset_search(spec, ops);
        code = check_keys(r, node, ops);
    }
    if (code == ERR_OK) {
        code = read_options(r, node, spec);
    }
    if (code == ERR_OK && item != NULL) {
        code = check_sampler(r, item, spec);
    }
    item = yaml_get(node, "seed");
    if (code == ERR_OK && item != NULL) {
        code = read_seed(r, item, &spec->seed);
    }
    item = yaml_get(node, "duplicates");
    return code == ERR_OK && item != NULL
               ? read_duplicates(r, item, &spec->avoid_duplicates)
               : code;
}

/* ---- enqueue ---- */

static enum err_code read_coordinate(const struct spec_reader *r,
                                     const struct yaml_node *node,
                                     const struct space *space,
                                     size_t i,
                                     double *x)
{
    struct value value = { 0 };
    struct err problem = { 0 };
    enum err_code code = spec_value(r, node, space->params[i].name, &value);
    if (code != ERR_OK) {
        return code;
    }
    code = space_encode(space, i, value, &x[i], &problem);
    return code == ERR_OK ? ERR_OK : spec_fail(r, node, "%s", problem.msg);
}

/* Exactly the active parameters are given, and the point is allowed. */
static enum err_code check_point(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const struct space *space,
                                 const double *x)
{
    size_t i = 0;
    switch (point_fault(space, x, &i)) {
    case POINT_GOOD:
        return ERR_OK;
    case POINT_MISSING:
        return spec_fail(r, node, "this point needs a value for '%s'",
                         space->params[i].name);
    case POINT_INACTIVE:
        return spec_fail(r, node->keys[yaml_find(node, space->params[i].name)],
                         "'%s' is not active in this point (when: %s)",
                         space->params[i].name, expr_text(space->params[i].when));
    case POINT_FORBIDDEN:
        return spec_fail(r, node, "this point is forbidden by '%s'",
                         expr_text(space->forbids[i]));
    }
    UNREACHABLE();
}

static enum err_code read_point(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const struct space *space,
                                double *x)
{
    AUTO_VEC VEC(const char *) names = { 0 };
    for (size_t i = 0; i < space->len; i++) {
        vec_push(&names, space->params[i].name);
        x[i] = (double)NAN;
    }
    enum err_code code = spec_known_keys(r, node, "enqueue", names.ptr, names.len);
    for (size_t k = 0; k < node->len && code == ERR_OK; k++) {
        size_t i = (size_t)space_find(space, node->keys[k]->text);
        code = read_coordinate(r, node->items[k], space, i, x);
    }
    return code == ERR_OK ? check_point(r, node, space, x) : code;
}

enum err_code spec_read_enqueue(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct sweep_spec *spec)
{
    const struct space *space = spec->space;
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_list(r, node, "enqueue", ENQUEUE_MAX);
    if (code != ERR_OK) {
        return code;
    }
    spec->enqueued = mem_alloc_array(node->len * space->len, sizeof(double));
    for (size_t i = 0; i < node->len && code == ERR_OK; i++) {
        code = read_point(r, node->items[i], space, &spec->enqueued[i * space->len]);
    }
    spec->enqueued_len = node->len;
    return code;
}
