/* SPDX-License-Identifier: Apache-2.0 */
/* test_tpe_score.c – the arithmetic of TPE: every variant that this processor runs
 * gives the bits that are stored here, and they are right. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "core/logscale.h"
#include "samplers/tpe/score.h"

#include <math.h>
#include <string.h>

enum {
    LEN = 4096
};

/* Bits of all results so far. */
static void mix(uint64_t *hash, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &v[i], sizeof bits);
        *hash = (*hash ^ bits) * 0x100000001b3u;
        *hash ^= *hash >> 29;
    }
}

static struct rng stream(const char *name)
{
    return rng_stream(5, 0, str_from(name), RNG_TEST);
}

/* Positive numbers of every size, and odd ones. */
static void positive(double *x)
{
    struct rng rng = stream("positive");
    for (size_t i = 0; i < LEN; i++) {
        double mantissa = 1 + rng_uniform(&rng);
        x[i] = ldexp(mantissa, (int)rng_below(&rng, 2000) - 1000);
    }
    const double odd[] = { 1, 0,   1.4142135623730951,    1.4142135623730949, 1e-320,
                           2, 0.5, 1.7976931348623157e308 };
    memcpy(x, odd, sizeof odd);
}

/* Intervals: wide, narrow, far out, across 0. */
static void intervals(double *low, double *high)
{
    struct rng rng = stream("intervals");
    for (size_t i = 0; i < LEN; i++) {
        double size = logscale_exp(rng_uniform(&rng) * 6 - 2);
        double middle = rng_normal(&rng) * size;
        double width = logscale_exp(rng_uniform(&rng) * 23 - 18);
        low[i] = middle - width / 2;
        high[i] = middle + width / 2;
    }
    low[0] = -1e6;
    high[0] = 1e6;
    low[1] = 0;
    high[1] = 1e8;
    low[2] = -9e7;
    high[2] = -8e7;
}

static uint64_t gauss_bits(const struct score_ops *ops, uint64_t hash)
{
    enum {
        DIMS = 7,
        KERNELS = 64,
        POINTS = 27
    };
    static const uint32_t active[] = { 0, 2, 3, 6 };
    struct rng rng = stream("gauss");
    double blocks[KERNELS * 2 * DIMS];
    double base[KERNELS];
    double x[POINTS * 4];
    double out[POINTS * KERNELS];
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        blocks[i] = rng_uniform(&rng) * 20;
    }
    for (size_t i = 0; i < KERNELS; i++) {
        base[i] = rng_normal(&rng);
    }
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = rng_uniform(&rng);
    }
    const struct score_kernels kernels = { KERNELS, DIMS, blocks, active, 4, base };
    ops->gauss(&kernels, POINTS, x, out);
    mix(&hash, out, ARRAY_LEN(out));
    for (size_t p = 0; p < POINTS; p++) {
        double sum = ops->log_sum_exp(KERNELS, out + p * KERNELS);
        mix(&hash, &sum, 1);
    }
    return hash;
}

static uint64_t bits_of(const struct score_ops *ops)
{
    double *AUTO_FREE a = mem_alloc_array(LEN, sizeof *a);
    double *AUTO_FREE b = mem_alloc_array(LEN, sizeof *b);
    double *AUTO_FREE out = mem_alloc_array(LEN, sizeof *out);
    uint64_t hash = 0xcbf29ce484222325u;
    positive(a);
    ops->log(LEN, a, out);
    mix(&hash, out, LEN);
    intervals(a, b);
    ops->ndtr(LEN, a, out);
    mix(&hash, out, LEN);
    ops->log_mass(LEN, a, b, out);
    mix(&hash, out, LEN);
    ops->scale(LEN, 0.3, 1.7, a);
    mix(&hash, a, LEN);
    return gauss_bits(ops, hash);
}

static void variants_give_the_same_bits(void **state)
{
    UNUSED(state);
    size_t len = 0;
    const struct score_ops *const *all = score_variants(&len);
    assert_true(len > 0);
    assert_ptr_equal(score_best(), all[len - 1]);
    for (size_t i = 0; i < len; i++) {
        print_message("%s\n", all[i]->name);
        assert_int_equal(bits_of(all[i]), UINT64_C(0x5d80537ba1159ea0));
    }
}

static void logarithms_are_right(void **state)
{
    UNUSED(state);
    double x[LEN];
    double out[LEN];
    positive(x);
    score_best()->log(LEN, x, out);
    for (size_t i = 0; i < LEN; i++) {
        double wanted = log(x[i] < 2.3e-308 ? 2.3e-308 : x[i]);
        assert_near(out[i], wanted, 4e-16 * fabs(wanted) + 1e-18);
    }
    assert_true(out[0] == 0);
}

static void normal_shares_are_right(void **state)
{
    UNUSED(state);
    double x[LEN];
    double out[LEN];
    for (size_t i = 0; i < LEN; i++) {
        x[i] = -37 + 46.0 * (double)i / LEN;
    }
    score_best()->ndtr(LEN, x, out);
    for (size_t i = 0; i < LEN; i++) {
        double wanted = 0.5 * erfc(-x[i] * sqrt(0.5));
        assert_near(out[i] / wanted, 1, 1e-12);
    }
}

/* By Simpson's rule, with the density at the end nearer 0 taken out, so far tails are
 * seen too. */
static double simpson_log_mass(double low, double high)
{
    enum {
        PARTS = 8000
    };
    double near = low > 0 ? low : (high < 0 ? high : 0);
    double top = -0.5 * near * near;
    /* Beyond this the integrand is nothing beside its top. */
    double reach = 60 / (6 + fabs(near));
    double from = low < near - reach ? near - reach : low;
    double to = high > near + reach ? near + reach : high;
    double step = (to - from) / PARTS;
    double sum = 0;
    for (size_t i = 0; i <= PARTS; i++) {
        double x = from + step * (double)i;
        double weight = i == 0 || i == PARTS ? 1 : (i % 2 == 1 ? 4 : 2);
        sum += weight * exp(-0.5 * (x - near) * (x + near));
    }
    return top + log(sum * step / 3) - 0.91893853320467274178;
}

static void masses_are_right(void **state)
{
    UNUSED(state);
    double low[LEN];
    double high[LEN];
    double out[LEN];
    intervals(low, high);
    score_best()->log_mass(LEN, low, high, out);
    for (size_t i = 3; i < LEN; i += 8) {
        double wanted = simpson_log_mass(low[i], high[i]);
        assert_near(out[i], wanted, 2e-9 + 1e-12 * fabs(wanted));
    }
    assert_true(out[0] == 0);
    assert_near(out[1], log(0.5), 1e-15);
    assert_near(out[2] / (-0.5 * 8e7 * 8e7), 1, 1e-12);
}

static void sums_do_not_overflow(void **state)
{
    UNUSED(state);
    double v[SCORE_LANES] = {
        -1e5, -HUGE_VAL, -1e5, -2e5, -HUGE_VAL, -1e5, -1e9, -1e5
    };
    assert_near(score_best()->log_sum_exp(SCORE_LANES, v), -1e5 + log(4), 1e-9);
    double w[SCORE_LANES] = { 700, 700, 700, 700, 700, 700, 700, 700 };
    assert_near(score_best()->log_sum_exp(SCORE_LANES, w), 700 + log(8), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(variants_give_the_same_bits), TEST(logarithms_are_right),
        TEST(normal_shares_are_right),     TEST(masses_are_right),
        TEST(sums_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
