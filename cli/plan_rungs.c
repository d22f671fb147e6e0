/* SPDX-License-Identifier: Apache-2.0 */
/* plan_rungs.c – the rung table of `winnow plan`.
 * Owns how it is shown. Knows that a rule's rungs may depend on the length of trials,
 * which nobody knows before one has finished. Does not know any rule. */
#include "cli/plan_rungs.h"

#include "base/compiler.h"
#include "core/pruner.h"

/* Rungs shown of a rule that has no last one. */
#define RUNGS_SHOWN 8
/* More brackets than any rule has. */
#define BRACKETS_MAX 64
/* Two lengths of trials: what is the same for both does not depend on it. */
#define SHORT_TRIAL ((int64_t)1000)
#define LONG_TRIAL  ((int64_t)1000000000)

struct rungs {
    int64_t steps[RUNGS_SHOWN + 1];
    size_t len;
};

static struct rungs
rungs_of(const struct stop_rule *rule, uint16_t bracket, int64_t longest)
{
    struct rungs rungs;
    rungs.len =
        rule->ops->rungs(rule, bracket, longest, rungs.steps, ARRAY_LEN(rungs.steps));
    return rungs;
}

static bool depends_on_length(const struct stop_rule *rule)
{
    for (uint16_t bracket = 0; bracket < BRACKETS_MAX; bracket++) {
        struct rungs a = rungs_of(rule, bracket, SHORT_TRIAL);
        struct rungs b = rungs_of(rule, bracket, LONG_TRIAL);
        if (b.len == 0) {
            return bracket == 0 || a.len != 0;
        }
        /* A rung may simply lie behind the end of short trials. */
        bool behind = a.len == 0 && bracket == 0 && b.steps[0] > SHORT_TRIAL;
        if (!behind && (a.len == 0 || a.steps[0] != b.steps[0])) {
            return true;
        }
    }
    return false;
}

static json_t *row_of(const struct stop_rule *rule, uint16_t bracket)
{
    json_t *row = json_object();
    json_put_str(row, "rule", rule->ops->name);
    json_put_i64(row, "bracket", bracket);
    return row;
}

static void add_brackets(const struct stop_rule *rule, json_t *rows)
{
    for (uint16_t bracket = 0; bracket < BRACKETS_MAX; bracket++) {
        struct rungs rungs = rungs_of(rule, bracket, LONG_TRIAL);
        if (rungs.len == 0) {
            return;
        }
        json_t *row = row_of(rule, bracket);
        json_t *steps = json_array();
        for (size_t i = 0; i < rungs.len && i < RUNGS_SHOWN; i++) {
            json_push(steps, json_integer(rungs.steps[i]));
        }
        json_put(row, "steps", steps);
        json_put_bool(row, "more", rungs.len > RUNGS_SHOWN);
        json_push(rows, row);
    }
}

json_t *plan_rungs(const struct sweep_spec *spec)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < spec->stop.len; i++) {
        const struct stop_rule *rule = &spec->stop.rules[i];
        if (rule->ops->rungs == NULL) {
            continue;
        }
        if (depends_on_length(rule)) {
            json_push(rows, row_of(rule, 0));
        } else {
            add_brackets(rule, rows);
        }
    }
    return rows;
}

static int64_t bracket_at(const json_t *rungs, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(rungs, i), "bracket"));
}

static void print_steps(const json_t *row, struct strbuf *out)
{
    const json_t *steps = json_object_get(row, "steps");
    if (steps == NULL) {
        strbuf_adds(out, "known when the first trial has finished\n");
        return;
    }
    for (size_t i = 0; i < json_array_size(steps); i++) {
        strbuf_addf(out, "%s%lld", i > 0 ? ", " : "step ",
                    (long long)json_integer_value(json_array_get(steps, i)));
    }
    strbuf_adds(out, json_is_true(json_object_get(row, "more")) ? ", …\n" : "\n");
}

void plan_print_rungs(const json_t *rungs, struct strbuf *out)
{
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *row = json_array_get(rungs, i);
        strbuf_addf(out, "# rungs of %s",
                    json_string_value(json_object_get(row, "rule")));
        if (bracket_at(rungs, i) > 0 || bracket_at(rungs, i + 1) > 0) {
            strbuf_addf(out, ", bracket %lld", (long long)bracket_at(rungs, i));
        }
        strbuf_adds(out, ": ");
        print_steps(row, out);
    }
}
