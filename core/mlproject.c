/* SPDX-License-Identifier: Apache-2.0 */
/* mlproject.c – an entry point of an MLproject file as a command template.
 * Owns the declared parameters while they are read. Knows MLflow's format: parameters
 * with types and defaults, str.format templates, undeclared entry points that are
 * scripts. Does not run anything: where MLflow hands the command to bash, winnow splits
 * it into words, so a value is always one word and needs no quoting. */
#include "core/command.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/yaml.h"
#include "core/command_internal.h"
#include "core/expr.h"
#include "core/spec_read.h"

#include <math.h>
#include <string.h>

/* Types of other names are not checked, as in MLflow. */
enum type {
    TYPE_STRING,
    TYPE_FLOAT,
    TYPE_INT,
    TYPE_PATH,
    TYPE_URI,
    TYPE_NR
};
static const char *const type_names[TYPE_NR] = { "string", "float", "int", "path",
                                                 "uri" };

struct entry {
    const struct spec_reader *r;
    const struct space *space;
    const char *name;
    const struct yaml_node *node;
    VEC(struct declared) declared;
};

/* ---- types ---- */

static bool is_uri(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789+.-";
    size_t len = strspn(text, rest);
    return len > 0 && strchr(letters, text[0]) != NULL && text[len] == ':';
}

static bool value_fits(enum type type, struct value value)
{
    double number = 0.0;
    switch (type) {
    case TYPE_FLOAT:
        return value_number(value, &number);
    case TYPE_INT:
        return value_number(value, &number) && number == nearbyint(number);
    case TYPE_URI:
        return value.kind == VALUE_STR && is_uri(value.as.str);
    case TYPE_STRING:
    case TYPE_PATH:
    case TYPE_NR:
        break;
    }
    return true;
}

static bool param_fits(enum type type, const struct param *param)
{
    if (param->kind == PARAM_INT) {
        return type != TYPE_URI;
    }
    if (param->kind == PARAM_FLOAT) {
        return type != TYPE_URI && type != TYPE_INT;
    }
    for (size_t i = 0; i < param->items_len; i++) {
        if (!value_fits(type, param->items[i])) {
            return false;
        }
    }
    return true;
}

/* ---- parameters ---- */

static enum type read_type(const char *text)
{
    for (size_t i = 0; i < TYPE_NR; i++) {
        if (strcmp(type_names[i], text) == 0) {
            return (enum type)i;
        }
    }
    return TYPE_STRING;
}

static enum err_code read_default(const struct entry *e,
                                  const struct yaml_node *node,
                                  const char *name,
                                  enum type type,
                                  const char **preset_out)
{
    struct value value = { 0 };
    if (node == NULL
        || (node->kind == YAML_SCALAR && yaml_scalar_kind(node) == YAML_NULL)) {
        return ERR_OK;
    }
    enum err_code code = spec_value(e->r, node, "default", &value);
    if (code != ERR_OK) {
        return code;
    }
    if (!value_fits(type, value)) {
        return spec_fail(e->r, node, "the default of '%s' must be of type %s, not '%s'",
                         name, type_names[type], node->text);
    }
    *preset_out = node->text;
    return ERR_OK;
}

/* `p: type` or `p: {type: T, default: V}`. */
static enum err_code read_declared(const struct entry *e,
                                   const struct yaml_node *node,
                                   struct declared *declared)
{
    const struct yaml_node *type_node = node;
    const char *type_text = "string";
    enum err_code code = ERR_OK;
    if (node->kind == YAML_MAP) {
        static const char *const keys[] = { "type", "default" };
        code = spec_known_keys(e->r, node, declared->name, keys, ARRAY_LEN(keys));
        type_node = yaml_get(node, "type");
    }
    if (code == ERR_OK && type_node != NULL) {
        code = spec_text(e->r, type_node, "type", &type_text);
    }
    if (code != ERR_OK) {
        return code;
    }
    enum type type = read_type(type_text);
    code = read_default(e, yaml_get(node, "default"), declared->name, type,
                        &declared->preset);
    declared->param = space_find(e->space, declared->name);
    if (code != ERR_OK || declared->param < 0) {
        return code;
    }
    if (!param_fits(type, &e->space->params[declared->param])) {
        return spec_fail(e->r, node,
                         "parameter '%s' of entry point '%s' has type %s, but its "
                         "values in 'space' do not fit that",
                         declared->name, e->name, type_names[type]);
    }
    return ERR_OK;
}

static enum err_code read_parameters(struct entry *e)
{
    const struct yaml_node *node = yaml_get(e->node, "parameters");
    if (node == NULL
        || (node->kind == YAML_SCALAR && yaml_scalar_kind(node) == YAML_NULL)) {
        return ERR_OK;
    }
    if (node->kind != YAML_MAP) {
        return spec_fail(e->r, node, "'parameters' must be a map of name: type");
    }
    if (node->len > PARAMS_MAX) {
        return spec_fail(e->r, node, "more than %d parameters", PARAMS_MAX);
    }
    for (size_t i = 0; i < node->len; i++) {
        struct declared declared = { .name = node->keys[i]->text };
        enum err_code code = read_declared(e, node->items[i], &declared);
        if (code != ERR_OK) {
            return code;
        }
        vec_push(&e->declared, declared);
    }
    return ERR_OK;
}

/* Every declared parameter has a value in every trial, or all without are named. */
static enum err_code check_values(const struct entry *e)
{
    struct strbuf AUTO_STRBUF missing = STRBUF_INIT(ERR_MSG_SIZE);
    for (size_t i = 0; i < e->declared.len; i++) {
        const struct declared *declared = &e->declared.ptr[i];
        if (declared->param < 0 && declared->preset == NULL) {
            strbuf_addf(&missing, "%s'%s'", missing.len > 0 ? ", " : "",
                        declared->name);
        }
    }
    if (missing.len > 0) {
        return spec_fail(e->r, e->node,
                         "entry point '%s' needs values for %s: add them to 'space' or "
                         "give them a default",
                         e->name, strbuf_cstr(&missing));
    }
    for (size_t i = 0; i < e->declared.len; i++) {
        const struct declared *declared = &e->declared.ptr[i];
        if (declared->param < 0 || declared->preset != NULL) {
            continue;
        }
        const struct expr *when = e->space->params[declared->param].when;
        if (when != NULL) {
            return spec_fail(e->r, e->node,
                             "entry point '%s' needs a default for '%s', which is not "
                             "always active (when: %s)",
                             e->name, declared->name, expr_text(when));
        }
    }
    return ERR_OK;
}

/* ---- the command ---- */

static bool is_declared(const struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->declared.len; i++) {
        if (strcmp(e->declared.ptr[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the entry point does not declare goes to the end as `--name value`. */
static enum err_code add_undeclared(const struct entry *e,
                                    struct command_template *command)
{
    const struct command_names names = { .space = e->space };
    for (size_t i = 0; i < e->space->len; i++) {
        const struct param *param = &e->space->params[i];
        if (is_declared(e, param->name)) {
            continue;
        }
        int32_t group = param->when != NULL ? command->groups : -1;
        char *AUTO_FREE option = mem_printf("--%s", param->name);
        char *AUTO_FREE value = mem_printf("{%s}", param->name);
        enum err_code code =
            command_add_word(command, &names, option, group, e->r->err);
        if (code == ERR_OK) {
            code = command_add_word(command, &names, value, group, e->r->err);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code read_command(const struct entry *e,
                                  struct command_template *command)
{
    const struct yaml_node *node = yaml_get(e->node, "command");
    const char *text = NULL;
    if (node == NULL) {
        return spec_fail(e->r, e->node, "entry point '%s' has no 'command'", e->name);
    }
    enum err_code code = spec_text(e->r, node, "command", &text);
    if (code != ERR_OK) {
        return code;
    }
    struct split_words words = { 0 };
    struct err problem = { 0 };
    size_t at = 0;
    /* A pointer that is not NULL says "declared names only", also when there are none.
     */
    const struct declared none = { 0 };
    const struct command_names names = {
        .space = e->space,
        .declared = e->declared.len > 0 ? e->declared.ptr : &none,
        .declared_len = e->declared.len,
    };
    code = split_command(str_from(text), SPLIT_ONE_LINE | SPLIT_NO_DOLLAR, &words, &at,
                         &problem);
    for (size_t i = 0; i < words.list.len && code == ERR_OK; i++) {
        at = words.list.ptr[i].at;
        code = command_add_word(command, &names, words.list.ptr[i].text, -1, &problem);
    }
    bool empty = code == ERR_OK && words.list.len == 0;
    split_words_fini(&words);
    if (code != ERR_OK) {
        return spec_fail_at(e->r, node, at, problem.msg);
    }
    return empty ? spec_fail(e->r, node, "'command' is empty") : ERR_OK;
}

/* An entry point that is not declared may be a script. */
static enum err_code script_command(const struct entry *e,
                                    const struct yaml_node *entries,
                                    struct command_template *command)
{
    struct str name = str_from(e->name);
    const struct command_names names = { .space = e->space };
    const char *runner = str_ends(name, STR_LIT(".py"))   ? "python3"
                         : str_ends(name, STR_LIT(".sh")) ? "bash"
                                                          : NULL;
    if (runner == NULL || str_chr(name, '{') < name.len
        || str_chr(name, '}') < name.len) {
        AUTO_VEC VEC(const char *) known = { 0 };
        for (size_t i = 0; entries->kind == YAML_MAP && i < entries->len; i++) {
            vec_push(&known, entries->keys[i]->text);
        }
        const char *nearest = str_nearest(name, known.ptr, known.len);
        if (nearest != NULL) {
            return spec_fail(e->r, entries, "no entry point '%s', did you mean '%s'?",
                             e->name, nearest);
        }
        return spec_fail(e->r, entries, "no entry point '%s'", e->name);
    }
    enum err_code code = command_add_word(command, &names, runner, -1, e->r->err);
    return code == ERR_OK ? command_add_word(command, &names, e->name, -1, e->r->err)
                          : code;
}

static enum err_code read_entry(struct entry *e,
                                const struct yaml_node *root,
                                struct command_template *command)
{
    const struct yaml_node *entries = yaml_get(root, "entry_points");
    if (root->kind != YAML_MAP) {
        return spec_fail(e->r, root, "an MLproject file must be a map");
    }
    const struct yaml_node *docker = yaml_get(root, "docker_env");
    if (docker != NULL) {
        return spec_unsupported(e->r, docker, "'docker_env' is not available yet");
    }
    e->node = entries != NULL ? yaml_get(entries, e->name) : NULL;
    if (e->node == NULL) {
        return script_command(e, entries != NULL ? entries : root, command);
    }
    if (e->node->kind != YAML_MAP) {
        return spec_fail(e->r, e->node, "entry point '%s' must be a map", e->name);
    }
    enum err_code code = read_parameters(e);
    if (code == ERR_OK) {
        code = check_values(e);
    }
    return code == ERR_OK ? read_command(e, command) : code;
}

enum err_code command_from_mlproject(const struct spec_reader *reader,
                                     const char *entry,
                                     const struct space *space,
                                     struct command_template **command_out)
{
    struct yaml_node *AUTO_YAML root = NULL;
    struct entry e = { .r = reader, .space = space, .name = entry };
    enum err_code code = yaml_parse(reader->text.ptr, reader->text.len, reader->source,
                                    &root, reader->err);
    if (code != ERR_OK) {
        return code;
    }
    struct command_template *command = command_create();
    code = read_entry(&e, root, command);
    if (code == ERR_OK) {
        code = add_undeclared(&e, command);
    }
    vec_fini(&e.declared);
    if (code != ERR_OK) {
        command_destroy(command);
        return code;
    }
    *command_out = command;
    return ERR_OK;
}
