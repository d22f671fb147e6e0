/* SPDX-License-Identifier: Apache-2.0 */
/* pruner_contract.c – what every rule of early stopping promises (core/pruner.h), run
 * for each one of the registry over curves of every kind: the same view gives the same
 * verdict, a rung is entered once, no stop without a value and a limit that it misses,
 * and none before there is anything to compare with. */
#include "tests/lib/test.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"
#include "pruners/registry.h"
#include "pruners/simulate.h"
#include "samplers/registry.h"

#include <math.h>
#include <string.h>

enum {
    TRIALS = 60,
    STEPS = 40
};

/* Options of the rules; each is run with presets too. `any` needs others. */
static const char *const variants[] = {
    "auto, max: 40",
    "auto, explore: 1",
    "median, startup_trials: 1, interval: 3, warmup: 2",
    "percentile, percentile: 75, min_trials: 3",
    "asha, min: 0",
    "asha, min: 2, max: 20, eta: 2, early: 1, bootstrap: 2",
    "hyperband, min: 2, max: 40, eta: 4",
    "threshold, lower: -0.2, upper: 0.9",
    "patience, patience: 0",
    "patience, patience: 2, then: {pruner: median}",
    "wilcoxon, p: 0.5, startup_steps: 5",
    "any, of: [{pruner: asha}, {pruner: hyperband}, {pruner: median}]",
    "any, of: [{pruner: patience, then: {pruner: auto}}, {pruner: asha}]",
};

static enum err_code
parse(const char *rule, struct sweep_spec **spec_out, struct err *err)
{
    AUTO_FREE char *text = mem_printf("sweep: 1\n"
                                      "name: contract\n"
                                      "objective: {metric: loss, goal: min}\n"
                                      "space: {x: [1]}\n"
                                      "stop: {pruner: %s}\n",
                                      rule);
    struct sweep_spec_input input = { .text = text,
                                      .text_len = strlen(text),
                                      .source = "t.yaml",
                                      .samplers = &sampler_registry_all,
                                      .pruners = &pruner_registry_all,
                                      .command_optional = true };
    return sweep_spec_parse(&input, spec_out, err);
}

typedef void (*check_fn)(const struct stop_rules *rules);

static void for_rule(const char *rule, check_fn check)
{
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    assert_ok(parse(rule, &spec, &err), &err);
    check(&spec->stop);
    sweep_spec_destroy(spec);
}

static void for_all(check_fn check)
{
    for (size_t i = 0; i < pruner_registry_all.len; i++) {
        if (pruner_registry_all.ops[i]->children_min == 0) {
            for_rule(pruner_registry_all.ops[i]->name, check);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        for_rule(variants[i], check);
    }
}

/* ---- a sweep ---- */

struct bench {
    const struct stop_rules *rules;
    struct curve curves[TRIALS];
    const struct curve *finished[TRIALS];
    uint32_t finished_trials[TRIALS];
    double finished_losses[TRIALS];
    size_t finished_len;
    struct rung_table rungs;
};

static void bench_fini(struct bench *bench)
{
    for (size_t i = 0; i < TRIALS; i++) {
        curve_fini(&bench->curves[i]);
    }
    rung_table_fini(&bench->rungs);
}

static void check_reached(const struct bench *bench,
                          uint32_t trial,
                          const struct prune_verdict *got)
{
    for (size_t i = 0; i < got->reached_len; i++) {
        const struct prune_rung *entry = &got->reached[i];
        const struct rung *rung = rung_table_find(&bench->rungs, entry->key);
        assert_true(entry->key.leaf < bench->rules->len);
        assert_true(!isnan(entry->loss));
        assert_false(rung != NULL && rung_has(rung, trial));
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(&entry->key, &got->reached[k].key,
                                    sizeof entry->key);
        }
    }
}

/* ASHA may be told to stop the first at a rung, good or bad. */
static bool bootstraps(const struct stop_rules *rules)
{
    const struct stop_rule *rule = &rules->rules[0];
    size_t at = option_find(rule->ops->options, rule->ops->options_len, "bootstrap");
    return at < rule->ops->options_len && rule->options[at] > 0;
}

/* A stop says what was compared with what; only a value that is no number has no
 * limit. */
static void
check_stop(const struct bench *bench, const struct prune_verdict *got, int64_t step)
{
    bool both_ways = strcmp(got->rule, "threshold") == 0;
    assert_true(got->step == step);
    assert_true(strlen(got->rule) > 0);
    if (got->stop) {
        assert_int_equal(isnan(got->threshold) != 0, isnan(got->value) != 0);
        assert_true(isnan(got->value) || both_ways || got->value > got->threshold
                    || bootstraps(bench->rules));
    }
}

static void check_same(const struct prune_verdict *a, const struct prune_verdict *b)
{
    assert_int_equal(a->stop, b->stop);
    assert_string_equal(a->rule, b->rule);
    assert_int_equal(a->rung, b->rung);
    assert_memory_equal(&a->value, &b->value, sizeof a->value);
    assert_memory_equal(&a->threshold, &b->threshold, sizeof a->threshold);
    assert_int_equal(a->compared, b->compared);
    assert_int_equal(a->reached_len, b->reached_len);
    for (size_t i = 0; i < a->reached_len; i++) {
        assert_memory_equal(&a->reached[i].key, &b->reached[i].key,
                            sizeof a->reached[i].key);
        assert_true(a->reached[i].loss == b->reached[i].loss);
    }
}

/* Limits for an agent name rungs of the rule that lie ahead, in order. */
static void check_limits(const struct prune_view *view)
{
    struct prune_limit limits[8];
    const struct pruner_ops *ops = view->rule->ops;
    size_t len = ops->limits != NULL ? ops->limits(view, limits, ARRAY_LEN(limits)) : 0;
    assert_true(len <= ARRAY_LEN(limits));
    for (size_t i = 0; i < len; i++) {
        assert_true(limits[i].key.leaf == view->rule->leaf);
        assert_true(!isnan(limits[i].loss));
        assert_true(limits[i].step >= (i > 0 ? limits[i - 1].step : 0));
    }
}

/* A report; true when the trial is to stop. A step that is there already is ignored. */
static bool report(struct bench *bench, uint32_t trial, int64_t step, double loss)
{
    struct curve *own = &bench->curves[trial];
    struct prune_verdict verdict;
    struct prune_verdict again;
    if (!curve_add(own, step, loss)) {
        return false;
    }
    struct prune_view view = { .rules = bench->rules->rules,
                               .rule = bench->rules->rules,
                               .sweep = "contract",
                               .trial = trial,
                               .own = own,
                               .newest = step,
                               .finished = bench->finished,
                               .finished_trials = bench->finished_trials,
                               .finished_losses = bench->finished_losses,
                               .finished_len = bench->finished_len,
                               .rungs = &bench->rungs };
    memset(&verdict, 0x55, sizeof verdict);
    memset(&again, 0xaa, sizeof again);
    pruner_judge(&view, &verdict);
    pruner_judge(&view, &again);
    check_same(&verdict, &again);
    check_stop(bench, &verdict, step);
    check_reached(bench, trial, &verdict);
    check_limits(&view);
    for (size_t i = 0; i < verdict.reached_len; i++) {
        struct rung_entry entry = { trial, verdict.reached[i].loss };
        rung_table_add(&bench->rungs, verdict.reached[i].key, entry);
    }
    return verdict.stop;
}

static void finish(struct bench *bench, uint32_t trial, double loss)
{
    bench->finished[bench->finished_len] = &bench->curves[trial];
    bench->finished_trials[bench->finished_len] = trial;
    bench->finished_losses[bench->finished_len++] = loss;
}

/* `count` trials that fall to (trial + 1) / 100 and finish, whatever the rule says. */
static void finish_some(struct bench *bench, uint32_t count)
{
    for (uint32_t trial = 0; trial < count; trial++) {
        double end = (double)(trial + 1) / 100;
        for (int64_t step = 1; step <= STEPS; step++) {
            report(bench, trial, step, end + 0.5 / (double)step);
        }
        finish(bench, trial, end);
    }
}

/* ---- what is promised ---- */

/* Random curves with holes, repeats, late steps, infinities and things that are no
 * numbers; the promises are checked at each report. */
static void keeps_them(const struct stop_rules *rules)
{
    struct bench bench = { .rules = rules };
    struct rng rng = rng_stream(3, 0, STR_LIT("contract"), RNG_TEST);
    static const double odd[] = { (double)NAN, HUGE_VAL, -HUGE_VAL, 0, -0.0, 1e300 };
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint64_t kind = rng_below(&rng, 4);
        double end = rng_uniform(&rng);
        bool stopped = false;
        for (int64_t i = 0; i < STEPS && !stopped; i++) {
            double loss = end + rng_uniform(&rng) / (double)(i + 1);
            int64_t step = kind == 0   ? i
                           : kind == 1 ? i * 7 + (int64_t)rng_below(&rng, 9)
                           : kind == 2 ? (int64_t)1 << i
                                       : (int64_t)rng_below(&rng, STEPS);
            if (kind == 3 && rng_below(&rng, 20) == 0) {
                loss = odd[rng_below(&rng, ARRAY_LEN(odd))];
            }
            stopped = report(&bench, trial, step, loss);
        }
        if (!stopped && bench.curves[trial].len > 0) {
            finish(&bench, trial,
                   bench.curves[trial].losses[bench.curves[trial].len - 1]);
        }
    }
    bench_fini(&bench);
}

static void promises_are_kept(void **state)
{
    UNUSED(state);
    for_all(keeps_them);
}

/* Alone, a trial that improves all the time goes on. */
static void spares_the_first(const struct stop_rules *rules)
{
    struct bench bench = { .rules = rules };
    for (int64_t step = 0; step < STEPS && !bootstraps(rules); step++) {
        assert_false(report(&bench, 0, step, 0.8 / (double)(step + 1)));
    }
    bench_fini(&bench);
}

static void the_first_trial_goes_on(void **state)
{
    UNUSED(state);
    for_all(spares_the_first);
}

/* The best of all is stopped by none, whatever its reports' spacing. */
static void spares_the_best(const struct stop_rules *rules)
{
    static const int64_t spacing[] = { 1, 3, STEPS };
    bool bounded = strcmp(rules->rules[0].ops->name, "threshold") == 0;
    for (size_t i = 0; i < ARRAY_LEN(spacing); i++) {
        struct bench bench = { .rules = rules };
        finish_some(&bench, 30);
        for (int64_t step = 1; step <= STEPS && !bounded; step += spacing[i]) {
            assert_false(report(&bench, 30, step, 0.4 / (double)step - 1));
        }
        bench_fini(&bench);
    }
}

static void the_best_goes_on(void **state)
{
    UNUSED(state);
    for_all(spares_the_best);
}

/* What is no number ends a trial at once, but where steps are folds. */
static void ends_what_diverged(const struct stop_rules *rules)
{
    struct bench bench = { .rules = rules };
    bool folds = strcmp(rules->rules[0].ops->name, "wilcoxon") == 0;
    finish_some(&bench, 12);
    assert_false(report(&bench, 12, 1, 0.1));
    assert_int_equal(report(&bench, 12, 2, (double)NAN), !folds);
    bench_fini(&bench);
    struct bench alone = { .rules = rules };
    assert_int_equal(report(&alone, 0, 0, (double)NAN), !folds);
    bench_fini(&alone);
}

static void divergence_ends_at_once(void **state)
{
    UNUSED(state);
    for_all(ends_what_diverged);
}

/* A much worse trial is stopped by those rules that compare trials by step. */
static void the_worst_is_stopped(void **state)
{
    static const char *const rules[] = { "auto",
                                         "median",
                                         "percentile",
                                         "asha",
                                         "hyperband",
                                         "wilcoxon",
                                         "any, of: [{pruner: none}, {pruner: asha}]" };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct sweep_spec *spec = NULL;
        struct err err = { 0 };
        assert_ok(parse(rules[i], &spec, &err), &err);
        struct bench bench = { .rules = &spec->stop };
        uint32_t stopped = 0;
        finish_some(&bench, 30);
        for (uint32_t trial = 30; trial < TRIALS; trial++) {
            bool stop = false;
            for (int64_t step = 1; step <= STEPS && !stop; step++) {
                stop = report(&bench, trial, step, 5 + 0.5 / (double)step);
            }
            stopped += stop ? 1u : 0u;
        }
        assert_true(stopped >= 25);
        bench_fini(&bench);
        sweep_spec_destroy(spec);
    }
}

static void wrong_options_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        { "asha, min: 9, max: 3", "'min' must not be above 'max'" },
        { "hyperband, min: 9, max: 3", "'min' must not be above 'max'" },
        { "asha, eta: 1", "stop.eta" },
        { "hyperband, eta: 1", "stop.eta" },
        { "asha, eta: 2.5", "stop.eta" },
        { "asha, min: -1", "stop.min" },
        { "asha, min: 0, bootstrap: 2", "bootstrap" },
        { "threshold, lower: 2, upper: 1", "'lower' must not be above 'upper'" },
        { "percentile, percentile: 101", "stop.percentile" },
        { "wilcoxon, p: 2", "stop.p" },
        { "auto, explore: 2", "stop.explore" },
        { "auto, max: -1", "stop.max" },
        { "median, mn: 1", "mn" },
        { "any", "needs rules" },
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct sweep_spec *spec = NULL;
        struct err err = { 0 };
        assert_code(parse(wrong[i][0], &spec, &err), ERR_INVALID);
        assert_non_null(strstr(err.msg, wrong[i][1]));
        assert_null(spec);
    }
}

/* 10,000 trials of 30 steps are a matter of a second or two. */
static void bears_many(const struct stop_rules *rules)
{
    enum {
        MANY = 10000,
        LEN = 30
    };
    AUTO_FREE struct sim_curve *curves = mem_alloc_array(MANY, sizeof *curves);
    struct rng rng = rng_stream(4, 0, STR_LIT("contract"), RNG_TEST);
    for (size_t i = 0; i < MANY; i++) {
        double end = rng_uniform(&rng);
        for (int64_t step = 1; step <= LEN; step++) {
            assert_true(curve_add(&curves[i].curve, step, end + 1 / (double)step));
        }
        curves[i].objective = end;
    }
    struct sim_request request = { .rules = rules,
                                   .curves = curves,
                                   .curves_len = MANY,
                                   .trials = MANY,
                                   .parallel = 64 };
    struct sim_outcome outcome;
    simulate_run(&request, &outcome);
    assert_int_equal(outcome.trials, MANY);
    assert_true(outcome.steps <= outcome.steps_full);
    for (size_t i = 0; i < MANY; i++) {
        sim_curve_fini(&curves[i]);
    }
}

static void many_trials_are_borne(void **state)
{
    UNUSED(state);
    for_rule("auto", bears_many);
    for_rule("median", bears_many);
    for_rule("hyperband", bears_many);
    for_rule("any, of: [{pruner: asha}, {pruner: patience}]", bears_many);
}

/* Where a rule looks: ascending steps within a trial. */
static void tells_its_rungs(const struct stop_rules *rules)
{
    int64_t steps[PRUNE_RUNGS_MAX];
    const struct stop_rule *rule = &rules->rules[0];
    for (uint16_t bracket = 0; rule->ops->rungs != NULL && bracket < 4; bracket++) {
        size_t len = rule->ops->rungs(rule, bracket, 1000, steps, ARRAY_LEN(steps));
        assert_true(len <= ARRAY_LEN(steps));
        for (size_t i = 0; i < len; i++) {
            assert_true(steps[i] > (i > 0 ? steps[i - 1] : -1) && steps[i] <= 1000);
        }
        assert_int_equal(rule->ops->rungs(rule, bracket, 1000, steps, 1),
                         len > 0 ? 1 : 0);
    }
}

static void rungs_are_told(void **state)
{
    UNUSED(state);
    for_all(tells_its_rungs);
}

static void names_and_summaries(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < pruner_registry_all.len; i++) {
        const struct pruner_ops *ops = pruner_registry_all.ops[i];
        assert_ptr_equal(pruner_find(&pruner_registry_all, ops->name), ops);
        assert_true(strlen(ops->summary) > 10);
        for (size_t k = 0; k < ops->options_len; k++) {
            const struct option_def *def = &ops->options[k];
            assert_true(def->low <= def->preset && def->preset <= def->high);
            assert_true(strlen(def->summary) > 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(promises_are_kept),     TEST(the_first_trial_goes_on),
        TEST(the_best_goes_on),      TEST(divergence_ends_at_once),
        TEST(the_worst_is_stopped),  TEST(wrong_options_are_refused),
        TEST(many_trials_are_borne), TEST(rungs_are_told),
        TEST(names_and_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
