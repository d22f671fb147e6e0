/* SPDX-License-Identifier: Apache-2.0 */
/* test_joined.c – the objective over several attempts, against the rule written down
 * plainly over all points. */
#include "core/joined.h"

#include <math.h>

#include "base/rng.h"
#include "tests/lib/test.h"

static const struct objective LAST = { .goal = GOAL_MAX, .read = READ_LAST };
static const struct objective LEAST = { .goal = GOAL_MAX, .read = READ_MIN };
static const struct objective BEST = { .goal = GOAL_MAX, .read = READ_BEST };

static void add(struct joined *joined,
                const struct objective *objective,
                uint32_t attempt,
                int64_t step,
                double value)
{
    struct joined_point point = {
        .attempt = attempt, .seq = (uint64_t)step + 2, .step = step, .value = value
    };
    joined_add(joined, objective, point);
}

static void expect(const struct joined *joined,
                   const struct objective *objective,
                   double value,
                   int64_t step)
{
    double found = 0;
    int64_t at = 0;
    assert_true(joined_value(joined, objective, &found, &at));
    assert_true(found == value);
    assert_int_equal(at, step);
}

/* Attempt 1 reports steps 0 to 5, attempt 2 goes on from the checkpoint of step 3. */
static struct joined *resumed(const struct objective *objective, bool resumes)
{
    static const double first[] = { 0.1, 0.9, 0.3, 0.2, 0.95, 0.05 };
    struct joined *joined = joined_create();
    joined_assigned(joined, 1);
    joined_started(joined, 1, false);
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        add(joined, objective, 1, (int64_t)i, first[i]);
    }
    joined_assigned(joined, 2);
    joined_started(joined, 2, resumes);
    return joined;
}

static void test_before_the_first_point(void **state)
{
    UNUSED(state);
    struct joined *joined = resumed(&BEST, true);
    expect(joined, &BEST, 0.95, 4);
    joined_destroy(joined);
    joined = resumed(&LAST, true);
    expect(joined, &LAST, 0.05, 5);
    joined_destroy(joined);
}

static void test_below_the_first_step(void **state)
{
    UNUSED(state);
    struct joined *joined = resumed(&BEST, true);
    add(joined, &BEST, 2, 3, 0.4);
    expect(joined, &BEST, 0.9, 1);
    add(joined, &BEST, 2, 1, 0.2); /* out of order, and further back */
    expect(joined, &BEST, 0.4, 3);
    joined_destroy(joined);
    joined = resumed(&LAST, true);
    add(joined, &LAST, 2, 3, 0.4);
    expect(joined, &LAST, 0.4, 3);
    joined_destroy(joined);
    joined = resumed(&LEAST, true);
    add(joined, &LEAST, 2, 5, 0.4);
    expect(joined, &LEAST, 0.1, 0);
    joined_destroy(joined);
}

static void test_a_fresh_start_forgets(void **state)
{
    UNUSED(state);
    struct joined *joined = resumed(&BEST, false);
    double value = 0;
    int64_t step = 0;
    assert_false(joined_value(joined, &BEST, &value, &step));
    add(joined, &BEST, 1, 6, 0.99); /* late words of what is forgotten */
    assert_false(joined_value(joined, &BEST, &value, &step));
    add(joined, &BEST, 2, 0, 0.5);
    expect(joined, &BEST, 0.5, 0);
    joined_destroy(joined);
}

static void test_not_started_is_not_joined(void **state)
{
    UNUSED(state);
    struct joined *joined = resumed(&BEST, true);
    joined_assigned(joined, 3);
    double value = 0;
    int64_t step = 0;
    assert_false(joined_value(joined, &BEST, &value, &step));
    joined_started(joined, 3, true); /* attempt 2 reported nothing */
    expect(joined, &BEST, 0.95, 4);
    joined_destroy(joined);
}

static void test_nan_is_last_and_never_best(void **state)
{
    UNUSED(state);
    struct joined *joined = resumed(&BEST, true);
    add(joined, &BEST, 2, 2, (double)NAN);
    expect(joined, &BEST, 0.9, 1);
    joined_destroy(joined);
    joined = resumed(&LAST, true);
    add(joined, &LAST, 2, 2, (double)NAN);
    double value = 0;
    int64_t step = 0;
    assert_true(joined_value(joined, &LAST, &value, &step));
    assert_true(isnan(value));
    joined_destroy(joined);
}

static void test_memory_is_bounded(void **state)
{
    UNUSED(state);
    struct joined *joined = joined_create();
    joined_assigned(joined, 1);
    for (int64_t step = 0; step < 100000; step++) {
        add(joined, &BEST, 1, step, (double)step);
    }
    assert_true(joined->parts.ptr[0].best.len <= JOINED_BEST_MAX);
    joined_assigned(joined, 2);
    joined_started(joined, 2, true);
    add(joined, &BEST, 2, 99900, 0);
    expect(joined, &BEST, 99899, 99899); /* the newest are kept exactly */
    add(joined, &BEST, 2, 1, 0);
    expect(joined, &BEST, 0, 0); /* and the first */
    joined_destroy(joined);
}

/* ---- against the rule ---- */

#define POINTS 40

static bool rule(const struct joined_point *points,
                 uint32_t newest,
                 uint32_t from,
                 enum objective_read read,
                 double *value_out)
{
    bool any = false;
    int64_t last_step = 0;
    uint64_t last_seq = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const struct joined_point *p = &points[i];
        bool in = p->attempt >= from && p->attempt <= newest;
        for (size_t j = 0; j < POINTS && in; j++) {
            in = points[j].attempt <= p->attempt || points[j].attempt > newest
                 || points[j].step > p->step;
        }
        bool later = p->step > last_step || (p->step == last_step && p->seq > last_seq);
        bool take = !any || (read == READ_LAST && later)
                    || (read == READ_MAX && p->value > *value_out)
                    || (read == READ_MIN && p->value < *value_out);
        if (in && take) {
            *value_out = p->value;
            last_step = p->step;
            last_seq = p->seq;
        }
        any = any || in;
    }
    return any;
}

static void check_round(struct rng *rng)
{
    const enum objective_read reads[] = { READ_LAST, READ_MIN, READ_MAX };
    const struct objective objective = { .goal = GOAL_MIN,
                                         .read = reads[rng_below(rng, 3)] };
    uint32_t newest = 1 + (uint32_t)rng_below(rng, 5);
    uint32_t from = 1;
    struct joined *joined = joined_create();
    struct joined_point points[POINTS];
    for (uint32_t attempt = 1; attempt <= newest; attempt++) {
        joined_assigned(joined, attempt);
        bool fresh = rng_below(rng, 4) == 0;
        if (fresh || attempt == newest || rng_below(rng, 3) > 0) {
            joined_started(joined, attempt, !fresh);
            from = fresh ? attempt : from;
        }
    }
    for (size_t i = 0; i < POINTS; i++) {
        points[i] =
            (struct joined_point){ .attempt = 1 + (uint32_t)rng_below(rng, newest),
                                   .seq = i,
                                   .step = (int64_t)rng_below(rng, 12),
                                   .value = (double)rng_below(rng, 50) };
        joined_add(joined, &objective, points[i]);
    }
    for (size_t i = 0; i < POINTS; i += 3) { /* again, late */
        joined_add(joined, &objective, points[i]);
    }
    double expected = 0;
    double found = 0;
    int64_t step = 0;
    bool any = rule(points, newest, from, objective.read, &expected);
    assert_int_equal(joined_value(joined, &objective, &found, &step), any);
    assert_true(!any || found == expected);
    joined_destroy(joined);
}

static void test_as_the_rule_says(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(7, 0, STR_LIT("joined"), RNG_TEST);
    for (size_t round = 0; round < 20000; round++) {
        check_round(&rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_before_the_first_point),     TEST(test_below_the_first_step),
        TEST(test_a_fresh_start_forgets),      TEST(test_not_started_is_not_joined),
        TEST(test_nan_is_last_and_never_best), TEST(test_memory_is_bounded),
        TEST(test_as_the_rule_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
