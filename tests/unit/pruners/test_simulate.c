/* SPDX-License-Identifier: Apache-2.0 */
/* test_simulate.c – replays of recorded curves: what is counted, in which order reports
 * come, and what a rule is shown. */
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "pruners/registry.h"
#include "pruners/simulate.h"

enum {
    CURVES = 40,
    LEN = 10,
    CROSSING = 200
};

/* Curve i falls to i; the first is best. */
static void make_curves(struct sim_curve *curves, int64_t first_step)
{
    for (size_t i = 0; i < CURVES; i++) {
        for (int64_t k = 0; k < LEN; k++) {
            double loss = (double)i + 1 / (double)(k + 1);
            assert_true(curve_add(&curves[i].curve, first_step + k, loss));
        }
        curves[i].objective = (double)i + 1 / (double)LEN;
    }
}

static void free_curves(struct sim_curve *curves)
{
    for (size_t i = 0; i < CURVES; i++) {
        sim_curve_fini(&curves[i]);
    }
}

static struct sim_outcome run(const struct sim_curve *curves,
                              size_t curves_len,
                              const char *rule,
                              uint32_t parallel,
                              uint64_t seed)
{
    struct stop_rule one = { .ops = pruner_find(&pruner_registry_all, rule) };
    struct stop_rules rules = { .rules = &one, .len = 1 };
    struct sim_request request = { .rules = &rules,
                                   .curves = curves,
                                   .curves_len = curves_len,
                                   .trials = 1000,
                                   .parallel = parallel,
                                   .seed = seed };
    struct sim_outcome outcome;
    one.options = mem_alloc_array(one.ops->options_len, sizeof *one.options);
    option_presets(one.ops->options, one.ops->options_len, one.options);
    simulate_run(&request, &outcome);
    mem_free(one.options);
    return outcome;
}

static void nothing_is_saved_without_a_rule(void **state)
{
    UNUSED(state);
    for (int64_t first = 0; first <= 1; first++) {
        struct sim_curve curves[CURVES] = { { .seconds = NULL } };
        make_curves(curves, first);
        struct sim_outcome outcome = run(curves, CURVES, "none", 4, 1);
        assert_int_equal(outcome.trials, CURVES);
        assert_int_equal(outcome.stopped, 0);
        assert_near(outcome.steps, CURVES * LEN, 0);
        assert_near(outcome.steps_full, CURVES * LEN, 0);
        assert_near(outcome.seconds, CURVES * LEN / 4.0, 0);
        assert_near(outcome.best, 0.1, 1e-12);
        assert_near(sim_outcome_gap(&outcome), 0, 0);
        free_curves(curves);
    }
}

static void a_rule_saves_and_finds_the_best(void **state)
{
    struct sim_curve curves[CURVES] = { { .seconds = NULL } };
    UNUSED(state);
    make_curves(curves, 1);
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct sim_outcome outcome = run(curves, CURVES, "asha", 4, seed);
        struct sim_outcome again = run(curves, CURVES, "asha", 4, seed);
        assert_memory_equal(&outcome, &again, sizeof outcome);
        assert_true(outcome.steps < outcome.steps_full / 2);
        assert_true(outcome.seconds < outcome.seconds_full);
        assert_true(outcome.stopped > CURVES / 2);
        assert_near(sim_outcome_gap(&outcome), 0, 0);
    }
    free_curves(curves);
}

static void recorded_seconds_are_the_clock(void **state)
{
    struct sim_curve curves[CURVES] = { { .seconds = NULL } };
    UNUSED(state);
    make_curves(curves, 1);
    for (size_t i = 0; i < CURVES; i++) {
        curves[i].seconds = mem_alloc_array(LEN, sizeof(double));
        for (size_t k = 0; k < LEN; k++) {
            curves[i].seconds[k] = 0.5 * (double)(k + 1);
        }
    }
    struct sim_outcome outcome = run(curves, CURVES, "none", 1, 1);
    assert_near(outcome.seconds, CURVES * LEN * 0.5, 1e-9);
    assert_near(outcome.steps, CURVES * LEN, 0);
    free_curves(curves);
}

static void failed_trials_are_no_result(void **state)
{
    struct sim_curve curves[CURVES] = { { .seconds = NULL } };
    UNUSED(state);
    make_curves(curves, 1);
    curves[0].objective = (double)NAN;
    struct sim_outcome outcome = run(curves, CURVES, "none", 3, 1);
    assert_near(outcome.best, 1.1, 1e-12);
    for (size_t i = 0; i < CURVES; i++) {
        curves[i].objective = (double)NAN;
    }
    outcome = run(curves, CURVES, "none", 3, 1);
    assert_true(isnan(outcome.best) != 0);
    assert_near(sim_outcome_gap(&outcome), 0, 0);
    free_curves(curves);
}

static void gaps_are_relative(void **state)
{
    UNUSED(state);
    struct sim_outcome outcome = { .best = -0.9, .best_full = -1.0 };
    assert_near(sim_outcome_gap(&outcome), 0.1, 1e-12);
    outcome.best = (double)NAN;
    assert_true(isinf(sim_outcome_gap(&outcome)) != 0);
}

/* Trainings of differing length whose curves are lifted by the learning rate until
 * their own schedule ends, so that they cross. */
static void make_crossing(struct sim_curve *curves, size_t len)
{
    struct rng rng = rng_stream(1, 0, STR_LIT("curves"), RNG_TEST);
    for (size_t i = 0; i < len; i++) {
        double rate = rng_normal(&rng);
        double steps = 30 + floor(60 * rng_uniform(&rng));
        double end =
            0.3 + 0.02 * rate * rate + 0.2 / sqrt(steps) + 0.01 * rng_uniform(&rng);
        for (int64_t step = 1; (double)step <= steps; step++) {
            double lifted = 0.2 * exp(0.4 * rate) * (1 - (double)step / steps);
            double start = 0.7 * exp(-(double)step * exp(0.4 * rate) / 4);
            assert_true(curve_add(&curves[i].curve, step, end + start + lifted));
        }
        curves[i].objective = end;
    }
}

/* Sums over ten orders of the same trials. */
static struct sim_outcome
sum_of(const struct sim_curve *curves, const char *rule, double *gaps_out)
{
    struct sim_outcome sum = { .trials = 0 };
    *gaps_out = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct sim_outcome outcome = run(curves, CROSSING, rule, 8, seed);
        sum.steps += outcome.steps;
        sum.steps_full += outcome.steps_full;
        *gaps_out += sim_outcome_gap(&outcome);
    }
    return sum;
}

static void auto_bears_crossing_curves(void **state)
{
    UNUSED(state);
    AUTO_FREE struct sim_curve *curves = mem_alloc_array(CROSSING, sizeof *curves);
    double gaps = 0;
    double plain_gaps = 0;
    make_crossing(curves, CROSSING);
    struct sim_outcome sum = sum_of(curves, "auto", &gaps);
    struct sim_outcome plain = sum_of(curves, "asha", &plain_gaps);
    for (size_t i = 0; i < CROSSING; i++) {
        sim_curve_fini(&curves[i]);
    }
    assert_true(sum.steps < 0.2 * sum.steps_full);
    assert_true(gaps / 10 < 0.005);
    assert_true(plain.steps < sum.steps);
    assert_true(plain_gaps > 2 * gaps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_saved_without_a_rule),
        TEST(a_rule_saves_and_finds_the_best),
        TEST(recorded_seconds_are_the_clock),
        TEST(failed_trials_are_no_result),
        TEST(gaps_are_relative),
        TEST(auto_bears_crossing_curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
