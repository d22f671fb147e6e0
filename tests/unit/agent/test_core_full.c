/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_full.c – starts that find no space in the work-dir. */
#include "tests/unit/agent/rig.h"

static void no_space(struct rig *rig, uint64_t serial)
{
    rig_step(rig, (struct agent_event){
                      .kind = AGENT_EV_EXEC_FAILED,
                      .serial = serial,
                      .as.exec_failed = { .cause = "cannot write 'p': disk full",
                                          .full = true } });
}

static void test_it_is_tried_again_until_there_is_space(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    no_space(&rig, serial);
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_APPEND), 0); /* nothing ended */
    assert_int_equal(rig_count(&rig, AGENT_FX_NOTE), 1);
    assert_int_equal(rig_assign(&rig, 1, 1), 0); /* the slot is taken */
    for (int i = 0; i < 3; i++) {
        rig_sleep(&rig, AGENT_START_RETRY_MS);
        assert_int_equal(rig_get(&rig, AGENT_FX_START)->serial, serial);
        no_space(&rig, serial);
        assert_int_equal(rig_count(&rig, AGENT_FX_NOTE), 0); /* said once */
    }
    rig_sleep(&rig, AGENT_START_RETRY_MS);
    const struct agent_effect *again = rig_get(&rig, AGENT_FX_START);
    assert_int_equal(again->serial, serial);
    assert_int_equal(again->as.start.x_len, 2);
    rig_started(&rig, serial);
    rig_exit(&rig, serial, 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_EXITED);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 1);
    rig_fini(&rig);
}

static void test_it_fails_with_its_cause_in_the_end(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    int64_t waited = 0;
    no_space(&rig, serial);
    while (rig_count(&rig, AGENT_FX_SPOOL_APPEND) == 0) {
        assert_true(waited <= AGENT_START_WAIT_MS);
        rig_sleep(&rig, AGENT_START_RETRY_MS);
        waited += AGENT_START_RETRY_MS;
        no_space(&rig, serial);
    }
    assert_int_equal(waited, AGENT_START_WAIT_MS);
    assert_int_equal(rig_report(&rig)->ended.end, END_FAILED);
    assert_string_equal(rig_report(&rig)->ended.cause, "cannot write 'p': disk full");
    rig_fini(&rig);
}

/* Nothing runs that would have to end first. */
static void test_a_stop_ends_it_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_assign(&rig, 1, 1);
    no_space(&rig, serial);
    rig_stop(&rig, 1, 0, STOP_CANCELLED);
    assert_int_equal(rig_report(&rig)->ended.end, END_CANCELLED);
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 1);
    rig_sleep(&rig, AGENT_START_RETRY_MS);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    rig_fini(&rig);
}

static void test_a_forgotten_one_is_gone_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    no_space(&rig, serial);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    struct agent_verdict verdict = { .key = rig_key(1, 0),
                                     .verdict = AGENT_VERDICT_FORGET };
    rig_welcome(&rig, "home-1", &verdict, 1);
    assert_int_equal(rig_get(&rig, AGENT_FX_FORGET)->serial, serial);
    assert_int_equal(rig_count(&rig, AGENT_FX_KILL), 0);
    assert_int_not_equal(rig_assign(&rig, 1, 1), 0); /* the slot is free */
    rig_fini(&rig);
}

/* A stop that was on its way when the start failed: nothing is tried again. */
static void test_it_is_not_tried_again_while_stopping(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_stop(&rig, 1, 0, STOP_CANCELLED);
    no_space(&rig, serial);
    assert_true(rig_report(&rig)->has_ended);
    rig_sleep(&rig, AGENT_START_RETRY_MS);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_tried_again_until_there_is_space),
        TEST(test_it_fails_with_its_cause_in_the_end),
        TEST(test_a_stop_ends_it_at_once),
        TEST(test_a_forgotten_one_is_gone_at_once),
        TEST(test_it_is_not_tried_again_while_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
