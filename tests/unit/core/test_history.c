/* SPDX-License-Identifier: Apache-2.0 */
/* test_history.c – rows as columns, rows that wait, and the set of tried points. */
#include "tests/lib/test.h"

#include <math.h>

#include "core/history.h"
#include "core/tried.h"

static struct history_row row(uint32_t trial, double loss)
{
    return (struct history_row){
        .trial = trial, .state = TRIAL_FINISHED, .loss = loss, .step = trial
    };
}

static void rows_keep_their_order(void **state)
{
    UNUSED(state);
    struct history history;
    history_init(&history, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        const double x[] = { i, -(double)i };
        history_add(&history, row(i, i * 0.5), x);
    }
    assert_int_equal(history.len, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(history.trial[i], i);
        assert_int_equal(history.step[i], i);
        assert_true(history.loss[i] == i * 0.5);
        assert_true(history.x[0][i] == i && history.x[1][i] == -(double)i);
    }
    history_fini(&history);
}

static void frozen_rows_wait(void **state)
{
    UNUSED(state);
    struct history history;
    const double x[] = { 7 };
    history_init(&history, 1);
    history_add(&history, row(0, 1), x);
    const double *column = history.x[0];
    history_freeze(&history);
    for (uint32_t i = 1; i < 200; i++) {
        history_add(&history, row(i, i), (const double[]){ i });
    }
    assert_int_equal(history.len, 1);
    assert_ptr_equal(history.x[0], column);
    assert_int_equal(history_total(&history), 200);
    history_thaw(&history);
    assert_int_equal(history.len, 200);
    for (uint32_t i = 1; i < 200; i++) {
        assert_int_equal(history.trial[i], i);
        assert_true(history.x[0][i] == i);
    }
    history_fini(&history);
}

static void tried_points_are_found(void **state)
{
    UNUSED(state);
    struct tried tried;
    tried_init(&tried, 2);
    const double prior[] = { -1, -1 };
    tried_add_prior(&tried, prior);
    for (uint32_t i = 0; i < 3000; i++) {
        const double x[] = { i % 50, i / 50 };
        tried_add(&tried, x, i);
    }
    assert_true(tried_has(&tried, prior, 0));
    assert_false(
        tried_has(&tried, (const double[]){ 7, 3 }, 157)); /* trial 157's own */
    assert_true(tried_has(&tried, (const double[]){ 7, 3 }, 158));
    assert_false(tried_has(&tried, (const double[]){ 50, 0 }, 3000));
    tried_fini(&tried);
}

static void zeros_and_inactive_are_one(void **state)
{
    UNUSED(state);
    struct tried tried;
    tried_init(&tried, 2);
    tried_add(&tried, (const double[]){ 0.0, (double)NAN }, 0);
    assert_true(tried_has(&tried, (const double[]){ -0.0, -(double)NAN }, 1));
    assert_false(tried_has(&tried, (const double[]){ -0.0, 0 }, 1));
    tried_fini(&tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_keep_their_order),
        TEST(frozen_rows_wait),
        TEST(tried_points_are_found),
        TEST(zeros_and_inactive_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
