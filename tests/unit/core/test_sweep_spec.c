/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweep_spec.c – defaults, differences by key, project paths, limits of a whole
 * sweep file. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

#define BASE   "sweep: 1\nname: base\ncommand: ./t {x} {y}\nobjective: {metric: loss}\n"
#define SPACE  "space:\n  x: {float: [0, 1]}\n  y: [a, b]\n"
#define BUDGET "budget: {trials: 10}\n"

static void defaults(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_must(BASE SPACE BUDGET, NULL);
    assert_string_equal(spec->project.path, ".");
    assert_false(spec->project.copy);
    assert_int_equal(spec->objective.goal, GOAL_MIN);
    assert_int_equal(spec->objective.read, READ_LAST);
    assert_string_equal(spec->sampler->name, "tpe");
    assert_int_equal(spec->budget.trials, 10);
    assert_int_equal(spec->budget.time_ms, 0);
    assert_false(spec->budget.has_target);
    assert_true(spec->budget.failures_share == 0.5);
    assert_int_equal(spec->budget.failures_first, 3);
    assert_int_equal(spec->run.parallel, 0);
    assert_int_equal(spec->run.resources.cpus, 1);
    assert_int_equal(spec->run.resources.gpus, 0);
    assert_int_equal(spec->run.resources.memory_bytes, 0);
    assert_int_equal(spec->run.time_limit_ms, 0);
    assert_int_equal(spec->run.grace_ms, 10000);
    assert_int_equal(spec->run.retry.failed, 0);
    assert_int_equal(spec->run.retry.lost, 10);
    assert_int_equal(spec->run.retry.preempted, 10);
    assert_int_equal(spec->run.retry.oom, 0);
    assert_int_equal(spec->run.retry.timeout, 0);
    assert_int_equal(spec->metrics_len, 1);
    assert_int_equal(spec->metrics[0].kind, METRIC_OUTPUT);
    assert_string_equal(spec->text, BASE SPACE BUDGET);
    /* Stored sweeps rely on the seed that follows from the name. */
    assert_int_equal(spec->seed, 0xb75aa62e6c646);
    assert_int_equal(sweep_spec_trials(spec), 10);
    sweep_spec_destroy(spec);
}

static void check_diff(const char *a_text, const char *b_text, const char *expected)
{
    struct sweep_spec *a = spec_rig_must(a_text, NULL);
    struct sweep_spec *b = spec_rig_must(b_text, NULL);
    struct strbuf AUTO_STRBUF keys = STRBUF_INIT(1000);
    struct strbuf AUTO_STRBUF back = STRBUF_INIT(1000);
    size_t n = sweep_spec_diff(a, b, &keys);
    assert_string_equal(strbuf_cstr(&keys), expected);
    assert_int_equal(n == 0, expected[0] == '\0');
    assert_int_equal(sweep_spec_diff(b, a, &back), n);
    sweep_spec_destroy(a);
    sweep_spec_destroy(b);
}

static void differences_are_named(void **state)
{
    UNUSED(state);
    check_diff(BASE SPACE BUDGET, BASE SPACE BUDGET, "");
    /* Comments, order of keys, spellings and given defaults make no difference. */
    check_diff(BASE SPACE BUDGET,
               "# comment\n" BUDGET BASE
               "space: {x: {scale: linear, float: [0.0, 1e0]}, y: {choice: [a, 'b']}}\n"
               "stop: {pruner: none}\nrun: {grace: 10000ms, retry: {lost: 10}}\n",
               "");
    check_diff(BASE SPACE BUDGET, BASE SPACE "budget: {trials: 11, time: 1h}\n",
               "budget.trials, budget.time");
    check_diff(BASE SPACE BUDGET,
               BASE "space:\n  x: {float: [0, 2]}\n  y: [a, b]\n  z: [q]\n" BUDGET,
               "space.x, space.z");
    check_diff(BASE SPACE BUDGET,
               BASE "space:\n  y: [a, b]\n  x: {float: [0, 1]}\n" BUDGET,
               "space (order of parameters)");
    check_diff(
        BASE SPACE BUDGET,
        BASE SPACE BUDGET "run: {parallel: 2, resources: {gpus: 1}, "
                          "retry: {oom: 1}}\ntags: {a: b}\n"
                          "metrics: [{preset: xgboost}]\nforbid: [x > 0.5]\n",
        "run.parallel, run.resources.gpus, run.retry.oom, metrics, forbid, tags");
    check_diff(BASE SPACE BUDGET "tags: {a: b, c: d}\n",
               BASE SPACE BUDGET "tags: {a: x, c: d}\n", "tags.a");
}

static void mlproject_changes_are_seen(void **state)
{
    UNUSED(state);
    static const char text[] = "sweep: 1\nname: p\nproject: {path: p}\n"
                               "objective: {metric: m}\n" SPACE BUDGET;
    struct sweep_spec *a = spec_rig_must(text, "entry_points: {main: {command: run}}");
    struct sweep_spec *b = spec_rig_must(text, "entry_points: {main: {command: go}}");
    struct strbuf AUTO_STRBUF keys = STRBUF_INIT(1000);
    assert_int_equal(sweep_spec_diff(a, b, &keys), 1);
    assert_string_equal(strbuf_cstr(&keys), "project (its MLproject file)");
    sweep_spec_destroy(a);
    sweep_spec_destroy(b);
}

static void project_paths(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        const char *path; /* NULL: an error */
    } table[] = {
        { "sweep: 1", "." },
        { "project: {path: a/b}", "a/b" },
        { "project: {path: [1]}", "." },
        { "project: x", "." },
        { "project: {path: ~}", "." },
        { "{", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *AUTO_FREE path = NULL;
        struct err err = { 0 };
        enum err_code code = sweep_spec_project_path(
            table[i].text, strlen(table[i].text), "t.yaml", &path, &err);
        if (table[i].path == NULL) {
            assert_int_equal(code, ERR_INVALID);
        } else {
            assert_ok(code, &err);
            assert_string_equal(path, table[i].path);
        }
    }
}

static void trials_offered(void **state)
{
    UNUSED(state);
    static const char grid[] =
        "sweep: 1\nname: g\ncommand: ./t\nobjective: {metric: m}\n"
        "space:\n  a: {int: [1, 4]}\n  b: [x, y, z]\n"
        "search: {sampler: grid}\n";
    struct sweep_spec *spec = spec_rig_must(grid, NULL);
    assert_int_equal(sweep_spec_trials(spec), 12);
    sweep_spec_destroy(spec);
    char *AUTO_FREE bounded = mem_printf("%sbudget: {trials: 5}\n", grid);
    spec = spec_rig_must(bounded, NULL);
    assert_int_equal(sweep_spec_trials(spec), 5);
    sweep_spec_destroy(spec);
    spec = spec_rig_must(BASE SPACE "budget: {time: 1m}\n", NULL);
    assert_int_equal(sweep_spec_trials(spec), 0);
    sweep_spec_destroy(spec);
}

/* A cell that was enqueued does not run twice, but an enqueued point does. */
static void enqueued_cells_count_once(void **state)
{
    UNUSED(state);
    static const struct {
        const char *more;
        uint64_t trials;
    } table[] = {
        { "enqueue: [{a: 2, f: 0.5}]\n", 12 },
        { "enqueue: [{a: 2, f: 0.5}, {a: 2, f: 0.5}]\n", 13 },
        { "enqueue: [{a: 2, f: 0.5}, {a: 2, f: 0.4}, {a: 3, f: 1}]\n", 13 },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *AUTO_FREE text =
            mem_printf("sweep: 1\nname: g\ncommand: ./t\nobjective: {metric: m}\n"
                       "space:\n  a: {int: [1, 4]}\n  f: {float: [0, 1], grid: 3}\n%s"
                       "search: {sampler: grid}\n",
                       table[i].more);
        struct sweep_spec *spec = spec_rig_must(text, NULL);
        assert_true(spec->avoid_duplicates);
        assert_int_equal(sweep_spec_trials(spec), table[i].trials);
        sweep_spec_destroy(spec);
        char *AUTO_FREE twice =
            mem_printf("%.*s, duplicates: allow}\n", (int)strlen(text) - 2, text);
        spec = spec_rig_must(twice, NULL);
        assert_true(sweep_spec_trials(spec) > 12);
        sweep_spec_destroy(spec);
    }
}

static void objectives(void **state)
{
    UNUSED(state);
    const struct objective min = { .goal = GOAL_MIN };
    const struct objective max = { .goal = GOAL_MAX };
    const double nan_value = (double)NAN;
    assert_true(objective_better(&min, 1, 2));
    assert_false(objective_better(&min, 2, 2));
    assert_true(objective_better(&max, 3, 2));
    assert_true(objective_better(&max, -HUGE_VAL, nan_value));
    assert_false(objective_better(&min, nan_value, 5));
    assert_false(objective_better(&min, nan_value, nan_value));
}

static void unsupported_has_its_code(void **state)
{
    UNUSED(state);
    static const char *const texts[] = { "project: {git: x}\n",
                                         "project: {archive: x}\n" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct sweep_spec *spec = NULL;
        struct err err = { 0 };
        char *AUTO_FREE text = mem_printf("%s%s", BASE SPACE BUDGET, texts[i]);
        assert_code(spec_rig_parse(text, NULL, &spec, &err), ERR_UNSUPPORTED);
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "available yet"));
        assert_code(spec_rig_parse(text, NULL, &spec, NULL), ERR_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(differences_are_named),
        TEST(mlproject_changes_are_seen),
        TEST(project_paths),
        TEST(trials_offered),
        TEST(enqueued_cells_count_once),
        TEST(objectives),
        TEST(unsupported_has_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
