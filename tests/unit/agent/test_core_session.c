/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_session.c – hello, welcome, refusal, heartbeats, home changes, shutdown. */
#include "tests/unit/agent/rig.h"

#include <string.h>

static void test_hello_says_nothing_held_at_first(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    assert_int_equal(rig_deadline_ms(&rig), -1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    assert_int_equal(rig_get(&rig, AGENT_FX_HELLO)->as.hello.held_len, 0);
    assert_int_equal(rig_deadline_ms(&rig), AGENT_HELLO_RETRY_MS);
    rig_fini(&rig);
}

static void test_unanswered_hello_is_repeated(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_sleep(&rig, AGENT_HELLO_RETRY_MS - 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 0);
    rig_sleep(&rig, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 1);
    rig_fini(&rig);
}

static void test_heartbeat_only_when_silent_for_a_third_of_the_lease(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    rig_sleep(&rig, 9999);
    assert_int_equal(rig_count(&rig, AGENT_FX_HEARTBEAT), 0);
    rig_sleep(&rig, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_HEARTBEAT), 1);
    rig_sleep(&rig, 6000);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_started(&rig, serial);
    rig_sleep(&rig, AGENT_STARTED_LINGER_MS); /* the report goes out */
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_sleep(&rig, 6000);
    assert_int_equal(rig_count(&rig, AGENT_FX_HEARTBEAT), 0);
    rig_fini(&rig);
}

static void test_no_heartbeat_while_disconnected(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    assert_int_equal(rig_deadline_ms(&rig), -1);
    rig_fini(&rig);
}

static void test_hello_wanted_says_hello_again_but_not_in_bursts(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    rig_sleep(&rig, 1000);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_HELLO_WANTED });
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_HELLO_WANTED });
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 0);
    rig_sleep(&rig, AGENT_HELLO_GAP_MS);
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 1);
    rig_fini(&rig);
}

static void test_refusal_is_said_and_tried_again_much_later(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_REFUSE,
                                         .as.refuse_text = "key is not yours" });
    assert_string_equal(rig_get(&rig, AGENT_FX_REFUSED)->as.text, "key is not yours");
    rig_sleep(&rig, AGENT_REFUSE_RETRY_MS - 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 0);
    rig_sleep(&rig, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_HELLO), 1);
    rig_welcome(&rig, "home-1", NULL, 0);
    assert_int_equal(rig_count(&rig, AGENT_FX_READY), 1);
    rig_fini(&rig);
}

static void test_held_attempts_are_presented_in_every_state(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    uint64_t ended = rig_assign(&rig, 1, 0);
    uint64_t running = rig_assign(&rig, 1, 1);
    rig_assign(&rig, 1, 2);
    rig_prefetch(&rig, 1, 3);
    rig_started(&rig, ended);
    rig_started(&rig, running);
    rig_prefetch(&rig, 1, 4);
    rig_recall(&rig, 1, 3);
    rig_ack(&rig, 1, 3, 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_exit(&rig, ended, 0); /* 4 takes its place */
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    const struct agent_effect *hello = rig_get(&rig, AGENT_FX_HELLO);
    assert_int_equal(hello->as.hello.held_len, 4);
    const struct agent_held *held = hello->as.hello.held;
    assert_int_equal(held[0].key.trial, 0);
    assert_true(held[0].started && held[0].ended);
    assert_int_equal(held[0].next_seq, 3); /* started, ended */
    assert_int_equal(held[1].key.trial, 1);
    assert_true(held[1].started && !held[1].ended);
    assert_int_equal(held[1].next_seq, 2);
    assert_int_equal(held[2].key.trial, 2);
    assert_int_equal(held[2].next_seq, 1);
    assert_int_equal(held[3].key.trial, 4);
    assert_true(held[3].started);
    assert_int_equal(held[3].boot, 7);
    rig_fini(&rig);
}

static void test_verdicts_keep_stop_forget(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    uint64_t keep = rig_assign(&rig, 1, 0);
    uint64_t stop = rig_assign(&rig, 1, 1);
    uint64_t forget = rig_assign(&rig, 1, 2);
    rig_started(&rig, keep);
    rig_started(&rig, stop);
    rig_started(&rig, forget);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    struct agent_verdict verdicts[] = {
        { rig_key(1, 0), AGENT_VERDICT_KEEP, 1, 0 },
        { rig_key(1, 1), AGENT_VERDICT_STOP, 0, 0 },
        { rig_key(1, 2), AGENT_VERDICT_FORGET, 0, 0 },
    };
    rig_welcome(&rig, "home-1", verdicts, 3);
    assert_int_equal(rig_get(&rig, AGENT_FX_TERM)->serial, stop);
    assert_int_equal(rig_get(&rig, AGENT_FX_KILL)->serial, forget);
    /* 0 is acknowledged, 1 is sent again, 2 is dropped. */
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_TRIM), 2);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);

    rig_exit_termed(&rig, stop);
    assert_int_equal(rig_report(&rig)->ended.end, END_LOST);
    rig_exit_termed(&rig, forget);
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_APPEND), 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_FORGET)->serial, forget);
    rig_fini(&rig);
}

static void test_other_home_stops_and_forgets_everything(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t old = rig_assign(&rig, 1, 0);
    rig_started(&rig, old);
    rig_prefetch(&rig, 1, 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_welcome(&rig, "home-2", NULL, 0);
    assert_int_equal(rig_count(&rig, AGENT_FX_NOTE), 1);
    assert_string_equal(rig_get(&rig, AGENT_FX_HOME)->as.text, "home-2");
    assert_int_equal(rig_get(&rig, AGENT_FX_KILL)->serial, old);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1); /* the unstarted one */

    /* The same key in the new home is another attempt; it waits for the slot. */
    rig_sweep(&rig, 1, 0);
    assert_int_equal(rig_assign(&rig, 1, 0), 0);
    rig_exit_termed(&rig, old);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1);
    assert_true(rig_get(&rig, AGENT_FX_START)->serial != old);
    rig_fini(&rig);
}

static void test_drain_lets_running_end_and_says_bye(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t running = rig_assign(&rig, 1, 0);
    rig_started(&rig, running);
    rig_prefetch(&rig, 1, 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_SHUTDOWN });
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_PREEMPTED);
    assert_int_equal(rig_report(&rig)->key.trial, 1);
    assert_int_equal(rig_assign(&rig, 1, 2), 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_PREEMPTED);
    rig_exit(&rig, running, 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_EXITED);
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 0);
    rig_ack(&rig, 1, 0, 2);
    rig_ack(&rig, 1, 1, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 0);
    rig_ack(&rig, 1, 2, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_BYE), 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 1);
    rig_fini(&rig);
}

static void test_stop_now_preempts_and_waits_only_so_long(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t running = rig_assign(&rig, 1, 0);
    rig_started(&rig, running);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_SHUTDOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_SHUTDOWN,
                                         .as.shutdown_now = true });
    assert_int_equal(rig_get(&rig, AGENT_FX_TERM)->serial, running);
    rig_exit_termed(&rig, running);
    assert_int_equal(rig_report(&rig)->ended.end, END_PREEMPTED);
    rig_sleep(&rig, 4999);
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 0);
    rig_sleep(&rig, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 1);
    rig_fini(&rig);
}

static void test_shutdown_without_coordinator_is_immediate(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_SHUTDOWN });
    assert_int_equal(rig_count(&rig, AGENT_FX_EXIT), 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_BYE), 0);
    rig_fini(&rig);
}

static void test_restored_reports_are_presented_and_an_unended_one_is_lost(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    struct agent_ev_restored restored = { .key = rig_key(1, 5),
                                          .boot = 6,
                                          .id = 11,
                                          .first_seq = 4,
                                          .last_seq = 8,
                                          .bytes = 100,
                                          .has_started = false };
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_RESTORED,
                                         .as.restored = restored });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_RESTORE_DONE });
    assert_int_equal(rig_report(&rig)->first_seq, 9);
    assert_int_equal(rig_report(&rig)->ended.end, END_LOST);
    assert_int_equal(rig_report(&rig)->boot, 6);
    assert_true(rig_get(&rig, AGENT_FX_SPOOL_APPEND)->id > 11);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    const struct agent_held *held = rig_get(&rig, AGENT_FX_HELLO)->as.hello.held;
    assert_int_equal(held[0].boot, 6);
    assert_true(held[0].ended);
    assert_int_equal(held[0].next_seq, 10);
    struct agent_verdict verdict = { rig_key(1, 5), AGENT_VERDICT_KEEP, 8, 0 };
    rig_welcome(&rig, "home-1", &verdict, 1);
    assert_int_equal(rig_get(&rig, AGENT_FX_SPOOL_TRIM)->id, 11);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_ack(&rig, 1, 5, 9);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1);
    rig_fini(&rig);
}

/* A full disk kept 6..7 in memory, where they were acknowledged: so was 1..5. */
static void test_restored_reports_before_a_gap_are_done(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    struct agent_ev_restored restored = {
        .key = rig_key(1, 5), .boot = 6, .id = 1, .first_seq = 1, .last_seq = 5
    };
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_RESTORED,
                                         .as.restored = restored });
    restored.id = 2;
    restored.first_seq = 8;
    restored.last_seq = 9;
    restored.has_ended = true;
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_RESTORED,
                                         .as.restored = restored });
    assert_int_equal(rig_get(&rig, AGENT_FX_SPOOL_TRIM)->id, 1);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_RESTORE_DONE });
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_APPEND), 0);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hello_says_nothing_held_at_first),
        TEST(test_unanswered_hello_is_repeated),
        TEST(test_heartbeat_only_when_silent_for_a_third_of_the_lease),
        TEST(test_no_heartbeat_while_disconnected),
        TEST(test_hello_wanted_says_hello_again_but_not_in_bursts),
        TEST(test_refusal_is_said_and_tried_again_much_later),
        TEST(test_held_attempts_are_presented_in_every_state),
        TEST(test_verdicts_keep_stop_forget),
        TEST(test_other_home_stops_and_forgets_everything),
        TEST(test_drain_lets_running_end_and_says_bye),
        TEST(test_stop_now_preempts_and_waits_only_so_long),
        TEST(test_shutdown_without_coordinator_is_immediate),
        TEST(test_restored_reports_are_presented_and_an_unended_one_is_lost),
        TEST(test_restored_reports_before_a_gap_are_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
