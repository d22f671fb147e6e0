/* SPDX-License-Identifier: Apache-2.0 */
/* test_qmc.c – what qmc promises beyond the contract: evenness on every kind of
 * parameter, its options, and how the cursor moves. */
#include "tests/lib/test.h"

#include "core/sweep_spec.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

static void
next(const struct sweep_spec *spec, struct suggest_request *request, double *x)
{
    struct err err = { 0 };
    request->space = spec->space;
    request->options = spec->sampler_options;
    request->seed = spec->seed;
    assert_ok(spec->sampler->suggest(request, x, &request->cursor, &err), &err);
    request->trial++;
}

static void check_even(const char *search)
{
    enum {
        TRIALS = 256
    };
    struct sweep_spec *spec = spec_rig_space("  f: {float: [-2, 6]}\n"
                                             "  l: {float: [1e-4, 1e4], scale: log}\n"
                                             "  s: {float: [0, 0.3], step: 0.1}\n"
                                             "  i: {int: [5, 12]}\n"
                                             "  k: [a, b, c, d, e, f, g, h]\n",
                                             search);
    size_t seen[5][8] = { { 0 } };
    struct suggest_request request = { .trial = 0 };
    for (size_t trial = 0; trial < TRIALS; trial++) {
        double x[5];
        next(spec, &request, x);
        assert_int_equal(request.cursor, trial + 1);
        const double bins[] = { x[0] + 2, log10(x[1]) + 4, round(x[2] * 10) * 2,
                                x[3] - 5, x[4] };
        for (size_t p = 0; p < 5; p++) {
            assert_true(bins[p] >= 0 && bins[p] < 8);
            seen[p][(size_t)bins[p]]++;
        }
    }
    bool sobol = strstr(search, "halton") == NULL;
    for (size_t p = 0; p < 5; p++) {
        for (size_t b = 0; b < 8; b += p == 2 ? 2 : 1) {
            double share = p == 2 ? TRIALS / 4.0 : TRIALS / 8.0;
            /* Sobol is exact here, but for a value next to a decade's bound. */
            assert_near((double)seen[p][b], share, sobol ? (p == 1) : 4);
        }
    }
    sweep_spec_destroy(spec);
}

static void values_are_met_equally_often(void **state)
{
    UNUSED(state);
    check_even("search: {sampler: qmc}\n");
    check_even("search: {sampler: qmc, seed: 5}\n");
    check_even("search: {sampler: qmc, sequence: halton}\n");
}

static void seeds_and_scrambling(void **state)
{
    UNUSED(state);
    static const char *const searches[] = {
        "search: {sampler: qmc, seed: 1}\n",
        "search: {sampler: qmc, seed: 2}\n",
        "search: {sampler: qmc, seed: 1, scramble: false}\n",
        "search: {sampler: qmc, seed: 2, scramble: false}\n",
        "search: {sampler: qmc, seed: 2, scramble: false, sequence: halton}\n",
    };
    double x[ARRAY_LEN(searches)][2];
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        struct sweep_spec *spec =
            spec_rig_space("  a: {float: [2, 3]}\n  b: {float: [0, 1]}\n", searches[i]);
        struct suggest_request request = { .trial = 0 };
        next(spec, &request, x[i]);
        if (strstr(searches[i], "false") != NULL) {
            assert_true(x[i][0] == 2 && x[i][1] == 0); /* the lower bounds */
        }
        next(spec, &request, x[i]);
        next(spec, &request, x[i]);
        sweep_spec_destroy(spec);
    }
    assert_true(x[0][0] != x[1][0] && x[0][1] != x[1][1]);
    assert_memory_equal(x[2], x[3], sizeof x[2]);
    assert_true(x[2][0] == 2.25 && x[2][1] == 0.75);
    assert_true(x[4][0] == 2.25);
    assert_near(x[4][1], 2.0 / 3, 1e-15);
}

/* Forbidden points are passed over, and the cursor remembers. */
static void forbidden_indexes_are_skipped(void **state)
{
    UNUSED(state);
    struct sweep_spec *all = spec_rig_space("  a: {float: [0, 1]}\n  b: [x, y]\n",
                                            "search: {sampler: qmc, seed: 3}\n");
    struct sweep_spec *some =
        spec_rig_space("  a: {float: [0, 1]}\n  b: [x, y]\n",
                       "search: {sampler: qmc, seed: 3}\nforbid: [a < 0.75]\n");
    struct suggest_request every = { .trial = 0 };
    struct suggest_request allowed = { .trial = 0 };
    for (size_t trial = 0; trial < 64; trial++) {
        double x[2];
        double y[2];
        next(some, &allowed, y);
        do {
            next(all, &every, x);
        } while (x[0] < 0.75);
        assert_memory_equal(x, y, sizeof x);
        assert_int_equal(every.cursor, allowed.cursor);
    }
    sweep_spec_destroy(all);
    sweep_spec_destroy(some);
}

/* A parameter keeps its dimension where others are inactive. */
static void inactive_parameters_are_pruned(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        spec_rig_space("  k: [u, v]\n  a: {float: [0, 1], when: k == u}\n"
                       "  b: {float: [0, 1]}\n",
                       "search: {sampler: qmc}\n");
    struct suggest_request request = { .trial = 0 };
    size_t active = 0;
    size_t low[2] = { 0 };
    for (size_t trial = 0; trial < 128; trial++) {
        double x[3];
        next(spec, &request, x);
        assert_int_equal(isnan(x[1]), x[0] == 1);
        active += x[0] == 0;
        low[(size_t)x[0]] += x[2] < 0.5;
    }
    assert_int_equal(active, 64);
    assert_near((double)low[0], 32, 2);
    assert_near((double)low[1], 32, 2);
    sweep_spec_destroy(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_met_equally_often),
        TEST(seeds_and_scrambling),
        TEST(forbidden_indexes_are_skipped),
        TEST(inactive_parameters_are_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
