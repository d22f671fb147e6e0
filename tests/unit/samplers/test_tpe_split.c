/* SPDX-License-Identifier: Apache-2.0 */
/* test_tpe_split.c – which trials count as good, and how wide kernels are: widths
 * against a plain sort. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "samplers/tpe/split.h"
#include "samplers/tpe/widths.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct end {
    enum trial_state state;
    double loss;
    int64_t step;
};

static void
check_split(const struct end *ends, size_t len, double gamma, const char *below)
{
    struct history history;
    struct split split;
    char found[64] = "";
    size_t at = 0;
    history_init(&history, 1);
    for (size_t i = 0; i < len; i++) {
        double x = 0;
        history_add(&history,
                    (struct history_row){ .trial = (uint32_t)i,
                                          .state = ends[i].state,
                                          .loss = ends[i].loss,
                                          .step = ends[i].step },
                    &x);
    }
    split_init(&split, &history, len, gamma);
    for (size_t i = 0; i < split.below_len; i++) {
        at += (size_t)snprintf(found + at, sizeof found - at, "%u.%u ", split.below[i],
                               split.rank[i]);
    }
    assert_string_equal(found, below);
    for (size_t i = 1; i < split.above_len; i++) {
        assert_true(split.above[i - 1] < split.above[i]);
    }
    split_fini(&split);
    history_fini(&history);
}

/* "row.rank " of the good ones. */
static void the_best_are_below(void **state)
{
    UNUSED(state);
    const double nan = (double)NAN;
    const struct end ends[] = {
        { TRIAL_FINISHED, 3, 9 },         { TRIAL_FAILED, 0, 0 },
        { TRIAL_FINISHED, -HUGE_VAL, 9 }, { TRIAL_FINISHED, 2, 9 },
        { TRIAL_CANCELLED, 0, 0 },        { TRIAL_FINISHED, 2, 9 },
        { TRIAL_QUEUED, 0, 0 },           { TRIAL_FINISHED, HUGE_VAL, 9 },
        { TRIAL_PRUNED, nan, 0 },         { TRIAL_PRUNED, 5, 3 },
        { TRIAL_PRUNED, nan, 4 },         { TRIAL_PRUNED, 4, 3 },
        { TRIAL_FINISHED, nan, 9 },       { TRIAL_PRUNED, 1, 4 },
    };
    /* ten count: five finished, five pruned */
    check_split(ends, ARRAY_LEN(ends), 0.1, "2.0 ");
    check_split(ends, ARRAY_LEN(ends), 0.15, "2.0 3.1 ");
    check_split(ends, ARRAY_LEN(ends), 0.25, "2.0 3.1 5.1 ");
    check_split(ends, ARRAY_LEN(ends), 0.5, "0.3 2.0 3.1 5.1 7.4 ");
    /* five pruned, one without a value: further first, then better, unknown last */
    check_split(ends + 8, 6, 0.2, "5.0 ");
    check_split(ends + 8, 6, 0.5, "2.1 3.2 5.0 ");
}

static void few_are_below(void **state)
{
    UNUSED(state);
    struct end ends[300];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        ends[i] = (struct end){ TRIAL_FINISHED, 1, 1 };
    }
    struct split split;
    split_init(&split, NULL, 0, 0.1);
    assert_int_equal(split.below_len + split.above_len, 0);
    split_fini(&split);
    check_split(ends, 1, 0.1, "0.0 ");
    /* all equal: the first ones */
    check_split(ends, 21, 0.1, "0.0 1.0 2.0 ");
    struct history history;
    history_init(&history, 1);
    for (size_t i = 0; i < 300; i++) {
        double x = 0;
        history_add(&history, (struct history_row){ .state = TRIAL_FINISHED }, &x);
    }
    split_init(&split, &history, history.len, 0.5);
    assert_int_equal(split.below_len, SPLIT_BELOW_MAX);
    assert_int_equal(split.above_len, 300 - SPLIT_BELOW_MAX);
    split_fini(&split);
    history_fini(&history);
}

/* ---- widths ---- */

struct place {
    double z;
    size_t index;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->z != y->z) {
        return x->z < y->z ? -1 : 1;
    }
    return x->index < y->index ? -1 : 1;
}

static void check_widths(const double *z, size_t n, size_t finer)
{
    struct place places[2000];
    double sigma[2000];
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(z[i])) {
            places[m++] = (struct place){ z[i], i };
        }
    }
    qsort(places, m, sizeof *places, by_place);
    double least = 1 / fmin(100, (double)(finer * m + 2));
    widths_of(z, n, m, widths_bins(m, finer), sigma);
    for (size_t i = 0; i < m; i++) {
        double at = places[i].z;
        double left = i > 0 ? at - places[i - 1].z : 0;
        double right = i + 1 < m ? places[i + 1].z - at : 0;
        double gap = m == 1 ? fmax(at, 1 - at) : fmax(left, right);
        assert_near(sigma[places[i].index], fmin(fmax(gap, least), 1), 1e-15);
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(!isnan(z[i]) || sigma[i] == 1);
    }
}

static void widths_are_gaps(void **state)
{
    UNUSED(state);
    static const size_t lens[] = { 0, 1, 2, 3, 10, 33, 98, 99, 500, 2000 };
    double z[2000];
    for (size_t kind = 0; kind < 6; kind++) {
        for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
            struct rng rng = rng_stream(kind, l, str_from(""), RNG_TEST);
            for (size_t i = 0; i < lens[l]; i++) {
                double u = rng_uniform(&rng);
                const double kinds[] = { u,
                                         u * u * u * u,
                                         floor(u * 7) / 6,
                                         0.25,
                                         u < 0.2 ? (double)NAN : u,
                                         3 * u - 1 };
                z[i] = kinds[kind];
            }
            check_widths(z, lens[l], 1);
            check_widths(z, lens[l], 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_best_are_below),
        TEST(few_are_below),
        TEST(widths_are_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
