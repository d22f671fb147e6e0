/* SPDX-License-Identifier: Apache-2.0 */
/* test_rng.c – published answers of Philox, stability of streams, shape of the draws.
 */
#include "base/rng.h"

#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

/* Known answers of philox4x32-10, as published with Random123 (kat_vectors). */
static void philox_gives_the_published_answers(void **state)
{
    UNUSED(state);
    static const struct {
        uint32_t counter[4];
        uint32_t key[2];
        uint32_t out[4];
    } answers[] = {
        { { 0, 0, 0, 0 },
          { 0, 0 },
          { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        uint32_t out[4];
        rng_philox4x32(answers[i].counter, answers[i].key, out);
        assert_memory_equal(out, answers[i].out, sizeof out);
    }
}

static uint64_t
first(uint64_t seed, uint64_t trial, struct str name, enum rng_purpose purpose)
{
    struct rng rng = rng_stream(seed, trial, name, purpose);
    return rng_u64(&rng);
}

static void streams_differ_in_every_part_of_their_name(void **state)
{
    UNUSED(state);
    uint64_t base = first(7, 3, STR_LIT("x"), RNG_SUGGEST);
    assert_true(base == first(7, 3, STR_LIT("x"), RNG_SUGGEST));
    assert_true(base != first(8, 3, STR_LIT("x"), RNG_SUGGEST));
    assert_true(base != first(7, 4, STR_LIT("x"), RNG_SUGGEST));
    assert_true(base != first(7, 3, STR_LIT("y"), RNG_SUGGEST));
    assert_true(base != first(7, 3, STR_LIT("x"), RNG_ORDER));
    assert_true(base != first(7, UINT64_C(3) << 32, STR_LIT("x"), RNG_SUGGEST));
}

static void streams_never_change(void **state)
{
    UNUSED(state);
    /* Stored sweeps are derived again from these; a failure is a broken promise. */
    assert_true(first(7, 3, STR_LIT("x"), RNG_SUGGEST) == UINT64_C(0xbb7ffcdd34c89024));
    assert_true(first(0, 0, STR_LIT(""), RNG_TEST) == UINT64_C(0x88284e3ce57fd007));
    struct rng rng = rng_stream(1, 2, STR_LIT("n"), RNG_SUGGEST);
    double normal = rng_normal(&rng);
    uint64_t bits = 0;
    memcpy(&bits, &normal, sizeof bits);
    assert_true(bits == UINT64_C(0xbffa962f8ea1afe1));
}

static void uniform_has_the_right_moments(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(1, 0, STR_LIT(""), RNG_TEST);
    double sum = 0;
    double squares = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        double u = rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    assert_near(sum / n, 0.5, 0.004);
    assert_near(squares / n, 1.0 / 3, 0.004);
}

static void normal_has_the_right_moments(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(2, 0, STR_LIT(""), RNG_TEST);
    double sum = 0;
    double squares = 0;
    double fourth = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        double x = rng_normal(&rng);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    assert_near(sum / n, 0, 0.012);
    assert_near(squares / n, 1, 0.016);
    assert_near(fourth / n, 3, 0.12);
}

static void quantile_inverts_erfc(void **state)
{
    UNUSED(state);
    static const double points[] = { -8, -6,  -3.7, -2.5, -1.2, -0.4,
                                     0,  0.3, 1.1,  2.9,  5.5 };
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        double x = points[i];
        double p = 0.5 * erfc(-x * sqrt(0.5));
        /* Near 1 the rounding of p itself moves x by eps / density. */
        double tol = 1e-14 + (x > 0 ? 2e-16 / (0.4 * exp(-x * x / 2)) : 0);
        assert_near(rng_normal_quantile(p), x, tol);
    }
    expect_abort("p > 0", (void)rng_normal_quantile(0));
    expect_abort("p < 1", (void)rng_normal_quantile(1));
}

static void below_is_unbiased_and_in_range(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(3, 0, STR_LIT(""), RNG_TEST);
    size_t counts[7] = { 0 };
    for (int i = 0; i < 70000; i++) {
        uint64_t k = rng_below(&rng, 7);
        assert_true(k < 7);
        counts[k]++;
    }
    for (size_t k = 0; k < 7; k++) {
        assert_in_range(counts[k], 9500, 10500);
    }
    assert_true(rng_below(&rng, 1) == 0);
    /* Just above a half of the range every second draw is refused. */
    for (int i = 0; i < 100; i++) {
        assert_true(rng_below(&rng, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
    expect_abort("n > 0", (void)rng_below(&rng, 0));
}

static void shuffle_is_a_permutation(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(4, 0, STR_LIT(""), RNG_TEST);
    uint32_t items[100];
    bool seen[100] = { false };
    size_t moved = 0;
    for (uint32_t i = 0; i < 100; i++) {
        items[i] = i;
    }
    rng_shuffle_u32(&rng, items, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(seen[items[i]]);
        seen[items[i]] = true;
        moved += items[i] != i ? 1 : 0;
    }
    assert_true(moved > 80);
    rng_shuffle_u32(&rng, items, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(philox_gives_the_published_answers),
        TEST(streams_differ_in_every_part_of_their_name),
        TEST(streams_never_change),
        TEST(uniform_has_the_right_moments),
        TEST(normal_has_the_right_moments),
        TEST(quantile_inverts_erfc),
        TEST(below_is_unbiased_and_in_range),
        TEST(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
