/* SPDX-License-Identifier: Apache-2.0 */
/* test_sobol.c – the sequences: how evenly their points lie, alone, in pairs and in an
 * integral, and that they are the same everywhere. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "samplers/sobol.h"

#include <math.h>
#include <string.h>

/* Every box of 2^-(i+j) meets one of the 2^m points from `first` on, i + j = m. */
static void check_net(uint32_t first, uint32_t m, bool scramble)
{
    uint32_t points = 1u << m;
    for (uint32_t i = 0; i <= m; i++) {
        uint8_t *AUTO_FREE seen = mem_alloc(points);
        uint32_t j = m - i;
        for (uint32_t k = 0; k < points; k++) {
            double x = sobol_at(first + k, 0, scramble, 5);
            double y = sobol_at(first + k, 1, scramble, 6);
            uint32_t column = (uint32_t)floor(ldexp(x, (int)i));
            uint32_t row = (uint32_t)floor(ldexp(y, (int)j));
            uint32_t box = column << j | row;
            assert_true(box < points);
            assert_int_equal(seen[box]++, 0);
        }
    }
}

static void first_two_dimensions_are_nets(void **state)
{
    UNUSED(state);
    for (uint32_t m = 0; m <= 9; m++) {
        for (uint32_t block = 0; block < 3; block++) {
            check_net(block << m, m, false);
            check_net(block << m, m, true);
        }
    }
}

/* Each of b^m intervals of equal length meets one of the first b^m points. */
static void check_strata(const double *x, uint32_t points)
{
    uint8_t *AUTO_FREE seen = mem_alloc(points);
    for (uint32_t k = 0; k < points; k++) {
        assert_true(x[k] >= 0 && x[k] < 1);
        uint32_t at = (uint32_t)floor(x[k] * points * (1 + 1e-15));
        assert_int_equal(seen[at]++, 0);
    }
}

static void every_dimension_is_stratified(void **state)
{
    UNUSED(state);
    double x[1024];
    for (uint32_t dim = 0; dim < SOBOL_DIMS; dim++) {
        for (uint32_t k = 0; k < 256; k++) {
            x[k] = sobol_at(256 + k, dim, dim % 2 == 0, dim);
        }
        check_strata(x, 256);
    }
    static const uint32_t bases[][2] = {
        { 2, 1024 }, { 3, 729 }, { 5, 625 }, { 31, 961 }
    };
    for (size_t b = 0; b < ARRAY_LEN(bases); b++) {
        for (uint32_t scramble = 0; scramble < 2; scramble++) {
            for (uint32_t k = 0; k < bases[b][1]; k++) {
                x[k] = halton_at(k, bases[b][0], scramble == 1, b);
            }
            check_strata(x, bases[b][1]);
        }
    }
}

static void halton_pairs_are_stratified(void **state)
{
    UNUSED(state);
    for (uint32_t scramble = 0; scramble < 2; scramble++) {
        uint8_t seen[36] = { 0 };
        for (uint32_t k = 0; k < 36; k++) {
            double x = halton_at(k, 2, scramble == 1, 1);
            double y = halton_at(k, 3, scramble == 1, 2);
            uint32_t box =
                (uint32_t)floor(x * 4) * 9 + (uint32_t)floor(y * 9 * (1 + 1e-15));
            assert_int_equal(seen[box]++, 0);
        }
    }
}

static double correlation(const double *x, const double *y, uint32_t points)
{
    double sum = 0;
    for (uint32_t k = 0; k < points; k++) {
        sum += (x[k] - 0.5) * (y[k] - 0.5);
    }
    return 12 * sum / points;
}

/* Neighbouring dimensions do not move together, also far out, where unscrambled
 * sequences do. */
static void neighbours_are_independent(void **state)
{
    UNUSED(state);
    enum {
        POINTS = 512
    };
    double x[2][2][POINTS];
    uint32_t primes[SOBOL_DIMS];
    halton_primes(primes, SOBOL_DIMS);
    assert_int_equal(primes[0], 2);
    assert_int_equal(primes[999], 7919);
    for (uint32_t dim = 0; dim < SOBOL_DIMS; dim++) {
        uint32_t now = dim % 2;
        for (uint32_t k = 0; k < POINTS; k++) {
            x[0][now][k] = sobol_at(k, dim, true, dim);
            x[1][now][k] = halton_at(k, primes[dim], true, dim);
        }
        if (dim > 0) {
            /* Six times the deviation of independent uniform numbers. */
            assert_near(correlation(x[0][0], x[0][1], POINTS), 0, 6 / sqrt(POINTS));
            assert_near(correlation(x[1][0], x[1][1], POINTS), 0, 6 / sqrt(POINTS));
        }
    }
}

enum {
    DIMS = 6,
    POINTS = 256,
    SEEDS = 20
};

/* A smooth function with integral 1. */
static double smooth(const double *x)
{
    double product = 1;
    for (size_t i = 0; i < DIMS; i++) {
        product *= 1 + 0.8 * (x[i] - 0.5) + 0.5 * (x[i] * x[i] - 1.0 / 3);
    }
    return product;
}

/* Root of the mean squared error over seeds; which: 0 random, 1 Sobol, 2 Halton. */
static double error_of(int which)
{
    static const uint32_t bases[DIMS] = { 2, 3, 5, 7, 11, 13 };
    double squares = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct rng rng = rng_stream(seed, 0, STR_LIT("sobol"), RNG_TEST);
        double sum = 0;
        for (uint32_t k = 0; k < POINTS; k++) {
            double x[DIMS];
            for (uint32_t i = 0; i < DIMS; i++) {
                uint64_t key = seed * DIMS + i;
                x[i] = which == 0   ? rng_uniform(&rng)
                       : which == 1 ? sobol_at(k, i, true, key)
                                    : halton_at(k, bases[i], true, key);
            }
            sum += smooth(x);
        }
        squares += (sum / POINTS - 1) * (sum / POINTS - 1);
    }
    return sqrt(squares / SEEDS);
}

static void integrals_are_better_than_random(void **state)
{
    UNUSED(state);
    double random = error_of(0);
    assert_true(error_of(1) < random / 8);
    assert_true(error_of(2) < random / 4);
}

/* Every machine and every later version must give these. */
static void bits_are_pinned(void **state)
{
    UNUSED(state);
    uint64_t sum = 0;
    for (uint32_t dim = 0; dim < SOBOL_DIMS; dim++) {
        const double x[] = { sobol_at(1000003, dim, false, 0),
                             sobol_at(77, dim, true, 9),
                             halton_at(1000003, 2 * dim + 3, false, 0),
                             halton_at(77, 2 * dim + 3, true, 9) };
        for (size_t i = 0; i < ARRAY_LEN(x); i++) {
            uint64_t bits = 0;
            memcpy(&bits, &x[i], sizeof bits);
            sum = sum * 31 + bits;
        }
    }
    assert_true(sum == UINT64_C(0xadacf72a1e082f0a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_two_dimensions_are_nets),    TEST(every_dimension_is_stratified),
        TEST(halton_pairs_are_stratified),      TEST(neighbours_are_independent),
        TEST(integrals_are_better_than_random), TEST(bits_are_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
