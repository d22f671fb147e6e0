/* SPDX-License-Identifier: Apache-2.0 */
/* spec_stop.c – `stop` of a sweep file: the rule of early stopping.
 * Owns nothing. Knows the registry of rules it is given, and that a rule may hold
 * others under `of` or `then`. Does not know any rule.
 *
 * Rules are read breadth first into one array, so those that a rule holds stand side by
 * side behind it. */
#include "core/spec_sections.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/vec.h"
#include "core/spec_option.h"

struct stop_reader {
    const struct spec_reader *r;
    const struct pruner_registry *pruners;
    VEC(const struct yaml_node *) nodes; /* of the rules read and to read, in order */
    VEC(struct stop_rule) rules;
};

static enum err_code find_pruner(const struct stop_reader *s,
                                 const struct yaml_node *node,
                                 const struct pruner_ops **ops_out)
{
    const char *name = NULL;
    enum err_code code = spec_text(s->r, node, "stop.pruner", &name);
    if (code != ERR_OK) {
        return code;
    }
    *ops_out = pruner_find(s->pruners, name);
    if (*ops_out == NULL) {
        AUTO_VEC VEC(const char *) known = { 0 };
        vec_push(&known, pruner_none.name);
        for (size_t i = 0; s->pruners != NULL && i < s->pruners->len; i++) {
            vec_push(&known, s->pruners->ops[i]->name);
        }
        return spec_unknown(s->r, node, "pruner", known.ptr, known.len);
    }
    return ERR_OK;
}

/* The key under which a rule holds others; NULL: it holds none. */
static const char *children_key(const struct pruner_ops *ops)
{
    return ops->children_max == 0 ? NULL : ops->children_max == 1 ? "then" : "of";
}

static enum err_code check_keys(const struct stop_reader *s,
                                const struct yaml_node *node,
                                const struct pruner_ops *ops)
{
    AUTO_VEC VEC(const char *) keys = { 0 };
    vec_push(&keys, "pruner");
    if (s->rules.len == 0) { /* of the whole section */
        vec_push(&keys, "metric");
        vec_push(&keys, "goal");
    }
    for (size_t i = 0; i < ops->options_len; i++) {
        vec_push(&keys, ops->options[i].name);
    }
    if (children_key(ops) != NULL) {
        vec_push(&keys, children_key(ops));
    }
    return spec_known_keys(s->r, node, "stop", keys.ptr, keys.len);
}

static enum err_code read_options(const struct stop_reader *s,
                                  const struct yaml_node *node,
                                  struct stop_rule *rule)
{
    struct err problem = { 0 };
    enum err_code code =
        spec_read_options(s->r, node, "stop",
                          (struct option_list){ .defs = rule->ops->options,
                                                .len = rule->ops->options_len },
                          rule->options);
    if (code == ERR_OK && rule->ops->check != NULL
        && rule->ops->check(rule->options, &problem) != ERR_OK) {
        return spec_fail(s->r, node, "%s", problem.msg);
    }
    return code;
}

/* Puts the nodes of the rules it holds at the end of the list. */
static enum err_code list_children(struct stop_reader *s,
                                   const struct yaml_node *node,
                                   struct stop_rule *rule)
{
    const char *key = children_key(rule->ops);
    const struct yaml_node *list = key != NULL ? yaml_get(node, key) : NULL;
    rule->first_child = (uint16_t)s->nodes.len;
    if (list != NULL && rule->ops->children_max > 1) {
        enum err_code code = spec_list(s->r, list, "stop.of", rule->ops->children_max);
        if (code != ERR_OK) {
            return code;
        }
        for (size_t i = 0; i < list->len; i++) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            vec_push(&s->nodes, list->items[i]);
        }
    } else if (list != NULL) {
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        vec_push(&s->nodes, list);
    }
    rule->children_len = (uint16_t)(s->nodes.len - rule->first_child);
    if (rule->children_len < rule->ops->children_min) {
        return spec_fail(s->r, node, "pruner '%s' needs rules: '%s: [{pruner: asha}]'",
                         rule->ops->name, key);
    }
    return s->nodes.len <= STOP_RULES_MAX
               ? ERR_OK
               : spec_fail(s->r, node, "more than %d rules", STOP_RULES_MAX);
}

static enum err_code read_rule(struct stop_reader *s, const struct yaml_node *node)
{
    char found[SPEC_DESCRIBE_SIZE];
    struct stop_rule rule = { .leaf = (uint16_t)s->rules.len };
    if (node->kind != YAML_MAP) {
        return spec_fail(s->r, node, "a rule must be a map with 'pruner', not %s",
                         spec_describe(node, found));
    }
    const struct yaml_node *pruner = yaml_get(node, "pruner");
    if (pruner == NULL) {
        return spec_fail(s->r, node, "'stop.pruner' is missing");
    }
    /* The rule first: options of one we do not know are not the mistake. */
    enum err_code code = find_pruner(s, pruner, &rule.ops);
    if (code == ERR_OK) {
        code = check_keys(s, node, rule.ops);
    }
    if (code != ERR_OK) {
        return code;
    }
    rule.options = mem_alloc_array(rule.ops->options_len, sizeof *rule.options);
    option_presets(rule.ops->options, rule.ops->options_len, rule.options);
    code = read_options(s, node, &rule);
    if (code == ERR_OK) {
        code = list_children(s, node, &rule);
    }
    vec_push(&s->rules, rule); /* also a half-read one: freed with the others */
    return code;
}

static enum err_code
read_goal(const struct spec_reader *r, const struct yaml_node *node, enum goal *goal)
{
    static const char *const words[] = { "min", "max" };
    size_t which = *goal == GOAL_MAX ? 1 : 0;
    enum err_code code =
        spec_word(r, node, "stop.goal", words, ARRAY_LEN(words), &which);
    *goal = which == 1 ? GOAL_MAX : GOAL_MIN;
    return code;
}

/* The metric that the rule looks at. */
static enum err_code read_metric(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 struct sweep_spec *spec)
{
    const struct yaml_node *item = node != NULL ? yaml_get(node, "metric") : NULL;
    const char *metric = spec->objective.metric;
    enum err_code code =
        item != NULL ? spec_text(r, item, "stop.metric", &metric) : ERR_OK;
    if (code != ERR_OK) {
        return code;
    }
    spec->stop_metric = mem_strdup(metric);
    spec->stop_goal = spec->objective.goal;
    item = node != NULL ? yaml_get(node, "goal") : NULL;
    return item != NULL ? read_goal(r, item, &spec->stop_goal) : ERR_OK;
}

enum err_code spec_read_stop(const struct spec_reader *r,
                             const struct yaml_node *node,
                             const struct pruner_registry *pruners,
                             struct sweep_spec *spec)
{
    struct stop_reader s = { .r = r, .pruners = pruners };
    enum err_code code = ERR_OK;
    if (node != NULL) {
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        vec_push(&s.nodes, node);
    }
    for (size_t i = 0; i < s.nodes.len && code == ERR_OK; i++) {
        code = read_rule(&s, s.nodes.ptr[i]);
    }
    vec_fini(&s.nodes);
    spec->stop = (struct stop_rules){ .rules = s.rules.ptr, .len = s.rules.len };
    return code == ERR_OK ? read_metric(r, node, spec) : code;
}

/* ---- printing ---- */

/* A rule whose braces are open, and how many of the rules it holds are printed. */
struct open_rule {
    const struct stop_rule *rule;
    uint16_t printed;
};

static void open_brace(const struct stop_rule *rule, struct strbuf *out)
{
    struct option_list options = { .defs = rule->ops->options,
                                   .len = rule->ops->options_len };
    strbuf_addf(out, "{pruner: %s", rule->ops->name);
    spec_print_options(options, rule->options, out);
}

static void put_rules(const struct stop_rules *stop, struct strbuf *out)
{
    struct open_rule stack[STOP_RULES_MAX];
    size_t depth = 0;
    stack[depth++] =
        (struct open_rule){ .rule = &stop->rules[0] }; /* its brace is open */
    while (depth > 0) {
        struct open_rule *top = &stack[depth - 1];
        bool is_list = top->rule->ops->children_max > 1;
        if (top->printed == top->rule->children_len) {
            strbuf_adds(out, is_list ? "]}" : "}");
            depth--;
            continue;
        }
        const struct stop_rule *child =
            &stop->rules[top->rule->first_child + top->printed];
        const char *before = is_list ? ", of: [" : ", then: ";
        strbuf_adds(out, top->printed++ == 0 ? before : ", ");
        open_brace(child, out);
        stack[depth++] = (struct open_rule){ .rule = child };
    }
}

void spec_print_stop(const struct sweep_spec *spec, struct strbuf *out)
{
    if (!sweep_spec_stops(spec)) {
        strbuf_adds(out, "stop: {pruner: none}\n");
        return;
    }
    strbuf_adds(out, "stop: ");
    open_brace(&spec->stop.rules[0], out);
    strbuf_addf(out, ", metric: %s, goal: %s", spec->stop_metric,
                goal_name(spec->stop_goal));
    put_rules(&spec->stop, out);
    strbuf_addc(out, '\n');
}
