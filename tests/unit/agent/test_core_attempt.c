/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_attempt.c – slots, prefetch, stops, time limits, how ends are named. */
#include "tests/unit/agent/rig.h"

#include <string.h>

static void test_slots_cap_what_runs(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    uint64_t first = rig_assign(&rig, 1, 0);
    assert_int_not_equal(first, 0);
    const struct agent_fx_start *start = &rig_get(&rig, AGENT_FX_START)->as.start;
    assert_int_equal(start->x_len, 2);
    assert_near(start->x[1], 2.5, 0);
    assert_int_equal(start->gpu_mask, 4);
    assert_int_not_equal(rig_assign(&rig, 1, 1), 0);
    assert_int_equal(rig_assign(&rig, 1, 2), 0);
    rig_exit(&rig, first, 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 2);
    rig_fini(&rig);
}

static void test_repeated_assignment_starts_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 4);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    assert_int_equal(rig_assign(&rig, 1, 0), 0);
    rig_exit(&rig, serial, 0);
    assert_int_equal(rig_assign(&rig, 1, 0), 0);
    rig_ack(&rig, 1, 0, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1);
    assert_int_equal(rig_assign(&rig, 1, 0), 0); /* even after it was forgotten */
    rig_fini(&rig);
}

static void test_prefetched_starts_only_in_place_of_its_own_sweep(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    rig_sweep(&rig, 2, 0);
    uint64_t one = rig_assign(&rig, 1, 0);
    uint64_t two = rig_assign(&rig, 2, 0);
    assert_int_equal(rig_prefetch(&rig, 1, 1), 0); /* though a slot is free */
    rig_exit(&rig, two, 0);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    rig_exit(&rig, one, 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 1);
    /* It inherits the devices of the one whose place it takes. */
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->as.start.gpu_mask, 4);
    rig_fini(&rig);
}

static void test_prefetched_that_crosses_the_end_takes_the_open_place(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    uint64_t one = rig_assign(&rig, 1, 0);
    rig_assign(&rig, 1, 9);
    rig_exit(&rig, one, 0);
    assert_int_not_equal(rig_prefetch(&rig, 1, 1), 0);
    assert_int_equal(rig_prefetch(&rig, 1, 2), 0); /* the place is taken */
    rig_fini(&rig);
}

/* The end went out over an earlier connection and its acknowledgement was lost with it:
 * the coordinator has given the place away already. */
static void test_verdict_on_an_ended_attempt_closes_its_place(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    uint64_t first = rig_assign(&rig, 1, 0);
    rig_started(&rig, first);
    rig_exit(&rig, first, 0);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    struct agent_verdict verdict = { .key = rig_key(1, 0),
                                     .verdict = AGENT_VERDICT_STOP };
    rig_welcome(&rig, "home-1", &verdict, 1);
    assert_int_not_equal(rig_assign(&rig, 1, 1), 0); /* given the place */
    assert_int_equal(rig_prefetch(&rig, 1, 2), 0);   /* so there is none for this one */
    rig_fini(&rig);
}

/* A superseded attempt that is still being stopped has no place to hand over. */
static void test_superseded_hands_over_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    uint64_t old = rig_assign(&rig, 1, 0);
    rig_started(&rig, old);
    rig_stop(&rig, 1, 0, STOP_PRUNED); /* it may be on its way out already */
    rig_stop(&rig, 1, 0, STOP_FENCED);
    assert_int_not_equal(rig_assign(&rig, 1, 1), 0);
    assert_int_equal(rig_prefetch(&rig, 1, 2), 0);
    rig_exit_termed(&rig, old);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    assert_int_equal(rig_prefetch(&rig, 1, 3), 0);
    rig_fini(&rig);
}

/* The coordinator gives the devices of an attempt it has given up to the next one,
 * while the old program may still be at work on them. */
static void test_devices_in_use_are_waited_for(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    rig_sweep(&rig, 2, 0);
    uint64_t old = rig_assign(&rig, 1, 0); /* on device 2 */
    rig_started(&rig, old);
    rig_stop(&rig, 1, 0, STOP_FENCED);
    assert_int_equal(rig_assign(&rig, 2, 0), 0);     /* on device 2 too */
    assert_int_not_equal(rig_assign(&rig, 1, 1), 0); /* on none: passes by */
    rig_exit_termed(&rig, old);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.sweep, 2);
    rig_fini(&rig);
}

/* An assignment itself says that older attempts of its trial were given up. */
static void test_newer_attempt_supersedes_the_older_one(void **state)
{
    UNUSED(state);
    static const double x[2] = { 0 };
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    uint64_t old = rig_assign(&rig, 1, 1);
    rig_started(&rig, old);
    struct agent_event event = {
        .kind = AGENT_EV_ASSIGN,
        .as.assign = { .key = rig_key(1, 1), .x = x, .x_len = 2, .revision = 1 }
    };
    event.as.assign.key.attempt = 2;
    rig_step(&rig, event);
    assert_int_equal(rig_get(&rig, AGENT_FX_TERM)->serial, old);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.attempt, 2);
    assert_int_equal(rig_prefetch(&rig, 1, 2), 0);
    rig_exit_termed(&rig, old);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0); /* it leaves no place */
    rig_fini(&rig);
}

static void test_acknowledged_end_closes_the_place(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    uint64_t one = rig_assign(&rig, 1, 0);
    rig_assign(&rig, 1, 9);
    rig_exit(&rig, one, 0);
    rig_ack(&rig, 1, 0, 1);
    assert_int_equal(rig_prefetch(&rig, 1, 1), 0);
    rig_fini(&rig);
}

static void test_prefetched_starts_when_nothing_runs(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    assert_int_not_equal(rig_prefetch(&rig, 1, 0), 0);
    assert_int_equal(rig_prefetch(&rig, 1, 1), 0);
    rig_fini(&rig);
}

static void test_recall_only_of_unstarted(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t running = rig_assign(&rig, 1, 0);
    rig_prefetch(&rig, 1, 1);
    rig_recall(&rig, 1, 0);
    assert_int_equal(rig.fx.items.len, 0);
    rig_recall(&rig, 1, 1);
    const struct agent_report *report = rig_report(&rig);
    assert_int_equal(report->first_seq, 1);
    assert_false(report->has_started);
    assert_int_equal(report->ended.end, END_CANCELLED);
    assert_string_equal(report->ended.cause, "recalled before it started");
    rig_exit(&rig, running, 0);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    rig_fini(&rig);
}

static void test_stop_of_an_unknown_attempt_is_ignored(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    rig_stop(&rig, 1, 77, STOP_CANCELLED);
    assert_int_equal(rig.fx.items.len, 0);
    rig_fini(&rig);
}

static void test_stop_is_one_term_and_a_late_kill(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_started(&rig, serial);
    rig_sleep(&rig, AGENT_STARTED_LINGER_MS);
    rig_ack(&rig, 1, 0, 1);
    rig_stop(&rig, 1, 0, STOP_PRUNED);
    assert_int_equal(rig_get(&rig, AGENT_FX_TERM)->as.grace_ms, 10000);
    rig_stop(&rig, 1, 0, STOP_CANCELLED); /* the first reason stays */
    assert_int_equal(rig.fx.items.len, 0);
    rig_sleep(&rig, 10000);
    assert_int_equal(rig_count(&rig, AGENT_FX_KILL), 0);
    rig_sleep(&rig, AGENT_KILL_SLACK_MS);
    assert_int_equal(rig_get(&rig, AGENT_FX_KILL)->serial, serial);
    rig_exit_termed(&rig, serial);
    assert_int_equal(rig_report(&rig)->ended.end, END_PRUNED);
    rig_fini(&rig);
}

static void test_program_that_ended_before_the_term_keeps_its_own_end(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_started(&rig, serial);
    rig_stop(&rig, 1, 0, STOP_PRUNED);
    rig_exit(&rig, serial, 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_EXITED);
    rig_fini(&rig);
}

static void test_time_limit_ends_timeout(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    rig_sweep(&rig, 1, 60000);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_sleep(&rig, 5000);
    rig_started(&rig, serial); /* the limit counts from here */
    rig_sleep(&rig, AGENT_STARTED_LINGER_MS);
    rig_ack(&rig, 1, 0, 1);
    rig_sleep(&rig, 59900);
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 0);
    rig_sleep(&rig, 100);
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 1);
    rig_exit_termed(&rig, serial);
    assert_int_equal(rig_report(&rig)->ended.end, END_TIMEOUT);
    assert_string_equal(rig_report(&rig)->ended.cause, "time limit of 1m exceeded");
    rig_fini(&rig);
}

struct exit_case {
    struct agent_ev_exited ev;
    bool memory_limited;
    enum attempt_end end;
    const char *cause;
};

static void test_how_exits_are_named(void **state)
{
    UNUSED(state);
    static const struct exit_case cases[] = {
        { { .exit_code = 0 }, false, END_EXITED, NULL },
        { { .exit_code = 3 }, false, END_FAILED, "exit status 3" },
        { { .exit_code = -1, .signal = 11 },
          false,
          END_FAILED,
          "killed by signal 11 (SIGSEGV)" },
        { { .exit_code = -1, .signal = 40 }, false, END_FAILED, "killed by signal 40" },
        { { .exit_code = -1, .signal = 9 },
          true,
          END_OOM,
          "killed by signal 9 (SIGKILL), most likely out of memory" },
        { { .exit_code = -1, .signal = 9 },
          false,
          END_FAILED,
          "killed by signal 9 (SIGKILL), not by winnow: perhaps out of memory" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        rig_init(&rig, 1);
        rig_ready(&rig);
        rig_step(&rig, (struct agent_event){
                           .kind = AGENT_EV_SWEEP,
                           .as.sweep = { .sweep = 1,
                                         .revision = 1,
                                         .memory_limited = cases[i].memory_limited } });
        uint64_t serial = rig_assign(&rig, 1, 0);
        rig_started(&rig, serial);
        rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_EXITED,
                                             .serial = serial,
                                             .as.exited = cases[i].ev });
        const struct agent_ended *ended = &rig_report(&rig)->ended;
        assert_int_equal(ended->end, cases[i].end);
        if (cases[i].cause == NULL) {
            assert_null(ended->cause);
        } else {
            assert_string_equal(ended->cause, cases[i].cause);
        }
        rig_fini(&rig);
    }
}

static void test_what_cannot_start_fails_with_its_cause(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_assign(&rig, 1, 1);
    rig_step(&rig, (struct agent_event){
                       .kind = AGENT_EV_EXEC_FAILED,
                       .serial = serial,
                       .as.exec_failed = { .cause = "cannot execute 'foo'" } });
    assert_int_equal(rig_report(&rig)->ended.end, END_FAILED);
    assert_false(rig_report(&rig)->has_started);
    assert_string_equal(rig_report(&rig)->ended.cause, "cannot execute 'foo'");
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 1);
    rig_fini(&rig);
}

static void test_unreadable_sweep_fails_its_attempts_not_others(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    rig_step(&rig,
             (struct agent_event){ .kind = AGENT_EV_SWEEP,
                                   .as.sweep = { .sweep = 2,
                                                 .revision = 1,
                                                 .error = "cannot see '/project'" } });
    assert_int_equal(rig_assign(&rig, 2, 0), 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_FAILED);
    assert_string_equal(rig_report(&rig)->ended.cause, "cannot see '/project'");
    assert_int_equal(rig_assign(&rig, 3, 0), 0); /* no file was sent */
    assert_int_equal(rig_report(&rig)->ended.end, END_LOST);
    assert_int_not_equal(rig_assign(&rig, 1, 0), 0);
    rig_fini(&rig);
}

/* An edited sweep still has attempts of the file before. */
static void test_each_revision_has_its_own_limits(void **state)
{
    UNUSED(state);
    static const double x[2] = { 0 };
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    rig_step(&rig, (struct agent_event){
                       .kind = AGENT_EV_SWEEP,
                       .as.sweep = { .sweep = 1, .revision = 2, .grace_ms = 77 } });
    struct agent_event event = { .kind = AGENT_EV_ASSIGN,
                                 .as.assign = { .x = x, .x_len = 2 } };
    static const int64_t graces[] = { 10000, 77 };
    for (uint32_t i = 0; i < 2; i++) {
        event.as.assign.key = rig_key(1, i);
        event.as.assign.revision = i + 1;
        rig_step(&rig, event);
        assert_int_equal(rig_get(&rig, AGENT_FX_START)->as.start.grace_ms, graces[i]);
        assert_int_equal(rig_get(&rig, AGENT_FX_START)->as.start.revision, i + 1);
    }
    event.as.assign.key = rig_key(1, 2);
    event.as.assign.revision = 3; /* no file was sent */
    rig_step(&rig, event);
    assert_int_equal(rig_report(&rig)->ended.end, END_LOST);
    rig_fini(&rig);
}

static void test_key_out_of_range_is_refused(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    assert_int_equal(rig_assign(&rig, UINT32_MAX, 0), 0);
    assert_int_equal(rig_count(&rig, AGENT_FX_NOTE), 1);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slots_cap_what_runs),
        TEST(test_repeated_assignment_starts_nothing),
        TEST(test_prefetched_starts_only_in_place_of_its_own_sweep),
        TEST(test_prefetched_that_crosses_the_end_takes_the_open_place),
        TEST(test_verdict_on_an_ended_attempt_closes_its_place),
        TEST(test_superseded_hands_over_nothing),
        TEST(test_devices_in_use_are_waited_for),
        TEST(test_newer_attempt_supersedes_the_older_one),
        TEST(test_acknowledged_end_closes_the_place),
        TEST(test_prefetched_starts_when_nothing_runs),
        TEST(test_recall_only_of_unstarted),
        TEST(test_stop_of_an_unknown_attempt_is_ignored),
        TEST(test_stop_is_one_term_and_a_late_kill),
        TEST(test_program_that_ended_before_the_term_keeps_its_own_end),
        TEST(test_time_limit_ends_timeout),
        TEST(test_how_exits_are_named),
        TEST(test_what_cannot_start_fails_with_its_cause),
        TEST(test_unreadable_sweep_fails_its_attempts_not_others),
        TEST(test_each_revision_has_its_own_limits),
        TEST(test_key_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
