/* SPDX-License-Identifier: Apache-2.0 */
/* spec_space.c – the search space of a sweep file: names, conditions, forbidden
 * regions. Owns the space while it is being built. Knows name rules and the order of
 * conditions. Does not know kinds of parameters (spec_param.c) or expressions
 * (expr_parse.c). */
#include "core/spec_space.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/expr.h"
#include "core/spec_param.h"

#include <string.h>

static const char *const reserved[] = { "and", "or", "not", "in", "true", "false" };

/* ---- names ---- */

static bool name_is_valid(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                               "0123456789.-/";
    return name[0] != '\0' && strchr(letters, name[0]) != NULL
           && strspn(name, rest) == strlen(name);
}

static enum err_code check_name(const struct spec_reader *r,
                                const struct yaml_node *key)
{
    if (key->text_len > NAME_BYTES_MAX) {
        return spec_fail(r, key, "a parameter's name is longer than %d bytes",
                         NAME_BYTES_MAX);
    }
    if (!name_is_valid(key->text)) {
        return spec_fail(r, key,
                         "'%s' cannot name a parameter, expected a letter or '_', then "
                         "letters, digits and _ . - /",
                         key->text);
    }
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (strcmp(key->text, reserved[i]) == 0) {
            return spec_fail(r, key,
                             "'%s' is a word of expressions and cannot name a "
                             "parameter",
                             key->text);
        }
    }
    return ERR_OK;
}

static char env_char(char c)
{
    if (c >= 'a' && c <= 'z') {
        return (char)(c - 'a' + 'A');
    }
    bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!kept) {
        c = '_';
    }
    return c;
}

/* The trial finds each value in WINNOW_PARAM_<NAME>; two names must not meet there. */
static enum err_code check_env_name(const struct spec_reader *r,
                                    const struct yaml_node *key,
                                    struct map_str *seen)
{
    struct strbuf AUTO_STRBUF env = STRBUF_INIT(NAME_BYTES_MAX);
    for (size_t i = 0; i < key->text_len; i++) {
        strbuf_addc(&env, env_char(key->text[i]));
    }
    const char *other = map_str_set(seen, strbuf_str(&env), key->text);
    if (other != NULL) {
        return spec_fail(r, key,
                         "'%s' and '%s' would share the variable "
                         "WINNOW_PARAM_%s, rename one",
                         other, key->text, strbuf_cstr(&env));
    }
    return ERR_OK;
}

static enum err_code read_params(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 struct space *space)
{
    struct map_str seen = { 0 };
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < node->len && code == ERR_OK; i++) {
        const struct yaml_node *key = node->keys[i];
        struct param *param = &space->params[i];
        code = check_name(r, key);
        if (code == ERR_OK) {
            code = check_env_name(r, key, &seen);
        }
        if (code == ERR_OK) {
            param->name = mem_strdup(key->text);
            param->line = key->line;
            space->len = i + 1;
            code = spec_read_param(r, node->items[i], param->name, param);
        }
    }
    map_str_fini(&seen);
    return code;
}

/* ---- expressions ---- */

static enum err_code read_expr(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const char *what,
                               const struct space *space,
                               struct expr **expr_out)
{
    char found[SPEC_DESCRIBE_SIZE];
    struct err problem = { 0 };
    size_t at = 0;
    if (node->kind != YAML_SCALAR || yaml_scalar_kind(node) == YAML_NULL) {
        return spec_fail(r, node, "'%s' must be an expression, not %s", what,
                         spec_describe(node, found));
    }
    struct str text = str_from_n(node->text, node->text_len);
    if (expr_parse(text, space, expr_out, &at, &problem) != ERR_OK) {
        return spec_fail_at(r, node, at, problem.msg);
    }
    return ERR_OK;
}

static enum err_code read_conditions(const struct spec_reader *r,
                                     const struct yaml_node *node,
                                     struct space *space)
{
    for (size_t i = 0; i < space->len; i++) {
        const struct yaml_node *when = yaml_get(node->items[i], "when");
        if (when == NULL) {
            continue;
        }
        enum err_code code = read_expr(r, when, "when", space, &space->params[i].when);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* Some parameter could not be placed: follow what it waits for until one comes twice.
 */
static enum err_code fail_cycle(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const struct space *space,
                                const bool *placed)
{
    size_t at = 0;
    while (placed[at]) {
        at++;
    }
    for (size_t i = 0; i < space->len; i++) {
        at = (size_t)expr_first_outside(space->params[at].when, placed);
    }
    size_t first = at;
    struct strbuf AUTO_STRBUF path = STRBUF_INIT(ERR_MSG_SIZE);
    strbuf_adds(&path, space->params[first].name);
    do {
        at = (size_t)expr_first_outside(space->params[at].when, placed);
        strbuf_addf(&path, " -> %s", space->params[at].name);
    } while (at != first && !path.toobig);
    return spec_fail(r, yaml_get(node->items[first], "when"),
                     "'when' of '%s' depends on itself: %s", space->params[first].name,
                     strbuf_cstr(&path));
}

/* Orders conditions before what they guard, else in file order. */
static enum err_code order_params(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct space *space)
{
    bool *AUTO_FREE placed = mem_alloc_array(space->len, sizeof *placed);
    size_t done = 0;
    space->topo = mem_alloc_array(space->len, sizeof *space->topo);
    while (done < space->len) {
        size_t before = done;
        for (size_t i = 0; i < space->len; i++) {
            const struct expr *when = space->params[i].when;
            if (!placed[i] && (when == NULL || expr_first_outside(when, placed) < 0)) {
                placed[i] = true;
                space->topo[done++] = (uint32_t)i;
            }
        }
        if (done == before) {
            return fail_cycle(r, node, space, placed);
        }
    }
    return ERR_OK;
}

static enum err_code read_forbids(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct space *space)
{
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_list(r, node, "forbid", FORBID_MAX);
    if (code != ERR_OK) {
        return code;
    }
    space->forbids = mem_alloc_array(node->len, sizeof(void *));
    for (size_t i = 0; i < node->len && code == ERR_OK; i++) {
        code = read_expr(r, node->items[i], "forbid", space, &space->forbids[i]);
        if (code == ERR_OK) {
            space->forbids_len = i + 1;
        }
    }
    return code;
}

static enum err_code check_node(const struct spec_reader *r,
                                const struct yaml_node *node)
{
    char found[SPEC_DESCRIBE_SIZE];
    if (node->kind != YAML_MAP) {
        return spec_fail(r, node, "'space' must be a map of parameters, not %s",
                         spec_describe(node, found));
    }
    if (node->len == 0) {
        return spec_fail(r, node, "'space' needs at least one parameter");
    }
    if (node->len > PARAMS_MAX) {
        return spec_fail(r, node, "'space' has %zu parameters, at most %d are allowed",
                         node->len, PARAMS_MAX);
    }
    return ERR_OK;
}

enum err_code spec_read_space(const struct spec_reader *r,
                              const struct yaml_node *space_node,
                              const struct yaml_node *forbid_node,
                              struct space **space_out)
{
    enum err_code code = check_node(r, space_node);
    if (code != ERR_OK) {
        return code;
    }
    struct space *space = mem_alloc(sizeof *space);
    space->params = mem_alloc_array(space_node->len, sizeof *space->params);
    code = read_params(r, space_node, space);
    if (code == ERR_OK) {
        code = read_conditions(r, space_node, space);
    }
    if (code == ERR_OK) {
        code = order_params(r, space_node, space);
    }
    if (code == ERR_OK) {
        code = read_forbids(r, forbid_node, space);
    }
    if (code != ERR_OK) {
        space_destroy(space);
        return code;
    }
    *space_out = space;
    return ERR_OK;
}
