/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_found.c – what the simulation found in the engine, one scenario each.
 */
#include "tests/lib/engine_rig.h"

#include "base/limits.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"             \
    "space:\n  n: {int: [0, 100000]}\n"
#define SWEEP_10 HEAD "name: ten\nbudget: {trials: 10}\n"

static struct attempt_key key(uint32_t sweep, uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ sweep, trial, attempt };
}

static uint32_t count(const struct rig *rig, const char *ref, enum trial_state state)
{
    return rig_summary(rig, ref).counts[state];
}

/* A store gives points back behind all events: what they say of time must not count, or
 * it would differ from one restart to the next. */
static void test_time_does_not_depend_on_where_points_stand(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: t\nbudget: {time: 1h}\n");
    rig.now_ms += 20000;
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig.now_ms += 20000;
    rig_point(&rig, 1, key(1, 0, 1), 2, "acc", 0.5);
    rig_restart(&rig);
    rig_advance(&rig, 1000);
    assert_int_equal(rig_summary(&rig, "t").elapsed_ms, 21000);
    for (size_t i = 0; i + 1 < rig.records.len; i++) { /* the points to the end */
        if (rig.records.ptr[i]->kind == REC_POINTS) {
            struct record *points = rig.records.ptr[i];
            rig.records.ptr[i] = rig.records.ptr[i + 1];
            rig.records.ptr[i + 1] = points;
        }
    }
    rig_restart(&rig);
    assert_int_equal(rig_summary(&rig, "t").elapsed_ms, 20000);
    rig_restart(&rig);
    rig_fini(&rig);
}

/* A crash between the records of a lease's end must not leave half of it. */
static void test_restart_finishes_the_end_of_a_lease(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP_10);
    rig_advance(&rig, RIG_LEASE_MS + 1);
    assert_int_equal(rig_records(&rig, REC_REQUEUED), 2);
    struct record *last = vec_pop(&rig.records);
    assert_int_equal(last->kind, REC_REQUEUED);
    record_destroy(last);
    rig_restart(&rig);
    assert_int_equal(rig_records(&rig, REC_REQUEUED), 2);
    assert_int_equal(count(&rig, "ten", TRIAL_RUNNING), 0);
    rig_restart(&rig);
    rig_fini(&rig);
}

/* An adopted attempt may bring a sweep above `parallel`; what was prefetched then would
 * keep it there. */
static void test_no_prefetch_above_parallel(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 3);
    rig_submit(&rig, HEAD "name: p\nbudget: {trials: 20}\nrun: {parallel: 3}\n");
    rig_whole(&rig, 1, key(1, 0, 1), "acc", 1.0);
    rig_hello(&rig, 2, "b", 1, 1);
    rig_advance(&rig, RIG_LEASE_MS - 1000);
    rig_step(&rig, (struct event){ .kind = EV_HEARTBEAT, .peer = 2 });
    rig_advance(&rig, 2000); /* a is silent; b gets one to run and one to wait */
    assert_int_equal(count(&rig, "p", TRIAL_RUNNING), 1);
    rig_clear(&rig);
    struct held_attempt held[] = {
        { .key = key(1, 1, 1), .started = true, .boot = 1 },
        { .key = key(1, 2, 1), .started = true, .boot = 1 },
        { .key = key(1, 3, 1), .started = true, .boot = 1 }
    };
    rig_hello_held(&rig, 3, "a", 1, 3, held, ARRAY_LEN(held));
    assert_int_equal(count(&rig, "p", TRIAL_RUNNING), 4);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    rig_restart(&rig);
    rig_fini(&rig);
}

/* Attempts that never start cost no retry, but there is an end to them: agents know no
 * larger numbers. */
static void test_attempts_are_bounded(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: n\nbudget: {trials: 1}\n");
    for (uint32_t attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
        assert_int_equal(count(&rig, "n", TRIAL_RUNNING), 1);
        rig_ended(&rig, 1, key(1, 0, attempt), 1, END_PREEMPTED);
    }
    assert_int_equal(count(&rig, "n", TRIAL_FAILED), 1);
    rig_restart(&rig);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_time_does_not_depend_on_where_points_stand),
        TEST(test_restart_finishes_the_end_of_a_lease),
        TEST(test_no_prefetch_above_parallel),
        TEST(test_attempts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
