/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_checkpoint.c – attempts with checkpoint folders: one program a folder, what
 * is reported of it, when it may be thrown away. */
#include "tests/unit/agent/rig.h"

static struct attempt_key key_of(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ 1, trial, attempt };
}

static void sweep(struct rig *rig)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_SWEEP,
                                        .as.sweep = { .sweep = 1,
                                                      .revision = 1,
                                                      .grace_ms = 1000,
                                                      .checkpoints = true } });
}

static void assign(struct rig *rig, struct attempt_key key, bool prefetch)
{
    struct agent_event event = { .kind = AGENT_EV_ASSIGN,
                                 .as.assign = {
                                     .key = key,
                                     .run_id = { "0123456789abcdef0123456789abcdef" },
                                     .prefetch = prefetch,
                                     .fresh = key.attempt == 9,
                                     .revision = 1 } };
    rig_step(rig, event);
}

static void ack(struct rig *rig, struct attempt_key key, uint64_t seq, bool drop)
{
    rig_step(rig, (struct agent_event){
                      .kind = AGENT_EV_ACK,
                      .as.ack = { .key = key, .seq = seq, .drop_checkpoint = drop } });
}

static void test_one_program_a_folder(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 3);
    rig_ready(&rig);
    sweep(&rig);
    assign(&rig, key_of(1, 1), false);
    uint64_t serial = rig_get(&rig, AGENT_FX_START)->serial;
    rig_started(&rig, serial);
    assign(&rig, key_of(1, 2), false); /* the older one gets TERM and ends first */
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_START), 0);
    assign(&rig, key_of(2, 1), false); /* others do not wait for it */
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 2);
    rig_exit_termed(&rig, serial);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.attempt, 2);
    rig_fini(&rig);
}

static void test_prefetched_waits_for_the_folder_too(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_ready(&rig);
    sweep(&rig);
    assign(&rig, key_of(1, 1), false);
    uint64_t old = rig_get(&rig, AGENT_FX_START)->serial;
    rig_started(&rig, old);
    assign(&rig, key_of(2, 1), false);
    uint64_t other = rig_get(&rig, AGENT_FX_START)->serial;
    rig_started(&rig, other);
    assign(&rig, key_of(1, 2), true);
    assign(&rig, key_of(3, 1), true);
    rig_exit(&rig, other, 0); /* its place goes to the one that may start */
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.trial, 3);
    uint64_t third = rig_get(&rig, AGENT_FX_START)->serial;
    rig_exit_termed(&rig, old);
    rig_started(&rig, third);
    rig_exit(&rig, third, 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_START)->key.attempt, 2);
    rig_fini(&rig);
}

static void test_the_start_says_whether_it_resumed(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    sweep(&rig);
    assign(&rig, key_of(1, 9), false);
    const struct agent_effect *start = rig_get(&rig, AGENT_FX_START);
    assert_true(start->as.start.fresh);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_STARTED,
                                         .serial = start->serial,
                                         .as.started = { .pid = 7, .resumed = true } });
    rig_sleep(&rig, AGENT_STARTED_LINGER_MS);
    assert_true(rig_report(&rig)->started.resumed);
    rig_fini(&rig);
}

/* Ends with its first attempt acknowledged; `drop` as the coordinator says. */
static void finish(struct rig *rig, bool drop)
{
    rig_init(rig, 1);
    rig_ready(rig);
    sweep(rig);
    assign(rig, key_of(1, 1), false);
    uint64_t serial = rig_get(rig, AGENT_FX_START)->serial;
    rig_started(rig, serial);
    rig_exit(rig, serial, 0);
    ack(rig, key_of(1, 1), 2, drop);
}

static void test_it_is_dropped_when_the_coordinator_says_so(void **state)
{
    UNUSED(state);
    struct rig rig;
    finish(&rig, true);
    assert_true(rig_get(&rig, AGENT_FX_FORGET)->as.forget.drop_checkpoint);
    rig_fini(&rig);
    finish(&rig, false);
    assert_false(rig_get(&rig, AGENT_FX_FORGET)->as.forget.drop_checkpoint);
    rig_fini(&rig);
}

static void test_it_is_kept_for_a_newer_attempt(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    sweep(&rig);
    assign(&rig, key_of(1, 1), false);
    uint64_t serial = rig_get(&rig, AGENT_FX_START)->serial;
    rig_started(&rig, serial);
    rig_exit(&rig, serial, 0);
    assign(&rig, key_of(1, 2), false);
    ack(&rig, key_of(1, 1), 2, true);
    assert_false(rig_get(&rig, AGENT_FX_FORGET)->as.forget.drop_checkpoint);
    rig_fini(&rig);
}

static void test_nobodys_is_dropped(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    sweep(&rig);
    assign(&rig, key_of(1, 1), false);
    uint64_t serial = rig_get(&rig, AGENT_FX_START)->serial;
    rig_started(&rig, serial);
    struct agent_verdict verdict = { .key = key_of(1, 1),
                                     .verdict = AGENT_VERDICT_FORGET };
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_HELLO_WANTED });
    rig_sleep(&rig, AGENT_HELLO_GAP_MS);
    rig_welcome(&rig, "home-1", &verdict, 1);
    rig_exit_termed(&rig, serial);
    assert_true(rig_get(&rig, AGENT_FX_FORGET)->as.forget.drop_checkpoint);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_program_a_folder),
        TEST(test_prefetched_waits_for_the_folder_too),
        TEST(test_the_start_says_whether_it_resumed),
        TEST(test_it_is_dropped_when_the_coordinator_says_so),
        TEST(test_it_is_kept_for_a_newer_attempt),
        TEST(test_nobodys_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
