/* SPDX-License-Identifier: Apache-2.0 */
/* test_pruners_golden.c – every decision of tests/golden/pruners.json, which Optuna
 * 5.0.0.dev made, is made by our rules too. */
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "pruners/registry.h"

enum {
    TRIALS_MAX_HERE = 128
};

/* Optuna's names of options and ours. */
static const char *const names[][2] = {
    { "n_startup_trials", "startup_trials" },
    { "n_warmup_steps", "warmup" },
    { "interval_steps", "interval" },
    { "n_min_trials", "min_trials" },
    { "percentile", "percentile" },
    { "min_resource", "min" },
    { "max_resource", "max" },
    { "reduction_factor", "eta" },
    { "min_early_stopping_rate", "early" },
    { "bootstrap_count", "bootstrap" },
    { "patience", "patience" },
    { "min_delta", "min_delta" },
    { "p_threshold", "p" },
    { "n_startup_steps", "startup_steps" },
    { "lower", "lower" },
    { "upper", "upper" },
};

struct replayed {
    struct stop_rules rules;
    double sign;
    const char *study;
    struct curve curves[TRIALS_MAX_HERE];
    const struct curve *finished[TRIALS_MAX_HERE];
    uint32_t finished_trials[TRIALS_MAX_HERE];
    double finished_losses[TRIALS_MAX_HERE];
    size_t finished_len;
    struct rung_table rungs;
};

static void set_option(struct stop_rule *rule, const char *name, const json_t *value)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i][0], name) != 0) {
            continue;
        }
        size_t at =
            option_find(rule->ops->options, rule->ops->options_len, names[i][1]);
        assert_true(at < rule->ops->options_len);
        if (json_is_number(value)) {
            rule->options[at] = json_number_value(value);
        } else if (json_is_string(value)) { /* auto */
            rule->options[at] = 0;
        }
        return;
    }
    assert_string_equal(name, "inner");
}

static void
make_rule(struct stop_rule *rule, const char *name, json_t *args, uint16_t leaf)
{
    rule->ops = pruner_find(&pruner_registry_all,
                            strcmp(name, "patient") == 0 ? "patience" : name);
    assert_non_null(rule->ops);
    rule->leaf = leaf;
    rule->options = mem_alloc_array(rule->ops->options_len, sizeof *rule->options);
    option_presets(rule->ops->options, rule->ops->options_len, rule->options);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(args, key, value)
    {
        set_option(rule, key, value);
    }
}

static void begin(struct replayed *r, json_t *item)
{
    json_t *args = json_object_get(item, "args");
    const char *name = json_string_value(json_object_get(item, "pruner"));
    const char *direction = json_string_value(json_object_get(item, "direction"));
    json_t *inner = json_object_get(args, "inner");
    *r =
        (struct replayed){ .sign = strcmp(direction, "maximize") == 0 ? -1 : 1,
                           .study = json_string_value(json_object_get(item, "study")) };
    r->rules.len = json_is_array(inner) ? 2 : 1;
    r->rules.rules = mem_alloc_array(r->rules.len, sizeof *r->rules.rules);
    make_rule(&r->rules.rules[0], name, args, 0);
    if (strcmp(name, "asha") == 0 && json_object_get(args, "min_resource") == NULL) {
        r->rules.rules[0].options[0] = 0; /* Optuna's preset is auto */
    }
    if (r->rules.len == 2) {
        r->rules.rules[0].first_child = 1;
        r->rules.rules[0].children_len = 1;
        make_rule(&r->rules.rules[1], json_string_value(json_array_get(inner, 0)),
                  json_array_get(inner, 1), 1);
    }
}

static void finish(struct replayed *r)
{
    for (size_t i = 0; i < TRIALS_MAX_HERE; i++) {
        curve_fini(&r->curves[i]);
    }
    rung_table_fini(&r->rungs);
    stop_rules_fini(&r->rules);
}

static double number(const json_t *value, double sign)
{
    return json_is_number(value) ? sign * json_number_value(value) : (double)NAN;
}

static bool report(struct replayed *r, uint32_t trial, int64_t step, double loss)
{
    struct prune_verdict verdict;
    struct prune_view view = { .rules = r->rules.rules,
                               .rule = r->rules.rules,
                               .sweep = r->study,
                               .maximize = r->sign < 0,
                               .trial = trial,
                               .own = &r->curves[trial],
                               .newest = step,
                               .finished = r->finished,
                               .finished_trials = r->finished_trials,
                               .finished_losses = r->finished_losses,
                               .finished_len = r->finished_len,
                               .rungs = &r->rungs };
    assert_true(curve_add(&r->curves[trial], step, loss));
    pruner_decide(&view, &verdict);
    for (size_t i = 0; i < verdict.reached_len; i++) {
        struct rung_entry entry = { trial, verdict.reached[i].loss };
        rung_table_add(&r->rungs, verdict.reached[i].key, entry);
    }
    return verdict.stop;
}

static void end(struct replayed *r, uint32_t trial, const json_t *event)
{
    if (strcmp(json_string_value(json_array_get(event, 2)), "COMPLETE") == 0) {
        r->finished[r->finished_len] = &r->curves[trial];
        r->finished_trials[r->finished_len] = trial;
        r->finished_losses[r->finished_len++] =
            number(json_array_get(event, 3), r->sign);
    }
}

static size_t replay(json_t *item, size_t *decisions)
{
    struct replayed r;
    size_t wrong = 0;
    size_t i = 0;
    json_t *event = NULL;
    begin(&r, item);
    json_array_foreach(json_object_get(item, "events"), i, event)
    {
        const char *what = json_string_value(json_array_get(event, 0));
        uint32_t trial = (uint32_t)json_integer_value(json_array_get(event, 1));
        assert_true(trial < TRIALS_MAX_HERE);
        if (strcmp(what, "end") == 0) {
            end(&r, trial, event);
        } else if (strcmp(what, "report") == 0) {
            bool stop = report(&r, trial, json_integer_value(json_array_get(event, 2)),
                               number(json_array_get(event, 3), r.sign));
            wrong += stop != json_is_true(json_array_get(event, 4)) ? 1u : 0u;
            ++*decisions;
        }
    }
    finish(&r);
    return wrong;
}

static void golden_decisions_agree(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(JSON_BYTES_MAX);
    json_t *list = NULL;
    struct err err = { 0 };
    size_t decisions = 0;
    size_t i = 0;
    json_t *item = NULL;
    assert_ok(fsx_read_file(GOLDEN, &text, &err), &err);
    assert_ok(json_parse(strbuf_cstr(&text), text.len, &list, &err), &err);
    json_array_foreach(list, i, item)
    {
        size_t wrong = replay(item, &decisions);
        if (wrong != 0) {
            print_error("%s %s: %zu decisions differ\n",
                        json_string_value(json_object_get(item, "pruner")),
                        json_string_value(json_object_get(item, "study")), wrong);
        }
        assert_int_equal(wrong, 0);
    }
    assert_int_equal(decisions, 7007);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(golden_decisions_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
