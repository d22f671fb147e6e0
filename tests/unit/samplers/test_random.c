/* SPDX-License-Identifier: Apache-2.0 */
/* test_random.c – what random promises beyond the contract: distributions, streams of
 * parameters that do not disturb each other, rejection of forbidden points. */
#include "tests/lib/test.h"

#include "core/sweep_spec.h"
#include "tests/unit/core/spec_rig.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static struct sweep_spec *random_space(const char *space, const char *more)
{
    bool named = strstr(more, "sampler:") != NULL;
    char *AUTO_FREE text =
        mem_printf("%s%s", more, named ? "" : "search: {sampler: random}\n");
    return spec_rig_space(space, text);
}

static void suggest(const struct sweep_spec *spec, uint32_t trial, double *x)
{
    const struct suggest_request request = { .space = spec->space,
                                             .seed = spec->seed,
                                             .trial = trial };
    uint64_t cursor = 99;
    struct err err = { 0 };
    assert_ok(spec->sampler->suggest(&request, x, &cursor, &err), &err);
}

static void other_parameters_change_nothing(void **state)
{
    UNUSED(state);
    struct sweep_spec *one = random_space("  a: {float: [0, 1]}\n  b: [x, y, z]\n", "");
    struct sweep_spec *more = random_space("  c: {int: [1, 100]}\n  b: [x, y, z]\n"
                                           "  d: {float: [1, 9], scale: log}\n"
                                           "  a: {float: [0, 1]}\n",
                                           "");
    for (uint32_t trial = 0; trial < 100; trial++) {
        double x[2];
        double y[4];
        suggest(one, trial, x);
        suggest(more, trial, y);
        assert_true(x[0] == y[3]);
        assert_true(x[1] == y[1]);
    }
    sweep_spec_destroy(one);
    sweep_spec_destroy(more);
}

/* Shares of n draws in the quarters of the parameter's scale stay within 5 sigma. */
static void values_are_spread_evenly(void **state)
{
    UNUSED(state);
    enum {
        DRAWS = 4000
    };
    struct sweep_spec *spec = random_space("  f: {float: [2, 4]}\n"
                                           "  l: {float: [1e-4, 1e4], scale: log}\n"
                                           "  s: {float: [0, 0.3], step: 0.1}\n"
                                           "  i: {int: [0, 3]}\n"
                                           "  k: [a, b, c, d]\n",
                                           "");
    size_t seen[5][4] = { { 0 } };
    for (uint32_t trial = 0; trial < DRAWS; trial++) {
        double x[5];
        suggest(spec, trial, x);
        const double quarters[] = { (x[0] - 2) * 2, (log10(x[1]) + 4) / 2,
                                    x[2] * 10 + 0.5, x[3], x[4] };
        for (size_t p = 0; p < 5; p++) {
            assert_true(quarters[p] >= 0 && quarters[p] < 4);
            seen[p][(size_t)quarters[p]]++;
        }
    }
    for (size_t p = 0; p < 5; p++) {
        for (size_t q = 0; q < 4; q++) {
            assert_near((double)seen[p][q], DRAWS / 4.0, 5 * sqrt(DRAWS * 3.0 / 16));
        }
    }
    sweep_spec_destroy(spec);
}

static void log_ints_favour_small_values(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = random_space("  i: {int: [1, 1000], scale: log}\n", "");
    size_t below = 0;
    bool lowest = false;
    for (uint32_t trial = 0; trial < 2000; trial++) {
        double x = 0;
        suggest(spec, trial, &x);
        assert_true(x >= 1 && x <= 1000 && x == floor(x));
        below += x <= 31;
        lowest = lowest || x == 1;
    }
    assert_true(lowest);
    assert_near((double)below, 2000 * log(31.5 / 0.5) / log(1000.5 / 0.5), 120);
    sweep_spec_destroy(spec);
}

/* Every machine and every later version must draw these. */
static void draws_are_pinned(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = random_space("  f: {float: [0, 1]}\n"
                                           "  l: {float: [1e-3, 1e3], scale: log}\n"
                                           "  i: {int: [0, 1000000]}\n",
                                           "search: {sampler: random, seed: 7}\n");
    double x[3];
    suggest(spec, 5, x);
    assert_true(x[0] == 0.07334076523230904);
    assert_true(x[1] == 300.7488048411472);
    assert_true(x[2] == 807778);
    sweep_spec_destroy(spec);
}

static void rare_points_are_found(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        random_space("  i: {int: [1, 500]}\n", "forbid: [i != 123]\n");
    double x = 0;
    suggest(spec, 0, &x);
    assert_true(x == 123);
    sweep_spec_destroy(spec);
}

static void impossible_spaces_are_said(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = random_space("  i: {int: [1, 5]}\n", "forbid: [i > 0]\n");
    const struct suggest_request request = { .space = spec->space };
    uint64_t cursor = 0;
    double x = 0;
    struct err err = { 0 };
    assert_code(spec->sampler->suggest(&request, &x, &cursor, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "100%"));
    sweep_spec_destroy(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_parameters_change_nothing), TEST(values_are_spread_evenly),
        TEST(log_ints_favour_small_values),    TEST(draws_are_pinned),
        TEST(rare_points_are_found),           TEST(impossible_spaces_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
